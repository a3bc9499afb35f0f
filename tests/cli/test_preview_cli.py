import pytest
from PIL import Image

from gemax_cli.cli.main import run
from tests.reports.folders import BO, BU, make_folder


@pytest.fixture
def out(tmp_path):
    return make_folder(tmp_path / "out", (BU, BO))


def test_stdout_is_the_path_alone(out, tmp_path, capsys):
    assert run(["preview", str(out), "-o", str(tmp_path / "s.png")]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 's.png'}\n"
    assert printed.err == ""
    assert Image.open(tmp_path / "s.png").width > 100


def test_the_sheet_goes_to_the_working_directory_by_default(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["preview", str(out)]) == 0
    assert (tmp_path / "sheet.png").is_file()


def test_a_named_scan_is_shown_with_maps_and_tau(out, tmp_path):
    sizes = {}
    for name, options in (("both", []), ("maps", ["--style", "maps"]), ("tau", ["--style", "tau"])):
        path = tmp_path / f"{name}.png"
        assert run(["preview", str(out), "--scan", "F0001_AN01WH", *options, "-o", str(path)]) == 0
        sizes[name] = Image.open(path).size
    assert sizes["both"][1] > sizes["tau"][1] > sizes["maps"][1]
    assert sizes["both"][0] == sizes["maps"][0] > sizes["tau"][0]


def test_several_scans_are_named(out, tmp_path):
    line = ["preview", str(out), "--scan", BU, "--scan", BO, "--style", "tau", "-o", str(tmp_path / "s.png")]
    assert run(line) == 0


def test_limit(out, tmp_path):
    heights = []
    for limit in ("1", "2"):
        run(["preview", str(out), "--limit", limit, "-o", str(tmp_path / "s.png")])
        heights.append(Image.open(tmp_path / "s.png").height)
    assert heights[0] < heights[1]


def test_a_broken_image_is_named_and_the_rest_drawn(out, tmp_path, capsys):
    (out / BU / "depth16.png").write_bytes(b"")
    assert run(["preview", str(out), "-o", str(tmp_path / "s.png")]) == 3
    printed = capsys.readouterr()
    assert str(out / BU / "depth16.png") in printed.err
    assert (tmp_path / "s.png").is_file()
    assert printed.out == f"{tmp_path / 's.png'}\n"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--scan", "nobody"], 2, "no scan is named 'nobody'"),
        (["-o", "s.jpg"], 2, "ends in .png"),
        (["-o", "/none/s.png"], 2, "cannot be written"),
        (["--style", "x"], 2, "Invalid value"),
        (["--limit", "0"], 2, "Invalid value"),
    ],
)
def test_mistakes_are_one_sentence(out, tmp_path, capsys, monkeypatch, options, code, words):
    monkeypatch.chdir(tmp_path)
    assert run(["preview", str(out), *options]) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "sheet.png").exists()


def test_an_empty_folder(tmp_path, capsys):
    assert run(["preview", str(tmp_path)]) == 4
    assert "holds no map" in capsys.readouterr().err
