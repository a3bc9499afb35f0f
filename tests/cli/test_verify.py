"""``gemax verify`` as a user types it."""

import json
import shutil

import pytest

from gemax_cli.cli.main import run
from gemax_cli.stack.folder import OutputFolder


@pytest.fixture
def out(converted, tmp_path):
    return shutil.copytree(converted, tmp_path / "out")


def test_a_sound_folder(out, capsys):
    assert run(["verify", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "6 scans, 24 files: all as recorded; 0 files belong to no record." in said.err


def test_damage_is_exit_3_and_repaired_by_a_second_conversion(raw, out, capsys):
    victim = next(out.rglob("gemax_tau030.png"))
    victim.write_bytes(b"x")
    (out / "orphan.png").write_bytes(b"x")
    assert run(["verify", str(out), "--format", "json"]) == 3
    rows = json.loads(capsys.readouterr().out)
    assert [row["file"] for row in rows] == [victim.relative_to(out).as_posix(), "orphan.png"]
    assert run(["verify", str(out), "--repair"]) == 3
    assert "1 files removed: run gemax convert again" in capsys.readouterr().err
    assert not victim.exists()
    assert run(["convert", str(raw), str(out), "--tau", "20", "30", "40", "-j1"]) == 0
    assert run(["verify", str(out)]) == 0


def test_a_folder_without_records(tmp_path, capsys):
    assert run(["verify", str(tmp_path)]) == 4
    assert "holds no record" in capsys.readouterr().err
    assert run(["verify", str(tmp_path / "gone")]) == 2


def test_a_folder_in_use(out, capsys):
    with OutputFolder(out).locked():
        assert run(["verify", str(out)]) == 5
    assert "another gemax is writing to it" in capsys.readouterr().err
