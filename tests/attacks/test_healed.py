import pytest

from tests.attacks.ground import NEEDS_POSIX, play, slow_but
from tests.attacks.healed import cases

pytestmark = NEEDS_POSIX


@pytest.mark.parametrize("case", slow_but(cases(), "table-0", "table-2", "value-0", "line-0", "line-3"))
def test_damage_is_told_and_healed(case, sound, tmp_path):
    play(case, sound, tmp_path / "ground")
