import pytest

from tests.attacks.ground import NEEDS_POSIX, play, slow_but
from tests.attacks.stale import cases

pytestmark = NEEDS_POSIX


@pytest.mark.parametrize("case", slow_but(cases(), "bnt-older", "lm3-removed", "json-changed"))
def test_what_changed_is_converted_again(case, sound, tmp_path):
    play(case, sound, tmp_path / "ground")
