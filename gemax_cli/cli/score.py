"""``gemax score``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options

if TYPE_CHECKING:
    from gemax_cli.learn.scores import Scores


LEAST = ("depth_mm", "rounds", "paper_table", "same_cell", "worse", "better", "images", "tau", "streams", "chance")


@click.command("score", cls=options.Command, short_help="Accuracies of trained runs, compared fold by fold.")
@click.argument("runs", nargs=-1, required=True, type=options.PATH, metavar="RUN...")
@options.option("--baseline", is_flag=True, help="Add the linear classifier of gemax sweep on the same folds.")
@options.option("--split", default="", show_default=False, help="Of RUN, where it is a folder of gemax convert.")
@options.output_option("--plot", type=options.PATH, help="Draw confusion matrices and losses: .png or .svg.")
@options.output_option(
    "--sheet", type=options.PATH, help="Draw attention maps and parts of ten faces of the first RUN: .png."
)
@options.format_option
def command(
    runs: tuple[Path, ...], baseline: bool, split: str, plot: Path | None, sheet: Path | None, form: options.Form
) -> None:
    """Print the accuracy of each RUN of gemax train, and its difference from the first over the folds that both have.

    accuracy is the mean over the folds of a round, then over the rounds, in per cent; accuracy_sd the standard
    deviation over the rounds; sign_p the p-value of a sign test on the folds. --baseline needs scikit-learn and no
    PyTorch: gemax score OUT --baseline --split NAME gives a figure in a minute.
    """
    from dataclasses import asdict

    from gemax_cli.cli.output import print_rows
    from gemax_cli.learn.plots import check_sheet_name
    from gemax_cli.learn.scores import score
    from gemax_cli.reports.charts import chart_format
    from gemax_cli.reports.published import SOURCE

    if plot:
        chart_format(plot)  # before the work
    if sheet:
        check_sheet_name(sheet)
    scores = score(runs, baseline=baseline, split=split)
    note = f"paper_accuracy: {SOURCE}; accuracy: of these scans"
    print_rows([asdict(row) for row in scores.rows], form, "Accuracy on unseen subjects, per cent", note, LEAST)
    _draw(scores, runs[0], plot, sheet)


def _draw(scores: Scores, first: Path, plot: Path | None, sheet: Path | None) -> None:
    from gemax_cli.learn.plots import attention_sheet, score_figure
    from gemax_cli.reports.charts import write_chart
    from gemax_cli.stack.atomic import write_output
    from gemax_cli.stack.png import encode_png

    if plot:
        write_chart(score_figure(scores.runs), plot)
        click.echo(f"plot: {plot}", err=True)
    if sheet:
        write_output(sheet, encode_png(attention_sheet(first)))
        click.echo(f"sheet: {sheet}", err=True)
