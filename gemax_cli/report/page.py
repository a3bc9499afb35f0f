"""Parts of an HTML page that needs nothing but itself: text escaped, pictures inside, no script."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from gemax_cli.report.drawing import COLOURS

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # the browser itself keeps the page off the network
)
DARK: Mapping[str, str] = {
    "paper": "#17181c", "ink": "#ececf1", "soft": "#a9abb6", "grid": "#34363f",
    "c0": "#5fb4ea", "c1": "#ff8f4d", "c2": "#4fc79d", "c3": "#e79ac6", "c4": "#dcb24a", "c5": "#9dc7e8",
}  # fmt: skip
LIGHT_EXTRA = "--card:#f5f6f9;--tile:#dce6f5;--bad:#a3000b;--link:#00569c"
DARK_EXTRA = "--card:#202228;--tile:#33415a;--bad:#ff9a94;--link:#82c2ff"
STYLE = """
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1rem 1.2rem 4rem;background:var(--paper);color:var(--ink);
 font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h1{font-size:1.6rem;margin:.6rem 0 .2rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin:2.2rem 0 .6rem;
 border-bottom:1px solid var(--grid);padding-bottom:.2rem}
p{max-width:48rem}.soft,caption,figcaption{color:var(--soft)}a{color:var(--link)}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;padding:0;margin:.6rem 0}
.counts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.7rem;margin:1rem 0;padding:0}
.counts div{background:var(--card);border:1px solid var(--grid);border-radius:8px;padding:.6rem .8rem}
.counts dt{color:var(--soft);font-size:.85rem}.counts dd{margin:0;font-size:1.5rem;font-variant-numeric:tabular-nums}
.bad{color:var(--bad)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.2rem 0 .4rem}
th,td{padding:.22rem .7rem;text-align:left;border-bottom:1px solid var(--grid);vertical-align:top}
td{overflow-wrap:anywhere}
th{color:var(--soft);font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}td.long{min-width:16rem}tbody tr:hover{background:var(--card)}
details{margin:.8rem 0}summary{cursor:pointer;padding:.3rem 0}summary:focus-visible,a:focus-visible,.wide:focus-visible{
 outline:2px solid var(--link);outline-offset:2px}
.thumbs{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.2rem,1fr));gap:.8rem;padding:0;list-style:none}
.thumbs figure{margin:0}.pic{position:relative;background:var(--tile);border-radius:6px;overflow:hidden;display:block}
.pic img{display:block;width:100%;height:auto}.tip{position:absolute;width:14px;height:14px;margin:-7px 0 0 -7px;
 border:2px solid #fff;border-radius:50%;box-shadow:0 0 0 2px #c4001a}
figcaption{font-size:.78rem;line-height:1.35;overflow-wrap:anywhere}figcaption b{color:var(--ink);font-weight:600}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(24rem,100%),1fr));gap:1rem}
.charts svg,.chart svg{width:100%;height:auto;max-width:46rem}
.skip{position:absolute;left:-999rem}.skip:focus{left:1rem;top:.5rem;background:var(--paper);padding:.3rem .6rem}
code{font-size:.85rem;overflow-wrap:anywhere}
@media print{details>*{display:block}body{max-width:none}}
"""


def page(title: str, body: str) -> str:
    """A whole document, light or dark as the reader's system is."""
    light = _variables(COLOURS) + LIGHT_EXTRA
    dark = _variables(DARK) + DARK_EXTRA
    theme = f":root{{color-scheme:light dark;{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text(title)}</title><style>{theme}{STYLE}</style>"
    )
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _variables(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def text(value: object) -> str:
    """Any value as text of the page: escaped, unpaired surrogates and control characters shown as "?"."""
    return escape("".join(c if c.isprintable() or c == " " else "?" for c in str(value)))


def number(value: object, name: str = "") -> str:
    """A cell: floats with four places, in columns of the paper with those it prints; None as nothing."""
    if value is None:
        return ""
    if isinstance(value, float) and name.startswith("paper"):
        return f"{value:g}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def table(caption: str, rows: Sequence[Mapping[str, object]], long: Iterable[str] = ()) -> str:
    """A table with a row per mapping; columns of numbers stand right.

    Args:
        caption: what it shows.
        rows: of the same keys.
        long: columns of sentences, which get room.
    """
    if not rows:
        return ""
    sentences = set(long)
    classes = {name: _class(name, rows, sentences) for name in rows[0]}
    head = "".join(f'<th scope="col"{classes[name]}>{text(name)}</th>' for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td{classes[name]}>{text(number(v, name))}</td>" for name, v in row.items()) + "</tr>"
        for row in rows
    )
    inner = f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide" role="region" aria-label="{text(caption)}" tabindex="0"><table>{inner}</table></div>'


def _class(name: str, rows: Sequence[Mapping[str, object]], sentences: set[str]) -> str:
    if name in sentences:
        return ' class="long"'
    return ' class="n"' if any(isinstance(row[name], int | float) for row in rows) else ""


def section(name: str, title: str, body: str) -> str:
    """A part of the page with its heading; nothing where ``body`` is empty."""
    return f'<section id="{name}"><h2>{text(title)}</h2>{body}</section>\n' if body else ""


def folded(summary: str, body: str) -> str:
    """What opens on a click; nothing where ``body`` is empty."""
    return f"<details><summary>{text(summary)}</summary>{body}</details>" if body else ""


def picture(grey: NDArray[np.uint8], cover: NDArray[np.uint8], alt: str, tip: tuple[float, float] | None = None) -> str:
    """A small grey picture, its background clear.

    Args:
        grey: (rows, columns).
        cover: same shape, 0 where it is clear to 255 where it is not.
        alt: what it shows, for who cannot see it.
        tip: column and row of a mark, 0..1 of the picture.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.stack([np.where(cover > 0, grey, 0).astype(np.uint8), cover], axis=-1)).save(
        buffer, "png", optimize=True
    )
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f'width="{grey.shape[1]}" height="{grey.shape[0]}"'
    mark = f'<span class="tip" style="left:{100 * tip[0]:.1f}%;top:{100 * tip[1]:.1f}%"></span>' if tip else ""
    image = f'<img src="data:image/png;base64,{data}" {size} alt="{text(alt)}" loading="lazy">'
    return f'<span class="pic">{image}{mark}</span>'


def thumbs(figures: Sequence[tuple[str, str, str]]) -> str:
    """A grid of (picture, name, line under it)."""
    items = (
        f"<li><figure>{image}<figcaption><b>{text(name)}</b><br>{text(line)}</figcaption></figure></li>"
        for image, name, line in figures
    )
    return f'<ul class="thumbs">{"".join(items)}</ul>' if figures else ""
