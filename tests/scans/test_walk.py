from __future__ import annotations

import os
import random
import time
import tracemalloc
import unicodedata
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gemax_cli.datasets.ids import digest, natural_key, scan_id
from gemax_cli.datasets.registry import parse_name
from gemax_cli.datasets.selection import Selection
from gemax_cli.errors import FileUnreadable, SettingsError
from gemax_cli.scans.read import read_scan
from gemax_cli.scans.walk import Found, find_scans
from tests.scans.organised_files import bnt_bytes

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
BU3DFE = ["F0001_NE00WH", "F0001_HA03WH", "F0001_HA04WH", "M0002_AN01BL"]
BOSPHORUS = ["bs000_N_N_0", "bs000_E_HAPPY_0", "bs010_CAU_A26A12lw_0", "bs002_YR_R10_0"]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def picture(path: Path, kind: type = np.uint16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.arange(64, dtype=kind).reshape(8, 8)).save(path)
    return path


def both_layouts(root: Path, under: str = "") -> None:
    """The files of a few scans of each database, as the databases name and place them."""
    for stem in BU3DFE:
        folder = root / under / "BU-3DFE" / stem[:5]
        touch(
            *(
                folder / f"{stem}{tail}"
                for tail in ("_F3D.wrl", "_F3D.bnd", "_F3D.bmp", "_F2D.bmp", "_RAW.wrl", "_RAW.pse")
            )
        )
    for stem in BOSPHORUS:
        folder = root / under / "BosphorusDB" / stem[:5]
        touch(*(folder / f"{stem}{suffix}" for suffix in (".bnt", ".lm3", ".lm2")))
        picture(folder / f"{stem}.png")


def ids(found: Found) -> list[str]:
    return [scan.scan_id for scan in found.scans]


def check_found(found: Found) -> None:
    """What holds for every walk."""
    folded = [unicodedata.normalize("NFC", scan.casefold()) for scan in ids(found)]
    assert len(set(folded)) == len(folded)
    assert all(".." not in scan.split("/") and not scan.startswith("/") for scan in folded)
    assert not any(one.startswith(two + "/") for one in folded for two in folded)
    assert len({os.path.realpath(scan.path) for scan in found.scans}) == len(found.scans)
    assert all(note.endswith(".") for note in found.notes)


BOTH = [
    "Bosphorus/bs000/bs000_E_HAPPY_0",
    "Bosphorus/bs000/bs000_N_N_0",
    "Bosphorus/bs002/bs002_YR_R10_0",
    "Bosphorus/bs010/bs010_CAU_A26A12lw_0",
    "BU-3DFE/F0001/F0001_HA03WH",
    "BU-3DFE/F0001/F0001_HA04WH",
    "BU-3DFE/F0001/F0001_NE00WH",
    "BU-3DFE/M0002/M0002_AN01BL",
]


# ------------------------------------------------------------------------------------------------ the layouts


@pytest.mark.parametrize("under", ["", "a", "a/b c/d/e/f/g"])
def test_both_layouts_in_one_tree_at_any_depth(tmp_path, under):
    both_layouts(tmp_path, under)
    found = find_scans([tmp_path])
    check_found(found)
    assert ids(found) == BOTH
    assert found.notes == ()


def test_what_a_reference_says(tmp_path):
    both_layouts(tmp_path)
    by_id = {scan.scan_id: scan for scan in find_scans([tmp_path]).scans}
    one = by_id["BU-3DFE/F0001/F0001_HA03WH"]
    assert one.path == tmp_path / "BU-3DFE" / "F0001" / "F0001_HA03WH_F3D.wrl"
    assert one.source == "BU-3DFE/F0001/F0001_HA03WH_F3D.wrl"
    assert (one.name.dataset, one.name.subject, one.name.sex, one.name.race) == ("BU-3DFE", "F0001", "F", "WH")
    assert (one.name.expression, one.name.level, one.name.kind, one.name.code) == ("HA", 3, "F3D", "")
    two = by_id["Bosphorus/bs010/bs010_CAU_A26A12lw_0"]
    assert (two.source, two.name.code) == ("BosphorusDB/bs010/bs010_CAU_A26A12lw_0.bnt", "CAU_A26A12lw")


