import pytest

from tests.attacks.ground import NEEDS_POSIX, play, slow_but
from tests.attacks.outside import cases

pytestmark = NEEDS_POSIX


@pytest.mark.parametrize(
    "case", slow_but(cases(), "path-block-6", "path-scan-2", "link-scan", "link-records.jsonl", "fifo-run.json")
)
def test_nothing_outside_is_touched(case, sound, tmp_path):
    play(case, sound, tmp_path / "ground")
