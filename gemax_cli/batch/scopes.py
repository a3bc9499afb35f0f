"""The scopes of a mapping: which scans share one, and which of them lack their maps.

A scope is made of the records of the output folder, not of the scans of a run: a scan that is added to a finished
folder changes the mapping of all others of its scope.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from gemax_cli.datasets.model import ScanName, ScanRef, SequenceFrame
from gemax_cli.errors import SettingsError
from gemax_cli.maps.registry import POOLED
from gemax_cli.settings import MappingScope, Settings
from gemax_cli.stack.folder import Shard
from gemax_cli.stack.records import MappingRecord, ScanRecord

Value = TypeVar("Value", bound=Hashable)
Images = tuple[tuple[float, str, str], ...]
"""Depth in mm, file and SHA-256 of the depth image of each block."""


@dataclass(frozen=True, slots=True)
class Member:
    """A converted scan of a scope.

    Attributes:
        scan_id: of the scan.
        source: of its record.
        images: its depth images.
        taus: of its GEMax maps, those that all depths have.
        channels: of its comparison maps, likewise.
        mapping: that its maps were made with.
    """

    scan_id: str
    source: str
    images: Images
    taus: frozenset[int]
    channels: frozenset[str]
    mapping: MappingRecord | None

    @classmethod
    def of(cls, record: ScanRecord) -> Member:
        """What of a record matters here."""
        blocks = record.blocks
        return cls(
            record.scan_id,
            record.source,
            tuple((block.depth_mm, block.file, block.sha256) for block in blocks),
            _shared(frozenset.intersection(*(frozenset(m.tau for m in block.maps) for block in blocks))),
            _shared(frozenset.intersection(*(frozenset(m.name for m in block.comparisons) for block in blocks))),
            _shared(record.mapping),
        )


@lru_cache(maxsize=1024)
def _shared(value: Value) -> Value:
    """The same object for equal values: tens of thousands of members differ in their images alone."""
    return value


@dataclass(frozen=True)
class Scope:
    """The scans that share a mapping.

    Attributes:
        kind: over what the histograms are pooled.
        name: see ``scope_name``.
        members: in order of scan id.
        taus: of the maps that it is to have: those asked for, and those that its scans have already.
        maps: comparison maps that it is to have, as far as they depend on the scope.
    """

    kind: MappingScope
    name: str
    members: tuple[Member, ...]
    taus: tuple[int, ...]
    maps: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the ids and depth images of the members."""
        lines = (f"{m.scan_id} {' '.join(sha256 for _, _, sha256 in m.images)}\n" for m in self.members)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def is_mapped(self) -> bool:
        """Whether every member has all maps, and they were made with all members as they are now."""
        taus, channels = set(self.taus), set(self.maps)
        same = {(self.kind, self.name, len(self.members), self.digest)} >= {_identity(m.mapping) for m in self.members}
        return same and all(taus <= m.taus and channels <= m.channels for m in self.members)


def _identity(mapping: MappingRecord | None) -> tuple[str, str, int, str] | None:
    return None if mapping is None else (mapping.scope, mapping.name, mapping.scans, mapping.members)


def scope_name(kind: MappingScope, scan_id: str, name: ScanName, frame: SequenceFrame | None) -> str:
    """Name of the scope of a scan: its sequence, "dataset/subject" or dataset; its id where it belongs to none."""
    if kind == "sequence":
        return frame.sequence if frame else scan_id
    if kind == "subject":
        return f"{name.dataset}/{name.subject}" if name.subject else scan_id
    return name.dataset if kind == "dataset" else scan_id


def name_of_ref(kind: MappingScope, ref: ScanRef) -> str:
    """``scope_name`` of a scan that was found."""
    return scope_name(kind, ref.scan_id, ref.name, ref.frame)


def unmapped_scopes(records: Iterable[ScanRecord], settings: Settings, scans: Container[str]) -> Iterator[Scope]:
    """The scopes of any of ``scans`` (ids) that lack maps; records of other settings take no part."""
    members: dict[str, list[Member]] = defaultdict(list)
    for record in records:
        name = scope_name(settings.mapping, record.scan_id, record.name, record.frame)
        if record.settings == settings.digest and record.blocks:
            members[name].append(Member.of(record))
    for name, own in members.items():
        if not any(member.scan_id in scans for member in own):
            continue
        taus = frozenset(settings.taus).union(*(member.taus for member in own))
        channels = frozenset(settings.maps).union(*(member.channels for member in own))
        maps = tuple(name for name in POOLED if name in channels)
        scope = Scope(settings.mapping, name, tuple(own), tuple(sorted(taus)), maps)
        if not scope.is_mapped:
            yield scope


def without(scope: Scope, sources: Container[str]) -> Scope:
    """The scope without the scans of these sources."""
    return replace(scope, members=tuple(member for member in scope.members if member.source not in sources))


def check_shard(settings: Settings, shard: Shard | None) -> None:
    """Refuse shards that would take parts of a scope.

    Raises:
        SettingsError: the scope is a subject or a dataset.
    """
    if shard and settings.mapping in ("subject", "dataset"):
        raise SettingsError(
            f"--mapping {settings.mapping} takes all scans of a {settings.mapping}, and --shard splits them: "
            "run without --shard (--jobs and --dask work), or take --mapping sequence, which shards keep whole."
        )
