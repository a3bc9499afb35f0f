"""VRML 97 text to a tree of nodes (ISO/IEC 14772-1:1997, annex A: the grammar).

The grammar can be read without knowing any node's fields: after a field's name stands a run of numbers, a string,
a word, a node, or a list in brackets. Lists of numbers are not read here: the tree keeps where they lie, and only
those that make up the surface are parsed, straight from the file's bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import BadFormat
from gemax_cli.jit import kernel
from gemax_cli.scans.text_numbers import MalformedNumber, parse_indexes, parse_reals, shown

MAX_DEPTH = 64
"""Nodes within nodes; a scan needs about five, and unlimited recursion must be impossible."""

MAX_PARTS = 50_000
"""Nodes, fields and strings: each takes hundreds of bytes of memory. A scan has some dozens."""

_MOST_COMMENTS = 100  # behind the header
_DEEPEST = 10_000  # brackets in what is skipped
_LONGEST = 65_536  # bytes of a word, and of a string that is kept

_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?#VRML[ \t]+V([0-9.]+)[ \t]+\S+[^\r\n]*")
_COMMENT = re.compile(rb"[ \t\r\n,]*#[^\r\n]*")
# No group is repeated: the engine would keep some hundred bytes for each repetition.
_WORD = rb'[^\x00-\x20"#\',\[\]\\{}\x7f]+'
_TOKEN = re.compile(rb'[ \t\r\n,]*([{}\[\]"]|%b|\Z)' % _WORD)
_STRING_STOP = re.compile(rb'["\\]')
_NUMBER = re.compile(rb"[+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_NUMBER_BEGINS = re.compile(rb"[-+.0-9]|(?:nan|inf|infinity)\b", re.IGNORECASE)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_NO_WORD = frozenset(b'{}[]"')  # first bytes of other tokens
_LONGEST_MESSAGE = 200  # names of nodes and fields come from the file


class Span(NamedTuple):
    """A list or run of numbers, not parsed: the bytes ``start`` to ``stop`` of the text."""

    start: int
    stop: int


@dataclass(eq=False)
class Node:
    """A node of the scene.

    Attributes:
        kind: the node's type: "Transform", "Shape" ...
        fields: value by field name. Numbers are a Span; strings and nodes are lists, with or without brackets; TRUE
            and FALSE are words.
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


