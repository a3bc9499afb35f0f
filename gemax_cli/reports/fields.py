"""What every column and key of gemax's files means, from the dataclasses that are written and their docstrings."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib.resources import files
from pathlib import PurePath
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gemax_cli.datasets.model import ScanName
from gemax_cli.errors import SettingsError
from gemax_cli.images.records import ImageRecord
from gemax_cli.images.settings import ImageSettings
from gemax_cli.learn.result import FoldResult
from gemax_cli.learn.run import RunHeader
from gemax_cli.settings import Settings
from gemax_cli.splits.model import SplitHeader
from gemax_cli.stack import columns
from gemax_cli.stack.columns import Column
from gemax_cli.stack.folder import PastRun, RunFile
from gemax_cli.stack.records import ScanRecord

EXAMPLES = "fields.json"
_TABLES: Mapping[str, Mapping[str, Column]] = {
    "metadata.csv": columns.SCANS,
    "landmarks.csv": columns.LANDMARKS,
    "failures.csv": columns.FAILURES,
    "splits/NAME.csv": columns.SPLITS,
    "map/metadata.csv": columns.IMAGES,
}
_OBJECTS: Mapping[str, tuple[tuple[str, type], ...]] = {
    "records.jsonl": (("", ScanRecord), ("", ScanName)),
    "run.json": (("", RunFile), ("settings.", Settings), ("history[].", PastRun)),
    "splits/NAME.json": (("", SplitHeader),),
    "train.json": (("", RunHeader),),
    "result.json": (("", FoldResult),),
    "map/records.jsonl": (("", ImageRecord),),
    "map/run.json": (("", RunFile), ("settings.", ImageSettings), ("history[].", PastRun)),
}
FILES = (
    "metadata.csv", "landmarks.csv", "failures.csv", "records.jsonl", "run.json", "splits/NAME.csv", "splits/NAME.json",
    "train.json", "result.json", "map/metadata.csv", "map/records.jsonl", "map/run.json",
)  # fmt: skip
_OF_COLUMN = {"text": "text", "whole": "whole number", "real": "real number"}
_OF_VALUE: Mapping[Any, str] = {str: "text", int: "whole number", float: "real number", bool: "true or false"}
_RENAMED = {"scan_id": "scan", "image_id": "scan"}
_CHECK = "First 16 hexadecimal digits of the SHA-256 of the line without this key."
_UNIT = re.compile(r"(?<![0-9] )\b(mm2|mm|degrees|bits|levels|bytes|seconds|pixels|per cent|input's unit)\b")
_UNIT_OF_NAME = re.compile(r".*\.|_(?=mm2?$|per_pixel$)")
_ABSENT = re.compile(
    r"(?:^|[;,] ?)((?:None|left out|empty|0|\(\)|\"-?\")(?= (?:where|if|in|for|takes|demands|without|elsewhere)\b).*)"
)
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """A column or key of a file that gemax writes.

    Attributes:
        file: that it stands in; "map/" is a folder of gemax map.
        name: of the column, or of the key with those above it: "blocks[].maps[].tau". ``*`` is any key, NNN and T are
            any tau, MAP is any comparison map.
        type: in words.
        unit: of a number; "" for text and plain numbers.
        example: a value.
        absent: how a missing value looks, and when; "" if it is always there.
        meaning: a sentence or two.
    """

    file: str
    name: str
    type: str
    unit: str
    example: str
    absent: str
    meaning: str


def describe_fields(names: Iterable[str] = ()) -> list[Field]:
    """Describe the columns and keys of files.

    Args:
        names: of files as in ``FILES``, or paths of such files; () for all.

    Raises:
        SettingsError: a name is of no file that gemax writes.
    """
    chosen = dict.fromkeys(file for name in names for file in _files_of(name)) or FILES
    examples = json.loads(files("gemax_cli.reports").joinpath(EXAMPLES).read_text(encoding="utf-8"))
    return [field for file in chosen for field in _fields_of(file, examples[file])]


def _files_of(name: str) -> tuple[str, ...]:
    if name in FILES:
        return (name,)
    path = PurePath(name)
    general = f"splits/NAME{path.suffix}" if path.parent.name == "splits" else path.name
    if general not in FILES:
        raise SettingsError(f"{name}: is no file that gemax describes: give any of {', '.join(FILES)}.")
    return (general,)


def _fields_of(file: str, examples: Mapping[str, str]) -> Iterator[Field]:
    for name, column in _TABLES.get(file, {}).items():
        kind = _OF_COLUMN[column.kind]
        yield Field(file, name, kind, column.unit, examples.get(name, ""), column.absent, column.meaning)
    for prefix, kind_of in _OBJECTS.get(file, ()):
        for name, hint, text in _keys(kind_of, prefix):
            yield _described(file, name, hint, text, examples.get(name, ""))
    if file.endswith("records.jsonl"):
        yield Field(file, "check", "text", "", examples.get("check", ""), "", _CHECK)


def _described(file: str, name: str, hint: Any, text: str, example: str) -> Field:
    """A key of JSON, its docstring taken apart."""
    kind = type_text(hint)
    text = f"SHA-256 {text}" if name.endswith("sha256") and text.startswith("of ") else text
    missing = _ABSENT.search(text)
    meaning = (text[: missing.start()] if missing else text).rstrip(" .")
    unit = _UNIT.search(f"{text} {_UNIT_OF_NAME.sub(' ', name)}") if "number" in kind else None
    absent = missing[1].rstrip(".").replace("None", "null").replace("()", "[]") if missing else ""
    if not absent and type(None) in get_args(hint):
        absent = "null if not given"
    return Field(file, name, kind, unit[1] if unit else "", example, absent, f"{meaning[:1].upper()}{meaning[1:]}.")


def _keys(kind: Any, prefix: str) -> Iterator[tuple[str, Any, str]]:
    """(path, type, docstring) of the fields of a dataclass and of those nested in it."""
    texts, hints = attribute_texts(kind), get_type_hints(kind)
    for f in fields(kind):
        if hints[f.name] is ScanName:
            continue  # flat in JSON, described beside the record
        name = prefix + _RENAMED.get(f.name, f.name)
        inner, mark = _inner(hints[f.name])
        yield name, hints[f.name], texts.get(f.name) or (inspect.getdoc(inner) or "").partition("\n")[0]
        if is_dataclass(inner):
            yield from _keys(inner, f"{name}{mark}.")


def _inner(hint: Any) -> tuple[Any, str]:
    """The type within None, tuple or dict, and how a path shows the step to it."""
    parts = [part for part in get_args(hint) if part not in (type(None), ...)]
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _inner(parts[0])
    if origin in (tuple, list):
        return parts[0], "[]"
    return (parts[1], ".*") if origin is dict else (hint, "")


def type_text(hint: Any) -> str:
    """A type of JSON in words."""
    origin, parts = get_origin(hint), [part for part in get_args(hint) if part not in (type(None), ...)]
    if origin is Literal:
        return "text: " + ", ".join(map(str, parts))
    if origin in (Union, UnionType):
        return type_text(parts[0])
    if origin in (tuple, list):
        return f"list ({type_text(parts[0])})"
    return _OF_VALUE.get(hint, "object")


def attribute_texts(kind: type) -> dict[str, str]:
    """The texts of a docstring's section Attributes, by name, each as one line."""
    _, _, section = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    section = section.partition("\n\n")[0]
    return {name: re.sub(r"\s+", " ", text).replace("``", "") for name, text in _ATTRIBUTE.findall(section)}
