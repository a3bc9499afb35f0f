"""What works on the output folders of both ``gemax convert`` and ``gemax map``: run.json says which one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gemax_cli.errors import OutputError
from gemax_cli.images.settings import ImageSettings
from gemax_cli.paths import AnyPath
from gemax_cli.stack.folder import OutputFolder

if TYPE_CHECKING:
    from gemax_cli.stack.verify import Verified


def holds_images(folder: OutputFolder) -> bool:
    """Whether ``gemax map`` made a folder; one whose run.json is damaged counts as one of scans."""
    try:
        return folder.kind == ImageSettings.kind
    except OutputError:
        return False


def verify(out: AnyPath, *, repair: bool = False) -> Verified:
    """Read every file that the records name and compare hash, pixels, valid pixels and entropy.

    Args:
        out: a folder of ``gemax convert`` or ``gemax map``; it may be read-only.
        repair: remove the broken files and what killed writers left, so that the same command makes them again; other
            images that no record names are left alone.

    Raises:
        OutputError: another process writes to it, or a file cannot be removed.
    """
    from gemax_cli.images.verify import verify_images
    from gemax_cli.stack import verify as scans

    folder = OutputFolder(out)
    return verify_images(folder, repair=repair) if holds_images(folder) else scans.verify(out, repair=repair)
