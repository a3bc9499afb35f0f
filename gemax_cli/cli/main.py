"""Entry point of ``gemax``: parses, runs one command, turns errors into exit codes."""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence

import click

from gemax_cli import __version__
from gemax_cli.cli import signals, streams
from gemax_cli.cli.argv import spread
from gemax_cli.cli.options import Group
from gemax_cli.errors import GemaxError
from gemax_cli.printing import printable

GROUPS = {
    "Convert": ("convert", "map", "merge", "invert"),
    "Look and check": ("entropy", "preview", "report", "view", "inspect", "verify", "fields"),
    "Study and train": ("sweep", "split", "train", "score"),
    "Try out and measure": ("demo", "sample", "bench"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
HELP = """Raw 3D face scans to multi-tau GEMax maps.

A GEMax map is an 8-bit depth image: maximal entropy, distortion up to tau.

\b
gemax demo
gemax convert raw/ out/ --tau 20 30 40
gemax entropy out/

gemax demo needs no data. gemax convert --help shows the options of a command.
"""
COMPLETION = """\b
Completion with the Tab key, for ~/.bashrc; with zsh_source for ~/.zshrc:
eval "$(_GEMAX_COMPLETE=bash_source gemax)"
"""
INTERNAL_ERROR, INTERRUPTED, TERMINATED = 1, 130, 143


class LazyGroup(Group):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Command names in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command ``cmd_name`` of the module of the same name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"gemax_cli.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in their groups."""
        width = max(map(len, COMMANDS))
        for heading, names in GROUPS.items():
            commands = [(name.ljust(width), self.get_command(ctx, name)) for name in names]
            with formatter.section(heading):
                formatter.write_dl([(name, command.short_help or "") for name, command in commands if command])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as Click does; suggest the nearest name for a mistyped one."""
        from difflib import get_close_matches

        near = () if args[0] in COMMANDS else get_close_matches(args[0], COMMANDS, n=1)
        if near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, help=HELP, epilog=COMPLETION)
@click.version_option(__version__, prog_name="gemax")
def gemax() -> None:
    """Hold the commands."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its exit code."""
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # of every Python that this process starts, whenever it does
    streams.install()
    signals.install()
    if not sys.warnoptions and not os.environ.get("GEMAX_DEBUG"):
        warnings.simplefilter("ignore")  # of libraries, for their developers; the environment tells the workers
        os.environ.setdefault("PYTHONWARNINGS", "ignore")
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code (0, 1, 2, 3, 4, 5, 130 or 143)."""
    try:
        code = gemax.main(args=spread(arguments), prog_name="gemax", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        with io.StringIO() as text:
            error.show(text)
            click.echo(printable(text.getvalue(), keep="\n"), err=True, nl=False)
        return error.exit_code
    except GemaxError as error:
        click.echo(f"gemax: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        return _interrupted(signals.Terminated in (type(stop), type(stop.__cause__)))
    except SystemExit as stop:
        return int(stop.code or 0)
    except Exception as error:
        if os.environ.get("GEMAX_DEBUG"):
            raise
        if stop_lost := signals.received():
            return _interrupted(stop_lost is signals.Terminated)
        reason = printable(f"{type(error).__name__}: {error}")
        click.echo(f"gemax: internal error ({reason}): please report it; GEMAX_DEBUG=1 shows where.", err=True)
        return INTERNAL_ERROR


def _interrupted(terminated: bool) -> int:
    click.echo("gemax: interrupted; what is done stays done, the same command goes on from here.", err=True)
    return TERMINATED if terminated else INTERRUPTED
