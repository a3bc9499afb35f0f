"""Runs on a Dask cluster of real processes: one scheduler, two workers."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gemax_cli.cluster import LEASE, Cluster
from gemax_cli.errors import ClusterError
from gemax_cli.parallel import map_unordered
from tests.batch.folders import content, temporaries
from tests.test_parallel import act, lost

distributed = pytest.importorskip("distributed", reason="needs pip install 'gemax-cli[dask]'")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
DASK = [sys.executable, "-c", "from dask.__main__ import main; main()"]
GEMAX = [sys.executable, "-m", "gemax_cli"]
SHORT = {"DASK_DISTRIBUTED__COMM__RETRY__COUNT": "0"}


@contextmanager
def running(*line, path=ROOT, log=subprocess.DEVNULL):
    environment = {**os.environ, "PYTHONPATH": str(path), **SHORT}
    process = subprocess.Popen(line, stdout=log, stderr=log, env=environment, cwd="/", start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Nodes:
    """A scheduler, and workers that may be added."""

    def __init__(self, stack, place):
        self.stack, self.place, self.file = stack, place, place / "scheduler.json"
        line = [*DASK, "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file)]
        self.scheduler = stack.enter_context(running(*line))
        self.count = 0

    def line(self):
        local = ["--local-directory", str(self.place / "space")]
        return [*DASK, "worker", "--scheduler-file", str(self.file), "--nthreads", "1", "--no-dashboard", *local]

    def add(self, *before, path=ROOT):
        worker = self.stack.enter_context(running(*before, *self.line(), path=path))
        self.count += 1
        with distributed.Client(scheduler_file=str(self.file), timeout=60) as client:
            client.wait_for_workers(self.count, timeout=60)
        return worker

    def processes(self):
        with distributed.Client(scheduler_file=str(self.file), timeout=60) as client:
            return list(client.run(os.getpid).values())


@pytest.fixture
def nodes(tmp_path):
    with ExitStack() as stack:
        yield Nodes(stack, tmp_path)


@pytest.fixture
def two(nodes):
    nodes.add()
    nodes.add()
    return nodes


@pytest.fixture(scope="module")
def many(raw, tmp_path_factory):
    """300 scans."""
    folder = tmp_path_factory.mktemp("many")
    scans = sorted(path for path in raw.rglob("*") if path.suffix in (".wrl", ".bnt"))
    for number in range(300):
        source = scans[number % len(scans)]
        place = folder / f"F{number:04d}_NE00{source.suffix}"
        place.hardlink_to(source)
    return folder


def gemax(*line, wait=True, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GEMAX_TAU": "20", **SHORT}
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*GEMAX, *map(str, line)], stdout=pipe, stderr=pipe, text=True, env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler), **options,
    )  # fmt: skip
    if not wait:
        return process
    _, said = process.communicate(timeout=300)
    return process.returncode, said


def records(out):
    path = out / "records.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def once_recorded(out, number):
    end = time.monotonic() + 120
    while records(out) < number:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def plain(many, tmp_path_factory):
    """What two processes make of the 300 scans."""
    out = tmp_path_factory.mktemp("plain") / "out"
    assert gemax("convert", many, out, "--jobs", 2)[0] == 0
    return content(out)


def test_a_cluster_makes_the_same_bytes_also_if_a_worker_is_killed(two, many, plain, tmp_path):
    out = tmp_path / "out"
    process = gemax("convert", many, out, "--dask", two.file, wait=False)
    once_recorded(out, 1)
    os.kill(two.processes()[0], signal.SIGKILL)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "300 converted" in said
    assert content(out) == plain
    assert not list(out.glob(f"{LEASE}*"))


def test_the_relative_paths_of_a_command_hold_for_the_workers(two, raw, tmp_path):
    shutil.copytree(raw, tmp_path / "here")
    code, said = gemax("convert", "here", "out", "--dask", two.file, cwd=tmp_path)
    assert code == 0, said
    assert records(tmp_path / "out") == 6


def test_an_item_that_kills_its_workers_is_lost_alone(two, tmp_path):
    names = [f"s{i}" for i in range(30)]
    cluster = Cluster(str(two.file), tmp_path, 31)
    results = dict(map_unordered(act, [*names[:9], "kill", *names[9:]], 2, lost=lost, cluster=cluster))
    assert results.pop("kill") is None
    assert sorted(results) == sorted(names)
    assert os.getpid() not in results.values()


def test_without_its_scheduler_a_run_ends_and_can_go_on(two, many, plain, tmp_path):
    out = tmp_path / "out"
    process = gemax("convert", many, out, "--dask", two.file, wait=False)
    once_recorded(out, 1)
    os.killpg(two.scheduler.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert "scheduler" in said
    assert "Traceback" not in said
    assert gemax("convert", many, out, "--jobs", 2)[0] == 0
    assert content(out) == plain


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_workers_soon(two, many, tmp_path, number):
    out = tmp_path / "out"
    slow = ("--tau", "16:216:4")
    process = gemax("convert", many, out, *slow, "--dask", two.file, wait=False, start_new_session=True)
    once_recorded(out, 1)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert "what is done stays done" in said
    assert "Traceback" not in said
    before = sorted(out.rglob("*.png"))
    time.sleep(1)
    assert sorted(out.rglob("*.png")) == before
    assert not temporaries(out)
    assert records(out) < 300


def test_a_cluster_on_this_machine(raw, tmp_path):
    code, said = gemax("convert", raw, tmp_path / "out", "--dask", "local", "--jobs", 2)
    assert code == 0, said
    assert records(tmp_path / "out") == 6
    assert "6 converted" in said
    assert "Traceback" not in said


def test_a_worker_with_another_version_is_refused(nodes, raw, tmp_path):
    shutil.copytree(ROOT / "gemax_cli", tmp_path / "other" / "gemax_cli")
    start = tmp_path / "other" / "gemax_cli" / "__init__.py"
    start.write_text(start.read_text().replace('__version__ = "', '__version__ = "9.'))
    nodes.add(path=tmp_path / "other")
    code, said = gemax("convert", raw, tmp_path / "out", "--dask", nodes.file)
    assert code == 2
    assert "gemax 9." in said


def test_a_worker_that_does_not_see_the_folder_is_refused(nodes, raw, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    hide = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {out} && exec "$0" "$@"']
    if (
        not shutil.which("unshare")
        or subprocess.run([*hide, "true"], stderr=subprocess.DEVNULL, check=False).returncode
    ):
        pytest.skip("may not mount here")
    nodes.add(*hide)
    code, said = gemax("convert", raw, out, "--dask", nodes.file)
    assert code == 2
    assert "does not see" in said
    assert str(out) in said


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "missing.json"])
def test_a_cluster_that_is_not_there_is_one_sentence(raw, tmp_path, address, monkeypatch):
    monkeypatch.setattr("gemax_cli.cluster._CONNECT_SECONDS", 1)
    with pytest.raises(ClusterError, match=address):
        list(map_unordered(act, ["a"], 1, lost=lost, cluster=Cluster(address, tmp_path, 1)))


def test_joblibs_own_dask_backend_is_refused(two):
    """It hangs where an item kills its worker."""
    from joblib import parallel_config

    client = distributed.Client(scheduler_file=str(two.file))
    with client, parallel_config("dask"), pytest.raises(ClusterError, match="--dask"):
        list(map_unordered(act, ["a", "b"], 2, lost=lost))
