"""A little of ``tests.stack.fuzz``; the whole is run by hand."""

import os

import pytest

from tests.stack.fuzz import fuzz

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")


@pytest.mark.slow
def test_a_damaged_folder_ends_in_sentences(tmp_path):
    assert fuzz(tmp_path / "work", range(1_000_000, 1_001_500), seed=7)["findings"] == []
