import pytest

from tests.attacks.ground import NEEDS_POSIX, play, slow_but
from tests.attacks.names import cases

pytestmark = NEEDS_POSIX


@pytest.mark.parametrize("case", slow_but(cases(), "control-12", "argument-0"))
def test_names_do_no_harm_and_come_back(case, sound, tmp_path):
    play(case, sound, tmp_path / "ground")
