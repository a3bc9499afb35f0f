"""Options of many values: ``--tau 20 30 40`` becomes ``--tau 20 --tau 30 --tau 40`` before Click parses.

``--wait`` without a number becomes ``--wait=inf``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

SPREADING = ("--tau", "--depth")
NUMBER = re.compile(r"\d[\d.,:x%]*")  # 1.25x and 0.5% are tau of gemax map


def spread(arguments: Sequence[str]) -> list[str]:
    """Repeat the option's name before each further number. The first argument that is not a number ends the values.

    Write a folder named like a number as ``./20``. Arguments after ``--`` stay as they are.
    """
    stop = arguments.index("--") if "--" in arguments else len(arguments)
    return [*_spread(arguments[:stop]), *arguments[stop:]]


def _spread(arguments: Sequence[str]) -> Iterator[str]:
    name = ""  # of the option whose values are being read
    first = False  # its first value comes next; Click handles it
    for argument, following in zip(arguments, [*arguments, ""][1:], strict=True):
        if argument == "--wait" and not NUMBER.fullmatch(following):
            argument = "--wait=inf"
        option, equals, _ = argument.partition("=")
        if option in SPREADING:
            name, first = option, not equals
            yield argument
        elif name and NUMBER.fullmatch(argument):
            yield from [argument] if first else [name, argument]
            first = False
        else:
            name = ""
            yield argument
