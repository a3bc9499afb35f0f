import inspect
import pickle
from pathlib import Path

import pytest

from gemax_cli import errors

ALL = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.GemaxError)]


@pytest.mark.parametrize("cause", ALL, ids=lambda c: c.__name__)
def test_every_error_has_an_exit_code_and_a_sentence_on_itself(cause):
    assert cause.exit_code in (1, 2, 3, 4, 5)
    assert cause.__doc__


@pytest.mark.parametrize("cause", [c for c in ALL if issubclass(c, errors.ScanError)], ids=lambda c: c.__name__)
def test_scan_errors_survive_a_trip_from_a_worker(cause):
    again = pickle.loads(pickle.dumps(cause("a/b.wrl", "is broken.")))
    assert type(again) is cause
    assert str(again) == "a/b.wrl: is broken."
    assert again.stage in ("read", "nose", "block", "texture", "maps", "map", "write", "worker")


def test_infeasible_tau_survives_it_too():
    again = pickle.loads(pickle.dumps(errors.InfeasibleTau(4096, 256, 15)))
    assert (again.levels, again.bins, again.tau, again.smallest_tau) == (4096, 256, 15, 16)


def test_missing_packages_are_named_as_the_index_names_them():
    """What an error says to install works from a clone, and from an index that has no gemax-cli."""
    sources = {path: path.read_text("utf-8") for path in Path(errors.__file__).parent.rglob("*.py")}
    assert not [path for path, text in sources.items() if "gemax-cli[" in text]
    assert {path.name for path, text in sources.items() if "pip install" in text} == {
        "errors.py",
        "open3d_library.py",
        "settle.py",
        "train.py",
    }
    assert errors.not_installed("clahe", "scikit-image") == (
        "clahe needs scikit-image, which is not installed: pip install scikit-image."
    )
