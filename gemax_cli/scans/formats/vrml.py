"""VRML 97 text to a tree of nodes (ISO/IEC 14772-1:1997, annex A: the grammar).

The grammar can be read without knowing any node's fields: after a field's name stands a run of numbers, a string,
a word, a node, or a list in brackets. Lists of numbers are not read here: the tree keeps where they lie, and only
those that make up the surface are parsed, straight from the file's bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat
from gemax_cli.scans.text_numbers import MalformedNumber, parse_indexes, parse_reals, shown

MAX_DEPTH = 64
"""Nodes within nodes; a scan needs about five, and unlimited recursion must be impossible."""

_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?#VRML[ \t]+V([0-9.]+)[ \t]+(\S+)")
_GAP = re.compile(rb"[ \t\r\n,]*")
_TOKEN = re.compile(
    _GAP.pattern + rb'(?:([{}\[\]])|"([^"\\]*(?:\\.[^"\\]*)*)"|([^\x00-\x20"#\',\[\]\\{}\x7f]+)|\Z)',
    re.DOTALL,
)
_LINE = re.compile(rb"[^\r\n]*")
_LINES_OF_COMMENT = re.compile(rb"(?:[ \t\r\n,]*#[^\r\n]*)*")
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_HEXADECIMAL = re.compile(rb"[+-]?0[xX][0-9a-fA-F]+")
_NUMBER_BEGINS = re.compile(rb"[-+.0-9]|(?:nan|inf|infinity)\b", re.IGNORECASE)
_WINDOWS_NOT_A_NUMBER = re.compile(rb"\.#(?:IND|INF|QNAN|SNAN)")
_PUNCTUATION, _STRING, _WORD = 1, 2, 3
_LONGEST_MESSAGE = 200  # names of nodes and fields come from the file


@dataclass(frozen=True)
class Span:
    """A list of numbers, not parsed: the bytes ``start`` to ``stop`` of the text."""

    start: int
    stop: int


@dataclass(eq=False)
class Node:
    """A node of the scene.

    Attributes:
        kind: the node's type: "Transform", "Shape" ...
        fields: value by field name. A list of numbers is a Span; numbers without brackets are a tuple; strings and
            nodes are lists, with or without brackets; TRUE and FALSE are words.
    """

    kind: str
    fields: dict[str, Value] = field(default_factory=dict)

    def nodes(self, name: str) -> list[Node]:
        """The nodes of a field; none where it is absent or holds something else."""
        value = self.fields.get(name)
        return [item for item in value if isinstance(item, Node)] if isinstance(value, list) else []

    def strings(self, name: str) -> list[str]:
        """The strings of a field; none where it is absent or holds something else."""
        value = self.fields.get(name)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def flag(self, name: str, default: bool) -> bool:
        """A field that is TRUE or FALSE."""
        value = self.fields.get(name)
        return value == "TRUE" if value in ("TRUE", "FALSE") else default


Value = Span | tuple[float, ...] | str | list[Node] | list[str]


class VrmlText:
    """The text of a VRML 97 file: its tree, and the numbers in it.

    Attributes:
        path: for messages.
        roots: the nodes of the scene, in order.
        prototypes: the node types that the file declares, by name, and whether they make a surface: the body holds an
            IndexedFaceSet, or is in another file (EXTERNPROTO).
    """

    def __init__(self, path: Path, data: bytes) -> None:
        """Parse ``data``; raises BadFormat where it is not VRML 97, or cut off."""
        self.path = path
        self._at = _end_of_header(path, data)
        self._text = _without_comments(path, data, self._at)
        self._named: dict[str, Node] = {}
        self.prototypes: dict[str, bool] = {}
        self.roots = list(self._scene())

    def reals(self, node: Node, name: str, width: int) -> NDArray[np.float64]:
        """The numbers of a field, (n, width); a field without numbers has n = 0."""
        value = node.fields.get(name)
        if isinstance(value, tuple):
            numbers = np.array(value)
        elif isinstance(value, Span):
            numbers = self._parse_reals(value)
        else:
            return np.empty((0, width))
        if numbers.size % width:
            self._refuse(f"{node.kind}.{name} holds {numbers.size} numbers, which is not a multiple of {width}", value)
        if not np.isfinite(numbers).all():
            self._refuse(f"{node.kind}.{name} holds a number that is too large", value)
        return numbers.reshape(-1, width)

    def indexes(self, node: Node, name: str) -> NDArray[np.int32]:
        """The integers of a field, (n,); a field without numbers has n = 0."""
        value = node.fields.get(name)
        if isinstance(value, tuple):
            return self._as_indexes(node, name, value)
        if not isinstance(value, Span):
            return np.empty(0, np.int32)
        try:
            return parse_indexes(self._text, value.start, value.stop)
        except MalformedNumber as fault:
            self._refuse(f"{node.kind}.{name} holds {fault}, which is no index", fault.at)

    def _as_indexes(self, node: Node, name: str, numbers: tuple[float, ...]) -> NDArray[np.int32]:
        for number in numbers:
            if not number.is_integer() or abs(number) > np.iinfo(np.int32).max:
                self._refuse(f"{node.kind}.{name} holds {number:g}, which is no index", numbers)
        return np.array(numbers, np.int32)

    def _parse_reals(self, span: Span) -> NDArray[np.float64]:
        try:
            return parse_reals(self._text, span.start, span.stop)
        except MalformedNumber as fault:
            self._refuse(f"there should be a number in place of {fault}", fault.at)

    # -- the grammar ------------------------------------------------------------------------------------------------

    def _scene(self) -> Iterator[Node]:
        while (token := self._next()) is not None:
            if token.lastindex != _WORD:
                self._refuse(f"there should be a node in place of {shown(token[0])}", token.end() - 1)
            yield from self._statement(token[_WORD], 0)

    def _statement(self, word: bytes, depth: int) -> list[Node]:
        """A node, as a list of one; a NULL, ROUTE or PROTO, as none."""
        if word == b"PROTO":
            self._prototype()
        elif word == b"EXTERNPROTO":
            self._external_prototype()
        elif word == b"ROUTE":
            for _ in range(3):
                self._expect_word("the parts of a ROUTE")
        elif word != b"NULL":
            return [self._node(word, depth)]
        return []

    def _node(self, word: bytes, depth: int) -> Node:
        if word == b"USE":
            return self._used(self._expect_word("a name after USE"))
        name = self._expect_word("a name after DEF") if word == b"DEF" else None
        kind = self._expect_word("a node's type") if word == b"DEF" else word
        if _NUMBER_BEGINS.match(kind):
            self._refuse(f"there should be a node in place of {shown(kind)}", self._at - 1)
        self._expect(b"{", f"of {shown(kind)}")
        node = Node(kind.decode("utf-8", "replace"))
        if kind == b"Script":
            self._skip_to(b"}")  # its fields are declarations
        else:
            self._fields(node, depth + 1)
        if name is not None:
            self._named[name.decode("utf-8", "replace")] = node
        return node

    def _used(self, name: bytes) -> Node:
        node = self._named.get(name.decode("utf-8", "replace"))
        if node is None:
            self._refuse(f"USE {shown(name)} has no DEF before it", self._at)
        return node

    def _fields(self, node: Node, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._refuse(f"nodes lie more than {MAX_DEPTH} deep within each other", self._at)
        while True:
            token = self._need(f"the }} of {node.kind}")
            if token[_PUNCTUATION] == b"}":
                return
            word = token[_WORD]
            if word is None or _NUMBER_BEGINS.match(word):
                self._refuse(f"there should be a field of {node.kind} in place of {shown(token[0])}", token.end() - 1)
            if word in (b"PROTO", b"EXTERNPROTO", b"ROUTE"):
                self._statement(word, depth)
            else:
                name = word.decode("utf-8", "replace")
                node.fields[name] = self._value(f"{node.kind}.{name}", depth)

    def _value(self, name: str, depth: int) -> Value:
        token = self._need(f"the value of {name}")
        if token[_STRING] is not None:
            return [_unescaped(token[_STRING])]
        word = token[_WORD]
        if word is None:
            if token[_PUNCTUATION] == b"[":
                return self._list(name, depth)
            self._refuse(f"{name} has no value", token.end() - 1)
        if _NUMBER_BEGINS.match(word):
            return self._numbers(name, word)
        if word in (b"TRUE", b"FALSE"):
            return word.decode()
        return self._statement(word, depth)

    def _numbers(self, name: str, word: bytes) -> tuple[float, ...]:
        """A run of numbers without brackets: a vector, a rotation, a single value."""
        numbers = [self._number(name, word)]
        while True:
            before = self._at
            token = self._next()
            if token is None or token[_WORD] is None or not _NUMBER_BEGINS.match(token[_WORD]):
                self._at = before
                return tuple(numbers)
            numbers.append(self._number(name, token[_WORD]))

    def _number(self, name: str, word: bytes) -> float:
        if _NUMBER.fullmatch(word):
            return float(word)
        if not _HEXADECIMAL.fullmatch(word):
            self._refuse(f"{name} holds {shown(word)}, which is no number", self._at - 1)
        return float(int(word, 16))

    def _list(self, name: str, depth: int) -> Value:
        first = self._need(f"the ] of {name}")
        word = first[_WORD]
        if word is not None and _NUMBER_BEGINS.match(word):
            return self._span(name, first.start(_WORD))
        if first[_STRING] is not None:
            return list(self._strings(name, first))
        return list(self._nodes(name, first, depth))

    def _span(self, name: str, start: int) -> Span:
        stop = self._text.find(b"]", start)
        if stop < 0:
            self._refuse(f"the file ends within {name}: it is incomplete", start)
        self._at = stop + 1
        return Span(start, stop)

    def _strings(self, name: str, token: re.Match[bytes]) -> Iterator[str]:
        while token[_PUNCTUATION] != b"]":
            if token[_STRING] is None:
                self._refuse(f"there should be a string in place of {shown(token[0])}", token.end() - 1)
            yield _unescaped(token[_STRING])
            token = self._need(f"the ] of {name}")

    def _nodes(self, name: str, token: re.Match[bytes], depth: int) -> Iterator[Node]:
        while token[_PUNCTUATION] != b"]":
            if token[_WORD] is None:
                self._refuse(f"there should be a node in place of {shown(token[0])}", token.end() - 1)
            yield from self._statement(token[_WORD], depth)
            token = self._need(f"the ] of {name}")

    def _prototype(self) -> None:
        name = self._expect_word("a name after PROTO")
        self._expect(b"[", "of a PROTO's interface")
        self._skip_to(b"]")
        self._expect(b"{", "of a PROTO's body")
        start = self._at
        self._skip_to(b"}")
        body = self._text.find(b"IndexedFaceSet", start, self._at)
        self.prototypes[name.decode("utf-8", "replace")] = body >= 0

    def _external_prototype(self) -> None:
        name = self._expect_word("a name after EXTERNPROTO")
        self._expect(b"[", "of an EXTERNPROTO's interface")
        self._skip_to(b"]")
        self._value("EXTERNPROTO", MAX_DEPTH)
        self.prototypes[name.decode("utf-8", "replace")] = True

    # -- tokens -----------------------------------------------------------------------------------------------------

    def _next(self) -> re.Match[bytes] | None:
        """The next token, or None at the end of the file."""
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            self._refuse_stray()
        self._at = match.end()
        return match if match.lastindex is not None else None

    def _refuse_stray(self) -> NoReturn:
        at = _end_of_match(_GAP, self._text, self._at)
        if self._text[at : at + 1] == b'"':
            self._refuse("the file ends within a string: it is incomplete", at)
        self._refuse(f"there is a stray {shown(self._text[at : at + 1])}", at)

    def _need(self, what: str) -> re.Match[bytes]:
        token = self._next()
        if token is None:
            self._refuse(f"the file ends before {what}: it is incomplete", self._at)
        return token

    def _expect_word(self, what: str) -> bytes:
        token = self._need(what)
        if token[_WORD] is None:
            self._refuse(f"there should be {what} in place of {shown(token[0])}", token.end() - 1)
        return token[_WORD]

    def _expect(self, mark: bytes, where: str) -> None:
        token = self._need(f"the {mark.decode()} {where}")
        if token[_PUNCTUATION] != mark:
            self._refuse(f"there should be a {mark.decode()} {where} in place of {shown(token[0])}", token.end() - 1)

    def _skip_to(self, closing: bytes) -> None:
        """Skip what stands up to the bracket that closes the one just read."""
        stack = [closing]
        while stack:
            mark = self._need(f"a closing {stack[-1].decode()}")[_PUNCTUATION]
            if mark in (b"{", b"["):
                stack.append(b"}" if mark == b"{" else b"]")
            elif mark is not None and mark != stack.pop():
                self._refuse(f"there is a stray {mark.decode()}", self._at - 1)

    def _refuse(self, what: str, where: int | Value) -> NoReturn:
        at = where.start if isinstance(where, Span) else where if isinstance(where, int) else None
        place = "" if at is None else f"line {_line(self._text, at)}: "
        raise BadFormat(
            self.path, f"{place}{what if len(what) <= _LONGEST_MESSAGE else what[:_LONGEST_MESSAGE] + '...'}."
        )


def _end_of_header(path: Path, data: bytes) -> int:
    match = _HEADER.match(data)
    if match is None:
        raise BadFormat(path, "this is no VRML file: it does not begin with #VRML V2.0 utf8.")
    if match[1] != b"2.0":
        version = match[1][:10].decode()
        raise BadFormat(path, f"this is VRML {version}, which is not read: save it as VRML 2.0 (VRML 97), or as PLY.")
    # what programs write about themselves is skipped here, so that the text need not be copied for it
    return _end_of_match(_LINES_OF_COMMENT, data, _end_of_line(data, match.end()))


def _without_comments(path: Path, data: bytes, start: int) -> bytes:
    """``data`` with blanks in place of every comment, so that what lies behind can do without them.

    A # within a string begins no comment. All offsets stay. Searching for the two characters costs next to
    nothing in a file that is all numbers.
    """
    pieces, kept = [data[:start]], start
    comment, string = data.find(b"#", start), data.find(b'"', start)
    while comment >= 0:
        if 0 <= string < comment:
            end = _end_of_string(path, data, string)
            string = data.find(b'"', end)
            comment = data.find(b"#", end) if comment < end else comment
            continue
        if _WINDOWS_NOT_A_NUMBER.match(data, comment - 1):
            raise BadFormat(path, f"line {_line(data, comment)}: a coordinate is not a number: save the scan anew.")
        end = _end_of_line(data, comment)
        pieces += [data[kept:comment], b" " * (end - comment)]
        kept = end
        comment = data.find(b"#", end)
        string = data.find(b'"', end) if 0 <= string < end else string
    return data if kept == start else b"".join([*pieces, data[kept:]])


def _end_of_string(path: Path, data: bytes, start: int) -> int:
    """The byte after the closing quote of the string that begins at ``start``."""
    end = data.find(b'"', start + 1)
    while end >= 0 and _backslashes_before(data, end) % 2:
        end = data.find(b'"', end + 1)
    if end < 0:
        raise BadFormat(path, f"line {_line(data, start)}: the file ends within a string: it is incomplete.")
    return end + 1


def _backslashes_before(data: bytes, at: int) -> int:
    start = at
    while data[start - 1] == 0x5C:
        start -= 1
    return at - start


def _end_of_line(data: bytes, start: int) -> int:
    return _end_of_match(_LINE, data, start)


def _end_of_match(pattern: re.Pattern[bytes], data: bytes, start: int) -> int:
    match = pattern.match(data, start)
    return start if match is None else match.end()


def _line(data: bytes, at: int) -> int:
    """Number of the line that byte ``at`` stands in, whatever ends the lines."""
    before = data[:at]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _unescaped(string: bytes) -> str:
    return re.sub(rb"\\(.)", rb"\1", string, flags=re.DOTALL).decode("utf-8", "replace")
