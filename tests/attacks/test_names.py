import os

import pytest

from tests.attacks.ground import play, prepare
from tests.attacks.names import cases

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")
CASES = {case.name: case for case in cases()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("sound"))


QUICK = ["control-12", "argument-0"]


@pytest.mark.parametrize("name", QUICK)
def test_some(sound, tmp_path, name):
    play(CASES[name], sound, tmp_path / "ground")


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_all(sound, tmp_path, name):
    play(CASES[name], sound, tmp_path / "ground")
