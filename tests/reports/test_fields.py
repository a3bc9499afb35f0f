"""``gemax fields``: what is described is what is written, no more and no less."""

import csv
import io
import json
from dataclasses import fields as dataclass_fields
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from gemax_cli.cli.main import run
from gemax_cli.errors import SettingsError
from gemax_cli.reports import fields as home
from gemax_cli.reports.fields import EXAMPLES, FILES, Field, describe_fields

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "fields.py"


@pytest.fixture(scope="module")
def examples():
    """The script that writes every file with every part."""
    spec = spec_from_file_location("ci_fields", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(examples, tmp_path_factory):
    """By file: the columns or keys that gemax writes, each with a value."""
    files = examples.write_files(tmp_path_factory.mktemp("fields"))
    return {file: examples.written(file, path) for file, path in files}


def names_of(file):
    return {field.name for field in describe_fields([file])}


@pytest.mark.slow
def test_what_is_written_is_described_and_the_other_way_round(written):
    assert {*written, "train.json", "result.json"} == set(FILES)
    for file, values in written.items():
        assert set(values) == names_of(file), file


@pytest.mark.slow
def test_every_example_is_of_the_type_that_is_written(written):
    known = json.loads(Path(home.__file__).with_name(EXAMPLES).read_text(encoding="utf-8"))
    for file, values in written.items():
        assert set(known[file]) <= set(values)
        for name, text in known[file].items():
            if type(values[name]) in (bool, int, float):
                assert type(json.loads(text)) is type(values[name]), f"{file}: {name}"


def test_every_field_says_what_it_is():
    found = describe_fields()
    assert {field.file for field in found} == set(FILES)
    assert len({(field.file, field.name) for field in found}) == len(found)
    for field in found:
        assert len(field.meaning) > 2, field
        shown = field.example or field.type == "object" or "(" in field.type or field.absent
        assert shown, f"{field}: make the examples anew: python .ci/fields.py"
        assert field.unit or not field.name.endswith(("_mm", "_bytes", "entropy")), field


def test_a_column_that_nobody_described_is_noticed(examples, tmp_path):
    (tmp_path / "landmarks.csv").write_text("scan,depth_mm,name,column,row,depth,visible,mood\nx,60.0,a,1,2,3,1,good\n")
    assert set(examples.written("landmarks.csv", tmp_path / "landmarks.csv")) - names_of("landmarks.csv") == {"mood"}


def test_a_path_names_its_file():
    assert describe_fields(["out/metadata.csv"]) == describe_fields(["metadata.csv"])
    assert describe_fields(["out/splits/paper.json"]) == describe_fields(["splits/NAME.json"])
    with pytest.raises(SettingsError, match="give any of metadata"):
        describe_fields(["depth16.png"])


def test_the_table_fits_80_columns_and_the_other_forms_hold_the_same(capsys):
    assert run(["fields"]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= 80
    assert run(["fields", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [Field(**row) for row in rows] == describe_fields()
    assert run(["fields", "--format", "csv"]) == 0
    assert len(list(csv.DictReader(io.StringIO(capsys.readouterr().out)))) == len(rows)
    assert run(["fields", "landmarks.csv", "--format", "md"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"| {' | '.join(f.name for f in dataclass_fields(Field))} |"