def test_a_flat_folder_and_capitals(tmp_path):
    touch(tmp_path / "f0001_an01wh_f3d.WRL", tmp_path / "BS000_n_n_0.BNT", tmp_path / "02463D546.ABS.GZ")
    assert ids(find_scans([tmp_path])) == [
        "Bosphorus/bs000/bs000_N_N_0",
        "BU-3DFE/F0001/F0001_AN01WH",
        "FRGC/02463/02463d546",
    ]


def test_sequences_of_bu4dfe(tmp_path):
    for frame in ("000", "001", "010"):
        touch(
            tmp_path / "BU4D" / "F001" / "Angry" / f"{frame}.wrl", tmp_path / "BU4D" / "F001" / "Angry" / f"{frame}.jpg"
        )
    for source in (tmp_path, tmp_path / "BU4D" / "F001", tmp_path / "BU4D" / "F001" / "Angry"):
        found = find_scans([source])
        assert ids(found) == [f"BU-4DFE/F001/Angry/{frame}" for frame in ("000", "001", "010")]
    assert found.scans[0].name.expression == "AN"


def test_a_single_frame_knows_its_sequence(tmp_path, monkeypatch):
    touch(tmp_path / "F001" / "Angry" / "000.wrl")
    monkeypatch.chdir(tmp_path / "F001" / "Angry")
    assert ids(find_scans([Path("000.wrl")])) == ["BU-4DFE/F001/Angry/000"]
    assert ids(find_scans([Path()])) == ["BU-4DFE/F001/Angry/000"]


def test_other_scans_keep_their_folders(tmp_path):
    touch(tmp_path / "a" / "b" / "face.ply", tmp_path / "face 1.obj", tmp_path / "notes.txt", tmp_path / "x.mtl")
    found = find_scans([tmp_path])
    assert ids(found) == ["other/a/b/face", "other/face 1"]
    assert [scan.source for scan in found.scans] == ["a/b/face.ply", "face 1.obj"]


def test_order_is_natural_and_independent_of_the_file_system(tmp_path):
    names = [f"face{n}.ply" for n in (10, 9, 2, 1, 100)]
    want = ["other/face1", "other/face2", "other/face9", "other/face10", "other/face100"]
    for seed in range(4):
        root = tmp_path / str(seed)
        shuffled = random.Random(seed).sample(names, len(names))
        touch(*(root / name for name in shuffled))
        assert ids(find_scans([root])) == want


def test_the_order_of_a_listing_does_not_count(tmp_path, monkeypatch):
    both_layouts(tmp_path)
    touch(tmp_path / "x" / "a.ply", tmp_path / "X2" / "A.ply", tmp_path / "x" / "A.obj")
    want = find_scans([tmp_path])
    listing = os.scandir

    class Backwards:
        def __init__(self, path):
            with listing(path) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(os, "scandir", Backwards)
    assert find_scans([tmp_path]) == want


# ------------------------------------------------------------------------------------------------- F3D and RAW


def raw_and_cropped(root):
    touch(root / "F0001_AN01WH_F3D.wrl", root / "F0001_AN01WH_RAW.wrl")  # both
    touch(root / "F0001_AN02WH_RAW.wrl", root / "F0001_AN03WH_F3D.wrl")  # one alone
    touch(root / "bs000_N_N_0.bnt")


def test_cropped_meshes_are_preferred(tmp_path):
    raw_and_cropped(tmp_path)
    found = find_scans([tmp_path])
    assert [scan.path.name for scan in found.scans] == [
        "bs000_N_N_0.bnt",
        "F0001_AN01WH_F3D.wrl",
        "F0001_AN02WH_RAW.wrl",
        "F0001_AN03WH_F3D.wrl",
    ]
    assert ids(found)[2] == "BU-3DFE/F0001/F0001_AN02WH_RAW"
    assert found.notes == ("BU-3DFE scans without an F3D mesh, of which the RAW mesh is taken: 1.",)


