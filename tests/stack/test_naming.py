import pytest

from gemax_cli.stack.naming import block_folder, depth_label, map_name, records_name, rgb_groups


@pytest.mark.parametrize(
    ("depth", "label"), [(60.0, "060"), (50, "050"), (140.0, "140"), (62.5, "062.5"), (5, "005"), (1000, "1000")]
)
def test_depth_label(depth, label):
    assert depth_label(depth) == label


def test_one_depth_needs_no_folder():
    assert block_folder("a/b", 60, many=False) == "a/b"
    assert block_folder("a/b", 60, many=True) == "a/b/d060"


@pytest.mark.parametrize(
    ("taus", "name"),
    [([20], "gemax_tau020.png"), ([4096], "gemax_tau4096.png"), ([20, 30, 40], "gemax_tau020_030_040.png")],
)
def test_map_name(taus, name):
    assert map_name(taus) == name


def test_rgb_groups_of_three():
    assert rgb_groups([16, 20, 30, 40, 50]) == [(16, 20, 30), (40, 50)]
    assert rgb_groups([]) == []


def test_records_name():
    assert records_name(None) == "records.jsonl"
    assert records_name((2, 8)) == "records-2-of-8.jsonl"
