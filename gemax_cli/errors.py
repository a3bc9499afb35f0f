"""Every error that a user can meet, one class per cause.

A message is one sentence: which file or setting, what is wrong, what to do.
"""

from __future__ import annotations

from pathlib import Path

from gemax_cli.printing import printable

SOME_FAILED = 3  # exit code: what can be done is done, and something failed


def not_installed(user: str, package: str, alternative: str = "") -> str:
    """A sentence: what needs a package, and how to install it, which is the same for a clone and for an index.

    Args:
        user: what needs it: "gemax train", "--dask".
        package: its name on the index.
        alternative: what else may be done: "save it as .npy".
    """
    otherwise = f", or {alternative}" if alternative else ""
    return f"{user} needs {package}, which is not installed: pip install {package}{otherwise}."


class GemaxError(Exception):
    """Base of all errors of this package; ``exit_code`` is what the command line returns.

    A message may hold names of any bytes: they are made ``printable``, whoever prints it.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class SettingsError(GemaxError, ValueError):
    """A setting is out of its range, or two settings exclude each other."""

    exit_code = 2


class ExtraMissing(SettingsError):
    """A command needs a library that is installed with an extra of this package."""


class InfeasibleTau(SettingsError):
    """No path of K edges of length 1..tau leads from 0 to N (it takes K <= N <= K * tau)."""

    def __init__(self, levels: int, bins: int, tau: int) -> None:
        self.levels, self.bins, self.tau = levels, bins, tau
        self.smallest_tau = -(-levels // bins)
        if bins > levels:
            message = f"{bins} bins cannot be cut from {levels} levels: use at least {bins} levels or fewer bins."
        else:
            message = (
                f"tau = {tau} is too small to cover {levels} levels with {bins} bins: "
                f"use tau = {self.smallest_tau} or more."
            )
        super().__init__(message)

    def __reduce__(self) -> tuple[type[InfeasibleTau], tuple[int, int, int]]:
        return type(self), (self.levels, self.bins, self.tau)


class EmptyHistogram(GemaxError, ValueError):
    """There is no valid pixel to take an entropy of."""


class NothingToConvert(GemaxError):
    """The sources hold no scan that the readers know and the filters keep."""

    exit_code = 4


class OutputError(GemaxError):
    """The output folder cannot be used."""

    exit_code = 5


class FolderInUse(OutputError):
    """Another gemax process is writing to the output folder."""


class SettingsConflict(OutputError):
    """The output folder was made with other settings."""


class MergeConflict(OutputError):
    """Two output folders hold different versions of a scan."""


class SplitDamaged(OutputError):
    """The files of a split are not what gemax wrote, or it never wrote them."""


class SubjectMissing(OutputError):
    """A split names a subject of whom the output folder has no scan that the split keeps."""


class RunDamaged(OutputError):
    """A file of a training run is not what gemax wrote."""


class RunConflict(OutputError):
    """The folder of a training run was made with other settings or another split."""


class OutputUnwritable(OutputError):
    """The output folder cannot be made or written to (read-only, a file, no permission)."""

    exit_code = 2


class FolderGone(OutputUnwritable):
    """The output folder was removed, moved, emptied or replaced under a run."""


class OutputFull(OutputError):
    """Records or tables cannot be written: the disk is full."""

    exit_code = SOME_FAILED


class WorkersUnavailable(GemaxError):
    """No worker process can be started: no memory to share, no folder for temporary files, too many processes."""

    exit_code = 2


class ClusterError(GemaxError):
    """The Dask cluster cannot be used: no scheduler, no Dask, another version of gemax, or another file system."""

    exit_code = 2


class ClusterLost(GemaxError):
    """The Dask scheduler ended, or no worker is left; what is done is recorded."""

    exit_code = SOME_FAILED


class ScanError(GemaxError):
    """One scan cannot be converted; the batch goes on.

    Attributes:
        path: the file at fault.
        stage: where on its way the scan failed: read, nose, block, texture, maps or write.
    """

    exit_code = SOME_FAILED
    stage = "read"

    def __init__(self, path: Path | str, message: str) -> None:
        self.path, self.message = Path(path), message
        super().__init__(f"{path}: {message}")

    def __reduce__(self) -> tuple[type[ScanError], tuple[Path, str]]:
        return type(self), (self.path, self.message)


class FileUnreadable(ScanError):
    """The file is missing, a folder, or may not be read."""


class BadFormat(ScanError):
    """The file's content is not what its format demands: truncated, wrong magic, impossible counts."""


class UnknownFormat(ScanError):
    """No reader knows this kind of file."""


class EmptyScan(ScanError):
    """The file was read and holds no surface: no point, all points zero, or all background."""


class LibraryMissing(ScanError):
    """The library that reads this format is not installed or cannot be loaded."""


class NoNoseTip(ScanError):
    """No nose tip was found, or none of the confidence asked for."""

    stage = "nose"


class EmptyBlock(ScanError):
    """No surface lies in the depth block."""

    stage = "block"


class Unmappable(ScanError):
    """Tau, range or scale do not fit the values of an image."""

    stage = "maps"


class PictureMissing(ScanError):
    """The scan carries no picture, or the one that it names is not beside it."""

    stage = "texture"


class BadPicture(ScanError):
    """The picture beside a scan is damaged, too large or not of 8 bits."""

    stage = "texture"


class WorkerDied(ScanError):
    """The process that converted this scan was killed (out of memory, most often)."""

    stage = "worker"


class WriteFailed(ScanError):
    """A file of the stack could not be written."""

    stage = "write"


class UnsafePath(ScanError):
    """A path in an output folder is none that gemax writes, or leads through a symbolic link."""

    stage = "write"
