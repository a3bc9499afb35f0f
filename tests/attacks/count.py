"""Play every case against an installed version through its command line and count what breaks.

usage: python -m tests.attacks.count PYTHON WORK [--kind outside ...]

PYTHON is the interpreter of the version's environment.
"""

from __future__ import annotations

import argparse
import json
import shutil
from importlib import import_module
from pathlib import Path

from tests.attacks.ground import Broken, by_python, play, prepare

KINDS = ("outside", "repair", "stale", "healed", "ill_typed", "names")


def count(python: str, work: Path, kind: str) -> dict[str, str]:
    """Name of each case of a kind that breaks, and how."""
    sound = prepare(work / "sound", by_python(python, work))
    broken = {}
    for case in import_module(f"tests.attacks.{kind}").cases():
        root = work / "ground"
        try:
            play(case, sound, root)
        except Broken as error:
            broken[case.name] = str(error)
        except (OSError, ValueError, KeyError) as error:  # a command that spoiled the ground itself
            broken[case.name] = f"{type(error).__name__}: {error}"
        shutil.rmtree(root, ignore_errors=True)
    return broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("work", type=Path)
    parser.add_argument("--kind", action="append", choices=KINDS)
    options = parser.parse_args()
    for kind in options.kind or KINDS:
        work = options.work / kind
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        broken = count(options.python, work, kind)
        cases = len(list(import_module(f"tests.attacks.{kind}").cases()))
        print(json.dumps({"kind": kind, "cases": cases, "broken": len(broken), "which": broken}), flush=True)


if __name__ == "__main__":
    main()
