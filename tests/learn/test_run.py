"""A run: its files, resumed, sharded, refused; same seed, same numbers."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gemax_cli.errors import FolderInUse, NothingToConvert, RunConflict, RunDamaged, ScanError, SettingsError  # noqa: E402
from gemax_cli.learn.fold import fold_seed  # noqa: E402
from gemax_cli.learn.plots import attention_sheet  # noqa: E402
from gemax_cli.learn.result import FoldResult, read_result, write_result  # noqa: E402
from gemax_cli.learn.run import TrainOptions, TrainReporter, train  # noqa: E402
from gemax_cli.splits.audit import check_split  # noqa: E402
from gemax_cli.stack.folder import OutputFolder  # noqa: E402
from tests.learn.folders import SMALL, make_faces  # noqa: E402

QUICK = replace(SMALL, epochs=1)
CPU = TrainOptions(device="cpu", threads=1)


def files_of(run):
    """Content of the files of all folds, without how long they took."""
    found = {}
    for path in sorted(run.glob("r*-f*/*")):
        content = path.read_bytes()
        if path.name == "result.json":
            content = {**json.loads(content), "seconds": 0}
        found[path.relative_to(run).as_posix()] = content
    return found


@pytest.fixture(scope="module")
def run(faces, tmp_path_factory):
    """All four folds of the split, trained."""
    place = tmp_path_factory.mktemp("run") / "run"
    train(faces, place, "kf", QUICK, replace(CPU, save_weights=True))
    return place


def test_the_audit_of_a_split_reads_a_run(faces, run, tmp_path):
    assert not [leak for leak in check_split(faces, "kf", run).leaks if leak.kind == "fitted on test subjects"]
    copy = shutil.copytree(run, tmp_path / "run")
    result = read_result(copy / "r001-f00/result.json")
    write_result(copy, replace(result, fitted_on=(*result.fitted_on, *result.subject_accuracy)))
    found = [leak for leak in check_split(faces, "kf", copy).leaks if leak.kind == "fitted on test subjects"]
    assert len(found) == 1
    assert all(subject in found[0].message for subject in result.subject_accuracy)


def test_a_result_says_all_there_is_to_know(run):
    result = read_result(run / "r001-f01/result.json")
    assert isinstance(result, FoldResult)
    assert result.key == (1, 1)
    assert result.classes == ("AN", "DI", "FE", "HA", "SA", "SU")
    assert (result.train_scans, result.test_scans) == (12, 12)
    assert len(result.fitted_on) == 2
    assert not set(result.fitted_on) & set(result.subject_accuracy)
    assert np.sum(result.confusion) == 12
    assert result.accuracy == np.trace(result.confusion) / 12
    assert result.accuracy == pytest.approx(np.mean(list(result.subject_accuracy.values())))
    assert set(result.attention_same_cell) == {"texture", "depth"}
    assert len(result.curves.loss) == 1
    assert {name: [len(m) for m in moments] for name, moments in result.normalisation.items()} == {
        "texture": [3, 3], "depth": [1, 1],
    }  # fmt: skip
    assert (result.map, result.tau, result.mapping, result.split) == ("gemax", (4, 8), "scan", "kf")
    assert result.settings == QUICK
    assert (result.device, result.threads) == ("cpu", 1)
    assert {"gemax", "torch", "numpy", "python"} == set(result.versions)


def test_files_of_a_run(run):
    names = set(files_of(run))
    assert {name for name in names if name.endswith("result.json")} == {
        f"r{r:03d}-f{f:02d}/result.json" for r in (0, 1) for f in (0, 1)
    }
    assert {name for name in names if "faces" in name} == {"r000-f00/faces.npz", "r001-f00/faces.npz"}
    assert torch.load(run / "r000-f01/weights.pt", weights_only=True)["classifier.weight"].shape == (6, 96)


def test_same_seed_same_numbers_and_another_seed_others(faces, run, tmp_path):
    one = replace(CPU, rounds=1, folds=1, save_weights=True)
    torch.manual_seed(99)  # the caller's own random numbers have no say
    state = torch.get_rng_state()
    train(faces, tmp_path / "again", "kf", QUICK, one)
    assert torch.equal(torch.get_rng_state(), state)
    train(faces, tmp_path / "other", "kf", replace(QUICK, seed=1), one)
    first = {name: content for name, content in files_of(run).items() if name.startswith("r000-f00")}
    assert files_of(tmp_path / "again") == first
    assert files_of(tmp_path / "other")["r000-f00/weights.pt"] != first["r000-f00/weights.pt"]


class Stop(TrainReporter):
    """Raise after an epoch of a fold, as an interruption does."""

    def __init__(self, key):
        self.key = key

    def epoch(self, key, epoch, loss):
        if key == self.key:
            raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_to_the_same_files(faces, run, tmp_path):
    place = tmp_path / "run"
    options = replace(CPU, save_weights=True)
    with pytest.raises(KeyboardInterrupt):
        train(faces, place, "kf", QUICK, options, Stop((0, 1)))
    assert {name.partition("/")[0] for name in files_of(place)} == {"r000-f00"}
    done = train(faces, place, "kf", QUICK, options)
    assert done.there_before == 1
    assert files_of(place) == files_of(run)
    assert train(faces, place, "kf", QUICK, options).there_before == 4


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_files(faces, run, tmp_path):
    """SIGKILL at several moments after the first fold: whatever is left, the same call ends with the same files."""
    code = (
        "import sys\nfrom gemax_cli.learn.run import TrainOptions, train\nfrom tests.learn.test_run import QUICK\n"
        "train(sys.argv[1], sys.argv[2], 'kf', QUICK, TrainOptions(device='cpu', threads=1, save_weights=True))\n"
    )
    unfinished = 0
    for i, seconds in enumerate((0.0, 0.3)):
        place = tmp_path / f"run{i}"
        process = subprocess.Popen([sys.executable, "-c", code, str(faces), str(place)])
        while not (place / "r000-f00/result.json").exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(seconds)
        process.kill()
        process.wait()
        unfinished += len(list(place.glob("*/result.json"))) < 4
        train(faces, place, "kf", QUICK, replace(CPU, save_weights=True))
        assert files_of(place) == files_of(run)
    assert unfinished


def test_shards_share_the_folds(faces, run, tmp_path):
    for i in (1, 2, 3):
        train(faces, tmp_path, "kf", QUICK, replace(CPU, shard=(i, 3), save_weights=True))
    assert files_of(tmp_path) == files_of(run)


def test_another_process_is_told(faces, tmp_path):
    with OutputFolder(tmp_path).locked(), pytest.raises(FolderInUse):
        train(faces, tmp_path, "kf", QUICK, CPU)


def test_a_run_has_one_set_of_settings(faces, run):
    with pytest.raises(RunConflict, match=r"lr, seed"):
        train(faces, run, "kf", replace(QUICK, lr=0.5, seed=7), CPU)


def test_a_run_has_one_split(run, tmp_path):
    other = make_faces(tmp_path / "out", subjects=5)
    with pytest.raises(RunConflict, match="split_sha256"):
        train(other, run, "kf", QUICK, CPU)


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"round": 0}', "\x00", "[" * 100_000])
def test_a_damaged_result_is_named(faces, tmp_path, content):
    place = tmp_path / "r000-f00"
    place.mkdir()
    (place / "result.json").write_text(content)
    with pytest.raises(RunDamaged, match=r"r000-f00.result\.json"):
        train(faces, tmp_path, "kf", QUICK, CPU)


def test_a_split_that_there_is_not(faces, tmp_path):
    with pytest.raises(SettingsError, match="nope"):
        train(faces, tmp_path / "run", "nope", QUICK, CPU)


@pytest.mark.parametrize("device", ["frob", "cuda:77", "meta:x"])
def test_a_device_that_there_is_not(faces, tmp_path, device):
    with pytest.raises(SettingsError, match=f"device {device}"):
        train(faces, tmp_path / "run", "kf", QUICK, replace(CPU, device=device))


def test_a_folder_without_texture_says_so(tmp_path):
    out = make_faces(tmp_path / "out", texture=False)
    with pytest.raises(ScanError, match=r"texture\.png"):
        train(out, tmp_path / "run", "kf", QUICK, CPU)
    done = train(out, tmp_path / "depth", "kf", replace(QUICK, streams="depth"), replace(CPU, rounds=1, folds=1))
    assert set(done.results[0].normalisation) == {"depth"}


@pytest.mark.parametrize(
    "changes",
    [
        {"map": "gem"}, {"streams": "texture"}, {"parts": 0}, {"whole": False}, {"mapping": "dataset"},
        {"tau_sampling": "draw"}, {"share_parts": True}, {"auxiliary": "map"}, {"val_subjects": 1}, {"fa_weight": 0.0},
        {"size": 96}, {"test_tau": 16},
    ],
    ids=str,
)  # fmt: skip
def test_every_setting_trains(faces, tmp_path, changes):
    settings = replace(QUICK, **changes)
    (result,) = train(faces, tmp_path, "kf", settings, replace(CPU, rounds=1, folds=1)).results
    assert read_result(tmp_path / "r000-f00/result.json") == result
    assert len(result.curves.validation) == (1 if settings.val_subjects else 0)


def test_the_paper_s_recipe_runs_and_its_result_is_written(faces, tmp_path):
    """Its loss may be no number: JSON has none, so it is null."""
    settings = replace(SMALL, recipe="paper", lr=None)
    (result,) = train(faces, tmp_path, "kf", settings, replace(CPU, rounds=1, folds=1)).results
    assert result.accuracy <= 0.5
    assert "NaN" not in (tmp_path / "r000-f00/result.json").read_text()


def test_the_seed_of_a_fold_is_its_own():
    seeds = {fold_seed(seed, (number, fold)) for seed in range(3) for number in range(10) for fold in range(10)}
    assert len(seeds) == 300
    assert fold_seed(0, (0, 0)) == 1421166345


def test_a_sheet_of_ten_faces(run, faces, tmp_path):
    sheet = attention_sheet(run)
    assert sheet.dtype == np.uint8
    assert len(sheet) > 10 * 168
    train(faces, tmp_path, "kf", replace(QUICK, parts=0), replace(CPU, rounds=1, folds=1))
    with pytest.raises(NothingToConvert, match="no attention maps"):
        attention_sheet(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK no zip", b"\x93NUMPY"])
def test_damaged_faces_are_named(run, tmp_path, content):
    (tmp_path / "r000-f00").mkdir()
    (tmp_path / "r000-f00/faces.npz").write_bytes(content)
    with pytest.raises(RunDamaged, match=r"faces\.npz"):
        attention_sheet(tmp_path)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_gpu_gives_the_same_numbers_twice(faces, tmp_path):
    for name in ("one", "two"):
        train(faces, tmp_path / name, "kf", QUICK, TrainOptions(device="cuda", rounds=1, folds=1, save_weights=True))
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