def test_raw_meshes_on_demand(tmp_path):
    raw_and_cropped(tmp_path)
    found = find_scans([tmp_path], Selection(kind="RAW"))
    assert ids(found) == [
        "Bosphorus/bs000/bs000_N_N_0",
        "BU-3DFE/F0001/F0001_AN01WH_RAW",
        "BU-3DFE/F0001/F0001_AN02WH_RAW",
    ]


@pytest.mark.parametrize("kind", ["F3D", "RAW"])
def test_a_named_mesh_is_taken_whatever_its_kind(tmp_path, kind):
    raw_and_cropped(tmp_path)
    both = [tmp_path / "F0001_AN01WH_F3D.wrl", tmp_path / "F0001_AN01WH_RAW.wrl"]
    for sources in (both, [tmp_path, *both], [*both, tmp_path]):
        found = find_scans(sources, Selection(kind=kind))
        check_found(found)
        assert {"BU-3DFE/F0001/F0001_AN01WH", "BU-3DFE/F0001/F0001_AN01WH_RAW"} <= set(ids(found))


def test_meshes_in_separate_folders_are_told_together(tmp_path):
    touch(tmp_path / "f3d" / "F0001_AN01WH_F3D.wrl", tmp_path / "raw" / "F0001_AN01WH_RAW.wrl")
    assert ids(find_scans([tmp_path])) == ["BU-3DFE/F0001/F0001_AN01WH"]


# ----------------------------------------------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("filters", "want"),
    [
        ({"datasets": ("bosphorus",)}, BOTH[:4]),
        ({"expressions": ("happy",)}, [BOTH[0], BOTH[4], BOTH[5]]),
        ({"levels": (4,)}, [BOTH[5]]),
        ({"subjects": ("m0002",)}, [BOTH[7]]),
        ({"patterns": ("*/bs00*", "*AN01*")}, [BOTH[0], BOTH[1], BOTH[2], BOTH[7]]),
        ({"protocol": "paper"}, [BOTH[4], BOTH[5]]),
        ({"datasets": ("FRGC",)}, []),
    ],
)
def test_filters(tmp_path, filters, want):
    both_layouts(tmp_path)
    assert ids(find_scans([tmp_path], Selection(**filters))) == want


def test_filters_do_not_change_ids(tmp_path):
    for folder in ("a", "b"):
        touch(tmp_path / folder / "bs000_N_N_0.bnt")
    whole = {scan.source: scan.scan_id for scan in find_scans([tmp_path]).scans}
    part = find_scans([tmp_path], Selection(patterns=("b/*",)))
    assert {scan.source: scan.scan_id for scan in part.scans} == {"b/bs000_N_N_0.bnt": whole["b/bs000_N_N_0.bnt"]}
    assert "~" in part.scans[0].scan_id


# ------------------------------------------------------------------------------------------- what is no scan


def test_hidden_things_are_skipped(tmp_path):
    touch(tmp_path / ".git" / "a.ply", tmp_path / ".b.ply", tmp_path / "._F0001_AN01WH_F3D.wrl")
    touch(tmp_path / "__MACOSX" / "c.ply", tmp_path / "d.ply")
    assert ids(find_scans([tmp_path])) == ["other/d"]


def test_a_hidden_source_is_entered(tmp_path):
    touch(tmp_path / ".scans" / "a.ply")
    assert ids(find_scans([tmp_path / ".scans"])) == ["other/a"]


def output_folder(root):
    touch(root / "run.json", root / "records.jsonl")
    picture(root / "other" / "face" / "depth16.png")
    picture(root / "other" / "face" / "gemax_tau020.png", np.uint8)


