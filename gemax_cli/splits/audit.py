"""Audit of a split: does anything of a test subject reach the training side?"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import Literal

import numpy as np

from gemax_cli.datasets.model import EXPRESSIONS
from gemax_cli.errors import OutputError
from gemax_cli.paths import AnyPath, AnyPaths, as_paths
from gemax_cli.splits.files import inspect_split
from gemax_cli.splits.likeness import COPY_MM, MOST_SCANS, Likeness, spread_evenly
from gemax_cli.splits.model import Part, Split, SubjectKey
from gemax_cli.splits.rows import Scans, scans_of_split
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import name_of
from gemax_cli.stack.records import ScanRecord

Kind = Literal[
    "changed", "subject on both sides", "equal sources", "equal maps", "two names", "fitted on test subjects",
    "class missing",
]  # fmt: skip
POOLED_OVER_ALL = ("dataset", "set")  # scopes of a mapping that take the test subjects in
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_NO_LETTER = re.compile(r"[\W_]+")
ScanPair = tuple[ScanRecord, ScanRecord]


@dataclass(frozen=True)
class Leak:
    """One finding: its kind, whom or what it is about, and a sentence."""

    kind: Kind
    about: str
    message: str


@dataclass(frozen=True)
class Neighbours:
    """The nearest neighbours of the depth images, root mean square difference at 28 x 28 cells.

    The share of the same subject says how easily a classifier would know a test subject again whom it saw in training:
    what a leak would buy. Each share is of the scans that have a neighbour.

    Attributes:
        scans: compared.
        same_subject: share whose nearest neighbour is of the same subject, 0..1.
        by_chance: the share that neighbours drawn at random would give.
        same_expression: share whose nearest neighbour shows the same expression.
        same_expression_others: the same where only scans of other subjects count.
    """

    scans: int
    same_subject: float
    by_chance: float
    same_expression: float
    same_expression_others: float


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        split: name.
        folds: over all rounds.
        scans: that the split keeps.
        leaks: () for a sound split.
        neighbours: None where fewer than two scans could be compared.
    """

    split: str
    folds: int
    scans: int
    leaks: tuple[Leak, ...]
    neighbours: Neighbours | None


def check_split(out: AnyPath, name: str, runs: AnyPaths = ()) -> Audit:
    """Look for leaks between the two sides of every fold of a split.

    Found are: rows changed since the split was written; a subject on both sides; raw files of the same bytes, and
    equal, mirrored or all but equal images, under two subjects; one subject under two names (they differ in case,
    leading zeros or separators alone, or disagree with the scan's folder); a mapping or normalisation that test
    subjects took part in; folds without a class. Not found is a subject who was scanned again under a name of no
    likeness. Of more than ``MOST_SCANS`` scans, that many are compared by their pixels and all by their records.

    Args:
        out: a folder that ``gemax convert`` wrote.
        name: of a split in it.
        runs: folders that ``gemax train`` wrote with this split. The ``fitted_on`` of a fold's result.json lists the
            subjects ("dataset/subject") that its mapping and normalisation were fitted on.

    Raises:
        SettingsError: there is no such split.
        SplitDamaged: a file of it cannot be read at all.
        SubjectMissing: the folder has no scan of a picked subject.
        ScanError: an image cannot be read.
        OutputError: a result.json is damaged.
    """
    folder = OutputFolder(out)
    split, changes = inspect_split(folder, name)
    scans = scans_of_split(folder, split)
    kept = [scan for own in scans.values() for scan in own]
    likeness = Likeness.of(folder, spread_evenly(kept, MOST_SCANS))
    leaks = [
        *(Leak("changed", split.name, message) for message in changes),
        *both_sides(split),
        *equal_sources(split, kept),
        *equal_maps(split, kept, likeness),
        *two_names(scans),
        *fitted_on_test(folder, split, as_paths(runs)),
        *missing_classes(split, scans),
    ]
    folds = sum(len(split.folds(number)) for number in split.rounds)
    return Audit(split.name, folds, len(kept), tuple(dict.fromkeys(leaks)), neighbours(likeness))


