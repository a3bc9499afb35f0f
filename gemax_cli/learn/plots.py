"""Pictures of runs: confusion matrices and loss curves, attention maps and parts over faces. Without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from gemax_cli.errors import NothingToConvert, RunDamaged, SettingsError
from gemax_cli.learn.result import FACES
from gemax_cli.learn.scored import ScoredRun
from gemax_cli.learn.settings import STREAM_NAMES, part_side
from gemax_cli.reports.charts import COLOURS, chart_style
from gemax_cli.reports.tiles import Picture, Tile, draw_sheet, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_RUNS = 8
WIDE, HIGH = 8.6, 3.4  # inches of a run's two charts
SIDE = 168  # pixels of a tile
RED, BLUE = (213, 60, 0), (0, 114, 178)
BOX = 2  # pixels of a part's outline
MAP_SHARE = 0.6  # of an attention map drawn over a face


def score_figure(runs: Sequence[ScoredRun]) -> Figure:
    """A row for each run: its confusion matrix over all folds, and the mean curves of a network's losses."""
    from matplotlib.figure import Figure

    drawn = runs[:MOST_RUNS]
    with chart_style():
        figure = Figure((WIDE, HIGH * len(drawn)), layout="constrained")
        for i, run in enumerate(drawn):
            _draw_confusion(figure.add_subplot(len(drawn), 2, 2 * i + 1), run)
            if run.curves:
                _draw_curves(figure.add_subplot(len(drawn), 2, 2 * i + 2), run)
    return figure


def _draw_confusion(axes: Axes, run: ScoredRun) -> None:
    """Rows sum to 100 %; expressions that no fold tests have empty rows."""
    counts = np.sum([score.confusion for score in run.folds.values()], axis=0)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    places = range(len(run.classes))
    axes.set_xticks(places, run.classes)
    axes.set_yticks(places, run.classes)
    axes.set(title=printable(run.name), xlabel="predicted", ylabel="shown")
    for row in places:
        for column in places:
            colour = COLOURS["paper"] if shares[row, column] > 60 else COLOURS["ink"]
            axes.text(column, row, f"{shares[row, column]:.0f}", ha="center", va="center", color=colour)


def _draw_curves(axes: Axes, run: ScoredRun) -> None:
    """Cross-entropy on the left axis, L_FA on the right one: it is 100 times larger."""
    axes.set(title="mean over folds", xlabel="epoch", ylabel="cross-entropies")
    curves = {name: _mean_curve(run, name) for name in ("classification", "attention")}
    epochs = np.arange(1, 1 + len(curves["classification"]))
    axes.plot(epochs, curves["classification"], "o-", markersize=3, color=COLOURS["c0"])
    if np.any(np.nan_to_num(curves["attention"])):
        other = axes.twinx()
        other.plot(epochs, curves["attention"], "o--", markersize=3, color=COLOURS["c1"])
        other.set_ylabel("L_FA (dashed)")


def _mean_curve(run: ScoredRun, name: str) -> NDArray[np.float64]:
    """Mean over the folds by epoch, NaN where one was no number."""
    curves: NDArray[np.float64] = np.array([getattr(curve, name) for curve in run.curves], np.float64)
    return curves.mean(0)


def attention_sheet(run: Path) -> Picture:
    """Ten test faces of the run's first round, a row each: per stream the face with its attention maps, and the parts.

    Raises:
        NothingToConvert: the run has no such faces, for it has no Facial Attention or its first fold is not done.
        RunDamaged: their file is damaged.
    """
    files = sorted(run.glob(f"r*-f*/{FACES}"))
    if not files:
        raise NothingToConvert(f"{run}: has no attention maps to draw: train fold 0 of a round, with parts.")
    faces = _load(files[0])
    rows = [list(_tiles(faces, i)) for i in range(len(faces["scan"]))]
    return draw_sheet(rows, f"{run.name}: attention maps and parts of test faces; red part 1, blue part 2")


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            faces = {name: file[name] for name in file.files}
        names = {f"{stream}_{end}" for stream in _streams(faces) for end in ("maps", "corners")}
        if missing := (names | {"scan", "truth", "predicted", "size"}) - faces.keys():
            raise ValueError(f"{', '.join(sorted(missing))} missing")
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise RunDamaged(f"{path}: is damaged ({error}): remove its folder and train the fold again.") from error
    return faces


def _streams(faces: dict[str, NDArray[Any]]) -> list[str]:
    return [name for name in STREAM_NAMES if name in faces]


def _tiles(faces: dict[str, NDArray[Any]], i: int) -> Iterator[Tile]:
    """The tiles of one face."""
    scan = str(faces["scan"][i]).rpartition("/")[2]
    for stream in _streams(faces):
        picture = _rgb(faces[stream][i])
        scale = len(picture) / int(faces["size"])
        part = part_side(len(picture))
        corners = np.rint(faces[f"{stream}_corners"][i] * scale).astype(int)
        caption = f"{scan}\n{faces['truth'][i]} as {faces['predicted'][i]}, {stream}"
        yield Tile(_sized(_boxed(picture, corners, part)), caption)
        for n, attention in enumerate(faces[f"{stream}_maps"][i], 1):
            yield Tile(_sized(_heated(picture, attention)), f"{stream}, map {n}\npeak {attention.max():.2f}")
        for n, (top, left) in enumerate(corners, 1):
            yield Tile(_sized(picture[top : top + part, left : left + part]), f"{stream}, part {n}\n")


def _rgb(image: NDArray[np.uint8]) -> Picture:
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def _boxed(picture: Picture, corners: NDArray[np.int64], side: int) -> Picture:
    """The picture with an outline of each part."""
    drawn = picture.copy()
    for number, (top, left) in enumerate(corners):
        inner = drawn[top + BOX : top + side - BOX, left + BOX : left + side - BOX].copy()
        drawn[top : top + side, left : left + side] = (RED, BLUE)[number % 2]
        drawn[top + BOX : top + side - BOX, left + BOX : left + side - BOX] = inner
    return drawn


def _heated(picture: Picture, attention: NDArray[np.float32]) -> Picture:
    """The picture under its attention map, whose largest cell is red."""
    cells = np.linspace(0, len(attention) - 1e-6, len(picture)).astype(int)
    heat = (attention / max(float(attention.max()), 1e-12))[np.ix_(cells, cells)][..., None] * MAP_SHARE
    drawn: Picture = np.rint(picture * (1 - heat) + np.array(RED) * heat).astype(np.uint8)
    return drawn


def _sized(picture: Picture) -> Picture:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def check_sheet_name(path: Path) -> None:
    """Raise SettingsError unless the sheet's name ends in .png."""
    if path.suffix.lower() != ".png":
        raise SettingsError(f"{path}: give a name that ends in .png.")
