"""The paragraph for a paper says what the folder says."""

import re

import pytest

from gemax_cli.cli.main import run
from gemax_cli.datasets.registry import DATASETS
from gemax_cli.errors import NothingToConvert
from gemax_cli.reports.methods import methods_paragraph
from gemax_cli.settings import BlockSettings, NoseSettings, QuantisationSettings, Settings
from gemax_cli.stack.records import NoseRecord
from tests.reports.folders import BO, BU, SMALL, edit_run, make_folder, put_scan


def test_data_settings_versions_and_references_are_named(tmp_path):
    out = make_folder(tmp_path / "out", (BU, BO))
    put_scan(out, "BU-3DFE/F0002/F0002_AN01WH", SMALL, nose=NoseRecord(0.0, 0.0, 0.0, "detected", 0.9))
    put_scan(out, "other/mine", SMALL, dataset="other")
    text, _, references = methods_paragraph(out).partition("\n\n")
    assert "2 scans of 2 subjects (BU-3DFE [2])" in text
    assert "1 scan of 1 subject (Bosphorus [3])" in text
    assert "(other)" in text
    assert "detected in 1 scan." in text
    assert "60 mm behind the tip" in text
    assert "N = 64 levels to K = 16 grey values" in text
    assert "tau = 5 and 8 levels [1]" in text
    assert re.search(r"gemax \d[\w.]* \(Python 3\.\d+\.\d+, numpy \d", text)
    lines = references.splitlines()
    assert [line[:3] for line in lines] == ["[1]", "[2]", "[3]"]
    assert "arXiv:2011.08333" in lines[0]
    assert lines[1:] == [f"[{i}] {DATASETS[name].citation}" for i, name in ((2, "BU-3DFE"), (3, "Bosphorus"))]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depths": (50, 62.5)}, "up to 50 and 62.5 mm"),
        ({"mapping": "subject"}, "one mapping for each subject"),
        ({"maps": ("ri", "normals")}, "For comparison: ri and normals."),
        ({"texture": True}, "Texture was sampled"),
        ({"nose": NoseSettings(align="auto")}, "Heads that were clearly turned were rotated"),
        ({"block": BlockSettings(frame="fit")}, "with the block filling the image"),
        ({"quantisation": QuantisationSettings(64, 16, True)}, "to K = 15 grey values"),
    ],
)
def test_each_setting_is_said_where_it_is_not_the_usual_one(tmp_path, changes, said):
    usual = make_folder(tmp_path / "usual", (BU,))
    other = make_folder(tmp_path / "other", (BU,))
    values = {"taus": SMALL.taus, "quantisation": SMALL.quantisation, **changes}
    edit_run(other, lambda run: run.update(settings=Settings(**values).as_dict()))
    assert said in methods_paragraph(other)
    assert said not in methods_paragraph(usual)


def test_every_database_of_a_paper_has_a_citation():
    assert [name for name, dataset in DATASETS.items() if not dataset.citation] == ["other"]


def test_the_command_prints_it_and_nothing_else(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = make_folder(tmp_path / "out", (BU,))
    edit_run(out, lambda run: run.update(gemax="1\x1b[31m"))
    assert run(["report", str(out), "--methods"]) == 0
    printed = capsys.readouterr().out
    assert printed == methods_paragraph(out).replace("\x1b", "\\x1b")
    assert "\x1b" not in printed
    assert not (tmp_path / "report.html").exists()


def test_an_empty_folder_has_none(tmp_path):
    with pytest.raises(NothingToConvert, match="holds no record"):
        methods_paragraph(tmp_path)
