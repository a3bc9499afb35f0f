"""Options and parameter types that commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
Number = TypeVar("Number", int, float)
FORMATS = ("table", "csv", "json", "md")
MOST_VALUES = 10_000


def integers(text: str) -> tuple[int, ...]:
    """Whole numbers in any spelling: ``20``, ``20,30``, ``20:60:10`` (the end included)."""
    return _numbers(text, int)


def lengths(text: str) -> tuple[float, ...]:
    """Numbers in any spelling: ``60``, ``50,62.5``, ``50:140:10`` (the end included)."""
    return _numbers(text, float)


def _numbers(text: str, kind: type[Number]) -> tuple[Number, ...]:
    try:
        return tuple(number for part in text.split(",") if part for number in _range(part, kind))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no number, list (20,30) or range (20:60:10).") from None


def _range(part: str, kind: type[Number]) -> list[Number]:
    if ":" not in part:
        return [kind(part)]
    start, stop, step = [kind(number) for number in (part if part.count(":") == 2 else f"{part}:1").split(":")]
    if step <= 0 or stop < start or (stop - start) / step > MOST_VALUES:
        raise ValueError(part)
    return [kind(start + i * step) for i in range(int((stop - start) / step + 1e-9) + 1)]


def flatten(_: click.Context, __: click.Parameter, value: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    """All numbers of a repeated option, ascending, each once."""
    return tuple(sorted({number for numbers in value for number in numbers}))


def shard(text: str) -> tuple[int, int]:
    """``i/n``: part i of n, from 1."""
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise click.BadParameter(f"{text!r} is no part: give i/n with 1 <= i <= n, such as 1/8.")
    return int(part), int(parts)


def default_jobs() -> int:
    """As many processes as this one may use cores."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def tau_option(
    help_text: str = "Distortion bound of a map, in levels; any number of them.",
) -> Callable[[Command], Command]:
    """``--tau``: 20 30 40, or 20,30,40, or 20:60:10, or repeated."""
    return click.option(
        "--tau", "taus", type=integers, multiple=True, callback=flatten, envvar="GEMAX_TAU", show_envvar=True,
        metavar="LEVELS...", help=help_text,
    )  # fmt: skip


def words(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """All names of a repeated option of comma-separated lists."""
    return tuple(word.strip().lower() for text in value for word in text.split(",") if word.strip())


def format_option(command: Command) -> Command:
    """``--format table|csv|json|md``."""
    return click.option(
        "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print results."
    )(command)


def existing(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Check that a path is there, with a sentence of ours."""
    if value is not None and not value.exists():
        raise click.BadParameter(f"{value}: there is no such file or folder.", ctx, param)
    return value
