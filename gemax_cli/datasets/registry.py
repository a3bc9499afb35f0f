"""The databases by name. To add one, write a file beside this one and add a row here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gemax_cli.datasets.bosphorus import BOSPHORUS
from gemax_cli.datasets.bu3dfe import BU3DFE
from gemax_cli.datasets.bu4dfe import BU4DFE
from gemax_cli.datasets.frgc import FRGC
from gemax_cli.datasets.ids import split_suffix
from gemax_cli.datasets.model import Dataset, ParsedName, ScanName
from gemax_cli.datasets.other import OTHER
from gemax_cli.errors import SettingsError

_ROWS = (
    BU3DFE,
    BU4DFE,
    BOSPHORUS,
    FRGC,
    OTHER,  # takes every name, so it comes last
)

DATASETS: Mapping[str, Dataset] = {dataset.name: dataset for dataset in _ROWS}
KINDS = tuple(kind for dataset in _ROWS for kind in dataset.kinds)
ENDINGS = (*KINDS, *(ending for dataset in _ROWS for ending in dataset.companions))
NOSE_TIPS = tuple(dataset.nose_tip for dataset in _ROWS if dataset.nose_tip)
NOSE_OUTLINES = tuple(dataset.nose_outline for dataset in _ROWS if dataset.nose_outline)


def plain_name(name: str) -> str:
    """A database's name without case, hyphens and spaces: "bu3dfe"."""
    return re.sub(r"[\W_]", "", name).casefold()


def has_subject_shape(word: str) -> bool:
    """Whether a word is spelled as a database spells its subjects ("F0001", "bs000", "02463"), in any case."""
    return bool(word) and any(_shape(word) == _shape(_example_of(dataset).subject) for dataset in _ROWS)


def _shape(subject: str) -> str:
    return re.sub(r"\d", "0", re.sub(r"^m(?=\d)", "f", subject.casefold()))


def _example_of(dataset: Dataset) -> ScanName:
    *folders, name = dataset.example.split("/")
    return parse_name(name, folders).name


def dataset_named(name: str) -> Dataset:
    """The database of a name, in any case, with hyphens or without.

    Raises:
        SettingsError: there is none.
    """
    for dataset in _ROWS:
        if plain_name(dataset.name) == plain_name(name):
            return dataset
    raise SettingsError(f"dataset {name!r} is not known: give one of {', '.join(DATASETS)}.")


def parse_name(name: str, parents: Sequence[str] = ()) -> ParsedName:
    """Parse a scan's file name by the first database whose naming scheme it fits.

    Args:
        name: file name with suffix, in any case.
        parents: names of the folders above it, outermost first; BU-4DFE's names stand there.
    """
    stem, suffix = split_suffix(name)
    parsed = (dataset.parse(stem, suffix, parents) for dataset in _ROWS)
    return next(found for found in parsed if found)
