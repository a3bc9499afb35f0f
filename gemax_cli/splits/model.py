"""What a split is made with, what it keeps of a subject's scans, and the split itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, get_args

from gemax_cli.datasets.model import EXPRESSIONS, Dataset, expression_code
from gemax_cli.datasets.registry import dataset_named
from gemax_cli.errors import SettingsError

Protocol = Literal["paper", "kfold", "loso", "holdout"]
Part = Literal["train", "test"]
Stratum = Literal["sex", "race"]
ALGORITHM = 1
"""Version of the assignment of subjects to folds. Same version, settings and subjects: same split, on any machine."""
PAPER_ROUNDS, DEFAULT_FOLDS = 100, 10  # section 4.1
MOST_ROUNDS, MOST_FOLDS = 100_000, 10_000
UNKNOWN = "-"  # as in metadata.csv
SubjectKey = tuple[str, str]
"""(dataset, subject): the same name in two databases is two subjects."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SettingsError(message)


@dataclass(frozen=True)
class SplitSettings:
    """How subjects are drawn and dealt to folds.

    Attributes:
        protocol: ``paper`` (section 4.1: in each of 100 rounds 60 subjects are drawn and dealt to 10 folds), ``kfold``
            (all subjects, one round), ``loso`` (each subject is a fold), ``holdout`` (as ``kfold``, but fold 0 alone is
            tested).
        datasets: only subjects of these, in any case; () for all in the folder that the protocol knows.
        rounds: independent draws; None takes 100 of ``paper``, 1 of others.
        folds: of a round; None takes 10. ``loso`` has as many as subjects.
        pick: subjects drawn per database and round; None takes 60 of ``paper``, all of others.
        fixed: they are drawn once, for all rounds, and dealt anew in each; the paper does not say which it means.
        seed: another seed is another split.
        stratify: "sex" or "race" or both: drawn in proportion, dealt evenly.
        expressions: keep only scans of these, two-letter codes or words; () for all. ``paper`` has its own.
        levels: keep only these levels; () for all. ``paper`` has its own.

    Raises:
        SettingsError: a value is out of its range, or has no meaning for the protocol.
    """

    protocol: Protocol = "paper"
    datasets: tuple[str, ...] = ()
    rounds: int | None = None
    folds: int | None = None
    pick: int | None = None
    fixed: bool = False
    seed: int = 0
    stratify: tuple[Stratum, ...] = ()
    expressions: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _require(self.protocol in get_args(Protocol), f"protocol {self.protocol!r}: give {_either(Protocol)}.")
        object.__setattr__(self, "datasets", tuple(dataset_named(name).name for name in self.datasets))
        object.__setattr__(self, "expressions", tuple(map(_expression, self.expressions)))
        for name in self.stratify:
            _require(name in get_args(Stratum), f"stratify by {name!r}: give {_either(Stratum)}.")
        _require(all(level in range(5) for level in self.levels), f"levels {self.levels}: give 0 to 4.")
        _require(self.pick is None or self.pick >= 2, f"pick is {self.pick}: give 2 subjects or more.")
        _require(0 <= self.seed < 1 << 63, f"seed is {self.seed}: give a whole number from 0.")
        self._check_protocol()

    def _check_protocol(self) -> None:
        paper, loso = self.protocol == "paper", self.protocol == "loso"
        own = "paper has its own expressions and levels: leave them out or take another protocol."
        _require(not (paper and (self.expressions or self.levels)), own)
        _require(not (loso and self.folds), "loso has a fold for each subject: leave folds out.")
        _require(not (loso and (self.rounds or 1) > 1), "loso is the same in every round: leave rounds out.")
        object.__setattr__(self, "rounds", self.rounds or (PAPER_ROUNDS if paper else 1))
        object.__setattr__(self, "folds", 0 if loso else self.folds or DEFAULT_FOLDS)
        _require(1 <= self.round_count <= MOST_ROUNDS, f"rounds is {self.rounds}: give 1 to {MOST_ROUNDS}.")
        _require(loso or 2 <= self.fold_count <= MOST_FOLDS, f"folds is {self.folds}: give 2 to {MOST_FOLDS}.")

    @property
    def round_count(self) -> int:
        """Number of rounds."""
        return self.rounds or 1

    @property
    def fold_count(self) -> int:
        """Number of folds of a round; 0 of ``loso``, where the subjects decide."""
        return self.folds or 0

    def kept_of(self, dataset: Dataset) -> Kept:
        """The rule for scans of a database."""
        if self.protocol != "paper":
            return Kept(self.expressions, self.levels)
        paper = dataset.paper
        expressions = tuple(name for name in EXPRESSIONS if name in paper.expressions)
        return Kept(expressions, paper.levels, paper.first, paper.complete)

    def picks_of(self, dataset: Dataset) -> int | None:
        """Subjects of a database to draw in each round; None for all."""
        return dataset.paper.pick if self.pick is None and self.protocol == "paper" else self.pick


