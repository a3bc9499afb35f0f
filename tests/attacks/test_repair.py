import pytest

from tests.attacks.ground import NEEDS_POSIX, play, slow_but
from tests.attacks.repair import cases

pytestmark = NEEDS_POSIX


@pytest.mark.parametrize("case", slow_but(cases(), "block-3", "map-8", "new record-4", "told-1", "source"))
def test_only_images_of_ours_are_removed(case, sound, tmp_path):
    play(case, sound, tmp_path / "ground")
