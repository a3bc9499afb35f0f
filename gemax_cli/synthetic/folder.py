"""The folder of a sample, claimed by a mark: a later sample may replace the files of an earlier one, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from gemax_cli.errors import OutputError, OutputUnwritable, SettingsError

Scans = Literal["all", "six", "few"]
SCANS: tuple[Scans, ...] = ("all", "six", "few")
MAX_SUBJECTS = 500
MAKER = "gemax sample"


def check_sizes(subjects: int, seed: int, scans: str) -> None:
    """Check what all samples of scans take.

    Raises:
        SettingsError: a value is out of its range.
    """
    if not 1 <= subjects <= MAX_SUBJECTS:
        raise SettingsError(f"subjects is {subjects}: give 1 to {MAX_SUBJECTS}.")
    if seed < 0:
        raise SettingsError(f"seed is {seed}: give 0 or more.")
    if scans not in SCANS:
        raise SettingsError(f"scans is {scans!r}: give one of {', '.join(SCANS)}.")


@contextmanager
def claimed(root: Path, mark: str, clear: Callable[[Path], None], **chosen: object) -> Iterator[None]:
    """Make a folder, or take one that was made before, for the files that are written in this context.

    Args:
        root: the folder.
        mark: name of the file that says who made it.
        clear: removes the files of an earlier sample; raises OutputError where the mark is not that of one.
        chosen: what the mark says beside its maker.

    Raises:
        OutputError: the folder holds other files.
        OutputUnwritable: the folder cannot be written to.
    """
    if root.exists() and not root.is_dir():
        raise OutputError(f"{root}: is not a folder: give the path of a folder.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()):
            if not (root / mark).is_file():
                raise foreign(root)
            clear(root)
        (root / mark).write_text(json.dumps({"made_by": MAKER, **chosen}) + "\n", encoding="ascii")
        yield
    except OSError as error:
        raise OutputUnwritable(f"{root}: cannot be written to ({error}): choose another folder.") from error


def make_folder(root: Path, folder: Path) -> None:
    """Make a folder below that of the sample.

    Raises:
        OutputError: a link leads out of the sample's folder.
        OSError: it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if folder.resolve() != root.resolve() / folder.relative_to(root):
        raise OutputError(f"{folder}: leads elsewhere through a link: remove the link.")


def foreign(root: Path) -> OutputError:
    """The error of a folder that no sample was written to."""
    return OutputError(f"{root}: holds files that gemax sample did not write: choose an empty or a new folder.")
