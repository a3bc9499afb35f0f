"""metadata.csv in the library that most people load it with: Hugging Face ``datasets``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gemax_cli.datasets.model import ScanName
from gemax_cli.stack.records import PoseRecord, TextureRecord
from gemax_cli.stack.tables import TableParts, metadata_table
from tests.pictures import write_png
from tests.stack.samples import block_record, scan_record

datasets = pytest.importorskip("datasets", reason="pip install 'gemax-cli[datasets]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ROWS, QUIET = 12_000, 10_500  # the library takes the types of columns from the first 10,000 rows


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing is fetched, and nothing is left in the cache of whoever runs this."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True, raising=False)


def quiet(scan, **changes):
    """A scan of which little is known: no warning, no level, no pose, no picture, one tau."""
    block = replace(block_record((20,), folder=scan), depth_mm=60.0)
    name = ScanName("FRGC", "02463")
    plain = scan_record(scan, name=name, pose=None, warnings=(), blocks=(block,), source="02463d1.abs", texture="-")
    return replace(plain, **changes)


def loud(scan):
    """A scan of which all is known, and other things."""
    block = replace(block_record((20, 50), 62.5, scan), mm_per_pixel=0.75)
    block = replace(block, texture=TextureRecord(f"{scan}/texture.png", 20000, 100, "", "sRGB", ""))
    return scan_record(
        scan, pose=PoseRecord(1.0, 2.0, 3.0, True), warnings=("a", "b"), blocks=(block,), texture="a.bmp"
    )


def folder(path, records):
    """An output folder's table of these records; of every thousandth row the images, too."""
    path.mkdir()
    parts = TableParts()
    list(parts.gathered([*records, quiet("q/1"), loud("l/1")]))  # as if both kinds stood in each folder
    metadata_table(records, parts).write(path)
    for record in records[::1000]:
        for file in record.files:
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            write_png(path / file, np.full((4, 4), 7, np.uint8))
    return path


def many():
    first = [quiet(f"FRGC/02463/a{number}") for number in range(QUIET)]
    return first + [loud(f"BU-3DFE/F0001/b{number}") for number in range(ROWS - QUIET)]


def test_rows_of_another_kind_after_ten_thousand(tmp_path):
    out = folder(tmp_path / "out", many())
    table = datasets.load_dataset("csv", data_files=str(out / "metadata.csv"), split="train")
    assert len(table) == ROWS
    assert table[0]["warnings"] == "-"
    assert table[ROWS - 1]["warnings"] == "a; b"
    assert (table[0]["warning_count"], table[ROWS - 1]["warning_count"]) == (0, 2)
    assert (table[0]["subject"], table[ROWS - 1]["subject"]) == ("subject-02463", "F0001")
    assert (table[0]["level"], table[ROWS - 1]["level"]) == (-1, 1)


def test_train_rows_of_one_database_beside_test_rows_of_another(tmp_path):
    one = folder(tmp_path / "one", [quiet(f"FRGC/02463/a{number}") for number in range(40)])
    other = folder(tmp_path / "other", [loud(f"BU-3DFE/F0001/b{number}") for number in range(30)])
    files = {"train": str(one / "metadata.csv"), "test": str(other / "metadata.csv")}
    both = datasets.load_dataset("csv", data_files=files)
    assert both["train"].features == both["test"].features
    assert (len(both["train"]), len(both["test"])) == (40, 30)


def test_a_folder_of_images_some_without_a_texture(tmp_path):
    """A cell that names no file is "-": such rows are told by ``texture_pixels``, or the column is left out."""
    out = folder(tmp_path / "out", many())
    table = datasets.load_dataset("imagefolder", data_dir=str(out), split="train")
    assert len(table) == ROWS
    textured = table.filter(lambda pixels: pixels > 0, input_columns="texture_pixels")
    assert len(textured) == ROWS - QUIET
    seen = textured[500]
    assert seen["depth16"].size == seen["texture"].size == seen["gemax_tau050"].size == (4, 4)
    whole = table.remove_columns(["texture", "gemax_tau050"])
    assert whole[0]["depth16"].size == whole[11_000]["gemax_tau020"].size == (4, 4)
