import os

import pytest

from tests.attacks.ground import play, prepare
from tests.attacks.outside import cases

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
CASES = {case.name: case for case in cases()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("outside"))


@pytest.mark.parametrize("name", ["path-block-6", "path-scan-2", "link-scan", "link-records.jsonl", "fifo-run.json"])
def test_nothing_outside_is_touched(sound, tmp_path, name):
    play(CASES[name], sound, tmp_path / "ground")


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_nothing_outside_is_touched_by_any_attack(sound, tmp_path, name):
    play(CASES[name], sound, tmp_path / "ground")
