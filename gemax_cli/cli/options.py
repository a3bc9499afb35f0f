"""Shared options. A pack is a group of options that gives the command one typed object.

Settings and selections are imported when a command runs, so ``--help`` stays fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, cast, get_args

import click

from gemax_cli.cameras import CAMERAS
from gemax_cli.datasets.model import EXPRESSIONS
from gemax_cli.datasets.registry import DATASETS, KINDS
from gemax_cli.maps.registry import COMPARISONS

Function = TypeVar("Function", bound=Callable[..., Any])
Number = TypeVar("Number", int, float)
Form = Literal["table", "csv", "json", "md"]
PATH = click.Path(path_type=Path)
MOST_VALUES = 10_000
WIDE = "gemax_cli.wide"  # whether a context's tables show all columns


class Decorator(Protocol):
    """What ``click.option`` returns."""

    def __call__(self, command: Function, /) -> Function:
        """Add to the command."""


# --- headings of --help


class Option(click.Option):
    """An option that ``--help`` shows under a heading, with its default."""

    def __init__(self, *args: Any, heading: str, **rest: Any) -> None:
        super().__init__(*args, **{"show_default": True, **rest})
        self.heading = heading


class Command(click.Command):
    """A command whose ``--help`` shows the options under their headings.

    Every option has a variable of the environment: of convert GEMAX_SIZE, of other commands GEMAX_TRAIN_SIZE.
    """

    def __init__(self, name: str | None, **rest: Any) -> None:
        super().__init__(name, **rest)
        prefix = "" if name in (None, "convert") else f"{name}_"
        for param in self.params:
            if isinstance(param, Option) and not param.envvar:
                param.envvar = f"GEMAX_{prefix}{max(param.opts, key=len)[2:]}".upper().replace("-", "_")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section per heading, in the order of the options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record:
                sections.setdefault(getattr(param, "heading", "Options"), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)
        variables = [str(param.envvar) for param in self.params if isinstance(param, Option) and not param.hidden]
        if variables:
            with formatter.section("Environment variables, for options that the command line does not give"):
                formatter.write_text(f"{', '.join(variables)}.")


class Group(click.Group):
    """Commands of one name before theirs; the name alone prints help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as Click does; no argument at all asks for help."""
        return super().parse_args(ctx, args or ["--help"])


def under(heading: str) -> Callable[..., Decorator]:
    """Return ``click.option`` for options under one heading."""
    return partial(click.option, cls=Option, heading=heading)


option, maps_option, block_option, nose_option = map(under, ("Options", "Maps", "Block", "Nose tip and axes"))
camera_option = under("Camera of depth pictures without a .json beside them")
scans_option, run_option, output_option = map(under, ("Which scans", "Run", "Output"))


def pack(home: str, **parts: Callable[[str], Decorator]) -> Callable[[str], Decorator]:
    """Options for the fields of a dataclass.

    Args:
        home: "module:class" of the dataclass; imported when the command runs.
        parts: for each field, a function from the parameter's name to its option or to another pack.

    Returns:
        A function from the name of the command's parameter, which gets the object, to a decorator.
    """
    module, _, kind = home.partition(":")

    def of_parameter(name: str) -> Decorator:
        """The options of the parameter ``name``."""

        def decorate(command: Function) -> Function:
            """``command`` with an option for each field."""

            @wraps(command)
            def call(**values: Any) -> Any:
                """Hand the values of the fields on as one object."""
                fields = {field: values.pop(f"{name}_{field}") for field in parts}
                return command(**values, **{name: getattr(import_module(module), kind)(**fields)})

            for field, part in reversed(parts.items()):
                call = part(f"{name}_{field}")(call)
            return cast(Function, call)

        return decorate

    return of_parameter


# --- values


def integers(text: str) -> tuple[int, ...]:
    """Whole numbers in any spelling: ``20``, ``20,30``, ``20:60:10`` (the end included)."""
    return _numbers(text, int)


def lengths(text: str) -> tuple[float, ...]:
    """Numbers in any spelling: ``60``, ``50,62.5``, ``50:140:10`` (the end included)."""
    return _numbers(text, float)


def _numbers(text: str, kind: type[Number]) -> tuple[Number, ...]:
    try:
        return tuple(number for part in text.split(",") if part for number in _range(part, kind))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no number, list (20,30) or range (20:60:10).") from None


def _range(part: str, kind: type[Number]) -> list[Number]:
    if ":" not in part:
        return [kind(part)]
    start, stop, step = [kind(number) for number in (part if part.count(":") == 2 else f"{part}:1").split(":")]
    if step <= 0 or stop < start or (stop - start) / step > MOST_VALUES:
        raise ValueError(part)
    return [kind(start + i * step) for i in range(int((stop - start) / step + 1e-9) + 1)]


def flatten(_: click.Context, __: click.Parameter, value: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    """All numbers of a repeated option, ascending, each once."""
    return tuple(sorted({number for numbers in value for number in numbers}))


def words(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """All names of a repeated option of comma-separated lists."""
    return tuple(word.strip().lower() for text in value for word in text.split(",") if word.strip())


def listed(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """All values of a repeated option of comma-separated lists, as they are spelled."""
    return tuple(word.strip() for text in value for word in text.split(",") if word.strip())


def shard(text: str) -> tuple[int, int]:
    """``i/n``: part i of n, from 1."""
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise click.BadParameter(f"{text!r} is no part: give i/n with 1 <= i <= n, such as 1/8.")
    return int(part), int(parts)


def existing(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Check that a path exists, with gemax's own message."""
    if value is not None and not value.exists():
        raise click.BadParameter(f"{value}: there is no such file or folder.", ctx, param)
    return value


