"""The public API: names, types, and a string as a path wherever one is taken."""

import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gemax_cli as gemax
from tests.client import main

COMMANDS = (
    "convert", "entropy_table", "verify", "preview", "report", "invert", "sweep", "inspect_scan", "make_sample",
    "map_images", "map_image", "invert_image", "merge",
    "train", "score", "view", "methods_paragraph",
)  # fmt: skip
STAGES = ("read_scan", "clean_scan", "find_nose_tip", "cut_blocks", "make_maps")


def listed():
    """The names in the stub."""
    stub = Path(gemax.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    names = re.findall(r"^from \.[\w.]+ import (\w+) as (\w+)$", stub, re.MULTILINE)
    assert all(name == again for name, again in names)
    return [name for name, _ in names]


def test_the_stub_all_and_help_agree():
    assert sorted(listed()) == sorted(gemax.__all__)
    assert set(gemax.__all__) <= set(dir(gemax))
    text = pydoc.render_doc(gemax, renderer=pydoc.plaintext)
    assert not [name for name in gemax.__all__ if not re.search(rf"\b{name}\b", text)]


@pytest.mark.parametrize("name", [*COMMANDS, *STAGES, "OutputFolder", "Settings", "GemaxError"])
def test_every_command_and_stage_is_exported_and_documented(name):
    found = getattr(gemax, name)
    assert callable(found)
    assert found.__module__.startswith("gemax_cli.")
    assert len(found.__doc__) > 30


def test_a_package_never_takes_the_place_of_a_function():
    code = "import gemax_cli.reports.page, gemax_cli.study.sweep, gemax_cli.stack.verify, gemax_cli as g\n"
    code += f"print(all(callable(getattr(g, name)) for name in {COMMANDS + STAGES}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True\n"


def test_a_name_that_there_is_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="gemax_cli"):
        _ = gemax.frobnicate


@pytest.mark.slow
def test_no_name_is_any_to_a_type_checker(tmp_path):
    pytest.importorskip("mypy")
    client = tmp_path / "client.py"
    lines = "".join(f"reveal_type(gemax.{name})\n" for name in gemax.__all__)
    client.write_text(f"import gemax_cli as gemax\n{lines}")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), str(client)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
    revealed = re.findall(r'Revealed type is "(.*)"$', told, re.MULTILINE)
    assert len(revealed) == len(gemax.__all__), told
    assert not [kind for kind in revealed if kind == "Any" or kind.endswith("-> Any")]
    assert ": error:" not in told


def test_a_string_is_one_path(raw, tmp_path, monkeypatch, capsys):
    """Not a sequence of characters: "/" would be the root of the disk."""
    monkeypatch.chdir(raw.parent)
    assert main(raw.name, str(tmp_path / "out")) == 0
    assert "(20, 30) (224, 224) uint8" in capsys.readouterr().out