def both_sides(split: Split) -> Iterator[Leak]:
    """Subjects that a round has in two folds."""
    folds: dict[tuple[int, SubjectKey], set[int]] = defaultdict(set)
    for row in split.rows:
        folds[row.round, row.key].add(row.fold)
    for (number, key), own in folds.items():
        if len(own) > 1:
            listed = ", ".join(map(str, sorted(own)))
            yield Leak("subject on both sides", _named(key), f"{_named(key)} is in folds {listed} of round {number}")


def equal_sources(split: Split, scans: Iterable[ScanRecord]) -> Iterator[Leak]:
    """Raw files of the same bytes under two subjects."""
    pairs = _pairs((scan.source_sha256, scan) for scan in scans)
    yield from _told(split, "equal sources", pairs, "come from files of the same bytes")


def equal_maps(split: Split, scans: Iterable[ScanRecord], likeness: Likeness) -> Iterator[Leak]:
    """Images that are equal by their records or pixels, mirrored, or all but equal, under two subjects."""
    recorded = ((sha, scan) for scan in scans for sha in _hashes(scan))
    seen = ((one, s) for s, prints in zip(likeness.scans, likeness.prints, strict=True) for one in sorted(prints))
    equal = list(_pairs(chain(recorded, seen)))
    known = {_ids(pair) for pair in equal}
    close = (pair for pair in _copies(likeness) if _ids(pair) not in known)
    for pairs, what in ((equal, "have an image in common"), (close, f"differ by less than {COPY_MM:g} mm")):
        yield from _told(split, "equal maps", pairs, f"{what}, as they are or mirrored")


def _pairs(marked: Iterable[tuple[str, ScanRecord]]) -> Iterator[ScanPair]:
    """Scans of two subjects with the same mark, the first of each subject for all."""
    groups: dict[str, dict[SubjectKey, ScanRecord]] = defaultdict(dict)
    for mark, scan in marked:
        groups[mark].setdefault(_key(scan), scan)
    for group in groups.values():
        yield from combinations(group.values(), 2)


def _hashes(scan: ScanRecord) -> Iterator[str]:
    for block in scan.blocks:
        yield block.sha256
        yield from (m.sha256 for m in block.maps)


def _ids(pair: ScanPair) -> frozenset[str]:
    return frozenset(scan.scan_id for scan in pair)


def _copies(likeness: Likeness) -> Iterator[ScanPair]:
    for i, plain, turned in likeness.rows():
        for j in np.flatnonzero(np.minimum(plain, turned)[i + 1 :] < COPY_MM) + i + 1:
            yield likeness.scans[i], likeness.scans[j]


def _told(split: Split, kind: Kind, pairs: Iterable[ScanPair], what: str) -> Iterator[Leak]:
    """A leak for each pair of scans of two subjects that some fold has on its two sides."""
    for one, other in pairs:
        where = split_sides(split, (_key(one), _key(other)))
        if where:
            about = f"{one.scan_id} and {other.scan_id}"
            yield Leak(kind, about, f"{about} {what}, on the two sides of {where}")


def split_sides(split: Split, pair: tuple[SubjectKey, SubjectKey]) -> str:
    """Where two subjects stand on the two sides of a fold: "round 0, fold 3 and 17 others"; "" if nowhere."""
    found = []
    for number in split.rounds:
        folds = {split.fold_of(number).get(key) for key in pair}
        if len(folds) == 2 and None not in folds:
            found += [(number, fold) for fold in split.folds(number) if fold in folds]
    if not found:
        return ""
    more = f" and {len(found) - 1} other folds" if len(found) > 1 else ""
    return f"round {found[0][0]}, fold {found[0][1]}{more}"


def two_names(scans: Scans) -> Iterator[Leak]:
    """Subjects of a database whose names are spellings of one, and scans whose folder names another subject."""
    spellings: dict[SubjectKey, list[SubjectKey]] = defaultdict(list)
    for key in scans:
        spellings[key[0], plain_name(key[1])].append(key)
    for keys in spellings.values():
        if len(keys) > 1:
            named = " and ".join(key[1] for key in keys)
            yield Leak("two names", _named(keys[0]), f"{keys[0][0]}: {named} are spellings of one name")
    for key, own in scans.items():
        for scan in own:
            said = name_of(scan.scan_id).subject
            if said and plain_name(said) != plain_name(key[1]):
                message = f"{scan.scan_id} is of {said} by its name and of {key[1]} by its record"
                yield Leak("two names", scan.scan_id, message)


