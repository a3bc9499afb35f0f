"""The files that a search found: where each lies, and the scan that its name says it is."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from gemax_cli.compact import Lazy, Texts, in_order
from gemax_cli.datasets.ids import digest, natural_key, scan_id
from gemax_cli.datasets.model import ParsedName, ScanRef
from gemax_cli.datasets.registry import parse_name


class Root(NamedTuple):
    """A folder that files are named from, or a file on its own: a SRC, or where a symbolic link leads to.

    Attributes:
        path: as given or found.
        source: relative to its SRC, "/" between parts; of a folder "" or with a "/" at the end.
        real: the path without symbolic links.
        number: of its SRC.
        named: a file given as such, so taken whatever it is.
        linked: a file that is a symbolic link.
    """

    path: str
    source: str
    real: str
    number: int
    named: bool = False
    linked: bool = False


class Catalogue:
    """Files by number: each is a root and a tail, the path from there with "/" between parts ("" for the root itself).

    Nothing else is kept of a file, so that very many take little memory: all that its name says is read anew.
    """

    def __init__(self) -> None:
        self.roots: list[Root] = []
        self._root, self._tails = array("I"), Texts()
        self._ids: dict[int, str] = {}  # of the scans that another one has taken theirs from
        self._above: dict[int, tuple[str, ...]] = {}  # parts of the absolute paths of roots

    def __len__(self) -> int:
        return len(self._root)

    def add_root(self, root: Root) -> int:
        """Take up a root; returns its number."""
        self.roots.append(root)
        return len(self.roots) - 1

    def add(self, root: int, tail: str) -> None:
        """Take up a file."""
        self._root.append(root)
        self._tails.append(tail)

    def add_alone(self, root: Root) -> None:
        """Take up a file that is named from nowhere else."""
        self.add(self.add_root(root), "")

    def root(self, number: int) -> Root:
        """The root of a file."""
        return self.roots[self._root[number]]

    def real(self, number: int) -> str:
        """A file's path without symbolic links."""
        return below(self.root(number).real, self._tails[number])

    def plain_id(self, number: int) -> str:
        """The id that a file's scan would have if there were no other."""
        return scan_id(*self._names(number))

    def reference(self, number: int) -> ScanRef:
        """The scan of a file."""
        root, tail = self.root(number), self._tails[number]
        parsed, folders = self._names(number)
        place = self._ids.get(number) or scan_id(parsed, folders)
        return ScanRef(place, Path(below(root.path, tail)), root.source + tail, parsed.name)

    def _names(self, number: int) -> tuple[ParsedName, list[str]]:
        """What the name says, and the folders between SRC and the file."""
        root, tail = self.root(number), self._tails[number]
        above = self._parts_above(self._root[number]) if tail else Path(root.path).absolute().parts
        parts = (*above, *tail.split("/")) if tail else above
        return parse_name(parts[-1], parts[-3:-1]), (root.source + tail).split("/")[:-1]

    def _parts_above(self, root: int) -> tuple[str, ...]:
        """The folders down to a root that names can tell from; BU-4DFE's stand two above the file."""
        if root not in self._above:
            self._above[root] = Path(self.roots[root].path).absolute().parts[-2:]
        return self._above[root]

    def unique_files(self) -> array[int]:
        """One number per real file: files given by name go before real places, and those before links.

        No two files of the folders searched are the same, for each folder was entered once.
        """
        alone = [n for n in range(len(self)) if self.root(n).named or self.root(n).linked]
        first: dict[str, int] = {}
        for n in sorted(alone, key=lambda n: (not self.root(n).named, self.root(n).number)):
            first.setdefault(self.real(n), n)
        if not first:
            return array("I", range(len(self)))
        found = array("I", (n for n in self._in_folders(set(alone)) if not self._yields(n, first)))
        return found + array("I", first.values())

    def _in_folders(self, alone: set[int]) -> Iterable[int]:
        return (n for n in range(len(self)) if n not in alone)

    def _yields(self, number: int, first: dict[str, int]) -> bool:
        """Whether a file was given by name as well; a link to it is dropped from ``first``."""
        real = self.real(number)
        other = first.get(real)
        if other is None or self.root(other).named:
            return other is not None
        del first[real]
        return False

    def scans(self) -> Lazy[ScanRef]:
        """A scan per real file, in natural order of ids; all ids are made unique."""
        order = in_order(self.unique_files(), self._sort_key)
        self._make_unique(order)
        return Lazy(self.reference, order)

    def _sort_key(self, number: int) -> tuple[Any, ...]:
        root, source = self.root(number), self.root(number).source + self._tails[number]
        return natural_key(self.plain_id(number)), natural_key(source), source, root.number, self.real(number)

    def _make_unique(self, order: Sequence[int]) -> None:
        taken = _Taken(map(self.plain_id, order))
        for number, code in zip(order, taken.codes, strict=True):
            if taken.is_crowded(code):
                plain = self.plain_id(number)
                if (unique := taken.free_id(plain, self.root(number).source + self._tails[number])) != plain:
                    self._ids[number] = unique

    def moved(self) -> dict[str, str]:
        """The ids that were changed, and what each would have been."""
        return {unique: self.plain_id(number) for number, unique in self._ids.items()}


class _Taken:
    """Ids that cannot be given: of other scans, and folders above them; eight bytes for each.

    Args:
        ids: that all scans would have if each were alone.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._given: set[int] = set()  # folders above scans, and what was asked for more than once
        self.codes = codes = array("Q", map(_code, self._noting_folders(ids)))  # in the order of the ids
        self._all = array("Q", map(codes.__getitem__, in_order(range(len(codes)), codes.__getitem__)))
        self._several = {code for code, after in pairwise(self._all) if code == after}

    def _noting_folders(self, ids: Iterable[str]) -> Iterable[str]:
        last = ""
        for scan in ids:
            folder = scan.rpartition("/")[0]
            if folder != last:  # most scans lie beside the one before
                self._given.update(_with_parents(folder))
                last = folder
            yield scan

    def is_crowded(self, code: int) -> bool:
        """Whether an id must be asked for, because it is not one scan's alone."""
        return code in self._several or code in self._given

    def free_id(self, plain: str, source: str) -> str:
        """The id itself for the first to ask for it, else one with "~" and digits of the source; it is then given."""
        unique, attempt = plain, 0
        while _code(unique) in self._given or (attempt and self._is_plain(unique)):
            # The same source under several SRC: counted, because its digest is the same each time.
            unique, attempt = f"{plain}~{digest(source + '/' * attempt, 8)}", attempt + 1
        self._given.add(_code(unique))
        return unique

    def _is_plain(self, scan: str) -> bool:
        """Whether another scan has this id by itself."""
        code = _code(scan)
        place = bisect_left(self._all, code)
        return place < len(self._all) and self._all[place] == code


def _code(scan: str) -> int:
    """Equal for ids that are one folder on file systems where case does not count; for others as good as never."""
    folded = unicodedata.normalize("NFC", scan.casefold()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(folded, digest_size=8).digest(), "big")


def _with_parents(folder: str) -> Iterable[int]:
    parts = folder.split("/")
    return (_code("/".join(parts[: end + 1])) for end in range(len(parts)))


def below(folder: str, tail: str) -> str:
    """The path ``tail`` steps below a folder; the folder itself for ""."""
    return os.path.join(folder, tail.replace("/", os.sep)) if tail else folder  # noqa: PTH118 - names of any bytes
