"""The columns of the tables in an output folder: type, unit and meaning of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from gemax_cli.maps.registry import COMPARISONS

ColumnKind = Literal["text", "whole", "real"]
ABSENT: Mapping[ColumnKind, object] = {"text": "-", "whole": -1, "real": "nan"}
"""What a cell of a column of one type holds where there is no value."""


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        kind: "text", "whole" (numbers) or "real".
        meaning: a sentence.
        unit: of its numbers; "" for text and counts.
        absent: when a cell has no value, or when the whole column is left out.
    """

    kind: ColumnKind
    meaning: str
    unit: str = ""
    absent: str = ""


_TEXTURE, _FRAME = "column only where --texture was given", "column only where a scan is a frame of a sequence"
_COMPARED = "column only where --maps asked for it"
SCANS: Mapping[str, Column] = {
    "scan": Column("text", "Id of the scan, and its folder in OUT."),
    "dataset": Column("text", "Database that the file's name is of; other for any other."),
    "subject": Column("text", "Subject, from the names of file and folders.", absent="- if unknown"),
    "sex": Column("text", "F or M, from the name.", absent="- if unknown"),
    "expression": Column("text", "NE, AN, DI, FE, HA, SA or SU.", absent="- for a pose, an action unit, unknown"),
    "level": Column("whole", "Intensity of the expression, 1 to 4; 0 for neutral.", absent="-1 if unknown"),
    "source": Column("text", "Raw file, relative to its SRC."),
    "nose_x": Column("real", "Nose tip, in the axes of the raw file.", "mm"),
    "nose_y": Column("real", "Nose tip, in the axes of the raw file.", "mm"),
    "nose_z": Column("real", "Nose tip, in the axes of the raw file.", "mm"),
    "nose_source": Column("text", "landmark (of a file), outline (detector, within that of a .bnd) or detected."),
    "nose_confidence": Column("real", "Of the nose tip, 0 to 1; below 0.8 the scan has a warning."),
    "warnings": Column("text", "Sentences, separated by semicolons.", absent="- if there is none"),
    "depth_mm": Column("real", "Depth of the block behind the nose tip.", "mm"),
    "valid_pixels": Column("whole", "Pixels with depth.", "pixels"),
    "mm_per_pixel": Column("real", "Pixel pitch.", "mm"),
    "depth16_file_name": Column(
        "text", "uint16 PNG: 0 no data, 65535 nose tip, 1 far end of the block; OpenCV: IMREAD_UNCHANGED."
    ),
    "gemax_tauNNN_file_name": Column("text", "GEMax map of one tau, uint8 PNG.", absent="- if it was not made"),
    "entropy_tauNNN": Column("real", "Entropy of this map over the valid pixels.", "bits", "nan if it was not made"),
    "max_bin_tauNNN": Column("whole", "Width of its widest bin.", "levels", "-1 if it was not made"),
    "MAP_file_name": Column("text", f"Comparison map: {', '.join(COMPARISONS)}.", absent=_COMPARED),
    "entropy_MAP": Column("real", "Entropy of a channel of it over the valid pixels.", "bits", _COMPARED),
    "texture_file_name": Column("text", "Colours on the same grid, 8-bit sRGB PNG.", absent=f"- without; {_TEXTURE}"),
    "texture_pixels": Column("whole", "Pixels with a colour.", "pixels", f"0 without; {_TEXTURE}"),
    "texture_source": Column("text", "Picture, or vertex colours.", absent=f"- without; {_TEXTURE}"),
    "mask_file_name": Column(
        "text", "PNG: 0 no data, 255 measured, 128 filled.", absent="column only where --mask was given"
    ),
    "sequence": Column("text", "Sequence of frames that the scan belongs to.", absent=f"- without; {_FRAME}"),
    "frame": Column("whole", "Number of the frame, from the name.", absent=f"-1 without; {_FRAME}"),
    "code": Column("text", "What a Bosphorus name says: E_ANGER, YR_R45, LFAU_10.", absent="- elsewhere"),
    "race": Column("text", "BU-3DFE's two letters.", absent="- elsewhere"),
    "kind": Column("text", "Mesh of BU-3DFE: F3D or RAW.", absent="- elsewhere"),
    "yaw": Column("real", "Head turned; positive: to the right of the image.", "degrees", "nan if the pose is unknown"),
    "pitch": Column("real", "Head turned; positive: down.", "degrees", "nan if the pose is unknown"),
    "roll": Column("real", "Head tilted; positive: counter-clockwise.", "degrees", "nan if the pose is unknown"),
    "filled_pixels": Column("whole", "Pixels of small holes that were filled.", "pixels"),
    "source_sha256": Column("text", "SHA-256 of the raw file, in hexadecimal."),
    "warning_count": Column("whole", "Number of warnings."),
    "landmark_count": Column("whole", "Number of landmarks in landmarks.csv."),
}  # fmt: skip
LANDMARKS: Mapping[str, Column] = {
    "scan": Column("text", "Id of the scan."),
    "depth_mm": Column("real", "Depth of the block.", "mm"),
    "name": Column("text", "Of the landmark, as its file has it."),
    "column": Column("real", "Column of the image, 0 at the centre of the first pixel.", "pixels"),
    "row": Column("real", "Row of the image, 0 at the centre of the first pixel.", "pixels"),
    "depth": Column("real", "Behind the nose tip.", "mm"),
    "visible": Column("whole", "1 if the depth map has surface near its depth there, else 0."),
}
FAILURES: Mapping[str, Column] = {
    "source": Column("text", "Raw file that was not converted, relative to its SRC."),
    "stage": Column("text", "Stage that failed."),
    "error": Column("text", "Name of the error."),
    "message": Column("text", "What is wrong and what to do."),
}
SPLITS: Mapping[str, Column] = {
    "round": Column("whole", "Round, from 0."),
    "fold": Column("whole", "Fold that tests this subject, from 0; the others of the round train."),
    "dataset": Column("text", "Database of the subject."),
    "subject": Column("text", "Subject."),
}
IMAGES: Mapping[str, Column] = {
    "image": Column("text", "Id of the image, and its folder in OUT."),
    "source": Column("text", "Image, relative to its folder."),
    "rows": Column("whole", "Height.", "pixels"),
    "columns": Column("whole", "Width.", "pixels"),
    "pixel_type": Column("text", "Of the input, as NumPy names it."),
    "valid_pixels": Column("whole", "Pixels with data.", "pixels"),
    "below_range": Column("whole", "Pixels below the range; they get the lowest level.", "pixels"),
    "above_range": Column("whole", "Pixels above the range; they get the highest level.", "pixels"),
    "scale": Column("text", "What the levels are even steps of: linear, sqrt, log or db."),
    "low": Column("real", "Lowest value of the levels.", "input's unit"),
    "high": Column("real", "Highest value of the levels.", "input's unit"),
    "levels": Column("whole", "N, number of levels.", "levels"),
    "bins": Column("whole", "K, grey values of a map."),
    "entropy_uniform": Column("real", "Entropy of uniform quantisation to as many bins.", "bits"),
    "max_bin_uniform": Column("whole", "Its widest bin.", "levels"),
    "gemax_tauT_file_name": Column("text", "GEMax map of one tau, PNG or TIFF.", absent="empty if it was not made"),
    "entropy_tauT": Column("real", "Its entropy over the pixels with data.", "bits", "empty if it was not made"),
    "max_bin_tauT": Column("whole", "Width of its widest bin.", "levels", "empty if it was not made"),
    "tau_levels_tauT": Column("whole", "This tau.", "levels", "empty if it was not made"),
    "bound_tauT": Column("real", "Largest error of an inverted value.", "input's unit", "empty if it was not made"),
    "mask_file_name": Column("text", "0 no data, 255 data.", absent="- where every pixel is data, or 0 is reserved"),
    "warning_count": Column("whole", "Number of warnings."),
    "warnings": Column("text", "Sentences, separated by semicolons.", absent="- if there is none"),
    "source_sha256": Column("text", "SHA-256 of the file, in hexadecimal."),
}  # fmt: skip
_FILE_OF_MAP, _ENTROPY_OF_MAP = re.compile(r"(?!gemax_).*_file_name"), re.compile(r"entropy_(?!tau|uniform)\w+")


@lru_cache(maxsize=1024)
def general_name(column: str, columns: frozenset[str]) -> str:
    """The name under which a column is described: its own, or that of all tau or of all comparison maps.

    Args:
        column: of a table: "entropy_tau020", "shape_index_file_name".
        columns: names of the described columns.
    """
    if column in columns:
        return column
    for tau, digits in (("NNN", r"[0-9]{3,}"), ("T", r"[0-9.]+(?:x|pc)?")):
        name = re.sub(rf"tau{digits}(?=_|$)", f"tau{tau}", column)
        if name in columns:
            return name
    if _FILE_OF_MAP.fullmatch(column):
        return "MAP_file_name"
    return "entropy_MAP" if _ENTROPY_OF_MAP.fullmatch(column) else column
