"""The face of one scan in 3D: a self-contained page that answers whether its nose tip is right."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from gemax_cli.codes import depth_of_code
from gemax_cli.errors import BadFormat, ExtraMissing, NothingToConvert, SettingsError, not_installed
from gemax_cli.face.mesh import mesh_of_depth
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.pipeline import compare_maps, convert_scan
from gemax_cli.reports.charts import COLOURS, DARK
from gemax_cli.reports.facts import to_pixels
from gemax_cli.reports.tiles import printable
from gemax_cli.settings import QuantisationSettings, Settings
from gemax_cli.stack.atomic import write_output
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import load_recorded, split_depth
from gemax_cli.stack.records import Affine, BlockRecord, ComparisonRecord, MapRecord, NoseRecord

MOST_SIDE = 256  # pixels of a side that are drawn; of larger images every second, third ...
MOST_TAUS = 24
UNIFORM = "ri"
SEEN = {True: "visible", False: "hidden"}
Landmarks = Mapping[str, tuple[float, float, float, bool]]


@dataclass(frozen=True)
class View:
    """The page, and a sentence per image that could not be shown."""

    html: str
    problems: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Map:
    """An 8-bit map; ``widths`` of its bins by grey value, mm, where it has bins of several widths."""

    name: str
    image: NDArray[np.uint8]
    widths: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class _Face:
    """What is shown of a scan and depth."""

    name: str
    codes: NDArray[np.uint16]
    depth_mm: float
    mm_per_pixel: float
    pixel_to_raw: Affine
    nose: NoseRecord
    warnings: tuple[str, ...]
    landmarks: Landmarks
    maps: Sequence[_Map]
    texture: NDArray[np.uint8] | None = None
    problems: list[str] = field(default_factory=list)


def view(
    source: AnyPath,
    output: AnyPath | None = None,
    *,
    scan: str = "",
    depth_mm: float | None = None,
    settings: Settings | None = None,
) -> View:
    """Show a scan in 3D: surface, colours, nose tip, landmarks and depth block, on a page that needs no network.

    So that the page stays below 10 MB, images larger than MOST_SIDE pixels are thinned, and of more than MOST_TAUS tau
    every second, third ... is offered.

    Args:
        source: a folder that ``gemax convert`` wrote, or a raw file.
        output: a file to write the page to; None writes none.
        scan: of the folder: its id, or the last parts of it. A folder of one scan needs none.
        depth_mm: of the block; None takes the smallest.
        settings: by which a raw file is converted.

    Raises:
        ExtraMissing: plotly is not installed.
        SettingsError: the folder has no such scan or depth.
        ScanError: the raw file cannot be converted, or the scan's depth image cannot be read.
        NothingToConvert: the folder holds no record.
        OutputError: run.json is damaged, or ``output`` cannot be written.
    """
    if find_spec("plotly") is None:
        raise ExtraMissing(not_installed("gemax view", "plotly"))
    path = as_path(source)
    if path.is_dir():
        face = _recorded(OutputFolder.holding(path), scan, depth_mm)
    else:
        face = _converted(path, depth_mm, settings or Settings())
    page = _render(face)
    if output is not None:
        write_output(as_path(output), page.encode("utf-8"))
    return View(page, tuple(face.problems))


def _converted(path: AnyPath, depth_mm: float | None, settings: Settings) -> _Face:
    depths = settings.depths[:1] if depth_mm is None else (depth_mm,)
    made = convert_scan(path, replace(settings, depths=depths, maps=(), texture=True, mapping="scan"))
    block, tip = made.blocks[0], made.nose
    second = None if tip.runner_up is None else _point(tip.runner_up)
    return _Face(
        as_path(path).name,
        block.depth16,
        block.depth_mm,
        block.mm_per_pixel,
        tuple(map(tuple, block.pixel_to_raw.tolist())),  # type: ignore[arg-type]
        NoseRecord(*_point(tip.position), tip.source, tip.confidence, second),
        made.warnings,
        {mark.name: (mark.column, mark.row, mark.depth, mark.visible) for mark in block.landmarks},
        [_gemax_map(m.tau, m.image, m.cuts, block.depth_mm, settings.quantisation.first_code) for m in block.maps],
        block.texture.image if block.texture else None,
    )


def _point(place: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = place.tolist()
    return x, y, z


def _gemax_map(tau: int, image: NDArray[np.uint8], cuts: NDArray[np.int32], depth_mm: float, first_code: int) -> _Map:
    widths = np.diff(cuts) * (depth_mm / int(cuts[-1]))
    return _Map(f"GEMax, tau {tau}", image, np.concatenate([np.zeros(first_code), widths]))


def _recorded(folder: OutputFolder, scan: str, depth_mm: float | None) -> _Face:
    first_code = folder.settings.quantisation.first_code
    record = folder.record(scan_id := _scan_id(folder, scan))
    if record is None:
        raise SettingsError(folder.damage(scan_id))
    inside = split_depth(scan)[1]
    wanted = float(inside[1:]) if depth_mm is None and inside else depth_mm
    block = next((block for block in record.blocks if wanted in (None, block.depth_mm)), None)
    if block is None:
        there = ", ".join(f"{block.depth_mm:g}" for block in record.blocks)
        raise SettingsError(f"{scan_id}: has no depth of {wanted:g} mm: give one of its own ({there}).")
    path = folder.guard.path(block.file)
    codes, wrong = load_recorded(path, block.sha256, np.uint16)
    if codes is None or codes.ndim != 2:
        raise BadFormat(path, f"{wrong or 'is no depth image'}: convert the scan again.")
    problems: list[str] = []
    maps = list(_recorded_maps(folder, block, first_code, codes.shape, problems))
    texture = None
    if block.texture:
        texture = _image(folder, block.texture.file, block.texture.sha256, (*codes.shape, 3), problems)
    return _Face(
        scan_id, codes, block.depth_mm, block.mm_per_pixel, block.pixel_to_raw, record.nose, record.warnings,
        block.landmarks, maps, texture, problems,
    )  # fmt: skip


def _scan_id(folder: OutputFolder, scan: str) -> str:
    """The one scan of a folder whose id is, or ends in, a name."""
    ids = folder.scan_ids
    if not ids:
        raise NothingToConvert(
            f"{folder.path}: holds no record: give a folder that gemax convert wrote, or a raw file."
        )
    wanted = split_depth(scan.strip("/"))[0]
    found = [wanted] if wanted in ids else [own for own in ids if not wanted or f"/{own}".endswith(f"/{wanted}")]
    if len(found) == 1:
        return found[0]
    what = f"{len(found) or 'no'} scans are named {wanted!r}" if wanted else f"holds {len(ids)} scans"
    raise SettingsError(f"{folder.path}: {what}: give one with --scan, such as {(found or ids)[0]}.")


def _recorded_maps(
    folder: OutputFolder,
    block: BlockRecord,
    first_code: int,
    shape: tuple[int, ...],
    problems: list[str],
) -> Iterator[_Map]:
    step = max(1, -(-len(block.maps) // MOST_TAUS))
    chosen: list[MapRecord | ComparisonRecord] = [*block.maps[::step], *block.comparisons]
    for m in chosen:
        size = shape if m.channel is None else (*shape, 3)
        image = _image(folder, m.file, m.sha256, size, problems)
        if image is None:
            continue
        image = image if m.channel is None else image[..., m.channel]
        if isinstance(m, MapRecord):
            yield _gemax_map(m.tau, image, m.cuts, block.depth_mm, first_code)
        elif m.name != UNIFORM:
            yield _Map(m.name, image)


def _image(
    folder: OutputFolder, file: str, sha256: str, shape: tuple[int, ...], problems: list[str]
) -> NDArray[np.uint8] | None:
    path = folder.guard.path(file)
    image, wrong = load_recorded(path, sha256, np.uint8)
    if image is None or image.shape != shape:
        problems.append(str(BadFormat(path, f"{wrong or 'is of another size'}: convert the scan again.")))
        return None
    return image


def _render(face: _Face) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    loader = PackageLoader("gemax_cli.reports", "")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    scripts = [get_plotlyjs(), (files("gemax_cli.reports") / "view.js").read_text(encoding="utf-8")]
    layers = list(_layers(face))
    return environment.get_template("view.html.j2").render(
        name=printable(face.name), light=COLOURS, dark=DARK, hashes=[script_hash(text) for text in scripts],
        scripts=[Markup(text) for text in scripts], layers=[layer["name"] for layer in layers],
        start=len(layers) - 1 if face.texture is not None else 0, facts=list(_facts(face)),
        sentences=[printable(text) for text in (*face.warnings, *face.problems)],
        landmarks=[(printable(name), *place) for name, place in face.landmarks.items()],
        data=_payload(face, layers),
    )  # fmt: skip


def script_hash(text: str) -> str:
    """The source that lets a Content-Security-Policy run this one script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"


