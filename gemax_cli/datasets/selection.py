"""Filters for the scans found."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

from gemax_cli.datasets.model import EXPRESSIONS, ScanRef, expression_code
from gemax_cli.datasets.registry import DATASETS, KINDS, dataset_named
from gemax_cli.errors import SettingsError

Protocol = Literal["", "paper"]


@dataclass(frozen=True)
class Selection:
    """Filters of a conversion; an empty one keeps everything, several must all agree.

    Attributes:
        datasets: of ``registry.DATASETS``, in any case, with hyphens or without.
        expressions: two-letter codes or English words ("HA", "happy"), in any case.
        levels: 0 to 4; scans whose names give no level are dropped where any is asked for.
        subjects: "F0001", "bs000", or shell patterns of them ("F00*"), in any case.
        patterns: shell patterns; one must fit the source path or the scan id. "*" crosses "/"; case does not count.
        kind: of BU-3DFE's two meshes. "F3D" takes RAW only where it stands alone; "RAW" takes no F3D. Files
            named one by one are taken whatever their kind.
        protocol: "paper" keeps what section 4.1 of the paper trains and tests on, which each database's file says
            (``Dataset.paper``). Which subjects are complete is decided before the other filters are applied.

    Raises:
        SettingsError: a dataset, expression, level, kind or protocol does not exist.
    """

    datasets: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    subjects: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    kind: str = KINDS[0]
    protocol: Protocol = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "datasets", tuple(dataset_named(name).name for name in self.datasets))
        object.__setattr__(self, "expressions", tuple(_expression(word) for word in self.expressions))
        if wrong := [level for level in self.levels if level not in range(5)]:
            raise SettingsError(f"level {wrong[0]} does not exist: give 0 to 4.")
        if self.kind not in KINDS:
            raise SettingsError(f"kind {self.kind!r} does not exist: give {' or '.join(KINDS)}.")
        if self.protocol not in ("", "paper"):
            raise SettingsError(f"protocol {self.protocol!r} does not exist: give 'paper' or leave it out.")


def wanted(scans: Iterable[ScanRef], selection: Selection) -> Callable[[ScanRef], bool]:
    """Return a test for all filters except ``kind``. The paper's protocol needs the list of all scans."""
    tests = _tests(selection)
    if selection.protocol == "paper":
        tests.append(_paper_test(scans))
    return lambda scan: all(test(scan) for test in tests)


FILTERS = {
    "--dataset": ("datasets", "dataset"),
    "--subject": ("subjects", "subject"),
    "--expression": ("expressions", "expression"),
    "--level": ("levels", "level"),
    "--glob": ("patterns", ""),
    "--select": ("protocol", ""),
}
"""Options, their fields of ``Selection``, and the field of ``ScanName`` that they compare."""


def none_left(scans: Sequence[ScanRef], selection: Selection) -> str:
    """A sentence on the filters that no scan passes, and what there is instead; "" without scans or filters."""
    asked = {option: values for option, (field, _) in FILTERS.items() if (values := getattr(selection, field))}
    if not scans or not asked:
        return ""
    alone = [option for option in asked if not _passes(option, asked[option], scans)]
    filters = [_filter_text(option, asked[option]) + _instead(option, asked[option], scans) for option in alone]
    together = " ".join(_filter_text(option, values) for option, values in asked.items())
    return f"{len(scans)} scans found, none matches {', '.join(filters) or together}."


def unmatched(scans: Sequence[ScanRef], selection: Selection) -> Iterator[str]:
    """A sentence for each subject that no scan is of, with the nearest that there is."""
    for subject in selection.subjects:
        if not _passes("--subject", (subject,), scans):
            yield f"no scan is of --subject {subject}{_instead('--subject', (subject,), scans)}."


def _passes(option: str, values: object, scans: Sequence[ScanRef]) -> bool:
    """Whether any scan passes one filter alone."""
    alone: dict[str, Any] = {FILTERS[option][0]: values}
    return any(map(wanted(scans, Selection(**alone)), scans))


def _filter_text(option: str, values: str | Sequence[object]) -> str:
    return f"{option} {values if isinstance(values, str) else ' '.join(map(str, values))}"


def _instead(option: str, values: Sequence[object], scans: Sequence[ScanRef]) -> str:
    field = FILTERS[option][1]
    found = {getattr(scan.name, field) for scan in scans} if field else set()
    there = {str(value) for value in found if value not in ("", None)}
    if option != "--subject":
        return f" (there are: {', '.join(sorted(there))})" if there else ""
    names = {name.casefold(): name for name in sorted(there)}
    near = [names[name] for value in values for name in get_close_matches(str(value).casefold(), names, n=1)]
    return f" (nearest: {', '.join(dict.fromkeys(near))})" if near else ""


