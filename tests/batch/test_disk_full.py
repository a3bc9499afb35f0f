"""A real full disk: a small tmpfs, made larger afterwards. Runs where mounting is allowed."""

import shutil
import subprocess
import sys

import pytest

from gemax_cli.stack.verify import verify
from tests.batch.folders import content, temporaries
from tests.batch.planted import hard_link

pytestmark = pytest.mark.slow

SCANS = 24
LINE = ["--tau", "20", "30", "--size", "96", "--mm-per-pixel", "2"]


def mount(place, size, *options):
    command = ["mount", "-t", "tmpfs", "-o", ",".join([*options, f"size={size}k"]), "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def gemax(raw, out, jobs):
    command = [sys.executable, "-m", "gemax_cli", "convert", str(raw), str(out), *LINE, f"-j{jobs}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """(raw, content of an undisturbed output folder, its size in KiB)."""
    raw = tmp_path_factory.mktemp("full") / "raw"
    for k in range(SCANS):
        path = raw / f"{k % 3}" / f"scan{k}.{'bnt' if k % 2 else 'wrl'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        hard_link(raw, path)
    out = raw.parent / "calm"
    assert gemax(raw, out, 1).returncode == 0
    used = subprocess.run(["du", "-sk", str(out)], capture_output=True, text=True, check=True)
    return raw, content(out), int(used.stdout.split()[0])


@pytest.fixture
def small(tmp_path):
    """A mounted file system of few KiB; gives a function that makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    if shutil.which("mount") is None or not mount(place, 4):
        pytest.skip("mounting a tmpfs is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("share", [0.1, 0.7])
def test_a_full_disk_is_said_and_space_is_all_it_takes_to_go_on(calm, small, jobs, share):
    raw, whole, used = calm
    assert mount(small, max(4, int(share * used)), "remount")
    out = small / "out"
    full = gemax(raw, out, jobs)
    assert full.returncode == 3, full.stderr
    assert "disk is full: free some space and run the same command again" in full.stderr
    assert "Traceback" not in full.stderr
    assert "Warning" not in full.stderr
    assert temporaries(out) == []
    assert verify(out).problems == ()
    assert mount(small, 8 * used, "remount")
    again = gemax(raw, out, jobs)
    assert again.returncode == 0, again.stderr
    assert content(out) == whole