def _facts(face: _Face) -> Iterator[tuple[str, str]]:
    nose = face.nose
    yield "nose tip", f"{nose.source}, confidence {nose.confidence:.2f}"
    yield "nose tip in the raw file", f"{nose.x:.2f}, {nose.y:.2f}, {nose.z:.2f} mm"
    yield "depth block", f"{face.depth_mm:g} mm behind the nose tip"
    yield "pixels", f"{np.count_nonzero(face.codes):,} of {face.mm_per_pixel:.3g} mm"


def _layers(face: _Face) -> Iterator[dict[str, object]]:
    """What the surface can be coloured by: values per valid pixel; ``table`` gives the colour's value by grey value."""
    step, drawn = _drawn(face)
    grey = {"unit": "grey value", "scale": "Greys", "low": 0, "high": 255}
    depth = depth_of_code(drawn[drawn > 0], face.depth_mm)
    yield {"name": "shape"}
    far = {"unit": "mm behind the nose tip", "scale": "Viridis", "low": 0, "high": face.depth_mm}
    yield {"name": "depth", **far, "floats": _packed(depth, "<f4")}
    for m in (_range_image(face), *face.maps):
        values = _packed(m.image[::step, ::step][drawn > 0], "u1")
        yield {"name": m.name, **grey, "bytes": values}
        if m.widths is not None:
            wide = {"unit": "width of the bin, mm", "scale": "Cividis", "low": 0, "high": float(m.widths.max())}
            yield {"name": f"{m.name}: bin width", **wide, "bytes": values, "table": m.widths.round(5).tolist()}
    if face.texture is not None:
        yield {"name": "texture", "colours": _packed(face.texture[::step, ::step][drawn > 0], "u1")}


