"""Bring the README's reference of commands up to date with their own help: ``python .ci/reference.py``."""

from __future__ import annotations

from pathlib import Path

import click

from gemax_cli.cli.main import COMMANDS, gemax

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- reference: made by .ci/reference.py -->\n", "<!-- end of reference -->\n"


def section(name: str) -> str:
    """The help of one command under its heading."""
    command = gemax.get_command(click.Context(gemax), name)
    assert command is not None
    context = click.Context(command, info_name=f"gemax {name}", max_content_width=110, terminal_width=110)
    lines = (line.rstrip() for line in command.get_help(context).splitlines())
    return f"### `gemax {name}`\n\n```text\n" + "\n".join(lines) + "\n```\n"


def main() -> None:
    """Rewrite what stands between the marks."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    middle = "\n".join(section(name) for name in COMMANDS)
    README.write_text(f"{before}{START}\n{middle}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
