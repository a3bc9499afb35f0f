"""``gemax verify``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli import options
from gemax_cli.errors import SOME_FAILED, NothingToConvert


@click.command("verify", cls=options.Command, short_help="Check that every file of a folder is what its record says.")
@options.out_argument
@options.option(
    "--sources", type=options.PATH, multiple=True, metavar="RAW", help="Compare the hashes of raw files in RAW, too."
)
@options.option("--repair", is_flag=True, help="Remove broken images, so that the same command makes them again.")
@options.format_option
def command(out: Path, sources: tuple[Path, ...], repair: bool, form: options.Form) -> int:
    """Check the files in OUT against its records: present, hash, pixels, entropy, tables; name what has no record.

    Exit code 3 if anything is wrong.
    """
    from gemax_cli.cli.output import print_rows, say
    from gemax_cli.folders import verify

    verified = verify(out, sources=sources or None, repair=repair)
    problems = [*verified.problems, *verified.unfinished]
    if not verified.scans and not problems:
        raise NothingToConvert(f"{out}: holds no record: give a folder that gemax convert or map wrote.")
    rows = [{"scan": p.scan_id, "file": p.file, "problem": p.message} for p in problems]
    rows += [{"scan": "", "file": file, "problem": "belongs to no record"} for file in verified.orphans]
    if rows or form != "table":
        print_rows(rows, form, f"Problems of {out}")
    things, maker = _kind(out)
    say(_summary(len(problems), len(verified.orphans), f"{verified.scans} {things}", verified.files))
    for file in verified.removed:
        say(f"removed: {file}")
    if verified.removed:
        say(f"{len(verified.removed)} files removed: run gemax {maker} again to make them.")
    return SOME_FAILED if problems else 0


def _kind(out: Path) -> tuple[str, str]:
    """What a folder holds, and the command that makes it."""
    from gemax_cli.folders import holds_images
    from gemax_cli.stack.folder import OutputFolder

    return ("images", "map") if holds_images(OutputFolder(out)) else ("scans", "convert")


def _summary(problems: int, orphans: int, scans: str, files: int) -> str:
    state = f"{problems} problems" if problems else "all as recorded"
    return f"{scans}, {files} files: {state}; {orphans} files belong to no record."
