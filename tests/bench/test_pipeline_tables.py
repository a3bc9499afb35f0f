import sys
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from gemax_cli.batch.profile import STAGES
from gemax_cli.bench.pipeline import measure_pipeline, median_rounds
from gemax_cli.errors import NothingToConvert

pytestmark = pytest.mark.slow

Row = namedtuple("Row", ["what", "ms"])


@pytest.fixture(scope="module")
def measured(raw, tmp_path_factory):
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path_factory.mktemp("temporary"))
    try:
        yield measure_pipeline(raw, (20, 30), (1, 2), rounds=1, limit=5)
        assert list(Path(tempfile.tempdir).iterdir()) == []
    finally:
        tempfile.tempdir = before


def test_runs_of_every_number_of_jobs(measured):
    assert measured.scans == 5
    assert [row.jobs for row in measured.runs] == [1, 2]
    one = measured.runs[0]
    assert one.times_one == 1.0
    assert measured.runs[1].times_one == one.seconds / measured.runs[1].seconds
    for row in measured.runs:
        assert row.scans_per_second == pytest.approx(5 / row.seconds)
        assert 0.0 < row.start_s < row.seconds
        after = 1e3 * (row.seconds - row.start_s)
        assert after / 4.001 <= row.ms_per_scan <= 1.001 * after  # records come some at a time


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_memory_of_parent_and_workers(measured):
    one, two = measured.runs
    assert one.worker_mb is None
    assert 20 < two.parent_mb < one.parent_mb
    assert two.worker_mb > two.parent_mb


def test_stages_of_the_first_run(measured):
    assert [row.stage for row in measured.stages] == [*STAGES, "all"]
    assert all(row.median_ms > 0 for row in measured.stages if row.stage != "texture")


def test_floor(measured, raw):
    read, encode = measured.floor
    sizes = sorted(p.stat().st_size for p in raw.rglob("*") if p.suffix == ".bnt" or p.name.endswith("_F3D.wrl"))
    assert min(sizes) <= 1e3 * read.kb_per_scan <= max(sizes)
    assert 20 < encode.kb_per_scan < 400  # a depth block and two maps
    assert measured.floor_ms == pytest.approx(read.ms_per_scan + encode.ms_per_scan)
    assert measured.times_floor == pytest.approx(measured.runs[0].ms_per_scan / measured.floor_ms)


def test_too_few_scans(raw):
    with pytest.raises(NothingToConvert, match="holds 2 scans, fewer than are needed to time 2 jobs"):
        measure_pipeline(raw, (20,), (1, 2), rounds=1, limit=2)


def test_what_does_not_convert_is_said(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.bnt").write_bytes(b"x")
    with pytest.raises(NothingToConvert, match="none of 3 scans can be converted"):
        measure_pipeline(tmp_path, (20,), (1,), rounds=1)


def test_an_error_of_the_command_is_passed_on(raw):
    with pytest.raises(NothingToConvert, match=r"gemax convert ended with code 2: .*--jobs"):
        measure_pipeline(raw, (20,), (0,), rounds=1, limit=3)


def test_median_round_of_every_row():
    rounds = [(Row("read", t), Row("encode", 9 - t)) for t in (3, 1, 2)]
    assert median_rounds(rounds, by="ms") == (Row("read", 2), Row("encode", 7))
