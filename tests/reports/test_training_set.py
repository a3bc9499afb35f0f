"""The report's section on a folder as a training set."""

from dataclasses import replace

import gemax_cli as gemax
from gemax_cli.reports.training_set import describe_training_set
from gemax_cli.stack.folder import OutputFolder
from gemax_cli.stack.records import RecordWriter
from tests.reports.folders import make_folder
from tests.splits.folders import bosphorus, bu3dfe, put_records

BOTH = [*bu3dfe(5, levels=(3, 4)), *bosphorus(3, takes=1)]


def records(out):
    return list(OutputFolder(out).records())


def distinct(found):
    """The records with a raw file and a depth image of their own each."""
    for i, record in enumerate(found):
        blocks = tuple(replace(block, sha256=f"{i:064x}") for block in record.blocks)
        yield replace(record, source_sha256=f"{i:064x}", blocks=blocks)


def test_a_complete_folder(tmp_path):
    found = describe_training_set(distinct(records(put_records(tmp_path, BOTH))))
    assert found.subjects == (
        {"dataset": "BU-3DFE", "subjects": 5, "with all six expressions": 5, "the paper draws from": 100, "scans": 65},
        {"dataset": "Bosphorus", "subjects": 3, "with all six expressions": 3, "the paper draws from": 65, "scans": 24},
    )
    six = dict.fromkeys(("AN", "DI", "FE", "HA", "SA", "SU"), 10)
    assert found.classes[0] == {"dataset": "BU-3DFE", "NE": 5, **six, "other": 0}
    assert found.classes[1]["other"] == 3  # the action units
    assert found.missing == found.duplicates == found.doubtful == ()


def test_what_is_missing(tmp_path):
    scans = [s for s in BOTH if not s.endswith(("F0002_HA03AM", "F0002_SU04AM", "bs001_E_FEAR_0", "bs001_N_N_0"))]
    found = describe_training_set(distinct(records(put_records(tmp_path, scans))))
    assert found.missing == (
        {"dataset": "BU-3DFE", "subject": "F0002", "missing": "HA03, SU04"},
        {"dataset": "Bosphorus", "subject": "bs001", "missing": "NE00, FE"},
    )
    assert [row["with all six expressions"] for row in found.subjects] == [5, 2]


def test_what_is_there_twice(tmp_path):
    found = list(distinct(records(put_records(tmp_path, BOTH))))
    found[3] = replace(found[3], source_sha256=found[7].source_sha256, blocks=found[7].blocks)
    found[20] = replace(found[20], blocks=found[70].blocks)
    assert describe_training_set(found).duplicates == (
        {"what": "raw files of the same bytes", "count": 2, "scans": f"{found[3].scan_id}, {found[7].scan_id}"},
        {"what": "depth images of the same bytes", "count": 2, "scans": f"{found[20].scan_id}, {found[70].scan_id}"},
    )


def test_doubtful_tips(tmp_path):
    found = list(distinct(records(put_records(tmp_path, BOTH))))
    for i, confidence in ((0, 0.2), (1, 0.49), (2, 0.5)):
        found[i] = replace(found[i], nose=replace(found[i].nose, confidence=confidence))
    assert describe_training_set(found).doubtful == (
        {"dataset": "BU-3DFE", "subject": "F0001", "doubtful tips": 2, "of scans": 13, "least": "0.20"},
    )


def test_the_page_has_it(tmp_path):
    out = make_folder(tmp_path / "out", tuple(bu3dfe(2, levels=(4,))))
    with RecordWriter(out / "records.jsonl") as writer:  # a name from a stranger is escaped
        first = records(out)[0]
        writer.append_line(replace(first, name=replace(first.name, subject="<b>x")).to_line())
    page = gemax.report(out).html
    assert "As a training set" in page
    assert "raw files of the same bytes" in page
    assert "&lt;b&gt;x" in page
    assert "<b>x" not in page
