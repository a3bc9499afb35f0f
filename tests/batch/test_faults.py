"""Every single change of a file befallen by a fault, then the same command again: the folder must be the same."""

import os
import shutil
from pathlib import Path

import pytest

from gemax_cli.cli.main import run
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.verify import verify
from tests.batch.faults import (
    KILLED,
    LOSSES,
    UNTOUCHED,
    Disk,
    Fault,
    disk_full,
    interrupt,
    kill,
    power_cut,
    read_only,
    run_with,
)
from tests.batch.folders import content, temporaries

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="faults are planted in forked children"),
]
MOST_CALLS = 200
SMALL = ["--tau", "20", "--size", "32", "--mm-per-pixel", "6", "-j1", "-q"]


@pytest.fixture(scope="module")
def few(raw, tmp_path_factory):
    """Raw folder of one scan and one that is broken."""
    folder = tmp_path_factory.mktemp("faults") / "raw"
    folder.mkdir()
    (whole,) = raw.rglob("*N_N_0.bnt")
    os.link(whole, folder / whole.name)
    (folder / "broken.bnt").write_bytes(b"no scan")
    return folder


@pytest.fixture(scope="module")
def calm(few, tmp_path_factory):
    """What an undisturbed run makes of it."""
    out = tmp_path_factory.mktemp("faults") / "out"
    assert run(["convert", str(few), str(out), *SMALL]) == 3
    return content(out)


def befallen(act, few, tmp_path, lasting=False):
    """Plant the fault at every call in turn; yields (exit code, output folder) of each run that it befell."""
    for turn in range(MOST_CALLS):
        out = tmp_path / f"out{turn}"
        code = run_with(Fault(out, act, turn, lasting), lambda out=out: run(["convert", str(few), str(out), *SMALL]))
        if code == UNTOUCHED:
            assert turn > 10
            return
        yield code, out
    pytest.fail(f"more than {MOST_CALLS} calls")


def sound_and_resumed(few, out, calm):
    """Whether what is recorded is in place, and the same command completes the folder."""
    assert verify(out).problems == ()
    assert run(["convert", str(few), str(out), *SMALL]) == 3
    assert content(out) == calm


def test_killed_at_any_call(few, calm, tmp_path):
    for code, out in befallen(kill, few, tmp_path):
        assert code == KILLED
        sound_and_resumed(few, out, calm)


@pytest.mark.parametrize("lasting", [False, True])
def test_disk_full_at_any_call(few, calm, tmp_path, lasting, capfd):
    for code, out in befallen(disk_full, few, tmp_path, lasting):
        said = capfd.readouterr().err
        assert code == 3, said
        assert "disk is full" in said or content(out) == calm  # a lock may be tried again by itself
        assert "Traceback" not in said
        assert temporaries(out) == []
        sound_and_resumed(few, out, calm)


def test_interrupted_at_any_call(few, calm, tmp_path, capfd):
    for code, out in befallen(interrupt, few, tmp_path):
        assert code == 130, capfd.readouterr().err
        assert temporaries(out) == []
        sound_and_resumed(few, out, calm)


def test_read_only_from_any_call_on(few, calm, tmp_path, capfd):
    for code, out in befallen(read_only, few, tmp_path, lasting=True):
        said = capfd.readouterr().err
        assert code == 2, said
        assert "Read-only file system" in said
        sound_and_resumed(few, out, calm)


@pytest.fixture(scope="module")
def grown(few, tmp_path_factory):
    """A folder with a failure, then more to do: the failure is fixed, a tau is added. (raw, folder before, after)."""
    place = tmp_path_factory.mktemp("grown")
    shutil.copytree(few, place / "raw")
    assert run(["convert", str(place / "raw"), str(place / "before"), *SMALL]) == 3
    (whole,) = (place / "raw").glob("*N_N_0.bnt")
    shutil.copy(whole, place / "raw" / "broken.bnt")
    shutil.copytree(place / "before", place / "after")
    assert run(["convert", str(place / "raw"), str(place / "after"), *SMALL, "--tau", "30"]) == 0
    return place / "raw", place / "before", content(place / "after")


@pytest.mark.parametrize("act", [kill, disk_full])
def test_going_on_survives_any_call(grown, tmp_path, act):
    raw, before, after = grown
    line = ["convert", str(raw), *SMALL, "--tau", "30"]
    for turn in range(MOST_CALLS):
        out = tmp_path / f"out{turn}"
        shutil.copytree(before, out)
        if run_with(Fault(out, act, turn), lambda out=out: run([*line, str(out)])) == UNTOUCHED:
            break
        assert verify(out).problems == ()
        assert run([*line, str(out)]) == 0
        assert content(out) == after
        shutil.rmtree(out)
    else:
        pytest.fail(f"more than {MOST_CALLS} calls")


def cut_off(raw, before, tmp_path, lost, line):
    """Cut the power at every call in turn; yields the output folder as the next start finds it."""
    for turn in range(MOST_CALLS):
        out = tmp_path / f"out{turn}"
        if before:
            shutil.copytree(before, out)
        disk = Disk(out)
        disk.sync()

        def do(out=out, disk=disk):
            disk.install()
            return run([*line, str(out)])

        if run_with(Fault(out, power_cut(disk, lost), turn), do) == UNTOUCHED:
            assert turn > 10
            return
        yield out
        shutil.rmtree(out)
    pytest.fail(f"more than {MOST_CALLS} calls")


def recorded(out):
    return {record.scan_id for record in OutputFolder(out).records()}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks the system which file is synced")
@pytest.mark.parametrize("lost", LOSSES)
def test_a_power_cut_at_any_call_costs_the_scans_under_way(few, calm, tmp_path, lost):
    for out in cut_off(few, None, tmp_path, lost, ["convert", str(few), *SMALL]):
        assert verify(out).problems == ()  # no record names what is not there
        assert run(["convert", str(few), str(out), *SMALL]) == 3
        assert content(out) == calm


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks the system which file is synced")
@pytest.mark.parametrize("lost", LOSSES)
def test_a_power_cut_costs_nothing_that_an_earlier_run_did(grown, tmp_path, lost):
    raw, before, after = grown
    done = recorded(before)
    line = ["convert", str(raw), *SMALL, "--tau", "30"]
    for out in cut_off(raw, before, tmp_path, lost, line):
        assert recorded(out) >= done
        assert verify(out).problems == ()
        assert run([*line, str(out)]) == 0
        assert content(out) == after
