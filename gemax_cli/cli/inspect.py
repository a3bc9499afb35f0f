"""``gemax inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options
from gemax_cli.errors import SOME_FAILED

if TYPE_CHECKING:
    from gemax_cli.settings import CameraSettings, NoseSettings


@click.command("inspect", cls=options.Command, short_help="What a raw file is: counts, extents, nose tip.")
@click.argument("scan", type=options.PATH)
@options.settings_option("gemax_cli.settings:Settings")
@options.nose_pack("nose")
@options.camera_pack("camera")
@options.format_option
def command(scan: Path, nose: NoseSettings, camera: CameraSettings, form: options.Form) -> int:
    """Say what the raw file SCAN is: format, counts, extents, landmarks, nose tip, valid pixels.

    Exit code 3 if it could not be converted; the row "problem" says why.
    """
    import json

    from gemax_cli.cli.output import emit, print_rows
    from gemax_cli.reports.inspection import inspect_scan
    from gemax_cli.settings import Settings

    facts = inspect_scan(scan, Settings(nose=nose, camera=camera))
    if form == "json":
        emit(json.dumps(facts, indent=2) + "\n")
    else:
        print_rows([{"what": name, "value": _text(value)} for name, value in facts.items()], form, str(scan))
    return SOME_FAILED if "problem" in facts else 0


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    return f"{value:.2f}" if isinstance(value, float) else str(value)
