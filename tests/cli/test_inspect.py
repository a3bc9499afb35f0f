"""``gemax inspect``: exit codes, and the options that a raw file may need."""

import imageio.v3 as iio
import numpy as np

from gemax_cli.cli.main import run


def test_a_scan_that_cannot_be_converted_is_exit_code_3(tmp_path, capsys):
    path = tmp_path / "flat.png"
    iio.imwrite(path, np.add.outer(np.arange(60), np.arange(80)).astype(np.uint16) + 300)
    assert run(["inspect", str(path), "--format", "csv"]) == 3
    printed = capsys.readouterr().out
    assert 'problem,"nothing in it looks like a nose' in printed
    assert "Its scale is not known (no .json beside it)" in printed
    assert run(["inspect", str(path), "--format", "csv", "--camera", "kinect-v1", "--unit", "mm"]) == 3
    printed = capsys.readouterr().out
    assert 'problem,"nothing in it looks like a nose' in printed
    assert "scale" not in printed
    assert run(["inspect", str(path), "--camera", "kinect-v2"]) == 3
    assert "80 x 60 pixels, which is no size of kinect-v2" in capsys.readouterr().err


def test_a_sound_scan_is_exit_code_0(raw):
    assert run(["inspect", str(next(raw.rglob("*.bnt")))]) == 0
