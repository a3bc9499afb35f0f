"""A folder checked against its records: every kind of damage is named, and repaired by removal and a second run."""

import shutil
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest

from gemax_cli.batch.run import convert
from gemax_cli.settings import Settings
from gemax_cli.stack.records import RecordWriter, read_records
from gemax_cli.stack.verify import verify
from tests.batch.folders import content

TAU = Settings(taus=(20, 30, 40))


@pytest.fixture
def out(converted, tmp_path):
    """A folder that may be damaged."""
    return shutil.copytree(converted, tmp_path / "out")


@pytest.fixture
def first(out):
    return next(read_records(out))


def rerecord(out, old, new):
    with RecordWriter(out / "records.jsonl") as writer:
        writer.append_line(replace(old, blocks=(new,)).to_line())


def messages(out):
    return [problem.message for problem in verify(out).problems]


def test_a_sound_folder(out):
    verified = verify(out)
    assert (verified.scans, verified.files) == (6, 24)
    assert verified.problems == verified.orphans == ()
    assert verify(out, repair=True).removed == ()


def test_an_empty_folder(tmp_path):
    assert verify(tmp_path).scans == 0


@pytest.mark.parametrize("name", ["depth16.png", "gemax_tau020.png"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "SHA-256 differs"),
        (lambda path: path.write_bytes(b""), "SHA-256 differs"),
        (lambda path: iio.imwrite(path, np.zeros((224, 224), np.uint8)), "SHA-256 differs"),
        (lambda path: (path.unlink(), path.mkdir()), "is missing"),
    ],
)
def test_damaged_files_are_named(out, first, name, damage, message):
    damage(out / first.scan_id / name)
    (problem,) = verify(out).problems
    assert (problem.scan_id, problem.file) == (first.scan_id, f"{first.scan_id}/{name}")
    assert message in problem.message


def test_files_that_are_recorded_wrongly_are_named(out, first):
    (block,) = first.blocks
    m = block.maps[0]
    rerecord(out, first, replace(block, valid_pixels=7))
    assert messages(out) == [f"has {block.valid_pixels} valid pixels, its record says 7"]
    rerecord(out, first, replace(block, maps=(replace(m, entropy=m.entropy + 1e-6),)))
    assert "bits, its record says" in messages(out)[0]
    rerecord(out, first, replace(block, maps=(replace(m, file=block.file, sha256=block.sha256),)))
    assert messages(out) == ["holds uint16, not uint8"]


def test_a_map_of_another_size_is_named(out, first):
    import hashlib

    (block,) = first.blocks
    path = out / block.maps[0].file
    iio.imwrite(path, np.zeros((8, 8), np.uint8))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    rerecord(out, first, replace(block, maps=(replace(block.maps[0], sha256=digest),)))
    assert messages(out) == ["is (8, 8), its depth image (224, 224)"]


def test_a_file_that_is_no_picture_but_has_its_hash_is_named(out, first):
    import hashlib

    (block,) = first.blocks
    (out / block.file).write_bytes(b"no picture")
    digest = hashlib.sha256(b"no picture").hexdigest()
    rerecord(out, first, replace(block, sha256=digest, maps=()))
    assert messages(out)[0].startswith("cannot be read")


def test_damaged_lines_are_named_and_not_removed(out):
    lines = (out / "records.jsonl").read_bytes().splitlines(keepends=True)
    (out / "records.jsonl").write_bytes(b"".join([lines[0][:50] + b"\n", b"\0" * 40 + b"\n", *lines[2:]]))
    verified = verify(out)
    assert [(p.scan_id, p.file) for p in verified.problems] == [("", "records.jsonl")] * 2
    assert [p.message[:18] for p in verified.problems] == ["line 1 is damaged ", "line 2 is damaged "]
    assert verified.scans == 4
    assert verify(out, repair=True).removed == ()


def test_orphans_are_named_and_only_leftovers_removed(out, first):
    for name in ("mine.png", f"{first.scan_id}/old.png", f"{first.scan_id}/.gemax-tmp-1-depth16.png"):
        (out / name).write_bytes(b"x")
    verified = verify(out)
    assert set(verified.orphans) == {
        "mine.png",
        f"{first.scan_id}/old.png",
        f"{first.scan_id}/.gemax-tmp-1-depth16.png",
    }
    assert verify(out, repair=True).removed == (f"{first.scan_id}/.gemax-tmp-1-depth16.png",)
    assert (out / "mine.png").exists()


def test_what_is_removed_is_made_again(raw, out, converted):
    lines = (out / "records.jsonl").read_bytes().splitlines(keepends=True)
    (out / "records.jsonl").write_bytes(b"".join([b"{}\n", *lines[1:]]))
    names = ("depth16.png", "gemax_tau020.png", "gemax_tau040.png")
    for record, name in zip(list(read_records(out))[:3], names, strict=True):
        (out / record.scan_id / name).write_bytes(b"x")
    assert len(verify(out, repair=True).removed) == 3
    assert convert([raw], out, TAU).converted == 4
    assert verify(out).problems == ()
    assert content(out) == content(converted)
