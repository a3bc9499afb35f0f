"""Print the README's reference of commands from their own help. Usage: python .ci/reference.py"""

import click

from gemax_cli.cli.main import COMMANDS, gemax

for name in COMMANDS:
    command = gemax.get_command(click.Context(gemax), name)
    context = click.Context(command, info_name=f"gemax {name}", max_content_width=110, terminal_width=110)
    print(f"### `gemax {name}`\n\n```text\n{command.get_help(context)}\n```\n")