def _range_image(face: _Face) -> _Map:
    settings = QuantisationSettings()
    (uniform,) = compare_maps(face.codes, face.depth_mm, face.mm_per_pixel, (UNIFORM,), settings)
    return _Map("range image", uniform.image)


def _drawn(face: _Face) -> tuple[int, NDArray[np.uint16]]:
    """Every how many pixels one is drawn, and the codes of these."""
    step = -(-max(face.codes.shape) // MOST_SIDE)
    return step, face.codes[::step, ::step]


def _packed(values: NDArray[np.generic], kind: str) -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode("ascii")


def _payload(face: _Face, layers: Sequence[dict[str, object]]) -> dict[str, object]:
    """The data of the page; lengths in mm to the right of the nose tip, behind it and above it."""
    step, drawn = _drawn(face)
    pixels, triangles = mesh_of_depth(depth_of_code(drawn, face.depth_mm), face.mm_per_pixel * step)
    rows, columns = face.codes.shape
    corners = np.array([[-0.5, -0.5, 0.0], [columns - 0.5, rows - 0.5, face.depth_mm]])
    return {
        "points": [_packed(axis, "<f4") for axis in _in_space(face, pixels * [step, step, 1]).T],
        "triangles": [_packed(corner, "<i4") for corner in triangles.T],
        "layers": layers,
        "marks": list(_marks(face)),
        "box": np.sort(_in_space(face, corners), axis=0).T.tolist(),
    }


def _in_space(face: _Face, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) columns, rows, depths as mm to the right of the nose tip, behind it and above it."""
    (column, row), pitch = _origin(face), face.mm_per_pixel
    return np.column_stack([(pixels[:, 0] - column) * pitch, pixels[:, 2], (row - pixels[:, 1]) * pitch])


def _origin(face: _Face) -> tuple[float, float]:
    """Column and row of the nose tip; the middle of the image where the record has none in the image."""
    rows, columns = face.codes.shape
    tip = to_pixels(face.pixel_to_raw, (face.nose.x, face.nose.y, face.nose.z))
    return tip[:2] if tip and 0 <= tip[0] < columns and 0 <= tip[1] < rows else ((columns - 1) / 2, (rows - 1) / 2)


def _marks(face: _Face) -> Iterator[dict[str, object]]:
    """The nose tip, the detector's second choice and the landmarks, as far as they lie near the block."""
    nose = face.nose
    tip = to_pixels(face.pixel_to_raw, (nose.x, nose.y, nose.z))
    second = nose.runner_up and to_pixels(face.pixel_to_raw, nose.runner_up)
    places = [
        ("tip", f"nose tip: {nose.source}, confidence {nose.confidence:.2f}", tip),
        ("second", "the detector's second choice", second),
    ]
    places += [(SEEN[place[3]], name, place[:3]) for name, place in face.landmarks.items()]
    rows, columns = face.codes.shape
    size = np.array([columns, rows, face.depth_mm])
    for kind, name, place in places:
        if place and (np.abs(place / size - 0.5) <= 1).all():
            where = _in_space(face, np.array([place]))[0].tolist()
            yield {"kind": kind, "name": html.escape(printable(name), quote=False), "place": where}
