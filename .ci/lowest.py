"""Print the lowest versions that pyproject.toml allows, as pip's constraints: ``python .ci/lowest.py > lowest.txt``."""

from __future__ import annotations

import re
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def main() -> None:
    """One line per dependency, of the package and of its tests."""
    text = PYPROJECT.read_text(encoding="utf-8")
    for part in re.findall(r"^(?:dependencies|test) = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL):
        for name, version, marker in re.findall(r'"([\w.-]+)>=([\d.]+)(;[^"]*)?"', part):
            print(f"{name}=={version}{marker}")


if __name__ == "__main__":
    main()