def plain_name(subject: str) -> str:
    """A subject's name without case, leading zeros of numbers, and separators."""
    return _ZEROS.sub("", _NO_LETTER.sub("", subject.casefold()))


def fitted_on_test(folder: OutputFolder, split: Split, runs: Sequence[Path]) -> Iterator[Leak]:
    """A mapping over all scans of the folder, and results of folds that were fitted on their test subjects."""
    settings = folder.run.get("settings")
    scope = settings.get("mapping") if isinstance(settings, dict) else None
    if scope in POOLED_OVER_ALL:
        message = f"the folder's maps were made by one mapping for all scans ({scope}), test subjects included"
        yield Leak("fitted on test subjects", str(folder.path), message)
    for path in sorted(path for run in runs for path in run.glob("r*-f*/result.json")):
        yield from _fitted(path, split)


def _fitted(path: Path, split: Split) -> Iterator[Leak]:
    try:
        result = json.loads(path.read_bytes())
        number, fold, fitted = int(result["round"]), int(result["fold"]), set(map(str, result.get("fitted_on", ())))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OutputError(f"{path}: is damaged ({error!r}): train the fold again.") from error
    test = {_named(key) for key in split.subjects(number, fold, "test")}
    csv = split.header.csv_sha256
    if result.get("split") != split.name or result.get("split_sha256", csv) != csv:
        yield Leak("fitted on test subjects", str(path), f"{path} is of another split: its folds are not these")
    elif fitted & test:
        yield Leak("fitted on test subjects", str(path), f"{path} was fitted on {', '.join(sorted(fitted & test))} too")


def missing_classes(split: Split, scans: Scans) -> Iterator[Leak]:
    """Folds of which one side lacks an expression that the split's scans show."""
    shows = {key: {s.name.expression for s in own} & set(EXPRESSIONS) for key, own in scans.items()}
    classes = set().union(*shows.values())
    for number in split.rounds:
        for fold in split.folds(number):
            for part in ("train", "test"):
                yield from _missing(split, shows, classes, (number, fold, part))


def _missing(
    split: Split, shows: Mapping[SubjectKey, set[str]], classes: set[str], side: tuple[int, int, Part]
) -> Iterator[Leak]:
    number, fold, part = side
    lacking = classes.difference(*(shows[key] for key in split.subjects(number, fold, part)))
    if lacking:
        about = f"round {number}, fold {fold}"
        yield Leak("class missing", about, f"{about}: the {part} side has no scan of {', '.join(sorted(lacking))}")


def neighbours(likeness: Likeness) -> Neighbours | None:
    """Whom the nearest neighbour of each scan is of, and what it shows."""
    names = [scan.name for scan in likeness.scans]
    subjects = np.array([f"{name.dataset}/{name.subject}" for name in names])
    shown = np.array([name.expression for name in names])
    found: list[tuple[bool, bool]] = []
    others: list[bool] = []
    for i, plain, _ in likeness.rows():
        if np.isfinite(plain).any():
            nearest = int(plain.argmin())
            found.append((subjects[nearest] == subjects[i], shown[nearest] == shown[i]))
        strangers = np.where(subjects == subjects[i], np.inf, plain)
        if np.isfinite(strangers).any():
            others.append(shown[int(strangers.argmin())] == shown[i])
    if not found:
        return None
    _, counts = np.unique(subjects, return_counts=True)
    by_chance = float((counts * (counts - 1)).sum() / max(len(names) * (len(names) - 1), 1))
    same = np.mean(found, axis=0)
    return Neighbours(len(found), float(same[0]), by_chance, float(same[1]), float(np.mean(others or [False])))


def _key(scan: ScanRecord) -> SubjectKey:
    return scan.name.dataset, scan.name.subject


def _named(key: SubjectKey) -> str:
    return "/".join(key)
