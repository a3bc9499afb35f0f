"""Options of many values: ``--tau 20 30 40`` becomes ``--tau 20 --tau 30 --tau 40`` before Click parses.

``--wait`` without a number becomes ``--wait=inf``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

NUMBER = re.compile(r"\d[\d.:x%]*")  # 1.25x and 0.5% are tau of gemax map
PATTERN = re.compile(r"[\w-]*[*?\[][\w*?!\[\]-]*")  # F00*, not */F00* nor *.ply


def _is_number(word: str) -> bool:
    return bool(NUMBER.fullmatch(word))


def _is_subject(word: str) -> bool:
    from gemax_cli.datasets.registry import has_subject_shape

    return bool(PATTERN.fullmatch(word)) or has_subject_shape(word)


def _is_expression(word: str) -> bool:
    from gemax_cli.datasets.model import expression_code

    return bool(expression_code(word))


def _is_dataset(word: str) -> bool:
    from gemax_cli.datasets.registry import DATASETS, plain_name

    return plain_name(word) in map(plain_name, DATASETS)


SPREADING: Mapping[str, Callable[[str], bool]] = {
    "--tau": _is_number,
    "--depth": _is_number,
    "--level": _is_number,
    "--subject": _is_subject,
    "--expression": _is_expression,
    "--dataset": _is_dataset,
}
"""Options of many values, and what is one of their values."""


def spread(arguments: Sequence[str]) -> list[str]:
    """Repeat the option's name before each further value. The first argument that is no value of it ends the values.

    Write a folder named like a value as ``./20``. Arguments after ``--`` stay as they are.
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
        elif name and all(map(SPREADING[name], argument.rstrip(",").split(","))):
            yield from [argument] if first else [name, argument]
            first = False
        else:
            name = ""
            yield argument
