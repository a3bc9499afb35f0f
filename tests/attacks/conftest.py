"""A sound place to attack, made once for each kind of attack."""

import pytest

from tests.attacks.ground import prepare


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("sound"))
