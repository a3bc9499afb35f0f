"""Textures, masks and landmarks in an output folder."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from gemax_cli.batch.run import convert
from gemax_cli.reports.page import report
from gemax_cli.reports.sheet import preview
from gemax_cli.settings import CameraSettings, NoseSettings, Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.png import encode_png
from gemax_cli.stack.verify import verify
from gemax_cli.synthetic.dataset import make_sample
from tests.batch.folders import content

BARE = Settings(taus=(20,))
FULL = Settings(taus=(20,), texture=True, mask=True)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Three scans of each database; one lacks its picture, another has a broken one."""
    folder = tmp_path_factory.mktemp("raw")
    make_sample(folder, subjects=1, scans="few")
    pictures = sorted((folder / "BU-3DFE").rglob("*_F3D.bmp"))
    pictures[0].unlink()
    pictures[1].write_bytes(b"BM broken")
    return folder


@pytest.fixture(scope="module")
def at_once(raw, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "once"
    convert(raw, out, FULL)
    return out


def test_a_texture_added_later_is_that_made_at_once(raw, at_once, tmp_path):
    for settings in (BARE, Settings(taus=(20,), texture=True), FULL):
        summary = convert(raw, tmp_path / "later", settings)
        assert (summary.converted, summary.failures) == (6, [])
    without_history = {name: data for name, data in content(at_once).items() if name != "run.json"}
    later = {name: data for name, data in content(tmp_path / "later").items() if name != "run.json"}
    assert later == without_history
    assert convert(raw, tmp_path / "later", FULL).converted == 0


def test_what_is_recorded(raw, at_once):
    folder = OutputFolder(at_once)
    assert verify(at_once).problems == ()
    for record in folder.records():
        (block,) = record.blocks
        mask = folder.image(block.mask.file)
        codes = folder.depth16(record.scan_id)
        assert ((mask > 0) == (codes > 0)).all()
        assert np.count_nonzero(mask == 128) == block.counts["filled_pixels"]
        if record.texture == "-":
            assert block.texture is None
            assert record.warnings[-1].startswith("No texture: ")
        else:
            assert block.texture.pixels + block.texture.black_pixels == block.valid_pixels
            image = folder.texture(record.scan_id)
            assert np.count_nonzero(image.any(axis=2)) <= block.texture.pixels
            assert image[mask != 255].max() == 0
            assert np.median(image[mask == 255]) > 40
    assert sum(record.texture == "-" for record in folder.records()) == 2
    assert (at_once / "landmarks.csv").read_text().count("\n") == 1 + 3 * 83 + 3 * 22


def test_a_required_texture(raw, at_once, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(at_once, out)
    summary = convert(raw, out, Settings(taus=(20,), require_texture=True))
    assert summary.converted == 0
    assert sorted(failure.error for failure in summary.failures) == ["BadPicture", "PictureMissing"]
    assert all(failure.stage == "texture" for failure in summary.failures)
    assert len(OutputFolder(out).scan_ids) == 6


def test_a_picture_that_appears_is_used(raw, at_once, tmp_path):
    mine, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(raw, mine)
    shutil.copytree(at_once, out)
    bare = [record for record in OutputFolder(out).records() if record.texture == "-"]
    good = next((mine / "BU-3DFE").rglob("*SU04*_F3D.bmp"))
    for record in bare:
        shutil.copy(good, mine / record.source.replace(".wrl", ".bmp"))
    assert convert(mine, out, FULL).converted == 2
    assert all(
        record.texture.endswith(".bmp") or record.texture.endswith(".png") for record in OutputFolder(out).records()
    )


def test_a_changed_texture_is_found_and_made_again(raw, at_once, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(at_once, out)
    record = next(record for record in OutputFolder(out).records() if record.texture != "-")
    (out / record.blocks[0].texture.file).write_bytes((out / record.blocks[0].file).read_bytes())
    (problem,) = verify(out, repair=True).problems
    assert problem.file == record.blocks[0].texture.file
    convert(raw, out, FULL)
    assert content(out)[problem.file] == content(at_once)[problem.file]
    assert verify(out).problems == ()


def test_previews_and_reports_show_textures(at_once, tmp_path):
    coloured = (np.ptp(preview(at_once).sheet.astype(int), axis=2) > 40).sum()
    bare = tmp_path / "bare"
    shutil.copytree(at_once, bare)
    for record in OutputFolder(bare).records():
        if record.blocks[0].texture:
            (bare / record.blocks[0].texture.file).unlink()
    drawn = preview(bare)
    assert len(drawn.problems) == 4  # of the scans whose textures are gone
    assert (np.ptp(drawn.sheet.astype(int), axis=2) > 40).sum() < 0.1 * coloured
    report(at_once, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "with texture" in page
    assert "without a picture" in page


def test_a_mask_is_added_to_a_depth_picture_through_its_own_camera(at_once, tmp_path, monkeypatch):
    folder = OutputFolder(at_once)
    codes = folder.depth16(next(iter(folder.records())).scan_id).astype(float)
    tenths = np.where(codes > 0, 10 * (700 + 60 * (1 - codes / 65535)), 0)
    picture = tmp_path / "face.png"
    picture.write_bytes(encode_png(tenths.astype(np.uint16)))
    camera = CameraSettings(fx=700.0, fy=700.0, cx=111.5, cy=111.5)
    bare = Settings(taus=(20,), camera=camera, nose=NoseSettings(unit="0.1mm"))
    assert convert(picture, tmp_path / "out", bare).converted == 1
    monkeypatch.setattr("gemax_cli.batch.task.convert_and_write", None)  # the scan is not converted again
    assert convert(picture, tmp_path / "out", replace(bare, mask=True)).failures == []
    (record,) = OutputFolder(tmp_path / "out").records()
    assert record.blocks[0].mask is not None