def test_output_folders_are_skipped(tmp_path):
    touch(tmp_path / "face.ply")
    output_folder(tmp_path / "out")
    touch(tmp_path / "out" / "other" / "x.ply")
    found = find_scans([tmp_path])
    assert ids(found) == ["other/face"]
    assert found.notes == (f"{tmp_path / 'out'}: skipped, it is an output folder of gemax.",)


def test_scans_beside_their_own_output_are_found_again(tmp_path):
    touch(tmp_path / "face.ply")
    output_folder(tmp_path)
    assert ids(find_scans([tmp_path])) == ["other/face"]
    assert find_scans([tmp_path]).notes == ()


@pytest.mark.parametrize("name", ["depth16.png", "gemax_tau020.png", "gemax_tau020_030_040.png", "DEPTH16.PNG"])
def test_own_maps_are_no_scans_wherever_they_lie(tmp_path, name):
    picture(tmp_path / "copied" / name)
    assert ids(find_scans([tmp_path])) == []
    assert len(find_scans([tmp_path / "copied" / name]).scans) == 1


def test_only_16_bit_grey_pictures_are_scans(tmp_path):
    for suffix in (".png", ".tif", ".tiff"):
        picture(tmp_path / f"depth{suffix[1:]}{suffix}")
        picture(tmp_path / f"photo{suffix}", np.uint8)
    Image.new("RGB", (8, 8)).save(tmp_path / "colour.png")
    touch(tmp_path / "broken.png")
    (tmp_path / "empty.png").touch()
    found = find_scans([tmp_path])
    assert ids(found) == ["other/depthpng", "other/depthtif", "other/depthtiff"]
    assert found.notes == (
        f"{tmp_path / 'empty.png'}: not looked at as a depth image: the file is empty (zero bytes): "
        "copy it again from the source.",
        "Skipped: 4 .png (8-bit or colour), 1 .tif (8-bit or colour), 1 .tiff (8-bit or colour).",
    )


@pytest.mark.parametrize("mesh", ["face.bnt", "face.wrl", "face.obj", "FACE.PLY"])
def test_a_texture_is_no_scan(tmp_path, mesh):
    picture(tmp_path / "face.png")
    assert ids(find_scans([tmp_path])) == ["other/face"]
    touch(tmp_path / mesh)
    assert [scan.path.name for scan in find_scans([tmp_path]).scans] == [mesh]


