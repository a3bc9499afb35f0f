"""Packs of options, and how ``--help`` shows them."""

import click
import click.testing
import pytest

from gemax_cli.cli.main import COMMANDS, run
from gemax_cli.cli.options import Command, default_jobs, jobs_option, selection_pack, settings_pack
from gemax_cli.datasets.registry import DATASETS
from gemax_cli.datasets.selection import Selection
from gemax_cli.maps.registry import COMPARISONS
from gemax_cli.settings import BlockSettings, CameraSettings, NoseSettings, QuantisationSettings, Settings


def called(decorate, *arguments, env=None):
    """What a command with these options is called with."""
    got = {}

    @click.command(cls=Command)
    @decorate
    def command(**values):
        got.update(values)

    with click.testing.CliRunner().isolation(env=env):
        command.main([str(argument) for argument in arguments], standalone_mode=False)
    return got


def test_settings_by_default_are_those_of_the_library():
    assert called(settings_pack("settings")) == {"settings": Settings()}


def test_every_setting_reaches_its_place():
    line = (
        "--tau 20,30 --maps ri,HE --levels 2048 --bins 128 --reserve-zero --stack rgb --depth 50:60:10 --size 112 "
        "--mm-per-pixel 2 --frame fit --max-edge 5 --max-hole 9 --nose detect --min-confidence 0.5 --align always "
        "--mapping subject --unit cm --up +z --forward -y --fx 500 --fy 501 --cx 320 --cy 240"
    )
    assert called(settings_pack("settings"), *line.split())["settings"] == Settings(
        taus=(20, 30), depths=(50, 60), maps=("ri", "he"), stack="rgb", mapping="subject",
        nose=NoseSettings("detect", 0.5, "always", "cm", "+z", "-y"),
        block=BlockSettings(size=112, mm_per_pixel=2, frame="fit", max_edge_mm=5, max_hole_mm2=9),
        quantisation=QuantisationSettings(2048, 128, True), camera=CameraSettings("", 500, 501, 320, 240),
    )  # fmt: skip


def test_a_camera_by_name():
    assert called(settings_pack("settings"), "--camera", "kinect-v2")["settings"].camera == CameraSettings("kinect-v2")


def test_settings_from_the_environment():
    got = called(
        settings_pack("settings"), env={"GEMAX_TAU": "20 30,50", "GEMAX_DEPTH": "50 70", "GEMAX_MAPS": "ri he"}
    )
    assert got["settings"] == Settings(taus=(20, 30, 50), depths=(50, 70), maps=("ri", "he"))


def test_every_filter_reaches_its_place():
    assert called(selection_pack("selection")) == {"selection": Selection()}
    line = (
        "--dataset frgc,bu3dfe --subject F0001,bs00* --subject m0001 --expression happy --level 3 --level 4 "
        "--glob */x*,y --kind RAW --select paper"
    )
    assert called(selection_pack("selection"), *line.split())["selection"] == Selection(
        ("FRGC", "BU-3DFE"), ("HA",), (3, 4), ("F0001", "bs00*", "m0001"), ("*/x*,y",), "RAW", "paper"
    )


def test_two_packs_may_have_fields_of_one_name():
    def both(command):
        return settings_pack("settings")(selection_pack("selection")(command))

    got = called(both, "--levels", 512, "--level", 3)
    assert got == {"settings": Settings(quantisation=QuantisationSettings(512)), "selection": Selection(levels=(3,))}


@pytest.mark.parametrize(("env", "jobs"), [({}, default_jobs()), ({"GEMAX_JOBS": "3"}, 3)])
def test_jobs(env, jobs):
    assert called(jobs_option, env=env) == {"jobs": jobs}
    assert called(jobs_option, "-j", 5, env=env) == {"jobs": 5}


HELP_OF = [*(name for name in COMMANDS if name != "bench"), "bench solver", "bench pipeline", "bench images"]


@pytest.mark.parametrize("name", HELP_OF)
def test_every_command_with_jobs_hears_the_environment(name, capsys):
    assert run([*name.split(), "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert ("--jobs" in text) == ("GEMAX_JOBS" in text)
    assert ("--jobs" in text) == (name in ("convert", "entropy", "report", "sweep", "map", "demo", "bench pipeline"))


def test_help_has_headings_and_the_names_of_the_registries(capsys):
    assert run(["convert", "--help"]) == 0
    text = capsys.readouterr().out
    headings = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        "Maps:", "Block:", "Nose tip and axes:", "Camera of depth pictures without a .json beside them:",
        "Which scans:", "Run:", "Output:", "Options:",
        "Environment variables, for options that the command line does not give:",
    ]  # fmt: skip
    assert all(name in text for name in (*COMPARISONS, *DATASETS))


def test_gemax_alone_is_readable(capsys):
    run([])
    said = "".join(capsys.readouterr())
    assert "\n  gemax convert raw/ out/ --tau 20 30 40\n  gemax entropy out/\n" in said
    assert "\\b" not in said
    places = [said.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize(("typed", "said"), [("convrt", "Did you mean 'convert'?"), ("zzz", "No such command 'zzz'")])
def test_a_mistyped_command(typed, said, capsys):
    assert run([typed]) == 2
    assert said in capsys.readouterr().err
