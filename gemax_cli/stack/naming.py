"""Names inside the output folder."""

from __future__ import annotations

from collections.abc import Sequence

DEPTH16 = "depth16.png"
RUN = "run.json"
METADATA = "metadata.csv"
FAILURES = "failures.csv"
CHANNELS = 3


def block_folder(scan_id: str, depth_mm: float, many: bool) -> str:
    """Folder of a depth block, relative to the output folder. With ``many`` depths, each has a subfolder."""
    return f"{scan_id}/d{depth_label(depth_mm)}" if many else scan_id


def depth_label(depth_mm: float) -> str:
    """Depth with at least three digits: 060 for 60 mm, 062.5 for 62.5 mm."""
    whole, _, rest = f"{depth_mm:g}".partition(".")
    return whole.zfill(3) + (f".{rest}" if rest else "")


def map_name(taus: Sequence[int]) -> str:
    """File name of the map of one tau, or of the RGB image of up to three."""
    return f"gemax_tau{'_'.join(f'{tau:03d}' for tau in taus)}.png"


def comparison_name(name: str) -> str:
    """File name of a comparison map."""
    return f"{name}.png"


def rgb_groups(taus: Sequence[int]) -> list[tuple[int, ...]]:
    """Group ``taus`` in threes, in order; the last group may be shorter."""
    return [tuple(taus[i : i + CHANNELS]) for i in range(0, len(taus), CHANNELS)]


def records_name(shard: tuple[int, int] | None) -> str:
    """``records.jsonl``, or the shard's own ``records-i-of-n.jsonl``."""
    return f"records-{shard[0]}-of-{shard[1]}.jsonl" if shard else "records.jsonl"