def test_a_named_picture_is_taken_whatever_it_is(tmp_path):
    for name in ("face.png", "photo.png"):
        picture(tmp_path / name, np.uint8)
    touch(tmp_path / "face.obj")
    assert ids(find_scans([tmp_path / "face.png", tmp_path / "photo.png"])) == ["other/face", "other/photo"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a thing of POSIX")
def test_pipes_are_no_scans(tmp_path):
    os.mkfifo(tmp_path / "a.ply")
    assert ids(find_scans([tmp_path])) == []


def test_folders_named_like_scans_are_entered(tmp_path):
    touch(tmp_path / "a.ply" / "b.ply", tmp_path / "run.json.d" / "c.ply")
    assert ids(find_scans([tmp_path])) == ["other/a.ply/b", "other/run.json.d/c"]


# ------------------------------------------------------------------------------------------ sources and links


def test_files_and_folders_may_be_mixed(tmp_path):
    touch(tmp_path / "a" / "1.ply", tmp_path / "b" / "2.ply", tmp_path / "3.ply")
    found = find_scans([tmp_path / "a", tmp_path / "b", tmp_path / "3.ply"])
    assert [(scan.scan_id, scan.source) for scan in found.scans] == [
        ("other/1", "1.ply"),
        ("other/2", "2.ply"),
        ("other/3", "3.ply"),
    ]


def test_a_scan_reached_twice_counts_once(tmp_path):
    both_layouts(tmp_path)
    one = tmp_path / "BU-3DFE" / "F0001" / "F0001_HA03WH_F3D.wrl"
    for sources in ([tmp_path, tmp_path], [tmp_path, tmp_path / "BU-3DFE"], [tmp_path, one, one], [one, tmp_path]):
        found = find_scans(sources)
        check_found(found)
        assert ids(found) == BOTH
        assert found.notes == ()


def test_the_first_source_names_what_several_hold(tmp_path):
    touch(tmp_path / "a" / "b" / "face.ply")
    assert ids(find_scans([tmp_path, tmp_path / "a"])) == ["other/a/b/face"]
    assert ids(find_scans([tmp_path / "a", tmp_path])) == ["other/b/face"]


def test_point_lists_that_may_be_landmarks_are_taken_by_name_alone(tmp_path):
    touch(tmp_path / "face.pts", tmp_path / "face.ply")
    assert [scan.path.name for scan in find_scans([tmp_path]).scans] == ["face.ply"]
    assert [scan.path.name for scan in find_scans([tmp_path / "face.pts"]).scans] == ["face.pts"]


def test_what_does_not_exist_is_left_to_the_reader(tmp_path):
    found = find_scans([tmp_path / "gone.ply"])
    assert ids(found) == ["other/gone"]
    with pytest.raises(FileUnreadable, match="no such file"):
        read_scan(found.scans[0].path)


def test_linked_folders_are_followed_and_loops_cut(tmp_path):
    touch(tmp_path / "elsewhere" / "a.ply")
    root = tmp_path / "root"
    touch(root / "sub" / "b.ply")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "sub" / "up").symlink_to(root)
    (root / "sub" / "self").symlink_to(root / "sub" / "self")
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    found = find_scans([root])
    check_found(found)
    assert ids(found) == ["other/link/a", "other/sub/b"]


def test_real_places_name_what_links_lead_to_as_well(tmp_path):
    touch(tmp_path / "z" / "a.ply")
    (tmp_path / "a_link").symlink_to(tmp_path / "z")
    (tmp_path / "b.ply").symlink_to(tmp_path / "z" / "a.ply")
    assert [scan.source for scan in find_scans([tmp_path]).scans] == ["z/a.ply"]
    touch(tmp_path / "y" / "c.ply")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "link").symlink_to(tmp_path / "y")
    assert [scan.source for scan in find_scans([tmp_path / "x", tmp_path / "y"]).scans] == ["c.ply"]


def test_of_several_ways_to_a_file_its_name_counts_most_and_a_link_least(tmp_path):
    raw, more, far = (tmp_path / name for name in ("raw", "more", "far"))
    touch(raw / "a.ply", more / "c.ply", far / "b.ply")
    (raw / "link_a.ply").symlink_to(raw / "a.ply")
    (raw / "link_b.ply").symlink_to(far / "b.ply")
    (more / "other_b.ply").symlink_to(far / "b.ply")
    named_a, named_b = tmp_path / "named_a.ply", tmp_path / "named_b.ply"
    named_a.symlink_to(raw / "a.ply")
    named_b.symlink_to(far / "b.ply")
    for sources, want in (
        ([raw, more], ["a.ply", "c.ply", "link_b.ply"]),
        ([more, raw], ["a.ply", "c.ply", "other_b.ply"]),
        ([raw, far], ["a.ply", "b.ply"]),
        ([raw, named_a], ["link_b.ply", "named_a.ply"]),
        ([raw, named_b, far / "b.ply"], ["a.ply", "named_b.ply"]),
    ):
        assert sorted(scan.source for scan in find_scans(sources).scans) == want


def test_links_that_lead_nowhere_are_left_to_the_reader(tmp_path):
    (tmp_path / "gone.ply").symlink_to(tmp_path / "nowhere.ply")
    (tmp_path / "round.ply").symlink_to(tmp_path / "round.ply")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    found = find_scans([tmp_path])
    assert ids(found) == ["other/gone", "other/round"]
    for scan in found.scans:
        with pytest.raises(FileUnreadable):
            read_scan(scan.path)


