import pytest

from gemax_cli.cli.main import run
from tests.reports.folders import BO, BU, make_folder


@pytest.fixture
def out(tmp_path):
    return make_folder(tmp_path / "out", (BU, BO))


@pytest.mark.slow
def test_stdout_is_the_path_alone(out, tmp_path, capsys):
    assert run(["report", str(out), "-o", str(tmp_path / "r.html"), "--jobs", "1"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'r.html'}\n"
    assert printed.err == ""
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.slow
def test_the_page_goes_to_the_working_directory_by_default(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["report", str(out)]) == 0
    assert (tmp_path / "report.html").is_file()


@pytest.mark.slow
def test_a_broken_image_is_named_and_the_page_written(out, tmp_path, capsys):
    (out / BU / "gemax_tau005.png").write_bytes(b"")
    assert run(["report", str(out), "-o", str(tmp_path / "r.html")]) == 3
    assert str(out / BU / "gemax_tau005.png") in capsys.readouterr().err
    assert "gemax_tau005.png" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_mistakes_are_one_sentence(out, tmp_path, capsys):
    assert run(["report", str(tmp_path / "none")]) == 2
    assert "there is no such file or folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run(["report", str(tmp_path / "empty")]) == 4
    assert "holds no record" in capsys.readouterr().err
    assert run(["report", str(out), "-o", str(tmp_path / "none" / "r.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err
