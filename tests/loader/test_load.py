"""The training set in memory."""

import shutil

import numpy as np
import pytest

import gemax_cli as gemax
from gemax_cli.entropy.histogram import level_histogram, pooled_histogram
from gemax_cli.errors import BadFormat, FileUnreadable, NothingToConvert, OutputError, SettingsError
from gemax_cli.settings import QuantisationSettings, Settings
from gemax_cli.splits.model import SplitSettings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.images import load_codes
from tests.pictures import write_png
from tests.reports.folders import make_folder
from tests.splits.folders import SIX, bosphorus, bu3dfe

SMALL = QuantisationSettings(levels=64, bins=16)
SCANS = (*bu3dfe(4, levels=(3, 4)), *bosphorus(4, takes=1))
LABELLED = 4 * 12 + 4 * 6


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Eight subjects; texture, mask and landmarks of each block beside it."""
    out = make_folder(tmp_path_factory.mktemp("loader") / "out", SCANS, Settings((5, 8), quantisation=SMALL))
    lines = ["scan,depth_mm,name,column,row,depth,visible"]
    for i, record in enumerate(OutputFolder(out).records()):
        place = (out / record.blocks[0].file).parent
        codes = load_codes(out / record.blocks[0].file)
        write_png(place / "texture.png", np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8))
        write_png(place / "mask.png", np.where(codes > 0, 255, 0).astype(np.uint8))
        names = ("Left mouth corner", "Nose tip") if record.name.dataset == "Bosphorus" else ("bnd_0", "bnd_1", "bnd_2")
        lines += [f"{record.scan_id},60.0,{name},{4 + 11.5 * k},{i % 9},{k},{k % 2}" for k, name in enumerate(names)]
    (out / "landmarks.csv").write_text("\n".join(lines) + "\n")
    gemax.split(out, "s", SplitSettings("kfold", folds=2, expressions=SIX))
    gemax.split(out, "h", SplitSettings("holdout", folds=4, expressions=SIX))
    gemax.split(out, "p", SplitSettings("paper", folds=2, pick=3, rounds=4))
    return out


@pytest.fixture(scope="module")
def stack(out):
    return gemax.load_stack(out, split="s", texture=True, mask=True, landmarks=True)


def test_arrays(out, stack):
    assert stack.maps.shape == (LABELLED, 2, 32, 32)
    assert (stack.maps.dtype, stack.depth16.dtype, stack.texture.dtype) == (np.uint8, np.uint16, np.uint8)
    assert (stack.channels, stack.taus, stack.classes) == (("gemax_tau005", "gemax_tau008"), (5, 8), SIX)
    folder = OutputFolder(out)
    for i in (0, 13, 50, LABELLED - 1):
        record = folder.record(str(stack.scan_ids[i]))
        assert (record.name.dataset, record.name.subject) == (stack.datasets[i], stack.subjects[i])
        assert record.name.expression == stack.classes[stack.labels[i]]
        assert (stack.depth16[i] == folder.depth16(record.scan_id)).all()
        assert (stack.maps[i, 1] == folder.map(record.scan_id, 8)).all()
        place = record.blocks[0].file.rpartition("/")[0]
        assert (stack.texture[i] == folder.image(f"{place}/texture.png")).all()
        assert (stack.mask[i] > 0).tolist() == stack.valid([i])[0].tolist()
        assert stack.landmarks[i].names[0] == ("bnd_0" if record.name.dataset == "BU-3DFE" else "Left mouth corner")
    depth = stack.depth(range(3))
    assert depth.dtype == np.float32
    truth = 60 * (65535 - stack.depth16[:3].astype(float)) / 65534
    assert np.allclose(depth, np.where(stack.depth16[:3] > 0, truth, 0), atol=1e-5)


@pytest.mark.parametrize("form", ["files", "rgb"])
def test_maps_from_depth_are_those_of_the_files(tmp_path, form):
    settings = Settings((5, 6, 8, 11), quantisation=QuantisationSettings(64, 16, reserve_zero=True), stack=form)
    out = make_folder(tmp_path / "out", SCANS[:8], settings)
    made, read = (gemax.load_stack(out, maps_from=source) for source in ("depth16", "png"))
    assert made.maps.shape == (7, 4, 32, 32)
    assert (made.maps == read.maps).all()
    for i in range(len(made)):  # solved again, the recorded cuts put aside
        assert (made.make_maps(i, made.taus) == read.maps[i]).all()
    other = gemax.load_stack(out, taus=(8, 7))
    assert other.channels == ("gemax_tau007", "gemax_tau008")
    assert (other.maps[3] == made.make_maps(3, (7, 8))).all()
    with pytest.raises(SettingsError, match=r"has no gemax_tau007 beside it"):
        gemax.load_stack(out, taus=(7,), maps_from="png")


@pytest.mark.slow
def test_maps_of_real_conversions_are_those_of_the_files(raw, tmp_path):
    out = tmp_path / "out"
    gemax.convert(raw, out, gemax.Settings((20, 40), maps=("normals", "ri")))
    for name in ("gemax", "normals", "ri"):
        made, read = (gemax.load_stack(out, map_name=name, maps_from=source) for source in ("depth16", "png"))
        assert (made.maps == read.maps).all()
        assert made.maps.any()


def test_comparison_maps(out):
    stack = gemax.load_stack(out, split="s", map_name="normals")
    assert (stack.channels, stack.taus) == (("normals-x", "normals-y", "normals-z"), ())
    made = gemax.make_comparison_maps(stack.depth16[5], 60.0, 1.0, ["normals"], 64, 16)[0]
    assert (np.moveaxis(made.image, -1, 0) == stack.maps[5]).all()


def test_folds(out, stack):
    folds = stack.folds()
    for fold in (0, 1):
        train, test = stack.train_test(fold)
        assert sorted([*train, *test]) == list(range(LABELLED))
        assert (np.flatnonzero(folds == fold) == test).all()
        assert not set(stack.groups[train]) & set(stack.groups[test])
    holdout = gemax.load_stack(out, split="h", taus=())
    assert set(holdout.folds().tolist()) == {0, -1}
    assert len(holdout.train_test(0)[1]) == (holdout.folds() == 0).sum()


def test_rounds_of_the_paper(out):
    every = gemax.load_stack(out, split="p", taus=())
    with pytest.raises(SettingsError, match="round_number"):
        every.folds(2)
    one = gemax.load_stack(out, split="p", round_number=2, taus=())
    assert len(one) == 3 * 12 + 3 * 6
    assert set(one.folds().tolist()) == {0, 1}
    for fold in (0, 1):
        for ours, theirs in zip(one.train_test(fold), every.train_test(fold, 2), strict=True):
            assert one.scan_ids[ours].tolist() == every.scan_ids[theirs].tolist()


def test_the_folds_are_those_of_scikit_learn(stack):
    selection = pytest.importorskip("sklearn.model_selection")
    parts = list(selection.PredefinedSplit(stack.folds()).split())
    assert len(parts) == 2
    for fold, part in enumerate(parts):
        assert [own.tolist() for own in part] == [own.tolist() for own in stack.train_test(fold)]


def test_pairs(stack):
    pairs = stack.pairs([3, 5])
    assert pairs.tolist() == [[3, 0], [3, 1], [5, 0], [5, 1]]
    drawn = stack.pairs(range(40), np.random.default_rng(1))
    assert drawn[:, 0].tolist() == list(range(40))
    assert 8 < drawn[:, 1].sum() < 32
    assert (stack.pairs(range(40), np.random.default_rng(1)) == drawn).all()
    one = stack.sample(3, 1)
    assert (one.maps == stack.maps[3, 1:]).all()
    assert one.channels == ("gemax_tau008",)


def test_a_mapping_of_the_training_scans(stack):
    train, test = stack.train_test(0)
    cuts = stack.fit_cuts(train, 6)
    pooled = sum(level_histogram(stack.depth16[i], 64) for i in train)
    assert (cuts == gemax.optimal_cuts(pooled, 16, 6).cuts).all()
    maps = stack.apply_cuts(test, cuts)
    assert (maps[4] == gemax.apply_cuts(stack.depth16[test[4]], cuts, 64)).all()


def test_pooling_counts_the_pixels_of_all_images():
    image = np.repeat(np.array([[0, 1, 20_000, 65_535]], np.uint16), [2, 1, 3, 4], axis=1)
    assert pooled_histogram([image] * 5, 4).tolist() == [5, 15, 0, 20]
    assert pooled_histogram([], 4).tolist() == [0] * 4
    with pytest.raises(SettingsError):
        pooled_histogram([], 0)


def test_normalisation(out, stack):
    scans = stack.train_test(1)[0]
    found = stack.normalisation(scans)
    valid = stack.valid(scans)
    maps = np.concatenate([stack.maps[scans, c][valid] for c in range(2)]).astype(float)
    assert found.map_mean == pytest.approx(maps.mean())
    assert found.map_std == pytest.approx(maps.std())
    texture = stack.texture[scans][valid].astype(float)
    assert found.texture_mean == pytest.approx(texture.mean(0))
    assert found.texture_std == pytest.approx(texture.std(0))
    assert gemax.load_stack(out, split="s").normalisation(scans).texture_mean == ()


def test_classes(out):
    stack = gemax.load_stack(out, classes=("happy", "NE"), taus=())
    assert stack.classes == ("HA", "NE")
    assert np.bincount(stack.labels).tolist() == [4 * 2 + 4, 4 + 4]
    with pytest.raises(SettingsError, match="give different ones"):
        gemax.load_stack(out, classes=("HA", "happy"))
    with pytest.raises(SettingsError, match="give different ones"):
        gemax.load_stack(out, classes="smile")
    with pytest.raises(NothingToConvert):
        gemax.load_stack(out, split="s", classes="NE")


def test_what_is_missing_is_told(out, tmp_path):
    place = shutil.copytree(out, tmp_path / "out")
    first = place / gemax.load_stack(place, split="s", taus=()).scan_ids[0]
    (first / "texture.png").unlink()
    with pytest.raises(FileUnreadable, match=r"texture\.png"):
        gemax.load_stack(place, texture=True)
    write_png(first / "texture.png", np.zeros((31, 32, 3), np.uint8))
    with pytest.raises(BadFormat, match=r"the first image \(31, 32, 3\)"):
        gemax.load_stack(place, texture=True)
    (place / "landmarks.csv").write_text("scan,name\na,b\n")
    with pytest.raises(OutputError, match=r"landmarks\.csv: cannot be read"):
        gemax.load_stack(place, landmarks=True)
    (place / "landmarks.csv").unlink()
    with pytest.raises(OutputError, match=r"landmarks\.csv: is missing"):
        gemax.load_stack(place, landmarks=True)
    with pytest.raises(SettingsError, match="no block of 50 mm"):
        gemax.load_stack(place, depth_mm=50)
    with pytest.raises(SettingsError, match="'best' is no map"):
        gemax.load_stack(place, map_name="best")
    with pytest.raises(SettingsError, match="without a split"):
        gemax.load_stack(place).folds()
    with pytest.raises(SettingsError, match="too small"):
        gemax.load_stack(place, taus=(3,))


def test_several_depths(tmp_path):
    out = make_folder(tmp_path / "out", SCANS[1:3], Settings((5,), depths=(50, 60), quantisation=SMALL))
    with pytest.raises(SettingsError, match=r"several depths \(50, 60 mm\)"):
        gemax.load_stack(out)
    stack = gemax.load_stack(out, depth_mm=50)
    assert stack.depth_mm == 50.0
    assert stack.depth([0]).max() <= 50.0
