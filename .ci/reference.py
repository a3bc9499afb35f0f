"""Bring the README's reference of commands up to date with their own help: ``python .ci/reference.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from gemax_cli.cli.main import gemax

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- reference: made by .ci/reference.py -->\n", "<!-- end of reference -->\n"


def commands(group: click.Group, context: click.Context) -> Iterator[click.Context]:
    """A context for every command, those of groups among them."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=name, parent=context, max_content_width=110, terminal_width=110)
        yield from commands(command, own) if isinstance(command, click.Group) else (own,)


def all_commands() -> list[click.Context]:
    """A context for every command of gemax."""
    return list(commands(gemax, click.Context(gemax, info_name="gemax", **gemax.context_settings)))


def section(context: click.Context) -> str:
    """The help of one command under its heading."""
    lines = (line.rstrip() for line in context.get_help().splitlines())
    return f"### `{context.command_path}`\n\n```text\n" + "\n".join(lines) + "\n```\n"


def main() -> None:
    """Rewrite what stands between the marks."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    middle = "\n".join(map(section, all_commands()))
    README.write_text(f"{before}{START}\n{middle}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
