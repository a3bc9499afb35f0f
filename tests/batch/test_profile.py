import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.batch.profile import STAGES, Profile

SECONDS = st.fixed_dictionaries({stage: st.floats(0.0, 10.0) for stage in STAGES})


def test_nothing_has_no_rows():
    assert list(Profile().rows()) == []
    assert Profile().busy_seconds == 0


def test_medians_and_shares():
    profile = Profile()
    for read in (0.001, 0.002, 0.006):
        profile.add({"read": read, "write": 0.003})
    rows = {row.stage: row for row in profile.rows()}
    assert list(rows) == [*STAGES, "all"]
    assert rows["read"].median_ms == pytest.approx(2.0)
    assert rows["read"].ms_95 == pytest.approx(5.6)
    assert (rows["read"].share, rows["write"].share) == (pytest.approx(50.0), pytest.approx(50.0))
    assert rows["all"].median_ms == pytest.approx(5.0)
    assert profile.busy_seconds == pytest.approx(0.018)


@given(scans=st.lists(SECONDS, min_size=1, max_size=30))
def test_stages_make_up_the_whole(scans):
    profile = Profile()
    for seconds in scans:
        profile.add(seconds)
    rows = list(profile.rows())
    if profile.busy_seconds > 0:
        assert sum(row.share for row in rows[:-1]) == pytest.approx(100.0)
        assert rows[-1].share == pytest.approx(100.0)
    assert all(row.median_ms <= row.ms_95 * (1 + 1e-12) for row in rows)
    assert profile.scans == len(scans)


def test_a_scan_that_failed_or_got_maps_only_does_not_count():
    profile = Profile()
    profile.add({}, 5)
    assert (profile.scans, profile.peak_bytes) == (0, 5)


def test_the_largest_process_is_kept():
    profile = Profile()
    for size in (None, 7, 5, None):
        profile.add({"read": 1.0}, size)
    assert profile.peak_bytes == 7