def left_out(scans: Sequence[ScanRef], selection: Selection) -> Iterator[str]:
    """Sentences on what the protocol or the levels leave out of the scans that pass the other filters, and why."""
    others = wanted(scans, replace(selection, levels=(), protocol=""))
    rest = [scan for scan in scans if others(scan)]
    if selection.levels:
        yield from _said("--level", Counter(scan.name.dataset for scan in rest if scan.name.level is None), NO_LEVEL)
        rest = [scan for scan in rest if scan.name.level is not None]
    if selection.protocol == "paper":
        unused = Counter(scan.name.dataset for scan in rest if not DATASETS[scan.name.dataset].paper.expressions)
        yield from _said("--select paper", unused, "the paper does not use them")
        yield from _incomplete(scans, rest)


NO_LEVEL = "their names give no level"
MOST_SUBJECTS_SAID = 10


def _said(option: str, counts: Mapping[str, int], why: str) -> Iterator[str]:
    if counts:
        named = ", ".join(f"{count} scans of {dataset}" for dataset, count in sorted(counts.items()))
        yield f"{option} leaves out {named}: {why}."


def _incomplete(scans: Iterable[ScanRef], rest: Iterable[ScanRef]) -> Iterator[str]:
    """A sentence per database on the subjects who lack an expression that the protocol needs."""
    shown = _shown_expressions(scans)
    for dataset in DATASETS.values():
        protocol = dataset.paper
        subjects = {scan.name.subject for scan in rest if scan.name.dataset == dataset.name}
        lacking = {one: protocol.expressions - shown.get((dataset.name, one), set()) for one in sorted(subjects)}
        short = [f"{one} lacks {' '.join(sorted(missing))}" for one, missing in lacking.items() if missing]
        if protocol.complete and short:
            more = f"; and {len(short) - MOST_SUBJECTS_SAID} more" if len(short) > MOST_SUBJECTS_SAID else ""
            of = f"{len(short)} of {len(subjects)} subjects of {dataset.name}"
            yield f"--select paper leaves out {of}: {'; '.join(short[:MOST_SUBJECTS_SAID])}{more}."


def _shown_expressions(scans: Iterable[ScanRef]) -> dict[tuple[str, str], set[str]]:
    """The expressions that the protocol takes of each subject, by dataset and subject."""
    shown: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name in (scan.name for scan in scans):
        if DATASETS[name.dataset].paper.takes(name):
            shown[name.dataset, name.subject].add(name.expression)
    return shown


def _expression(word: str) -> str:
    code = expression_code(word)
    if not code:
        raise SettingsError(f"expression {word!r} is not known: give one of {', '.join(EXPRESSIONS)}.")
    return code


def _tests(selection: Selection) -> list[Callable[[ScanRef], bool]]:
    tests: list[Callable[[ScanRef], bool]] = []
    if selection.datasets:
        tests.append(lambda scan: scan.name.dataset in selection.datasets)
    if selection.expressions:
        tests.append(lambda scan: scan.name.expression in selection.expressions)
    if selection.levels:
        tests.append(lambda scan: scan.name.level in selection.levels)
    if selection.subjects:
        subjects = _any_of(selection.subjects)
        tests.append(lambda scan: subjects(scan.name.subject.casefold()))
    if selection.patterns:
        fits = _any_of(selection.patterns)
        tests.append(lambda scan: fits(scan.source.casefold()) or fits(scan.scan_id.casefold()))
    return tests


def _any_of(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test whether a text in lower case fits one of the shell patterns."""
    shapes = [re.compile(fnmatch.translate(pattern.casefold())) for pattern in patterns]
    return lambda text: any(shape.match(text) for shape in shapes)


def _paper_test(scans: Iterable[ScanRef]) -> Callable[[ScanRef], bool]:
    shown = _shown_expressions(scans)

    def test(scan: ScanRef) -> bool:
        """Whether the protocol takes the scan, and its subject shows all that it needs."""
        name, protocol = scan.name, DATASETS[scan.name.dataset].paper
        needed = protocol.expressions if protocol.complete else frozenset[str]()
        return protocol.takes(name) and needed <= shown[name.dataset, name.subject]

    return test
