"""The README says what the command line does."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = spec_from_file_location("ci_reference", ROOT / ".ci" / "reference.py")
reference = module_from_spec(SPEC)
SPEC.loader.exec_module(reference)
COMMANDS = {context.command_path: context for context in reference.all_commands()}


@pytest.fixture(scope="module")
def text():
    return reference.README.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_of_every_command_is_its_help(text, name):
    assert reference.section(COMMANDS[name]) in text, "bring it up to date: python .ci/reference.py"


def test_no_command_is_made_up(text):
    assert set(re.findall(r"^### `(gemax [a-z ]+)`", text, re.MULTILINE)) == set(COMMANDS)


def test_what_is_named_in_the_text_exists(text):
    by_hand = text.partition(reference.START)[0]
    options = {o for context in COMMANDS.values() for p in context.command.params for o in p.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", by_hand)) <= options | {"--help", "--version"}
    tops = {name.split()[1] for name in COMMANDS}
    assert set(re.findall(r"(?:^|`|\| )gemax ([a-z]+)", by_hand, re.MULTILINE)) <= tops
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", by_hand):
        assert (ROOT / link).exists(), link


def test_it_is_read_in_a_few_minutes(text):
    assert len(text.partition(reference.START)[0].splitlines()) <= 148


@pytest.mark.parametrize("name", ["demo", "tests", "usage", "afternoon"])
def test_what_ci_runs_is_there(text, name):
    match = re.search(rf"<!-- ci: {name} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert match
    assert match[1].strip()
    assert f"readme {name}" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_reference_has_every_option(text):
    for name, context in COMMANDS.items():
        for parameter in context.command.params:
            for spelling in parameter.opts if isinstance(parameter, click.Option) else ():
                assert spelling in reference.section(context), f"{name} {spelling}"
