import pytest

from tests.attacks.ground import NEEDS_POSIX, play, slow_but
from tests.attacks.ill_typed import cases

pytestmark = NEEDS_POSIX


@pytest.mark.parametrize("case", slow_but(cases(), "record-0", "run-text-1", "failures-3"))
def test_what_is_ill_typed_costs_itself_alone(case, sound, tmp_path):
    play(case, sound, tmp_path / "ground")
