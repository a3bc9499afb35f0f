"""How a folder was made, as a paragraph for a paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from gemax_cli.datasets.registry import DATASETS
from gemax_cli.errors import NothingToConvert
from gemax_cli.paths import AnyPath
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.records import ScanRecord

PAPER = (
    "Y. Jiao, Y. Niu, T. D. Tran, G. Shi, 2D+3D facial expression recognition via discriminative dynamic range "
    "enhancement and multi-scale learning, arXiv:2011.08333, 2020."
)
HOW_FOUND = {
    "landmark": "taken from a landmark",
    "outline": "found within the landmarks of the nose",
    "detected": "detected",
}
SCOPES = {"sequence": "sequence", "subject": "subject", "dataset": "database"}


def methods_paragraph(out: AnyPath) -> str:
    """The paragraph and its references on an output folder, plain text: data, settings, versions.

    Raises:
        NothingToConvert: the folder holds no record.
        OutputError: run.json is damaged.
    """
    folder = OutputFolder.holding(out)
    records = list(folder.records())
    if not records:
        raise NothingToConvert(f"{out}: holds no record: give a folder that gemax convert wrote.")
    counts = Counter(record.name.dataset for record in records)
    cited = [DATASETS[name].citation for name in sorted(counts) if name in DATASETS and DATASETS[name].citation]
    references = [PAPER, *cited]
    sentences = (*_data(records, references), *_block(folder.settings), *_maps(folder.settings), _software(folder))
    numbered = (f"[{number}] {reference}" for number, reference in enumerate(references, start=1))
    return "\n".join([" ".join(sentences), "", *numbered, ""])


def _data(records: Sequence[ScanRecord], references: Sequence[str]) -> Iterator[str]:
    parts = []
    for name, count in sorted(Counter(record.name.dataset for record in records).items()):
        subjects = {record.name.subject for record in records if record.name.dataset == name} - {""}
        people = f" of {_count(len(subjects), 'subject')}" if subjects else ""
        citation = DATASETS[name].citation if name in DATASETS else ""
        mark = f" [{references.index(citation) + 1}]" if citation else ""
        parts.append(f"{_count(count, 'scan')}{people} ({name}{mark})")
    yield f"Depth maps were made from {_listed(parts)}."
    tips = Counter(record.nose.source for record in records)
    found = [f"{how} in {_count(tips[source], 'scan')}" for source, how in HOW_FOUND.items() if tips[source]]
    yield f"The nose tip was {_listed(found)}."


def _block(settings: Settings) -> Iterator[str]:
    block, depths = settings.block, _listed([f"{depth:g}" for depth in settings.depths])
    pitch = f"at {block.mm_per_pixel:g} mm per pixel" if block.frame == "fixed" else "with the block filling the image"
    yield (
        f"The surface up to {depths} mm behind the tip was projected orthographically onto {block.size} x {block.size} "
        f"pixels {pitch} and coded in 16 bits; holes of up to {block.max_hole_mm2:g} mm2 were filled."
    )
    if settings.nose.align != "none":
        when = "" if settings.nose.align == "always" else " that were clearly turned"
        yield f"Heads{when} were rotated to the frontal pose first."


def _maps(settings: Settings) -> Iterator[str]:
    made, taus = settings.quantisation, _listed([str(tau) for tau in settings.taus])
    pooled = f", one mapping for each {SCOPES[settings.mapping]}" if settings.mapping in SCOPES else ""
    yield (
        f"Depth was mapped from N = {made.levels} levels to K = {made.face_bins} grey values of maximal entropy, no "
        f"bin wider than tau = {taus} levels [1] (global optimum, found by a Lagrangian search{pooled})."
    )
    if settings.maps:
        yield f"For comparison: {_listed(settings.maps)}."
    if settings.texture:
        yield "Texture was sampled on the grid of the depth maps."


def _software(folder: OutputFolder) -> str:
    run = folder.run
    versions = run.get("versions")
    libraries = versions if isinstance(versions, dict) else {}
    used = [f"{name} {libraries[name]}" for name in ("numpy", "numba", "scipy") if libraries.get(name)]
    where = ", ".join([f"Python {run.get('python', 'unknown')}", *used])
    digest = str(run.get("settings_sha256", ""))[:12]
    return f"Software: gemax {run.get('gemax', 'unknown')} ({where}), settings with SHA-256 {digest}."


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
