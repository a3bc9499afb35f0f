"""Flat drawings of lines, areas, dots and text, as SVG or as PNG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gemax_cli.stack.png import encode_png, write_atomically

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

Point = tuple[float, float]
SCALE = 2  # pixels of a PNG per unit of the drawing
OVERSAMPLING = 2  # Pillow draws without anti-aliasing
DASH = (7.0, 5.0)
# Okabe and Ito's colours, which people who see red and green alike can tell apart
COLOURS: Mapping[str, str] = {
    "paper": "#ffffff", "ink": "#1b1b1f", "soft": "#5f6068", "grid": "#dfe0e6",
    "c0": "#0072b2", "c1": "#d55e00", "c2": "#007d5a", "c3": "#b8578f", "c4": "#8a6100", "c5": "#3c7fa8",
}  # fmt: skip
SERIES_COLOURS = 6
ANCHORS = {"start": "lm", "middle": "mm", "end": "rm"}


@dataclass(frozen=True)
class Line:
    """A polyline; ``colour`` is a name of ``COLOURS``."""

    points: tuple[Point, ...]
    colour: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Area:
    """A filled polygon."""

    points: tuple[Point, ...]
    colour: str


@dataclass(frozen=True)
class Dot:
    """A disc, or a ring filled with the paper's colour."""

    centre: Point
    radius: float
    colour: str
    hollow: bool = False


@dataclass(frozen=True)
class Text:
    """A line of text, its middle at the height of ``place``; ``anchor`` is start, middle or end; ``up`` turns it."""

    place: Point
    text: str
    colour: str = "ink"
    size: int = 12
    anchor: str = "start"
    up: bool = False


Shape = Line | Area | Dot | Text


@dataclass(frozen=True)
class Drawing:
    """Shapes on a sheet of ``width`` x ``height`` units, the first lowest; ``title`` says what is seen."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    title: str


def write_drawing(drawing: Drawing, path: Path) -> None:
    """Write ``drawing`` as the suffix of ``path`` says: .svg or .png.

    Raises:
        ValueError: the suffix is another one.
        OSError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise ValueError(f"{path}: give a name that ends in .svg or .png.")
    write_atomically(path, to_svg(drawing).encode() if suffix == ".svg" else to_png(drawing))


def to_svg(drawing: Drawing, themed: bool = False) -> str:
    """The drawing as SVG.

    Args:
        drawing: what to draw.
        themed: colours are CSS variables (``var(--c0)``) of the page that holds the drawing, not fixed.
    """

    def colour(name: str) -> str:
        """A colour as SVG says it."""
        return f"var(--{name})" if themed else COLOURS[name]

    title = escape(drawing.title)
    size = f'viewBox="0 0 {drawing.width:g} {drawing.height:g}" width="{drawing.width:g}" height="{drawing.height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif"><title>{title}</title>'
    paper = f'<rect width="100%" height="100%" fill="{colour("paper")}"/>'
    body = "".join(_svg_shape(shape, colour(shape.colour), colour("paper")) for shape in drawing.shapes)
    return f"{head}{paper}{body}</svg>\n"


def _svg_shape(shape: Shape, colour: str, paper: str) -> str:
    if isinstance(shape, Line):
        dash = f' stroke-dasharray="{DASH[0]:g} {DASH[1]:g}"' if shape.dashed else ""
        style = f'fill="none" stroke="{colour}" stroke-width="{shape.width:g}" stroke-linejoin="round"{dash}'
        return f'<polyline points="{_svg_points(shape.points)}" {style}/>'
    if isinstance(shape, Area):
        return f'<polygon points="{_svg_points(shape.points)}" fill="{colour}"/>'
    if isinstance(shape, Dot):
        place = f'cx="{shape.centre[0]:.2f}" cy="{shape.centre[1]:.2f}" r="{shape.radius:g}"'
        return f'<circle {place} fill="{paper if shape.hollow else colour}" stroke="{colour}" stroke-width="1.6"/>'
    return _svg_text(shape, colour)


def _svg_points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def _svg_text(shape: Text, colour: str) -> str:
    x, y = shape.place
    turn = f' transform="rotate(-90 {x:.2f} {y:.2f})"' if shape.up else ""
    place = f'x="{x:.2f}" y="{y:.2f}" dominant-baseline="central" text-anchor="{shape.anchor}"'
    return f'<text {place} font-size="{shape.size}" fill="{colour}"{turn}>{escape(shape.text)}</text>'


def to_png(drawing: Drawing) -> bytes:
    """The drawing as a PNG of ``SCALE`` pixels per unit."""
    from PIL import Image, ImageDraw

    zoom = SCALE * OVERSAMPLING
    size = (round(drawing.width * zoom), round(drawing.height * zoom))
    image = Image.new("RGB", size, COLOURS["paper"])
    draw = ImageDraw.Draw(image)
    for shape in drawing.shapes:
        if isinstance(shape, Text):
            _draw_text(image, shape, zoom)
        else:
            _draw_shape(draw, shape, zoom)
    small = image.resize((size[0] // OVERSAMPLING, size[1] // OVERSAMPLING), Image.Resampling.BOX)
    return encode_png(np.asarray(small))


def _draw_shape(draw: ImageDraw, shape: Line | Area | Dot, zoom: int) -> None:
    if isinstance(shape, Line):
        pieces = dashes(shape.points) if shape.dashed else [shape.points]
        for piece in pieces:
            draw.line(
                [(x * zoom, y * zoom) for x, y in piece], COLOURS[shape.colour], round(shape.width * zoom), "curve"
            )
    elif isinstance(shape, Area):
        draw.polygon([(x * zoom, y * zoom) for x, y in shape.points], COLOURS[shape.colour])
    else:
        (x, y), r = shape.centre, shape.radius
        box = [(x - r) * zoom, (y - r) * zoom, (x + r) * zoom, (y + r) * zoom]
        fill = COLOURS["paper" if shape.hollow else shape.colour]
        draw.ellipse(box, fill, COLOURS[shape.colour], round(1.6 * zoom))


def dashes(points: Sequence[Point]) -> list[tuple[Point, Point]]:
    """Straight pieces of a dashed polyline, with ``DASH`` running on around its corners."""
    pieces, left, on = [], DASH[0], True
    for start, end in pairwise(points):
        length, done = math.dist(start, end), 0.0
        while done < length:
            step = min(left, length - done)
            if on:
                pieces.append((_between(start, end, done / length), _between(start, end, (done + step) / length)))
            done, left = done + step, left - step
            if left <= 1e-9:
                on, left = not on, DASH[int(on)]
    return pieces


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _draw_text(image: object, shape: Text, zoom: int) -> None:
    from PIL import Image, ImageDraw

    assert isinstance(image, Image.Image)
    font, place = font_of(shape.size * zoom), (shape.place[0] * zoom, shape.place[1] * zoom)
    if not shape.up:
        ImageDraw.Draw(image).text(place, shape.text, COLOURS[shape.colour], font, ANCHORS[shape.anchor])
        return
    width, height = round(font.getlength(shape.text)) + 2, 2 * shape.size * zoom
    label = Image.new("L", (width, height), 0)
    ImageDraw.Draw(label).text((width / 2, height / 2), shape.text, 255, font, "mm")
    turned = label.rotate(90, expand=True)
    shift = {"start": width, "middle": width / 2, "end": 0}[shape.anchor]
    image.paste(COLOURS[shape.colour], (round(place[0] - height / 2), round(place[1] - shift)), turned)


def font_of(size: float) -> FreeTypeFont | ImageFont:
    """Pillow's own font of this height in pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
