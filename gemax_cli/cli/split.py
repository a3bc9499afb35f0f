"""``gemax split``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gemax_cli.cli import options
from gemax_cli.errors import SOME_FAILED

if TYPE_CHECKING:
    from gemax_cli.splits.audit import Neighbours
    from gemax_cli.splits.materialise import Layout, Link
    from gemax_cli.splits.model import Part, Split, SplitSettings

make_option, rows_option, folder_option, check_option = map(
    options.under, ("The split", "One fold", "One fold as folders of images", "Audit")
)
number = partial(make_option, type=click.IntRange(1))
several = partial(make_option, multiple=True, callback=options.listed)
settings_pack = options.pack(
    "gemax_cli.splits.model:SplitSettings",
    protocol=partial(
        make_option, "--protocol", type=click.Choice(["paper", "kfold", "loso", "holdout"]), default="paper",
        show_default=False, help="How subjects are drawn and dealt; makes the split.",
    ),
    datasets=partial(several, "--dataset", metavar="NAMES...", help="Only subjects of these."),
    rounds=partial(number, "--rounds", show_default="100 of paper, else 1", help="Independent draws."),
    folds=partial(number, "--folds", show_default="10", help="Of a round; holdout tests the first alone."),
    pick=partial(number, "--pick", show_default="60 of paper, else all", help="Subjects drawn per database."),
    fixed=partial(make_option, "--fixed", is_flag=True, help="Draw them once, for all rounds."),
    seed=partial(make_option, "--seed", type=click.IntRange(0), default=0, help="Another seed, another split."),
    stratify=partial(
        make_option, "--stratify", multiple=True, callback=options.words, metavar="NAMES",
        help="Deal evenly by sex, race or both: sex,race.",
    ),
    expressions=partial(several, "--expression", metavar="NAMES...", help="Keep only these: HA SA, or words."),
    levels=partial(
        make_option, "--level", type=options.integers, multiple=True, callback=options.flatten, metavar="LEVELS...",
        help="Keep only these, 0 to 4: 3 4 or 1:4.",
    ),
)  # fmt: skip


@click.command("split", cls=options.Command, short_help="Subject-independent folds for training and testing.")
@options.out_argument
@click.argument("name")
@settings_pack("settings")
@make_option("--overwrite", is_flag=True, help="Replace a split of this name that differs.")
@rows_option("--rows", is_flag=True, help="Print the rows of metadata.csv of one side of a fold, as CSV.")
@rows_option("--round", "round_number", type=click.IntRange(0), default=0, help="Number of the round.")
@rows_option("--fold", type=click.IntRange(0), default=0, help="The fold that is tested.")
@options.choice(rows_option, "--part", "train test", "Which side of the fold.")("part")
@folder_option("--materialise", type=options.PATH, metavar="DIR", help="Fill DIR/train/CLASS/ and DIR/test/CLASS/.")
@options.choice(folder_option, "--layout", "imagefolder", "Of DIR.")("layout")
@folder_option("--map", "map_name", default="gemax_tau020", help="Which images: a column of metadata.csv.")
@options.choice(folder_option, "--link", "hard sym copy", "Link or copy them.")("link")
@check_option("--check", is_flag=True, help="Look for leaks between the sides of all folds; exit code 3 if there are.")
@check_option("--run", "runs", type=options.PATH, multiple=True, help="Check this run of gemax train too; repeatable.")
@options.format_option
@click.pass_context
def command(
    ctx: click.Context, out: Path, name: str, settings: SplitSettings, overwrite: bool, rows: bool, round_number: int,
    fold: int, part: Part, materialise: Path | None, layout: Layout, map_name: str, link: Link, check: bool,
    runs: tuple[Path, ...], form: options.Form,
) -> int:  # fmt: skip
    """Deal the subjects of the folder OUT of gemax convert to folds: OUT/splits/NAME.csv and NAME.json.

    A split NAME that is there is read, unless options say how to make it. Subjects are drawn in the order of the
    SHA-256 of "seed/round/dataset/subject": the same on every machine. All scans of a subject are on one side; scans
    that are converted later join their subject's fold.

    paper draws 60 subjects of BU-3DFE (levels 3 and 4) and 60 of Bosphorus (those with all six expressions, the first
    scan of each) in 100 rounds, and deals them to 10 folds (section 4.1). kfold deals all subjects; loso has a fold for
    each; holdout is kfold of which fold 0 alone is tested.

    Exit code 3 if the audit finds a leak.
    """
    from gemax_cli.cli.output import emit, print_rows
    from gemax_cli.splits.files import read_split, split_names
    from gemax_cli.splits.make import split
    from gemax_cli.splits.materialise import materialise as fill
    from gemax_cli.splits.rows import split_rows
    from gemax_cli.stack.folder import OutputFolder

    reading = rows or check or materialise or name in split_names(OutputFolder(out))
    if _is_asked_for(ctx) or not reading:
        click.echo(_summary(split(out, name, settings, overwrite=overwrite)), err=True)
    elif not check:  # which reads splits that were changed, too
        click.echo(_summary(read_split(out, name)), err=True)
    if rows:
        print_rows(split_rows(out, name, round_number, fold, part), "csv")
    elif not (check or materialise):
        emit(f"{out / 'splits' / name}.csv\n")
    if materialise:
        images = fill(
            out, name, materialise, round_number=round_number, fold=fold, layout=layout, map_name=map_name, link=link
        )
        click.echo(f"{images} images in {materialise}", err=True)
    return _checked(out, name, runs, form) if check else 0


def _checked(out: Path, name: str, runs: tuple[Path, ...], form: options.Form) -> int:
    """Print what the audit found; returns the exit code."""
    from gemax_cli.cli.output import print_rows
    from gemax_cli.splits.audit import check_split

    audit = check_split(out, name, runs)
    rows = [{"kind": leak.kind, "about": leak.about, "leak": leak.message} for leak in audit.leaks]
    if rows or form != "table":
        print_rows(rows, form, f"Leaks of {out / 'splits' / name}.csv")
    found = f"{len(rows)} leaks" if rows else "no leak found"
    click.echo(f"{audit.folds} folds, {audit.scans} scans: {found}.", err=True)
    if audit.neighbours:
        click.echo(_neighbours_text(audit.neighbours), err=True)
    return SOME_FAILED if rows else 0


def _neighbours_text(found: Neighbours) -> str:
    return (
        f"Nearest neighbours of {found.scans} depth maps: {found.same_subject:.0%} are of the same subject "
        f"({found.by_chance:.0%} by chance), which is what a leak would buy; {found.same_expression:.0%} show the same "
        f"expression, {found.same_expression_others:.0%} where only other subjects count."
    )


def _is_asked_for(ctx: click.Context) -> bool:
    """Whether an option of the split was given."""
    own = (name for name in ctx.params if name.startswith("settings_"))
    return any(ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT for name in own)


def _summary(found: Split) -> str:
    header = found.header
    parts = [f"{count.picked} of {count.subjects} subjects of {name}" for name, count in header.counts.items()]
    folds = len(found.folds(found.rounds[0]))
    return f"{found.name}: {header.protocol}, {header.rounds} rounds x {folds} folds tested, {', '.join(parts)}."
