"""Which folders are sequences."""

from pathlib import Path

import pytest

from gemax_cli.datasets.model import SequenceFrame
from gemax_cli.scans.walk import find_scans


def frames_of(folder: Path, *names: str) -> list[SequenceFrame | None]:
    """The frames of empty files of these names, in the order of their ids."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return [scan.frame for scan in find_scans([folder]).scans]


@pytest.mark.parametrize("count", [1, 2, 12])
def test_a_folder_of_bu_4dfe_is_a_sequence(tmp_path, count):
    names = [f"F001/Angry/{number:03d}.wrl" for number in range(count)]
    assert frames_of(tmp_path, *names) == [SequenceFrame("BU-4DFE/F001/Angry", n) for n in range(count)]


@pytest.mark.parametrize("name", ["{:03d}.ply", "{}.obj", "s_{:02d}.stl", "Take 3 - {}.ply", "\N{SNOWMAN}{:04d}.off"])
@pytest.mark.parametrize("first", [0, 1, 98])
def test_so_is_any_folder_of_numbered_files(tmp_path, name, first):
    frames = frames_of(tmp_path, *(f"day/take1/{name.format(number)}" for number in range(first, first + 4)))
    assert frames == [SequenceFrame("other/day/take1", n) for n in range(first, first + 4)]


@pytest.mark.parametrize(
    "names",
    [
        ("a/face1.ply", "a/face2.ply"),
        ("a/face1.ply", "a/face2.ply", "a/nose3.ply"),
        ("a/face1.ply", "a/face2.ply", "a/face.ply"),
        ("a/face1.ply", "a/face01.ply", "a/face2.ply"),
        ("a/1.ply", "b/2.ply", "c/3.ply"),
        ("a/one.ply", "a/two.ply", "a/three.ply"),
        ("F0001/F0001_AN01WH_F3D.wrl", "F0001/F0001_AN02WH_F3D.wrl", "F0001/F0001_AN03WH_F3D.wrl"),
        ("bs000/bs000_N_N_0.bnt", "bs000/bs000_N_N_1.bnt", "bs000/bs000_N_N_2.bnt"),
    ],
)
def test_other_folders_are_none(tmp_path, names):
    assert frames_of(tmp_path, *names) == [None] * len(names)


def test_filters_do_not_change_what_is_a_sequence(tmp_path):
    from gemax_cli.datasets.selection import Selection

    frames_of(tmp_path, *(f"take/{number}.ply" for number in range(4)))
    (only,) = find_scans([tmp_path], Selection(patterns=("*/2.ply",))).scans
    assert only.frame == SequenceFrame("other/take", 2)
