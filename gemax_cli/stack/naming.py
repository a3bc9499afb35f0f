"""Names inside the output folder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from gemax_cli.maps.registry import COMPARISONS

DEPTH16 = "depth16.png"
TEXTURE = "texture.png"
MASK = "mask.png"
NO_MAPS = (DEPTH16, TEXTURE, MASK)
"""Images that lie beside the maps of a depth block."""
RUN = "run.json"
METADATA = "metadata.csv"
LANDMARKS = "landmarks.csv"
FAILURES = "failures.csv"
SPLITS = "splits"
STATE = ".gemax-state.json"
TABLES = (METADATA, LANDMARKS)
"""Tables that are made from the records."""
CHANNELS = 3
TAU = re.compile(r"gemax_tau([0-9]{1,6}(?:_[0-9]{1,6}){0,2})\.png")
OWN_FILE = re.compile(r"run\.json|(?:metadata|landmarks|failures)\.csv|records(?:-[0-9]+-of-[0-9]+)?\.jsonl|\.gemax.*")
"""Files directly in the output folder that gemax writes, locks and temporary files included."""

_LONGEST_PART, _LONGEST_ID = 255, 1000  # bytes; what file systems take
_SEPARATORS = frozenset('\\:*?"<>|')
_PLAIN_ID = re.compile(r"[A-Za-z0-9_~-]{1,100}(?:/[A-Za-z0-9_~-]{1,100})*")
_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


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


IMAGES = frozenset((DEPTH16, TEXTURE, MASK, *map(comparison_name, COMPARISONS)))
"""Names of the images of a depth block, those of GEMax maps aside."""


def is_image_name(name: str) -> bool:
    """Whether a file of this name in a scan's folder is an image that gemax writes."""
    match = TAU.fullmatch(name)
    return name in IMAGES or (match is not None and name == map_name([int(tau) for tau in match[1].split("_")]))


def is_scan_id(text: str) -> bool:
    """Whether a text is a scan id: relative, no "." or "..", no hidden part, every part a name on every system."""
    if len(text) > _LONGEST_ID:
        return False
    return _PLAIN_ID.fullmatch(text) is not None or all(map(_is_part, text.split("/")))


def _is_part(part: str) -> bool:
    odd = any(c in _SEPARATORS or unicodedata.category(c) in _UNPRINTABLE for c in part)
    return not odd and bool(part.strip(". ")) and part[0] != "." and len(part.encode()) <= _LONGEST_PART


def images_of(files: Iterable[str], scan_id: str, depth_mm: float) -> bool:
    """Whether all paths are those of images of a depth block: ``<scan>/[dNNN/]<known name>.png``."""
    places = [block_folder(scan_id, depth_mm, many) for many in (False, True)]
    return all(place in places and is_image_name(name) for place, _, name in (file.rpartition("/") for file in files))


def rgb_groups(taus: Sequence[int]) -> list[tuple[int, ...]]:
    """Group ``taus`` in threes, in order; the last group may be shorter."""
    return [tuple(taus[i : i + CHANNELS]) for i in range(0, len(taus), CHANNELS)]


def records_name(shard: tuple[int, int] | None) -> str:
    """``records.jsonl``, or the shard's own ``records-i-of-n.jsonl``."""
    return f"records-{shard[0]}-of-{shard[1]}.jsonl" if shard else "records.jsonl"
