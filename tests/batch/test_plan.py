import hashlib
from dataclasses import replace

import pytest

from gemax_cli.batch.plan import make_plan, shard_of, task_of
from gemax_cli.datasets.model import ScanRef
from gemax_cli.settings import Settings
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.records import RecordWriter
from tests.stack.samples import block_record, scan_record

SETTINGS = Settings(taus=(20, 30))


@pytest.fixture
def done(tmp_path):
    """One raw file and the output folder in which it is converted; returns (ref, out, record)."""
    raw = tmp_path / "raw.wrl"
    raw.write_bytes(b"x" * 100)
    out = tmp_path / "out"
    digest = hashlib.sha256(raw.read_bytes()).hexdigest()
    record = scan_record(
        "a",
        source="raw.wrl",
        source_sha256=digest,
        settings=SETTINGS.digest,
        blocks=(block_record(folder="a"),),
    )
    for file in record.files:
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        (out / file).touch()
    with RecordWriter(out / "records.jsonl") as writer:
        writer.append_line(record.to_line())
    return ScanRef("a", raw, "raw.wrl"), out, record


def steps(ref, out, settings=SETTINGS, **options):
    plan = make_plan([ref], OutputFolder(out), settings, **options)
    assert plan.done + len(plan.steps) == 1
    return plan.steps


def test_what_is_complete_is_not_done_again(done):
    ref, out, _ = done
    assert steps(ref, out) == ()
    assert steps(ref, out, Settings(taus=(30,))) == ()


def test_overwrite_does_everything_again(done):
    ref, out, _ = done
    (step,) = steps(ref, out, overwrite=True)
    assert not step.adds


def test_another_tau_only_adds_maps(done):
    ref, out, _ = done
    (step,) = steps(ref, out, Settings(taus=(20, 50)))
    assert step.adds


@pytest.mark.parametrize("file", ["depth16.png", "gemax_tau020.png"])
def test_a_missing_file_means_all_again(done, file):
    ref, out, _ = done
    (out / "a" / file).unlink()
    (step,) = steps(ref, out)
    assert not step.adds


def test_a_raw_file_that_changed_is_converted_again(done):
    ref, out, _ = done
    ref.path.write_bytes(b"x" * 99)
    (step,) = steps(ref, out)
    assert not step.adds


def test_a_raw_file_that_went_away_leaves_its_maps_good(done):
    ref, out, _ = done
    ref.path.unlink()
    assert steps(ref, out) == ()


def test_a_record_of_another_source_or_other_settings_does_not_count(done):
    ref, out, _ = done
    assert len(steps(replace(ref, source="other.wrl"), out)) == 1
    assert len(steps(ref, out, Settings(taus=(20, 30), depths=(70,)))) == 1


def test_a_scan_without_a_record_is_to_do(done, tmp_path):
    ref, out, _ = done
    assert len(steps(replace(ref, scan_id="b"), out)) == 1
    assert len(steps(ref, tmp_path / "new")) == 1


def test_a_damaged_record_is_to_do(done):
    ref, out, _ = done
    (out / "records.jsonl").write_text('{"scan": "a"}\n')
    assert len(steps(ref, out)) == 1


def test_steps_are_those_of_the_scans_that_lack_something(done):
    ref, out, _ = done
    new = [replace(ref, scan_id="0"), ref, replace(ref, scan_id="b")]
    plan = make_plan(new, OutputFolder(out), SETTINGS)
    assert plan.done == 1
    assert [step.ref.scan_id for step in plan.steps] == ["0", "b"]
    plan = make_plan(new, OutputFolder(out), Settings(taus=(50,)))
    assert plan.done == 0
    assert [step.adds for step in plan.steps] == [False, True, False]


def test_tasks_carry_the_older_record(done):
    ref, out, record = done
    plan = make_plan([ref], OutputFolder(out), Settings(taus=(50,)))
    task = task_of(*plan.steps, OutputFolder(out), Settings(taus=(50,)), None)
    assert task.older == record


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_shards_share_out_every_scan_once(parts):
    refs, settings = range(5), Settings(sequence="none")
    shares = [shard_of(refs, (i + 1, parts), settings) for i in range(parts)]
    assert sorted(ref for share in shares for ref in share) == list(refs)
    assert shard_of(refs, None, settings) == refs
