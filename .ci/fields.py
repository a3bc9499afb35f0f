"""The examples that ``gemax fields`` shows, from files that gemax writes: ``python .ci/fields.py`` makes them anew.

``tests/reports/test_fields.py`` compares the same files with what is described.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import gemax_cli as gemax
from gemax_cli.reports import fields
from gemax_cli.stack.columns import general_name

HOME = Path(fields.__file__).parent / fields.EXAMPLES
NOTHING = (None, "", "-", "-1", "nan", [], {})
LONGEST = 48  # characters of an example


def write_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Run gemax so that it writes every file with every part; yield each file with its name in ``fields.FILES``."""
    raw, out = folder / "raw", folder / "out"
    gemax.make_sample(raw, subjects=2, seed=1, scans="few")
    gemax.make_sequences(folder / "4d", subjects=1, seed=1, frames=3)
    (raw / "broken.ply").write_bytes(b"ply\nformat ascii 1.0\n")
    settings = gemax.Settings(
        taus=(20, 30),
        depths=(50, 60),
        maps=("ri", "normals", "shape-index"),
        texture=True,
        mask=True,
        mapping="sequence",
        sequence="first",
    )
    options = gemax.RunOptions(command=("gemax", "convert", "raw/", "out/", "--texture"))
    gemax.convert([raw, folder / "4d" / "F001" / "Angry"], out, settings, options=options)
    gemax.split(out, "cv", gemax.SplitSettings("kfold", folds=2, datasets=("BU-3DFE",), expressions=("HA", "SU")))
    (folder / "images").mkdir()
    np.save(folder / "images" / "a.npy", np.random.default_rng(0).normal(size=(64, 64)))
    np.save(folder / "images" / "b.npy", np.where(np.eye(64), np.nan, np.random.default_rng(1).normal(size=(64, 64))))
    gemax.map_images([folder / "images"], folder / "map", gemax.ImageSettings(taus=("1.25x", "20")))
    for name in ("metadata.csv", "landmarks.csv", "failures.csv", "records.jsonl", "run.json"):
        yield name, out / name
    for name in ("metadata.csv", "records.jsonl", "run.json"):
        yield f"map/{name}", folder / "map" / name
    yield from (("splits/NAME.csv", out / "splits" / "cv.csv"), ("splits/NAME.json", out / "splits" / "cv.json"))
    if find_spec("torch"):
        small = gemax.TrainSettings(taus=(20,), streams="depth", parts=2, width=0.125, size=64, epochs=1, depth_mm=60.0)
        gemax.train(out, folder / "run", "cv", small, gemax.TrainOptions(folds=1))
        yield "train.json", folder / "run" / "train.json"
        yield "result.json", folder / "run" / "r000-f00" / "result.json"


def written(file: str, path: Path) -> dict[str, object]:
    """The columns or keys that a file holds, by the names of ``describe_fields``, each with a value; not of null."""
    found: dict[str, object] = {}
    for value in _values(path):
        for name, part in _parts(file, value):
            if found.get(name) in NOTHING:
                found[name] = part
    return found


def _values(path: Path) -> Iterable[dict[str, object]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return list(csv.DictReader(text.splitlines()))
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]


def _parts(file: str, value: dict[str, object]) -> Iterator[tuple[str, object]]:
    described = frozenset(field.name for field in fields.describe_fields([file]))
    if file.endswith(".csv"):
        return ((general_name(name, described), cell) for name, cell in value.items())
    return _keys(value, "", described)


def _keys(value: dict[str, object], path: str, described: frozenset[str]) -> Iterator[tuple[str, object]]:
    for key, part in value.items():
        name = f"{path}{key}"
        yield name, part
        for mark, inner in (("[].", part), (".*.", part.values() if isinstance(part, dict) else ()), (".", [part])):
            if any(other.startswith(name + mark) for other in described):
                for item in inner if isinstance(inner, Iterable) else ():
                    yield from _keys(item, name + mark, described) if isinstance(item, dict) else ()
                break


def example(value: object, folder: str) -> str:
    """A value as text, not too long, the temporary folder replaced."""
    text = (value if isinstance(value, str) else json.dumps(value)).replace(folder, "/data")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def main() -> None:
    """Write the examples."""
    examples = json.loads(HOME.read_text(encoding="utf-8")) if HOME.is_file() else {}
    HOME.write_text(json.dumps({file: {} for file in fields.FILES}), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for file, path in write_files(Path(folder)):
            found = {name: value for name, value in written(file, path).items() if value not in NOTHING}
            nested = {name.rpartition(".")[0].rstrip("[]*.") for name in found}
            examples[file] = {name: example(value, folder) for name, value in found.items() if name not in nested}
    HOME.write_text(json.dumps(examples, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
