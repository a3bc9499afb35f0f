"""``gemax train``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options

if TYPE_CHECKING:
    from gemax_cli.learn.result import FoldResult
    from gemax_cli.learn.run import TrainOptions
    from gemax_cli.learn.settings import TrainSettings

input_option, net_option, train_option, run_option = map(
    options.under, ("Input", "Network", "Training", "Which folds, and where")
)
settings_pack = options.pack(
    "gemax_cli.learn.settings:TrainSettings",
    map=options.choice(
        input_option, "--map", "gemax ri he normals curvature shape-index gem",
        "Image of the depth stream; gem: range image, normals and curvature, the paper's -GeM.",
    ),
    taus=options.tau_part,
    test_tau=partial(input_option, "--test-tau", default=20, help="Of the test maps."),
    streams=options.choice(input_option, "--streams", "both texture depth", "Texture and depth map, or one of them."),
    depth_mm=partial(
        input_option, "--depth", type=float, show_default="the folder's", metavar="MM", help="Which block."
    ),
    mapping=options.choice(
        input_option, "--mapping", "scan dataset", "Cuts of each scan, or those of all training scans together."
    ),
    tau_sampling=options.choice(
        input_option, "--tau-sampling", "each draw", "A sample per scan and tau, or one tau drawn per scan and epoch."
    ),
    parts=partial(net_option, "--parts", default=2, help="Facial parts per stream; 0: the whole image alone."),
    whole=partial(
        net_option, "--parts-only", is_flag=True, callback=lambda _, __, value: not value,
        help="Classify the parts without the whole image.",
    ),
    width=partial(net_option, "--width", default=1.0, help="Multiplies the channels of all layers."),
    size=partial(net_option, "--size", default=224, help="Side of the network's images, pixels; a multiple of 32."),
    share_parts=partial(net_option, "--share-parts", is_flag=True, help="Texture and depth take the same parts."),
    auxiliary=options.choice(
        net_option, "--aux", "features map", "Auxiliary classifiers see features under a map, or the map."
    ),
    epochs=partial(train_option, "--epochs", default=30, help="The learning rate falls after each third."),
    batch_size=partial(train_option, "--batch-size", default=32, help="Samples per step."),
    recipe=options.choice(
        train_option, "--recipe", "default paper", "paper: as printed, and expected not to learn."
    ),
    lr=partial(train_option, "--lr", type=float, show_default="the recipe's", help="First learning rate."),
    fa_gradient=partial(
        train_option, "--fa-gradient", type=float, show_default="the recipe's", metavar="SHARE",
        help="Of L_FA's gradient, what passes to the convolutions.",
    ),
    fa_weight=partial(train_option, "--fa-weight", default=1.0, help="Weight of L_FA; 0 trains without it."),
    val_subjects=partial(train_option, "--val-subjects", default=0, help="Training subjects held out and watched."),
    seed=partial(train_option, "--seed", default=0, help="Same seed, device and threads: same numbers."),
)  # fmt: skip
count = partial(run_option, type=click.IntRange(1))
run_pack = options.pack(
    "gemax_cli.learn.run:TrainOptions",
    rounds=partial(count, "--rounds", show_default="all", help="Only the first rounds."),
    folds=partial(count, "--folds", show_default="all", help="Only the first folds of each round."),
    shard=partial(run_option, "--shard", type=options.shard, help="Part i of n, for job arrays."),
    device=partial(run_option, "--device", default="auto", help="auto, cpu, cuda, cuda:1 ..."),
    threads=partial(count, "--threads", show_default="PyTorch's", help="Of the processor."),
    init=partial(
        run_option, "--init", type=options.PATH, help="First weights, .pth or .safetensors of torchvision's vgg16_bn."
    ),
    save_weights=partial(run_option, "--save-weights", is_flag=True, help="Write the weights of every fold."),
)  # fmt: skip


@click.command(
    "train", cls=options.Command, short_help="Train and test the recognition network on the folds of a split."
)
@options.out_argument
@click.argument("run", type=options.PATH)
@run_option("--split", required=True, help="Name of a split of OUT, made by gemax split.")
@settings_pack("settings")
@run_pack("run_options")
@options.output_option("--quiet", "-q", is_flag=True, help="No progress.")
@options.format_option
def command(
    out: Path,
    run: Path,
    split: str,
    settings: TrainSettings,
    run_options: TrainOptions,
    quiet: bool,
    form: options.Form,
) -> None:
    """Train the paper's recognition network on the folder OUT of gemax convert; results go to RUN.

    Two VGG-16 with Facial Attention (sections 3.4 and 4), trained from scratch for every fold, tested on the subjects
    that the fold leaves out. Each fold writes RUN/r000-f00/result.json. Run the same command again to go on after an
    interruption. Needs PyTorch: pip install torch. Both streams need texture.png beside the depth maps. Full size is
    minutes a fold on a large GPU and days on a processor; --width 0.125 --size 96 is for trying out.

    Implemented, not reproduced: an accuracy is one of your scans, not of BU-3DFE or Bosphorus.
    """
    from gemax_cli.cli.output import print_rows
    from gemax_cli.cli.train_progress import TrainProgress
    from gemax_cli.learn.run import train

    if settings.recipe == "paper" and not quiet:
        click.echo(
            "recipe paper: batch norm off, first learning rate 0.1, as printed: expected not to learn.", err=True
        )
    with TrainProgress(quiet) as progress:
        done = train(out, run, split, settings, run_options, progress)
    rows = list(map(_row, done.results))
    print_rows(rows, form, f"{run}: accuracy in per cent", "gemax score compares runs")


def _row(result: FoldResult) -> dict[str, object]:
    return {
        "round": result.round,
        "fold": result.fold,
        "accuracy": 100 * result.accuracy,
        "train_accuracy": 100 * result.train_accuracy,
        "test_scans": result.test_scans,
        "seconds": round(result.seconds, 1),
    }
