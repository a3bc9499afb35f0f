"""The README says what the command line does."""

import re
from pathlib import Path

import click
import pytest

from gemax_cli.cli.main import gemax

CONTEXT = click.Context(gemax)
README = Path(__file__).resolve().parents[2] / "README.md"


def leaves(group, prefix=""):
    """Every command by its name, those of groups with the group's before it."""
    for name in group.list_commands(CONTEXT):
        command = group.get_command(CONTEXT, name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{name} ")
        else:
            yield prefix + name, command


LEAVES = dict(leaves(gemax))


@pytest.fixture(scope="module")
def text():
    return README.read_text(encoding="utf-8")


def reference_of(text, name):
    """The README's section on one command."""
    match = re.search(rf"^### `gemax {name}`$(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert match, f"the README has no section on gemax {name}"
    return match[1]


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_and_option_has_its_place(text, name):
    section = reference_of(text, name)
    for parameter in LEAVES[name].params:
        for spelling in parameter.opts if isinstance(parameter, click.Option) else ():
            assert f"`{spelling}" in section or f" {spelling}" in section, f"{name} {spelling}"


def test_no_command_is_made_up(text):
    assert set(re.findall(r"^### `gemax ([a-z ]+)`", text, re.MULTILINE)) == set(LEAVES)


def test_option_names_of_the_text_exist(text):
    options = {o for command in LEAVES.values() for p in command.params for o in p.opts}
    allowed = {"--help", "--version"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= options | allowed


@pytest.mark.parametrize("name", ["demo", "tests", "usage"])
def test_what_ci_runs_is_there(text, name):
    match = re.search(rf"<!-- ci: {name} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert match
    assert match[1].strip()
