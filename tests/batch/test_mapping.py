"""One mapping for many scans: sequences, subjects, databases."""

import hashlib
import shutil
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest

from gemax_cli.batch.run import RunOptions, convert, plan
from gemax_cli.entropy.histogram import level_histogram
from gemax_cli.entropy.solver import optimal_cuts
from gemax_cli.errors import SettingsError
from gemax_cli.loader.load import load_stack
from gemax_cli.reports.entropy_table import scope_sentence
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.tables import Failure
from gemax_cli.stack.verify import verify
from tests.batch.folders import Interrupting, content, temporaries
from tests.batch.frames import SMALL, write_frames, write_sequences

SCANS = 8
SCOPES = {
    "sequence": {"BU-4DFE/F001/Happy": 2, "BU-4DFE/F001/Surprise": 3, "other/take/a": 3},
    "subject": {"BU-4DFE/F001": 5, **{f"other/take/a/scan_{i}": 1 for i in range(3)}},
    "dataset": {"BU-4DFE": 5, "other": 3},
}
MAPS = ("gemax_tau020", "gemax_tau040", "ri", "ri-minmax", "he")


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Eight frames of three sequences."""
    return write_sequences(tmp_path_factory.mktemp("frames"))


@pytest.fixture(scope="module")
def mapped(frames, tmp_path_factory):
    """Output folders by scope; tests must not change them."""
    outs = {}
    for scope in (*SCOPES, "scan"):
        outs[scope] = tmp_path_factory.mktemp("mapped") / scope
        summary = convert([frames], outs[scope], replace(SMALL, mapping=scope))
        assert (summary.converted, summary.exit_code) == (SCANS, 0)
        assert summary.shared == (0 if scope == "scan" else SCANS)
    return outs


def greys_of_codes(out, name, records):
    """For each 16-bit code, the lowest and the highest grey value that a map gives it in any of some scans."""
    low, high = np.full(1 << 16, 256), np.full(1 << 16, -1)
    for record in records:
        codes = iio.imread(out / record.blocks[0].file)
        grey = iio.imread(out / record.blocks[0].file.replace("depth16", name)).astype(int)
        np.minimum.at(low, codes[codes > 0], grey[codes > 0])
        np.maximum.at(high, codes[codes > 0], grey[codes > 0])
    return low, high


def by_scope(out):
    scopes = {}
    for record in OutputFolder(out).records():
        scopes.setdefault(record.mapping.name, []).append(record)
    return scopes


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", MAPS)
def test_equal_depth_has_equal_grey_in_all_scans_of_a_scope(mapped, scope, name):
    for records in by_scope(mapped[scope]).values():
        low, high = greys_of_codes(mapped[scope], name, records)
        there = high >= 0
        assert there.sum() > 500
        np.testing.assert_array_equal(low[there], high[there])
        assert (np.diff(low[there]) >= 0).all()


@pytest.mark.parametrize("name", [name for name in MAPS if name != "ri"])
def test_without_a_scope_equal_depth_has_many_greys(mapped, name):
    low, high = greys_of_codes(mapped["scan"], name, OutputFolder(mapped["scan"]).records())
    assert (high - low)[high >= 0].max() > 1


@pytest.mark.parametrize("scope", SCOPES)
def test_records_name_the_scope_its_scans_and_its_cuts(mapped, scope):
    found = by_scope(mapped[scope])
    assert {name: len(records) for name, records in found.items()} == SCOPES[scope]
    for records in found.values():
        assert len({record.mapping for record in records}) == 1
        assert (records[0].mapping.scope, records[0].mapping.scans) == (scope, len(records))
        text = "".join(f"60.0 {m.tau} {m.widths}\n" for m in records[0].blocks[0].maps)
        assert records[0].mapping.cuts_sha256 == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("scope", SCOPES)
def test_cuts_are_the_best_of_the_pooled_histogram(mapped, scope):
    for records in by_scope(mapped[scope]).values():
        pooled = sum(level_histogram(iio.imread(mapped[scope] / r.blocks[0].file), 4096) for r in records)
        for m in records[-1].blocks[0].maps:
            np.testing.assert_array_equal(m.cuts, optimal_cuts(pooled, 256, m.tau).cuts)


@pytest.mark.parametrize("scope", [*SCOPES, "scan"])
def test_a_folder_is_whole_and_a_second_run_does_nothing(frames, mapped, scope):
    verified = verify(mapped[scope], sources=[frames])
    assert verified.problems == verified.orphans == verified.unfinished == ()
    before = content(mapped[scope])
    summary = convert([frames], mapped[scope], replace(SMALL, mapping=scope))
    assert (summary.converted, summary.shared, summary.done) == (0, 0, SCANS)
    assert content(mapped[scope]) == before
    assert scope_sentence(mapped[scope]) == ("" if scope == "scan" else f"One mapping per {scope}: equal grey is "
                                             "equal depth.")  # fmt: skip


def test_the_default_is_the_mapping_of_each_scan():
    assert Settings().mapping == "scan"
    assert len({replace(SMALL, mapping=scope).digest for scope in (*SCOPES, "scan")}) == 4
    values = SMALL.as_dict()
    del values["mapping"]  # as in a folder of version 0.1.0
    assert Settings.from_dict(values).digest == SMALL.digest


def test_tables_have_sequence_and_frame(mapped):
    lines = (mapped["sequence"] / "metadata.csv").read_text().splitlines()
    places = [lines[0].split(",").index(name) for name in ("sequence", "frame")]
    rows = [[line.split(",")[place] for place in places] for line in lines[1:]]
    assert rows[:2] == [["BU-4DFE/F001/Happy", "0"], ["BU-4DFE/F001/Happy", "1"]]
    assert rows[-1] == ["other/take/a", "2"]


@pytest.mark.parametrize("after", range(1, 2 * SCANS + 1))
def test_a_stopped_run_goes_on_where_it_was(frames, mapped, tmp_path, monkeypatch, after):
    monkeypatch.setattr("gemax_cli.batch.run.SYNC_SECONDS", 0.0)
    monkeypatch.setattr("gemax_cli.batch.run.SYNC_SHARE", 0.0)
    settings = replace(SMALL, mapping="sequence")
    with pytest.raises(KeyboardInterrupt):
        convert([frames], tmp_path / "out", settings, reporter=Interrupting(after))
    assert temporaries(tmp_path / "out") == []
    summary = convert([frames], tmp_path / "out", settings)
    assert (summary.left, summary.exit_code) == (0, 0)
    assert content(tmp_path / "out") == content(mapped["sequence"])


@pytest.mark.parametrize("scope", ["sequence", pytest.param("dataset", marks=pytest.mark.slow)])
def test_a_scan_that_is_added_changes_the_maps_of_its_scope_alone(frames, mapped, tmp_path, scope):
    raw, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(frames, raw)
    late = raw / "F001" / "Surprise" / "002.wrl"
    late.rename(tmp_path / "late")
    convert([raw], out, replace(SMALL, mapping=scope))
    assert content(out) != content(mapped[scope])
    (tmp_path / "late").rename(late)
    todo, told = plan([raw], out, replace(SMALL, mapping=scope, taus=(20, 40, 60)))
    assert len(todo.steps) == 1
    assert told.notes[-1].endswith(f"not those of all their scans: {len(SCOPES[scope])}.")
    summary = convert([raw], out, replace(SMALL, mapping=scope))
    assert (summary.converted, summary.shared) == (1, SCOPES[scope].get("BU-4DFE/F001/Surprise", 5))
    assert content(out) == content(mapped[scope])


def test_another_tau_leaves_the_maps_that_are_there(frames, mapped, tmp_path):
    out, settings = tmp_path / "out", replace(SMALL, mapping="sequence")
    convert([frames], out, replace(settings, taus=(40,), maps=("ri",)))
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    summary = convert([frames], out, settings)
    assert (summary.converted, summary.shared) == (0, SCANS)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert content(out) == content(mapped["sequence"])


def test_a_changed_scan_is_converted_and_its_scope_mapped_anew(frames, mapped, tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(frames, raw)
    shutil.copytree(mapped["sequence"], out)
    shutil.copy(raw / "F001" / "Happy" / "000.wrl", raw / "F001" / "Surprise" / "001.wrl")
    summary = convert([raw], out, replace(SMALL, mapping="sequence"))
    assert (summary.converted, summary.shared) == (1, 3)
    assert verify(out).problems == ()


def test_a_scan_whose_depth_image_is_damaged_fails_and_the_others_are_mapped(frames, mapped, tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(frames, raw)
    shutil.copytree(mapped["dataset"], out)
    (out / "BU-4DFE/F001/Happy/000/depth16.png").write_bytes(b"no picture")
    write_frames(raw / "F002" / "Sad", 9, 1)
    summary = convert([raw / "F002"], out, replace(SMALL, mapping="dataset"))
    assert [type(failure) for failure in summary.failures] == [Failure]
    assert "its SHA-256 differs" in summary.failures[0].message
    assert (summary.converted, summary.shared, summary.exit_code) == (1, 5, 3)
    (out / "BU-4DFE/F001/Happy/000/depth16.png").unlink()
    assert convert([raw], out, replace(SMALL, mapping="dataset")).exit_code == 0
    assert verify(out).problems == ()
    assert {r.mapping.scans for r in OutputFolder(out).records() if r.name.dataset == "BU-4DFE"} == {6}


def test_shards_keep_sequences_whole(frames, mapped, tmp_path):
    out, settings = tmp_path / "out", replace(SMALL, mapping="sequence")
    for part in (2, 1):
        convert([frames], out, settings, options=RunOptions(shard=(part, 2)))
    ours, whole = content(out), content(mapped["sequence"])
    same = {name: data for name, data in ours.items() if not name.startswith("records")}
    assert same == {name: data for name, data in whole.items() if name != "records.jsonl"}


@pytest.mark.parametrize("scope", ["subject", "dataset"])
def test_a_scope_that_shards_would_split_is_refused(frames, tmp_path, scope):
    with pytest.raises(SettingsError, match=r"run without --shard .* or take --mapping sequence"):
        convert([frames], tmp_path / "out", replace(SMALL, mapping=scope), options=RunOptions(shard=(1, 2)))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["gemax", "ri-minmax", "he"])
def test_the_loader_gives_the_pictures_of_the_folder(mapped, name):
    from_depth = load_stack(mapped["sequence"], map_name=name)
    from_png = load_stack(mapped["sequence"], map_name=name, maps_from="png")
    np.testing.assert_array_equal(from_depth.maps, from_png.maps)


def test_the_loader_does_not_make_up_cuts(mapped):
    with pytest.raises(SettingsError, match=r"share a mapping per sequence.*tau = 30"):
        load_stack(mapped["sequence"], taus=[20, 30])


@pytest.mark.parametrize("stack", ["rgb"])
@pytest.mark.parametrize("depths", [(40.0, 60.0)])
@pytest.mark.slow
def test_stacks_and_depths_have_mappings_of_their_own(frames, tmp_path, stack, depths):
    settings = replace(SMALL, mapping="sequence", stack=stack, depths=depths, taus=(20,))
    convert([frames], tmp_path / "out", settings)
    convert([frames], tmp_path / "out", replace(settings, taus=(20, 30, 40)))
    shutil.copytree(frames, tmp_path / "raw")
    shutil.copy(frames / "F001" / "Happy" / "001.wrl", tmp_path / "raw" / "F001" / "Surprise" / "003.wrl")
    convert([tmp_path / "raw"], tmp_path / "out", replace(settings, taus=(30,)))
    verified = verify(tmp_path / "out")
    assert verified.problems == verified.orphans == ()
    for records in by_scope(tmp_path / "out").values():
        for depth in range(2):
            assert len({tuple((m.tau, m.widths) for m in record.blocks[depth].maps) for record in records}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"jobs": 2}, {"jobs": 2, "dask": "local"}])
def test_workers_and_clusters_give_the_same_bytes(frames, mapped, tmp_path, options):
    if "dask" in options:
        pytest.importorskip("distributed")
    convert([frames], tmp_path / "out", replace(SMALL, mapping="sequence"), options=RunOptions(**options))
    assert content(tmp_path / "out") == content(mapped["sequence"])
