"""4D sequences as strips and as films."""

import shutil
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest

from gemax_cli.batch.run import convert
from gemax_cli.cli.main import run
from gemax_cli.errors import BadFormat, SettingsError
from gemax_cli.reports.filmstrip import choose_frames, sequences_of, write_video
from gemax_cli.reports.page import report
from gemax_cli.reports.sheet import preview
from gemax_cli.stack.folder import OutputFolder
from tests.batch.frames import SMALL, write_frames

FRAMES = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A sequence of twelve frames with numbers that do not sort as text, and one of three."""
    root = tmp_path_factory.mktemp("film")
    write_frames(root / "raw" / "take", 3, FRAMES, name="scan_{}.wrl")
    write_frames(root / "raw" / "F001" / "Happy", 1, 3, "HA")
    convert([root / "raw"], root / "out", replace(SMALL, taus=(20,), maps=(), mapping="sequence"))
    return root / "out"


@pytest.fixture
def out(made, tmp_path):
    return shutil.copytree(made, tmp_path / "out")


def greys(out, sequence, names):
    return np.stack([iio.imread(out / sequence / name / "gemax_tau020.png") for name in names])


def test_frames_come_in_the_order_of_their_numbers(made):
    folder = OutputFolder(made)
    sequences = {s.name: s for s in sequences_of(folder, folder.images())}
    assert {name: len(s.frames) for name, s in sequences.items()} == {"BU-4DFE/F001/Happy": 3, "other/take": FRAMES}
    assert [number for number, _ in sequences["other/take"].frames] == list(range(FRAMES))
    assert [images.scan for _, images in sequences["other/take"].frames][2] == "other/take/scan_2"
    assert [number for number, _ in choose_frames(sequences["other/take"], 4)] == [0, 4, 7, 11]
    assert [number for number, _ in choose_frames(sequences["BU-4DFE/F001/Happy"])] == [0, 1, 2]


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_every_frame_of_a_film_has_the_grey_values_of_its_map(made, tmp_path, suffix):
    video = write_video(made, tmp_path / f"film{suffix}", name="take")
    maps = greys(made, "other/take", [f"scan_{i}" for i in range(FRAMES)])
    assert (video.sequence, video.problems) == ("other/take", ())
    np.testing.assert_array_equal(video.frames, maps)
    read = iio.imread(tmp_path / f"film{suffix}", plugin="pillow", index=...)
    read = read[..., 0] if read.ndim == 4 else read
    np.testing.assert_array_equal(read, maps)
    assert iio.immeta(tmp_path / f"film{suffix}", plugin="pillow")["duration"] == 40


def test_without_a_name_the_first_sequence_is_shown(made, tmp_path):
    assert run(["preview", str(made), "--style", "video", "-o", str(tmp_path / "film.gif")]) == 0
    assert len(iio.imread(tmp_path / "film.gif", plugin="pillow", index=...)) == 3


def test_a_frame_that_cannot_be_read_is_left_out_and_told(out, tmp_path, capsys):
    (out / "other/take/scan_5/gemax_tau020.png").write_bytes(b"no picture")
    line = ["preview", str(out), "--style", "video", "--scan", "take", "-o", str(tmp_path / "film.png")]
    assert run(line) == 3
    assert "scan_5" in capsys.readouterr().err
    assert len(iio.imread(tmp_path / "film.png", plugin="pillow", index=...)) == FRAMES - 1
    for path in out.rglob("gemax_tau020.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(BadFormat):
        write_video(out, tmp_path / "none.gif")
    assert not (tmp_path / "none.gif").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--style", "video", "-o", "film.mp4"], "ends in .gif or .png"),
        (["--style", "video", "--scan", "F009/Happy", "-o", "film.gif"], "no sequence is named 'F009/Happy'"),
        (["--style", "video", "--style", "tau", "-o", "film.gif"], "give it alone"),
        (["--style", "strip", "--style", "tau", "-o", "strip.png"], "give it alone"),
        (["--style", "strip", "-o", "strip.gif"], "ends in .png"),
    ],
)
def test_what_cannot_be_shown_is_told(made, tmp_path, monkeypatch, capsys, options, sentence):
    monkeypatch.chdir(tmp_path)
    assert run(["preview", str(made), *options]) == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_sequences_has_no_film(tmp_path):
    write_frames(tmp_path / "raw", 3, 1, name="face.wrl")
    convert([tmp_path / "raw"], tmp_path / "out", replace(SMALL, taus=(20,), maps=()))
    for show in (
        lambda: write_video(tmp_path / "out", tmp_path / "film.gif"),
        lambda: preview(tmp_path / "out", styles=("strip",)),
    ):
        with pytest.raises(SettingsError, match="holds no sequence"):
            show()
    assert preview(tmp_path / "out").scans == 1


def test_preview_and_report_show_strips(made):
    drawn = preview(made)
    assert (drawn.shown, drawn.scans, drawn.problems) == (2, 2, ())
    assert drawn.sheet.shape[1] > 8 * 48
    assert preview(made, styles=("strip",), names=("F001/Happy",)).shown == 1
    assert preview(made, styles=("overview",)).scans == FRAMES + 3
    page = report(made).html
    assert "Sequence other/take: 8 of 12 frames." in page
    assert all(f"frame {number}<" in page for number in (0, 2, 11))