def test_a_folder_that_cannot_be_listed_is_said(tmp_path, monkeypatch):
    both_layouts(tmp_path)
    listing = os.scandir

    def refuse(path):
        if Path(path).name == "bs000":
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_scans([tmp_path])
    assert ids(found) == BOTH[2:]
    (unlisted,) = found.unlisted
    assert unlisted.source == "BosphorusDB/bs000/"
    folder = tmp_path / "BosphorusDB" / "bs000"
    assert unlisted.message.startswith(f"{folder}: this folder cannot be listed (Permission")


def test_no_source_is_no_scan():
    assert find_scans([]) == Found((), ())


def test_a_source_may_be_a_string_and_is_one_path(tmp_path):
    touch(tmp_path / "face.ply")
    assert find_scans(str(tmp_path)) == find_scans(tmp_path) == find_scans([tmp_path])
    assert ids(find_scans(str(tmp_path))) == ["other/face"]
    with pytest.raises(SettingsError, match="no path"):
        find_scans("")


# ------------------------------------------------------------------------------------------------- clashing ids


def test_two_scans_of_one_id_are_both_kept(tmp_path):
    for folder in ("one", "two", "three"):
        touch(tmp_path / folder / "bs000_N_N_0.bnt")
    found = find_scans([tmp_path])
    check_found(found)
    plain = "Bosphorus/bs000/bs000_N_N_0"
    want = {f"{folder}/bs000_N_N_0.bnt": plain for folder in ("one", "three", "two")}
    for source in ("three/bs000_N_N_0.bnt", "two/bs000_N_N_0.bnt"):
        want[source] = f"{plain}~{digest(source, 8)}"
    assert {scan.source: scan.scan_id for scan in found.scans} == want
    assert len(found.notes) == 2
    assert f"goes to {want['two/bs000_N_N_0.bnt']}, because {plain} is taken" in found.notes[1]


def test_ids_that_differ_by_case_alone_are_told_apart(tmp_path):
    touch(
        tmp_path / "a" / "Face.ply",
        tmp_path / "A" / "face.ply",
        tmp_path / "a" / "STRASSE.ply",
        tmp_path / "a" / "straße.ply",
    )
    found = find_scans([tmp_path])
    check_found(found)
    assert len(found.scans) == len({scan.path for scan in found.scans}) >= 2


def test_one_stem_in_two_formats_is_two_scans(tmp_path):
    touch(tmp_path / "face.ply", tmp_path / "face.obj")
    found = find_scans([tmp_path])
    check_found(found)
    assert ids(found) == ["other/face", f"other/face~{digest('face.ply', 8)}"]


def test_a_scan_is_never_the_folder_of_another(tmp_path):
    touch(tmp_path / "face.ply", tmp_path / "face" / "d050.ply")
    found = find_scans([tmp_path])
    check_found(found)
    assert sorted(ids(found)) == ["other/face/d050", f"other/face~{digest('face.ply', 8)}"]


def test_the_same_source_under_several_folders(tmp_path):
    folders = [tmp_path / name for name in ("x", "y", "z")]
    touch(*(folder / "face.ply" for folder in folders))
    found = find_scans(folders)
    check_found(found)
    assert len(found.scans) == 3
    assert found.scans[0].path == folders[0] / "face.ply"
    assert found == find_scans(folders)


def test_a_name_that_looks_like_a_changed_id_keeps_it(tmp_path):
    changed = f"face~{digest('face.ply', 8)}"
    touch(tmp_path / "face.ply", tmp_path / "face.obj", tmp_path / f"{changed}.stl")
    found = find_scans([tmp_path])
    check_found(found)
    by_source = {scan.source: scan.scan_id for scan in found.scans}
    assert len(by_source) == 3
    assert by_source["face.obj"] == "other/face"
    assert by_source[f"{changed}.stl"] == f"other/{changed}"


