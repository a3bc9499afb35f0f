"""What works on the output folders of both ``gemax convert`` and ``gemax map``: run.json says which one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gemax_cli.errors import OutputError
from gemax_cli.images.settings import ImageSettings
from gemax_cli.paths import AnyPath, AnyPaths, as_paths
from gemax_cli.stack.folder import OutputFolder

if TYPE_CHECKING:
    from gemax_cli.stack.verify import Verified


def holds_images(folder: OutputFolder) -> bool:
    """Whether ``gemax map`` made a folder; one whose run.json is damaged counts as one of scans."""
    try:
        return folder.kind == ImageSettings.kind
    except OutputError:
        return False


def verify(out: AnyPath, *, sources: AnyPaths | None = None, repair: bool = False) -> Verified:
    """Read every file that the records name and compare hash, pixels, valid pixels and entropy; check tables.

    Args:
        out: a folder of ``gemax convert`` or ``gemax map``; it may be read-only.
        sources: the raw data, as the command got it; their SHA-256 is compared with the recorded one. None does not
            look at them.
        repair: remove the broken files and what killed writers left, so that the same command makes them again; other
            images that no record names are left alone.

    Raises:
        OutputError: another process writes to it, or a file cannot be removed.
    """
    from gemax_cli.images.verify import verify_images
    from gemax_cli.stack import verify as scans

    folder = OutputFolder(out)
    if holds_images(folder):
        return verify_images(folder, [] if sources is None else as_paths(sources), repair=repair)
    return scans.verify(out, sources=sources, repair=repair)
