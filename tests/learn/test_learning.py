"""The network learns: simulated subjects, a small net, two cores. From shuffled labels it learns nothing."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gemax_cli.batch.run import convert  # noqa: E402
from gemax_cli.learn.data import fold_scans, load_faces, pairs_to_test, training_pairs  # noqa: E402
from gemax_cli.learn.settings import TrainSettings  # noqa: E402
from gemax_cli.learn.train import predict, train_network  # noqa: E402
from gemax_cli.settings import Settings  # noqa: E402
from gemax_cli.splits.make import split as make_split  # noqa: E402
from gemax_cli.splits.model import SplitSettings  # noqa: E402
from gemax_cli.synthetic.dataset import make_sample  # noqa: E402

pytestmark = pytest.mark.slow
SMALL_NET = TrainSettings(
    streams="depth", taus=(20, 40), width=1 / 8, size=64, epochs=48, batch_size=8, lr=3e-3
)  # parts of 27 pixels in a map of 2 x 2 cells
CHANCE = 1 / 6
TESTED = 42  # maps of seven unseen subjects


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Fourteen simulated subjects, six expressions each; seven are tested."""
    folder = tmp_path_factory.mktemp("learning")
    make_sample(folder / "raw", subjects=14, seed=23, scans="six", datasets=["BU-3DFE"])
    convert(folder / "raw", folder / "out", Settings(taus=(20, 40)))
    split = make_split(folder / "out", "half", SplitSettings(protocol="holdout", folds=2))
    return load_faces(folder / "out", split, SMALL_NET)


def learn(stack, settings=SMALL_NET):
    """Shares that are right on training maps and on unseen subjects, and of faces whose two maps peak in one cell."""
    scans = fold_scans(stack, 0, 0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two that wait for each other take longer than one where cores are shared
    trained = train_network(stack, scans, settings)
    known, unseen = training_pairs(stack, scans.train, settings), pairs_to_test(stack, scans.test, settings)
    found = [predict(trained, stack, pairs, settings) for pairs in (known, unseen)]
    torch.set_num_threads(threads)
    rights = [float((f.predicted == stack.labels[p[:, 0]]).mean()) for f, p in zip(found, (known, unseen), strict=True)]
    assert len(unseen) == TESTED
    return *rights, found[1].same_cell["depth"]


def test_it_learns_its_training_maps_and_knows_unseen_subjects(stack):
    known, unseen, same_cell = learn(stack)
    assert known == 1.0
    assert unseen > 0.4
    assert same_cell <= 0.1


def test_it_knows_nothing_of_unseen_subjects_from_shuffled_labels(stack):
    """Else labels leak: chance, and three standard deviations of the binomial distribution above it.

    After half of the epochs the true labels are known of four in five unseen maps.
    """
    shuffled = np.random.default_rng(0).permuted(stack.labels.reshape(-1, 6), axis=1).ravel()  # within each subject
    _, unseen, _ = learn(replace(stack, labels=shuffled), replace(SMALL_NET, epochs=SMALL_NET.epochs // 2))
    assert unseen <= CHANCE + 3 * (CHANCE * (1 - CHANCE) / TESTED) ** 0.5