def _either(kind: object) -> str:
    return " or ".join(get_args(kind))


def _expression(word: str) -> str:
    code = expression_code(word)
    _require(bool(code), f"expression {word!r} is not known: give one of {', '.join(EXPRESSIONS)}.")
    return code


@dataclass(frozen=True)
class Kept:
    """Which scans of a database a split keeps.

    Attributes:
        expressions: only of these; () for all, scans without an expression too.
        levels: only of these; () for all.
        first: only the first scan of a subject and expression, in natural order of scan id.
        complete: only of subjects who show all ``expressions``.
    """

    expressions: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    first: bool = False
    complete: bool = False


@dataclass(frozen=True)
class SubjectCount:
    """Subjects of a database.

    Attributes:
        subjects: number of those to draw from.
        picked: number of those picked in a round.
    """

    subjects: int
    picked: int


@dataclass(frozen=True)
class SplitHeader:
    """The content of splits/NAME.json.

    Attributes:
        algorithm: ``ALGORITHM`` of the version that made it.
        protocol: as in ``SplitSettings``, like fixed, seed, rounds, folds and stratify.
        fixed: subjects were drawn once, for all rounds.
        seed: of the order of subjects.
        rounds: number of rounds.
        folds: of a round; 0 of ``loso``.
        stratify: by what subjects were dealt evenly.
        keeps: the rule for scans of each database; only these databases are in the split.
        counts: of the subjects of each database.
        subjects_sha256: of the lines "dataset/subject" of all subjects to draw from, sorted.
        csv_sha256: of NAME.csv.
    """

    algorithm: int
    protocol: Protocol
    fixed: bool
    seed: int
    rounds: int
    folds: int
    stratify: tuple[Stratum, ...]
    keeps: dict[str, Kept]
    counts: dict[str, SubjectCount]
    subjects_sha256: str
    csv_sha256: str


class Assignment(NamedTuple):
    """A subject's fold in a round; a row of splits/NAME.csv."""

    round: int
    fold: int
    dataset: str
    subject: str

    @property
    def key(self) -> SubjectKey:
        """(dataset, subject)."""
        return self.dataset, self.subject


@dataclass(frozen=True, eq=False)
class Split:
    """Folds of subjects, as read from or written to splits/NAME.csv and NAME.json.

    Attributes:
        name: of the files.
        header: what NAME.json says.
        rows: each picked subject once per round, in the fold that tests it; ordered by round, fold, dataset, subject.
    """

    name: str
    header: SplitHeader
    rows: tuple[Assignment, ...] = field(repr=False)

    @cached_property
    def _rounds(self) -> Mapping[int, Mapping[SubjectKey, int]]:
        rounds: dict[int, dict[SubjectKey, int]] = {}
        for row in self.rows:
            rounds.setdefault(row.round, {})[row.key] = row.fold
        return rounds

    @property
    def rounds(self) -> tuple[int, ...]:
        """Numbers of the rounds, from 0."""
        return tuple(self._rounds)

    def fold_of(self, round_number: int = 0) -> Mapping[SubjectKey, int]:
        """The fold of every subject picked in a round.

        Raises:
            SettingsError: there is no such round.
        """
        if round_number not in self._rounds:
            raise SettingsError(f"split {self.name}: has no round {round_number}: give 0 to {len(self._rounds) - 1}.")
        return self._rounds[round_number]

    def folds(self, round_number: int = 0) -> tuple[int, ...]:
        """The folds of a round that are to be tested, ascending; of a ``holdout`` split 0 alone.

        Raises:
            SettingsError: there is no such round.
        """
        found = sorted(set(self.fold_of(round_number).values()))
        return tuple(found[:1] if self.header.protocol == "holdout" else found)

    def subjects(self, round_number: int, fold: int, part: Part) -> frozenset[SubjectKey]:
        """(dataset, subject) of those who are tested in a fold, or of those who train for it.

        Raises:
            SettingsError: there is no such round or fold.
        """
        folds = self.fold_of(round_number)
        if fold not in self.folds(round_number):
            tested = ", ".join(map(str, self.folds(round_number)))
            raise SettingsError(f"split {self.name}: round {round_number} tests no fold {fold}: give one of {tested}.")
        return frozenset(key for key, own in folds.items() if (own == fold) == (part == "test"))
