"""One fold of a split in Hugging Face datasets, through folders of images.

usage: python examples/huggingface.py OUT SPLIT DIR [MAP]
"""

from __future__ import annotations

import sys

from datasets import load_dataset

import gemax_cli as gemax


def main(out: str, split: str, directory: str, map_name: str = "gemax_tau020") -> None:
    gemax.materialise(out, split, directory, fold=0, map_name=map_name, link="copy")
    parts = load_dataset("imagefolder", data_dir=directory)
    for name, part in parts.items():
        first = part[0]
        print(f"{name}: {len(part)} images {first['image'].size} {first['image'].mode}, {part.features['label'].names}")


if __name__ == "__main__":
    main(*sys.argv[1:])