Part = TypeVar("Part", Node, str)
Value = Span | str | Sequence[Node | str]


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
        self._at, self._parts = _end_of_header(path, data), 0
        self._text = self._without_comments(data)
        self._named: dict[bytes, Node] = {}
        self.prototypes: dict[str, bool] = {}
        self.roots = list(self._scene())

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self._text)

    def reals(self, node: Node, name: str, width: int) -> NDArray[np.float64]:
        """The numbers of a field, (n, width); a field without numbers has n = 0."""
        span = node.fields.get(name)
        if not isinstance(span, Span):
            return np.empty((0, width))
        try:
            numbers = parse_reals(self._text, *span)
        except MalformedNumber as fault:
            self._refuse(f"there should be a number in place of {fault}", fault.at)
        if numbers.size % width:
            what = f"{node.kind}.{name} holds {numbers.size} numbers, which is not a multiple of {width}"
            self._refuse(what, span.start)
        if not np.isfinite(numbers).all():
            self._refuse(f"{node.kind}.{name} holds a number that is too large", span.start)
        return numbers.reshape(-1, width)

    def indexes(self, node: Node, name: str) -> NDArray[np.int32]:
        """The integers of a field, (n,); a field without numbers has n = 0."""
        span = node.fields.get(name)
        if not isinstance(span, Span):
            return np.empty(0, np.int32)
        try:
            return parse_indexes(self._text, *span)
        except MalformedNumber as fault:
            self._refuse(f"{node.kind}.{name} holds {fault}, which is no index", fault.at)

    # -- the grammar ------------------------------------------------------------------------------------------------

    def _scene(self) -> Iterator[Node]:
        while token := self._next():
            yield from self._statement(self._word(token, "a node"), 0)

    def _statement(self, word: bytes, depth: int) -> list[Node]:
        """A node, as a list of one; a NULL, ROUTE or PROTO, as none."""
        if word == b"PROTO":
            self._prototype()
        elif word == b"EXTERNPROTO":
            self._external_prototype()
        elif word == b"ROUTE":
            for _ in range(3):
                self._need_word("the parts of a ROUTE")
        elif word != b"NULL":
            return [self._node(word, depth)]
        return []

    def _node(self, word: bytes, depth: int) -> Node:
        if word == b"USE":
            return self._used(self._need_word("a name after USE"))
        name = self._need_word("a name after DEF") if word == b"DEF" else None
        kind = self._need_word("a node's type") if word == b"DEF" else word
        if _NUMBER_BEGINS.match(kind):
            self._refuse_token(kind, "a node")
        self._expect(b"{", f"of {shown(kind)}")
        node = self._counted(Node(_decoded(kind)))
        if kind == b"Script":
            self._skip_to(b"}")  # its fields are declarations
        else:
            self._fields(node, depth + 1)
        if name is not None:
            self._named[name] = node
        return node

    def _used(self, name: bytes) -> Node:
        if name not in self._named:
            self._refuse(f"USE {shown(name)} has no DEF before it", self._at)
        return self._named[name]

    def _fields(self, node: Node, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._refuse(f"nodes lie more than {MAX_DEPTH} deep within each other", self._at)
        while (token := self._need(f"the }} of {node.kind}")) != b"}":
            word = self._word(token, f"a field of {node.kind}")
            if _NUMBER_BEGINS.match(word):
                self._refuse_token(word, f"a field of {node.kind}")
            if word in (b"PROTO", b"EXTERNPROTO", b"ROUTE"):
                self._statement(word, depth)
            else:
                name = self._counted(_decoded(word))
                node.fields[name] = self._value(f"{node.kind}.{name}", depth)

    def _value(self, name: str, depth: int) -> Value:
        token = self._need(f"the value of {name}")
        if token == b"[":
            return self._list(name, depth)
        if token.startswith(b'"'):
            return [_unescaped(token)]
        if token[0] in _NO_WORD:
            self._refuse(f"{name} has no value", self._at - 1)
        if _NUMBER_BEGINS.match(token):
            return self._numbers(name, token)
        if token in (b"TRUE", b"FALSE"):
            return token.decode()
        return self._statement(token, depth)

    def _numbers(self, name: str, word: bytes) -> Span:
        """A run of numbers without brackets: a vector, a rotation, a single value."""
        start = stop = self._at - len(word)
        while _NUMBER_BEGINS.match(word):
            if not _NUMBER.fullmatch(word):
                self._refuse(f"{name} holds {shown(word)}, which is no number", self._at - 1)
            stop = self._at
            word = self._next()
        self._at = stop
        return Span(start, stop)

    def _list(self, name: str, depth: int) -> Value:
        token = self._need(f"the ] of {name}")
        if _NUMBER_BEGINS.match(token):
            return self._span(name, self._at - len(token))
        items, strings = list[Node | str](), token.startswith(b'"')
        while token != b"]":
            if not strings:
                items += self._statement(self._word(token, "a node"), depth)
            elif token.startswith(b'"'):
                items.append(self._counted(_unescaped(token)))
            else:
                self._refuse_token(token, "a string")
            token = self._need(f"the ] of {name}")
        return items

    def _span(self, name: str, start: int) -> Span:
        stop = self._text.find(b"]", start)
        if stop < 0:
            self._refuse(f"the file ends within {name}: it is incomplete", start)
        self._at = stop + 1
        return Span(start, stop)

    def _prototype(self) -> None:
        name = self._need_word("a name after PROTO")
        self._expect(b"[", "of a PROTO's interface")
        self._skip_to(b"]")
        self._expect(b"{", "of a PROTO's body")
        start = self._at
        self._skip_to(b"}")
        found = self._text.find(b"IndexedFaceSet", start, self._at) >= 0
        self.prototypes[self._counted(_decoded(name))] = found

    def _external_prototype(self) -> None:
        name = self._need_word("a name after EXTERNPROTO")
        self._expect(b"[", "of an EXTERNPROTO's interface")
        self._skip_to(b"]")
        self._value("EXTERNPROTO", MAX_DEPTH)
        self.prototypes[self._counted(_decoded(name))] = True

    # -- tokens -----------------------------------------------------------------------------------------------------

    def _next(self) -> bytes:
        """The next token: a bracket, a string in its quotes or a word; nothing at the end of the file."""
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            self._refuse_stray()
        self._at = match.end()
        token: bytes = match[1]
        if token == b'"':
            return self._string(match.start(1))
        if len(token) > _LONGEST:
            self._refuse(f"there is a word of {len(token):,} letters", match.start(1))
        return token

    def _string(self, start: int) -> bytes:
        """The string whose first quote was just read, in its quotes; of a very long one the start."""
        while True:
            stop = _STRING_STOP.search(self._text, self._at)
            if stop is None:
                self._at = start
                self._refuse_stray()
            self._at = stop.end() + (stop[0] == b"\\")
            if stop[0] == b'"':
                return bytes(self._text[start : min(stop.start(), start + _LONGEST)]) + b'"'

    def _counted(self, part: Part) -> Part:
        """A part of the tree, unless there are too many."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            self._refuse(f"there are more than {MAX_PARTS:,} nodes, fields and strings: this is no face scan", self._at)
        return part

    def _refuse_stray(self) -> NoReturn:
        rest = self._text[self._at :].lstrip(b" \t\r\n,")
        at = len(self._text) - len(rest)
        if rest.startswith(b'"'):
            self._refuse("the file ends within a string: it is incomplete", at)
        self._refuse(f"there is a stray {shown(rest[:1])}", at)

    def _need(self, what: str) -> bytes:
        token = self._next()
        if not token:
            self._refuse(f"the file ends before {what}: it is incomplete", self._at)
        return token

    def _need_word(self, what: str) -> bytes:
        return self._word(self._need(what), what)

    def _word(self, token: bytes, what: str) -> bytes:
        """The token just read, if it is a word."""
        if token[0] in _NO_WORD:
            self._refuse_token(token, what)
        return token

    def _expect(self, mark: bytes, where: str) -> None:
        what = f"{mark.decode()} {where}"
        token = self._need(f"the {what}")
        if token != mark:
            self._refuse_token(token, f"a {what}")

    def _skip_to(self, closing: bytes) -> None:
        """Skip what stands up to the bracket that closes the one just read."""
        stack = [closing]
        while stack:
            token = self._need(f"a closing {stack[-1].decode()}")
            if token in (b"{", b"["):
                stack.append(b"}" if token == b"{" else b"]")
                if len(stack) > _DEEPEST:
                    self._refuse(f"brackets lie more than {_DEEPEST:,} deep within each other", self._at)
            elif token in (b"}", b"]") and token != stack.pop():
                self._refuse(f"there is a stray {token.decode()}", self._at - 1)

    def _without_comments(self, data: bytes) -> bytes | bytearray:
        """The text with every comment replaced by spaces, so that later code finds no comments; all offsets stay."""
        if data.find(b"#", self._at) < 0:
            return data
        text = bytearray(data)
        at = blank_comments(np.frombuffer(text, np.uint8), self._at)
        if at >= 0:
            self._text = data
            self._refuse("a coordinate is not a number: save the scan anew", at)
        return text

    def _refuse_token(self, token: bytes, what: str) -> NoReturn:
        self._refuse(f"there should be {what} in place of {shown(token)}", self._at - 1)

    def _refuse(self, what: str, at: int) -> NoReturn:
        shortened = what if len(what) <= _LONGEST_MESSAGE else what[:_LONGEST_MESSAGE] + "..."
        raise BadFormat(self.path, f"line {_line(self._text, at)}: {shortened}.")


def _end_of_header(path: Path, data: bytes) -> int:
    match = _HEADER.match(data)
    if match is None:
        raise BadFormat(path, "this is no VRML file: it does not begin with #VRML V2.0 utf8.")
    if match[1] != b"2.0":
        version = match[1][:10].decode()
        raise BadFormat(path, f"this is VRML {version}, which is not read: save it as VRML 2.0 (VRML 97), or as PLY.")
    # What programs write about themselves is skipped here, so that the text need not be copied for it.
    at = match.end()
    for _ in range(_MOST_COMMENTS):
        comment = _COMMENT.match(data, at)
        if comment is None:
            break
        at = comment.end()
    return at


def _line(data: bytes | bytearray, at: int) -> int:
    """Number of the line that byte ``at`` stands in, whatever ends the lines."""
    return data.count(b"\n", 0, at) + data.count(b"\r", 0, at) - data.count(b"\r\n", 0, at) + 1


@kernel
def _is_no_number(word: NDArray[np.uint8]) -> bool:
    """Whether three letters begin IND, INF, QNAN or SNAN."""
    first, second, third = word
    if second != 78:
        return False
    return (first == 73 and third in (68, 70)) or (first in (81, 83) and third == 65)


@kernel
def blank_comments(text: NDArray[np.uint8], start: int) -> int:
    """Overwrite comments, from # to the end of a line, by spaces, but not in strings; from ``start`` on.

    Returns:
        -1, or where a comment begins that is part of what Windows writes for a number that is none: 1.#QNAN, -1.#IND.
    """
    string, comment, escaped = False, False, False
    for at in range(start, text.size):
        byte = text[at]
        if comment:
            comment = byte not in (10, 13)
        elif string:
            string = escaped or byte != 34
            escaped = byte == 92 and not escaped
        elif byte == 34:
            string = True
        elif byte == 35:
            comment = True
            if at and text[at - 1] == 46 and at + 3 < text.size and _is_no_number(text[at + 1 : at + 4]):
                return at
        if comment:
            text[at] = 32
    return -1


def _decoded(word: bytes) -> str:
    return word.decode("utf-8", "replace")


def _unescaped(string: bytes) -> str:
    """The content of a string in its quotes."""
    return _decoded(_ESCAPED.sub(rb"\1", string[1:-1]))
