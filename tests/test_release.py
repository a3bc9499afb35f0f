"""What a release needs agrees with itself. No network."""

import re
from pathlib import Path

import pytest
import yaml

import gemax_cli

ROOT = Path(__file__).resolve().parents[1]
YAML_FILES = [*ROOT.glob(".github/**/*.yml"), ROOT / "CITATION.cff", ROOT / ".pre-commit-config.yaml"]


def text_of(place):
    return (ROOT / place).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_yaml_parses(path):
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_the_version_is_one():
    versions = {
        "CITATION.cff": str(yaml.safe_load(text_of("CITATION.cff"))["version"]),
        "conda": re.search(r'set version = "(.+)"', text_of(".github/conda/meta.yaml"))[1],
        "CHANGELOG.md": re.search(r"^## \[([0-9.]+)\]", text_of("CHANGELOG.md"), re.MULTILINE)[1],
    }
    assert versions == dict.fromkeys(versions, gemax_cli.__version__)


def test_the_recipe_takes_the_dependencies_of_the_package():
    same = {"matplotlib": "matplotlib-base"}
    section = re.search(r"^dependencies = \[(.*?)^\]", text_of("pyproject.toml"), re.MULTILINE | re.DOTALL)[1]
    asked = {same.get(name, name): low for name, low in re.findall(r'^  "([\w-]+)>=([\d.]+)"', section, re.MULTILINE)}
    needed = text_of(".github/conda/meta.yaml").partition("  run:")[2]
    recipe = dict(re.findall(r"^    - ([\w-]+) >=([\d.]+)$", needed, re.MULTILINE))
    assert recipe == asked | {"python": "3.10"}


def test_workflows_cover_every_python_and_system():
    jobs = yaml.safe_load(text_of(".github/workflows/tests.yml"))["jobs"]
    matrix = jobs["quick"]["strategy"]["matrix"]
    assert matrix["python"][0] == re.search(r'requires-python = ">=([\d.]+)"', text_of("pyproject.toml"))[1]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    publish = yaml.safe_load(text_of(".github/workflows/release.yml"))["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}


def test_the_dockerfile_copies_what_there_is():
    for line in re.findall(r"^COPY (.+)$", text_of(".github/Dockerfile"), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


@pytest.mark.parametrize("name", ["scan", "idea"])
def test_issue_forms_are_of_fields_that_github_knows(name):
    form = yaml.safe_load(text_of(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert {"name", "description", "body"} <= set(form)
    for part in form["body"]:
        assert part["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert ("value" if part["type"] == "markdown" else "label") in part["attributes"]
        assert part["type"] == "markdown" or part["id"]


def test_code_of_contributing_is_of_names_that_there_are():
    """Every module, function and file that the page names, but for its made-up examples."""
    page = text_of(".github/CONTRIBUTING.md")
    for place in re.findall(r"`((?:gemax_cli|tests|examples|\.ci|\.github)/[\w/.-]+)`", page):
        assert (ROOT / place).exists(), place