def naive_ids(root, sources):
    """Source to id, one after the other in natural order, with a set of all ids and of all folders above them."""

    def plain(source):
        parsed = parse_name(source.split("/")[-1], (root / source).absolute().parts[-3:-1])
        return scan_id(parsed, source.split("/")[:-1])

    def fold(text):
        return unicodedata.normalize("NFC", text.casefold())

    order = sorted(sources, key=lambda source: (natural_key(plain(source)), natural_key(source), source))
    taken = {fold(plain(source)[:end]) for source in order for end, c in enumerate(plain(source)) if c == "/"}
    found = {}
    for source in order:
        unique, attempt = plain(source), 0
        while fold(unique) in taken:
            unique, attempt = f"{plain(source)}~{digest(source + '/' * attempt, 8)}", attempt + 1
        taken.add(fold(unique))
        found[source] = unique
    return found


FOLDERS = ("a", "A", "a.ply", "b", "F0001_AN01WH_F3D.wrl", "ä", "a\u0308", "F001", "Angry")
FILES = ("a.ply", "A.ply", "a.obj", "ä.ply", "a\u0308.ply", "f0001_an01wh_f3d.wrl", "F0001_AN01WH_F3D.wrl", "000.wrl")


@pytest.mark.parametrize("seed", range(40))
def test_ids_are_those_of_a_set_of_strings(tmp_path, seed):
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 25)):
        with suppress(OSError):  # a folder has that name, or a file the folder's
            touch(tmp_path.joinpath(*(rng.choice(FOLDERS) for _ in range(rng.randint(0, 2)))) / rng.choice(FILES))
    sources = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    found = find_scans(tmp_path)
    assert [(scan.source, scan.scan_id) for scan in found.scans] == list(naive_ids(tmp_path, sources).items())


def test_many_clashes_are_summed_up(tmp_path):
    for copy in ("a", "b"):
        touch(*(tmp_path / copy / f"bs{n:03d}_N_N_0.bnt" for n in range(15)))
    found = find_scans([tmp_path])
    check_found(found)
    assert len(found.scans) == 30
    assert len(found.notes) == 11
    assert found.notes[-1].endswith("with '~': 5.")


def test_hostile_names_stay_inside(tmp_path):
    names = [
        "new\nline.ply",
        "..hidden..ply",
        "-rf.ply",
        "CON.ply",
        "a b .ply",
        "q?*:|<>.ply",
        "é.ply",
        "x" * 240 + ".ply",
    ]
    touch(*(tmp_path / name for name in names if not name.startswith(".")))
    (tmp_path / os.fsdecode(b"bad\xff.ply")).write_bytes(b"x")
    found = find_scans([tmp_path])
    check_found(found)
    assert len(found.scans) == len(names)
    for scan in found.scans:
        target = tmp_path / "out" / scan.scan_id
        target.mkdir(parents=True)
        assert target.resolve().is_relative_to(tmp_path / "out")


def test_deep_folders_are_reached(tmp_path):
    deep = tmp_path.joinpath(*["folder" + "x" * 30] * 40)
    touch(deep / "face.ply", tmp_path.joinpath(*["d"] * 100) / "face.ply")
    found = find_scans([tmp_path])
    check_found(found)
    assert len(found.scans) == 2
    assert all(len(scan.scan_id) < 450 for scan in found.scans)


NAMES = st.one_of(
    st.sampled_from(["a", "A", "b", "face", "Face", "d050", "con", "a~1234abcd", "ä", "a\u0308", "SS", "ß", "x" * 120]),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/\x00"), min_size=1, max_size=12),
)
PLACES = st.lists(st.tuples(st.lists(NAMES, max_size=3), NAMES, st.sampled_from([".ply", ".obj", ".bnt"])), max_size=12)