def _expand(ctx: click.Context, param: click.Parameter, sources: tuple[Path, ...]) -> list[Path]:
    """Expand SRC... to paths; ``-`` reads a list from standard input."""
    from gemax_cli.source_list import read_source_list

    places: list[Path] = []
    for source in sources:
        if str(source) == "-":
            places += read_source_list(sys.stdin.buffer.read())
        else:
            existing(ctx, param, source)
            places.append(source)
    return places


def _settings_from(home: str, ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Make the settings of a file the defaults of the options of this command."""
    if path is None:
        return
    from gemax_cli.settings_file import read_settings

    names = {param.name for param in ctx.command.params if param.name}
    values: dict[str, Any] = {}
    module, kind = home.split(":")
    for field, value in read_settings(path, getattr(import_module(module), kind)).items():
        values |= {name: value for name in (field, f"settings_{field}") if name in names}
    ctx.default_map = {**(ctx.default_map or {}), **values}


def default_jobs() -> int:
    """Number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


# --- arguments and single options

sources_argument = click.argument("sources", nargs=-1, required=True, type=PATH, metavar="SRC...", callback=_expand)
images_argument = click.argument("sources", nargs=-1, required=True, type=PATH, metavar="IMAGE...", callback=_expand)
out_argument = click.argument("out", type=PATH, callback=existing)


def settings_option(home: str) -> Decorator:
    """``--settings`` of a command whose settings are ``home``, as of a pack."""
    return run_option(
        "--settings", type=PATH, metavar="FILE", is_eager=True, expose_value=False,
        callback=partial(_settings_from, home),
        help="Settings from a run.json or a TOML file; options of the command line count more.",
    )  # fmt: skip


numbers_option = partial(maps_option, multiple=True, callback=flatten)
tau_part = partial(
    numbers_option, "--tau", type=integers, envvar="GEMAX_TAU", default=["20", "30", "40", "50", "60"],
    metavar="LEVELS...", help="Distortion bounds, in levels: 20 30 40, 20,30,40 or 20:60:10.",
)  # fmt: skip
tau_option = tau_part("taus")
jobs_part = partial(
    run_option, "--jobs", "-j", type=click.IntRange(1), envvar="GEMAX_JOBS", default=default_jobs,
    show_default="one per core", help="Processes.",
)  # fmt: skip
jobs_option = jobs_part("jobs")
wait_part = partial(
    run_option, "--wait", type=click.FloatRange(0), default=0.0, show_default="fail at once", metavar="[SECONDS]",
    help="Wait for a folder that another gemax writes to; without SECONDS for as long as it takes.",
)  # fmt: skip


def format_option(command: Function) -> Function:
    """``--format``, which the command gets as ``form``, and ``--wide``, which ``cli.output`` reads."""
    command = output_option(
        "--wide", is_flag=True, expose_value=False, callback=_widen,
        help="All columns of a table, also where the terminal is narrow.",
    )(command)  # fmt: skip
    return output_option(
        "--format", "form", type=click.Choice(get_args(Form)), default="table", help="How to print results."
    )(command)


def _widen(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[WIDE] = value


quiet_option = output_option("--quiet", "-q", is_flag=True, help="No progress and no summary, only failures.")
verbose_option = output_option(
    "--verbose", "-v", is_flag=True, help="Name each scan or image on stderr when it is done."
)
log_option = output_option(
    "--log", type=PATH, metavar="FILE", help="Append all messages of --verbose to FILE, with their time."
)


def file_option(name: str, text: str) -> Decorator:
    """``--output`` with its default name and its help."""
    return output_option("--output", "-o", type=PATH, default=Path(name), help=text)


# --- packs


def choice(make: Callable[..., Decorator], flag: str, values: str, text: str) -> Callable[[str], Decorator]:
    """One of some words, the first by default."""
    return partial(make, flag, type=click.Choice(values.split()), default=values.split()[0], help=text)


SCOPES = ("scan", "sequence", "subject", "dataset")
SEQUENCE_MODES = ("none", "first", "rigid")
AXES = "auto +x -x +y -y +z -z"
nose_pack = pack(
    "gemax_cli.settings:NoseSettings",
    mode=choice(nose_option, "--nose", "auto detect landmark", "auto: landmark file if there is one, else detector."),
    min_confidence=partial(nose_option, "--min-confidence", default=0.0, help="Refuse tips found with less."),
    align=choice(nose_option, "--align", "none auto always", "Rotate to frontal: never, if clearly turned, always."),
    unit=choice(nose_option, "--unit", "auto m cm mm 0.25mm 0.125mm 0.1mm um", "Of generic files and depth pictures."),
    up=choice(nose_option, "--up", AXES, "Axis to the top of the head in generic files and depth pictures."),
    forward=choice(nose_option, "--forward", AXES, "Axis out of the face in generic files and depth pictures."),
)
pixels = partial(partial, camera_option, type=float)
camera_pack = pack(
    "gemax_cli.settings:CameraSettings",
    name=partial(
        camera_option, "--camera", metavar="NAME", type=click.Choice(list(CAMERAS)),
        callback=lambda _, __, value: value or "",
        help=f"Its usual calibration, 1 to 3 % off: {', '.join(CAMERAS)}.",
    ),
    fx=pixels("--fx", help="Focal length, pixels."),
    fy=pixels("--fy", help="The same along the columns.", show_default="as --fx"),
    cx=pixels("--cx", help="Column of the optical axis, from 0.", show_default="the middle"),
    cy=pixels("--cy", help="Row of the optical axis, from 0.", show_default="the middle"),
)  # fmt: skip
block_pack = pack(
    "gemax_cli.settings:BlockSettings",
    size=partial(block_option, "--size", default=224, help="Side of the images, pixels."),
    mm_per_pixel=partial(block_option, "--mm-per-pixel", default=1.0, help="Pixel pitch of the fixed frame."),
    frame=choice(block_option, "--frame", "fixed fit", "Nose tip at the centre, or the block fills the image."),
    max_edge_mm=partial(
        block_option, "--max-edge", type=float, show_default="by spacing", help="Draw no longer edges of triangles, mm."
    ),
    max_hole_mm2=partial(block_option, "--max-hole", default=60.0, help="Fill interior holes up to this, mm2."),
)
quantisation_pack = pack(
    "gemax_cli.settings:QuantisationSettings",
    levels=partial(maps_option, "--levels", default=4096, help="N, depth levels that the solver sees."),
    bins=partial(maps_option, "--bins", default=256, help="K, grey values of a map."),
    reserve_zero=partial(maps_option, "--reserve-zero", is_flag=True, help="Keep 0 for the background alone."),
)
settings_pack = pack(
    "gemax_cli.settings:Settings",
    taus=tau_part,
    maps=partial(
        maps_option, "--maps", multiple=True, callback=words, envvar="GEMAX_MAPS", metavar="NAMES",
        help=f"Comparison maps of the same blocks: {', '.join(COMPARISONS)}; separated by commas. texture and mask "
        "do as --texture and --mask.",
    ),
    quantisation=quantisation_pack,
    texture=partial(maps_option, "--texture", is_flag=True, help="Also texture.png, colours on the same grid."),
    require_texture=partial(maps_option, "--require-texture", is_flag=True, help="The same; no picture is a failure."),
    mask=partial(maps_option, "--mask", is_flag=True, help="Also mask.png: 0 no data, 255 measured, 128 filled."),
    mapping=partial(
        maps_option, "--mapping", type=click.Choice(SCOPES), default="scan", metavar="SCOPE",
        help="Scans that share a mapping, so that equal grey is equal depth: scan, sequence, subject or dataset.",
    ),
    sequence=partial(
        block_option, "--sequence", type=click.Choice(SEQUENCE_MODES), default="rigid",
        help="Frames of 4D sequences: each for itself, all as the first, or registered to the first (Open3D).",
    ),
    stack=choice(maps_option, "--stack", "files rgb", "A grey PNG per tau, or an RGB PNG per three tau."),
    depths=partial(
        numbers_option, "--depth", type=lengths, envvar="GEMAX_DEPTH", default=["60"], heading="Block",
        metavar="MM...", help="Depth of the block behind the nose tip; several cut several blocks.",
    ),
    block=block_pack,
    nose=nose_pack,
    camera=camera_pack,
)  # fmt: skip
several = partial(partial, scans_option, multiple=True, callback=listed)
selection_pack = pack(
    "gemax_cli.datasets.selection:Selection",
    datasets=several("--dataset", metavar="NAMES...", help=f"Only of these: {', '.join(DATASETS)}."),
    subjects=several("--subject", metavar="NAMES...", help="Only these: F0001 bs000, F0001,bs000 or 'F00*'."),
    expressions=several("--expression", metavar="NAMES...", help=f"Only these: {' '.join(EXPRESSIONS)}, or words."),
    levels=partial(
        scans_option, "--level", type=integers, multiple=True, callback=flatten, metavar="LEVELS...",
        help="Only these, 0 to 4: 3 4, 3,4 or 1:4.",
    ),
    patterns=partial(
        scans_option, "--glob", multiple=True, help="Only sources that match, such as '*/F00*'; repeatable."
    ),
    kind=choice(scans_option, "--kind", " ".join(KINDS), "Of BU-3DFE."),
    protocol=partial(
        scans_option, "--select", type=click.Choice(["paper"]), callback=lambda _, __, value: value or "",
        help="The paper's protocol: six expressions, levels 3 and 4.",
    ),
)  # fmt: skip
