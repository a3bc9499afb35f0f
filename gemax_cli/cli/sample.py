"""``gemax sample``: write the embedded sample data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from gemax_cli.cli import options

if TYPE_CHECKING:
    from gemax_cli.synthetic.dataset import Dataset
    from gemax_cli.synthetic.folder import Scans
    from gemax_cli.synthetic.images import ImageKind

    Kind = Dataset | ImageKind | Literal["BU-4DFE"]


APART = "faces, sequences and images go to folders of their own: run the command again for each."
LAYOUTS = ("BU-3DFE", "Bosphorus", "BU-4DFE", "thermal", "sar")


@click.command("sample", cls=options.Command, short_help="Write a synthetic raw dataset in both layouts.")
@click.argument("raw", type=options.PATH)
@options.option("--subjects", type=click.IntRange(1, 500), default=2, help="Subjects per dataset; or images.")
@options.option("--seed", type=click.IntRange(0), default=0, help="Same seed, same bytes.")
@options.option(
    "--dataset", "datasets", multiple=True,
    type=click.Choice(LAYOUTS, case_sensitive=False), metavar=f"[{'|'.join(LAYOUTS)}]",
    help="Layout to write; may be repeated. BU-4DFE: sequences; thermal and sar: images for gemax map.  "
    "[default: both databases]",
)  # fmt: skip
@options.option("--frames", type=click.IntRange(1, 1000), default=12, help="Of a sequence of BU-4DFE.")
@options.option(
    "--scans", type=click.Choice(["all", "six", "few"]), default="all",
    help="all: 25 scans per BU-3DFE subject and 7 per Bosphorus subject; six: the six expressions at their peak; "
    "few: neutral, happy, surprised; of BU-4DFE all and six are the six expressions.",
)  # fmt: skip
def command(raw: Path, subjects: int, seed: int, datasets: tuple[Kind, ...], scans: Scans, frames: int) -> None:
    """Write a synthetic raw dataset into the folder RAW.

    Procedural faces in the file layouts of BU-3DFE and Bosphorus, with the true nose tips and poses in truth.csv.
    RAW must be missing, empty, or made by this command before; then its sample is replaced.

    BU-4DFE writes sequences: the head moves while an expression comes and goes; frames.csv has the truth of each frame.

    thermal and sar write simulated images, as many of each as --subjects says, with the truth beside them in .npz.
    """
    if set(datasets) & {"BU-4DFE", "thermal", "sar"}:
        _write_others(raw, subjects, seed, datasets, scans, frames)
        return
    from gemax_cli.synthetic.dataset import DATASETS, make_sample

    chosen = [dataset for dataset in DATASETS if not datasets or dataset in datasets]
    done = make_sample(raw, subjects=subjects, seed=seed, scans=scans, datasets=chosen)
    click.echo(f"Wrote {len(done.scans)} synthetic scans (subjects: {done.subjects}) to {done.root}.", err=True)
    click.echo(str(done.root))


def _write_others(raw: Path, subjects: int, seed: int, datasets: tuple[Kind, ...], scans: Scans, frames: int) -> None:
    """Write sequences or images."""
    from gemax_cli.synthetic.images import IMAGES, make_image_sample
    from gemax_cli.synthetic.sequence import make_sequences

    kinds = tuple(kind for kind in IMAGES if kind in datasets)
    if len(set(datasets)) > max(len(kinds), 1):
        raise click.UsageError(APART)
    if kinds:
        written = make_image_sample(raw, kinds, subjects, seed)
        click.echo(f"Wrote {len(written)} simulated images to {raw}.", err=True)
    else:
        written = make_sequences(raw, subjects, seed, scans, frames)
        sequences = len({path.parent for path in written})
        click.echo(f"Wrote {len(written)} synthetic frames of {sequences} sequences to {raw}.", err=True)
    click.echo(str(raw))