@settings(max_examples=120, deadline=None)
@given(PLACES)
@pytest.mark.slow
def test_every_scan_of_any_tree_has_an_id_of_its_own(tmp_path_factory, places):
    root = tmp_path_factory.mktemp("tree")
    made = set()
    for folders, stem, suffix in places:
        path = root.joinpath(*(folder for folder in folders if folder.strip("."))) / f"{stem}{suffix}"
        try:
            touch(path)
        except OSError:
            continue  # a folder has that name, or a file the folder's
        made.add(path)
    found = find_scans([root])
    check_found(found)
    assert find_scans([root]) == found
    hidden = {path for path in made if any(part.startswith(".") for part in path.relative_to(root).parts)}
    assert {scan.path for scan in found.scans} == made - hidden


# --------------------------------------------------------------------------------------------------- the whole


@pytest.mark.slow
def test_thousands_of_scans_are_found_in_no_time(tmp_path):
    for n in range(50):
        stems = [f"bs{n:03d}_E_{k}_0" for k in range(20)]
        folder = tmp_path / f"bs{n:03d}"
        folder.mkdir()
        for stem in stems:
            for suffix in (".bnt", ".lm3", ".lm2", ".png"):
                (folder / f"{stem}{suffix}").touch()
    start = time.perf_counter()
    found = find_scans([tmp_path])
    assert len(found.scans) == 1000
    assert time.perf_counter() - start < 2  # measured: 0.05 s; the rest is room for a busy machine


@pytest.mark.slow
def test_many_scans_take_little_memory(tmp_path):
    """Measured: 900 bytes a scan, 1,600 while they are sorted; 50,000 scans take 80 MB at most."""
    many = 2000
    for folder in range(many // 100):
        touch(*(tmp_path / f"F{folder:04d}" / f"F{folder:04d}_AN01WH_F3D ({n}).wrl" for n in range(100)))
    tracemalloc.start()
    found = find_scans(tmp_path)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.scans) == many
    assert held < 1500 * many
    assert peak < 2500 * many


def test_found_scans_can_be_read(tmp_path):
    (tmp_path / "bs000_N_N_0.bnt").write_bytes(bnt_bytes())
    (scan,) = find_scans([tmp_path]).scans
    assert read_scan(scan.path).format == "bnt"


@pytest.mark.skipif(not (SHARED / "scans" / "real").is_dir(), reason="the real scans are not beside this checkout")
def test_real_folders():
    found = find_scans([SHARED / "scans" / "real"])
    check_found(found)
    assert "other/leeperrysmith/LeePerrySmith" in ids(found)
    assert "other/menpo_template/template" in ids(found)
    assert len([scan for scan in ids(found) if scan.startswith("other/pcl_person/")]) == 7


def test_what_is_skipped_is_said_by_kind_and_count(tmp_path):
    both_layouts(tmp_path)
    names = ["a.zip", "b/B.ZIP", "c.fbx", "points.pts", "Makefile", ".hidden", "__MACOSX/x.zip"]
    touch(*(tmp_path / "more" / name for name in names), *(tmp_path / f"x.k{i:02d}" for i in range(12)))
    for i in range(3):
        picture(tmp_path / f"photo{i}.png", np.uint8)
    (note,) = find_scans([tmp_path]).notes
    assert note.startswith("Skipped: 3 .png (8-bit or colour), 2 .zip (unpack them), 1 (no suffix), 1 .fbx (no reader")
    assert note.endswith(", 7 others.")
    touch(tmp_path / "only" / "points.pts")
    (note,) = find_scans([tmp_path / "only"]).notes
    assert note == "Skipped: 1 .pts (landmarks as often as points: name them to convert them)."


def test_files_of_a_scan_are_not_told_as_skipped(tmp_path):
    touch(*(tmp_path / f"face.{suffix}" for suffix in ("obj", "mtl", "JPG", "lm3", "json")))
    touch(*(tmp_path / f"F0001_HA03WH_{name}" for name in ("F3D.wrl", "F3D.bnd", "RAW.pse", "F2D.bmp", "F3D.bmp")))
    assert find_scans([tmp_path]).notes == ()
