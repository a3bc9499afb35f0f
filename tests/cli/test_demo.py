"""``gemax demo`` and ``gemax inspect``."""

import json

import imageio.v3 as iio
import pytest

from gemax_cli.cli.main import run

pytestmark = pytest.mark.slow


def test_the_whole_way_in_one_command(tmp_path, capsys):
    folder = tmp_path / "demo"
    assert run(["demo", str(folder), "--subjects", "1", "--tau", "20", "30", "-j1"]) == 0
    said = capsys.readouterr()
    assert "mean over tau" in said.out
    assert "dataset" in said.out
    assert f"contact sheet: {folder / 'sheet.png'}" in said.err
    assert iio.imread(folder / "sheet.png").ndim == 3
    assert len(list((folder / "out").rglob("depth16.png"))) == 12


@pytest.mark.parametrize("pattern", ["*NE00*_F3D.wrl", "*N_N_0.bnt"])
def test_inspect_as_json(raw, capsys, pattern):
    assert run(["inspect", str(next(raw.rglob(pattern))), "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["expression"] == "NE"
    assert facts["points"] > 5000
    assert len(facts["nose_tip"]) == 3
    assert facts["valid_pixels"] > 10000
    assert facts["texture"]


def test_inspect_as_table(raw, capsys):
    assert run(["inspect", str(next(raw.rglob("*.bnt")))]) == 0
    said = capsys.readouterr().out
    assert "nose_tip" in said
    assert "Bosphorus" in said


def test_inspect_says_what_is_wrong(tmp_path, capsys):
    (tmp_path / "x.bnt").write_bytes(b"no")
    assert run(["inspect", str(tmp_path / "x.bnt")]) == 3
    assert "x.bnt" in capsys.readouterr().err


def test_a_face_without_a_nose_is_a_fact(tmp_path, capsys):
    path = tmp_path / "plate.xyz"
    path.write_text("\n".join(f"{x} {y} 0" for x in range(-60, 61, 3) for y in range(-60, 61, 3)))
    assert run(["inspect", str(path), "--format", "json"]) == 3
    assert "nose" in json.loads(capsys.readouterr().out)["problem"]
