from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemax_cli.errors import BadFormat, EmptyScan, ScanError
from gemax_cli.scans.formats.bnt import read_lm3
from gemax_cli.scans.model import Scan
from gemax_cli.scans.read import read_scan
from tests.scans.organised_files import BACKGROUND, LANDMARKS, bnt_bytes, face_planes, lm3_text

NOSE = np.array(LANDMARKS["Nose tip"])


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode("latin-1"))
    return path


def bnt(folder: Path, data: bytes | None = None, lm3: str | bytes | None = None, name: str = "bs000_N_N_0") -> Path:
    if lm3 is not None:
        write(folder / f"{name}.lm3", lm3)
    return write(folder / f"{name}.bnt", bnt_bytes() if data is None else data)


def check_scan(scan: Scan) -> None:
    """What holds for every scan that was read at all."""
    assert len(scan.points) >= 3
    assert len(scan.triangles) >= 1
    assert np.isfinite(scan.points).all()
    assert scan.triangles.min() >= 0
    assert scan.triangles.max() < len(scan.points)
    assert sorted(scan.grid[scan.grid >= 0].tolist()) == list(range(len(scan.points)))
    assert scan.texture.coordinates.shape == (len(scan.points), 2)
    assert ((scan.texture.coordinates >= 0) & (scan.texture.coordinates <= 1)).all()
    assert all(at.shape == (3,) and np.isfinite(at).all() for at in scan.landmarks.values())
    assert all(isinstance(w, str) and w.endswith(".") for w in scan.warnings)


# --------------------------------------------------------------------------------------------- a sound scan


def test_a_scan_is_read_whole(tmp_path):
    planes = face_planes()
    scan = read_scan(bnt(tmp_path, lm3=lm3_text()))
    check_scan(scan)
    measured = planes[2, ::-1] != BACKGROUND
    assert scan.format == "bnt"
    assert scan.metric
    assert scan.warnings == ()
    assert scan.path == tmp_path / "bs000_N_N_0.bnt"
    np.testing.assert_array_equal(scan.grid >= 0, measured)
    np.testing.assert_array_equal(scan.points, planes[:3, ::-1][:, measured].T)


def test_row_0_is_the_forehead(tmp_path):
    scan = read_scan(bnt(tmp_path))
    top, bottom = (scan.points[row[row >= 0], 1].mean() for row in (scan.grid[0], scan.grid[-1]))
    assert top > bottom
    row = scan.grid[6]
    assert (np.diff(scan.points[row[row >= 0], 0]) > 0).all()


def test_texture_coordinates_point_up(tmp_path):
    scan = read_scan(bnt(tmp_path))
    top, bottom = (row[row >= 0] for row in (scan.grid[0], scan.grid[-1]))
    assert scan.texture.coordinates[top, 1].min() > scan.texture.coordinates[bottom, 1].max()
    planes = face_planes()
    measured = planes[2, ::-1] != BACKGROUND
    np.testing.assert_array_equal(scan.texture.coordinates[:, 0], planes[3, ::-1][measured])
    np.testing.assert_array_equal(scan.texture.coordinates[:, 1], 1 - planes[4, ::-1][measured])
    assert scan.texture.triangles is scan.triangles


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 7.0, -3.0])
def test_texture_coordinates_stay_within_the_picture(tmp_path, bad):
    planes = face_planes()
    planes[3, 5, 4] = planes[4, 6, 4] = bad
    check_scan(read_scan(bnt(tmp_path, bnt_bytes(planes))))


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        (b"bs000_N_N_0.png", "bs000_N_N_0.png"),
        (b"other.PNG", "other.PNG"),
        (b"", "bs000_N_N_0.png"),
        (b"../../etc/passwd.png", "passwd.png"),
        (b"/abs/olute.png", "olute.png"),
        (b"C:\\scans\\face.png", "face.png"),
        (b"..", "bs000_N_N_0.png"),
        (b"a/..", "bs000_N_N_0.png"),
        (b"pic\x00ture.png", "bs000_N_N_0.png"),
        (b"C:face.png", "bs000_N_N_0.png"),
        (b"\xff\xfe.png", "bs000_N_N_0.png"),
        (b"x" * 65535, "x" * 65535),
    ],
)
def test_the_picture_s_name_is_bare(tmp_path, stored, name):
    assert read_scan(bnt(tmp_path, bnt_bytes(image=stored))).texture.image == name


def test_only_z_says_what_is_background(tmp_path):
    planes = face_planes()
    planes[2, 5, 4] = BACKGROUND  # x and y stay, as real files have it
    scan = read_scan(bnt(tmp_path, bnt_bytes(planes)))
    assert scan.grid[12 - 1 - 5, 4] == -1
    assert scan.warnings == ()


@pytest.mark.parametrize("background", [-1e9, 0.0, -5000.0, 1e9])
def test_the_background_is_what_the_header_says(tmp_path, background):
    planes = face_planes(background=background)
    scan = read_scan(bnt(tmp_path, bnt_bytes(planes, background=background)))
    assert len(scan.points) == (face_planes()[2] != BACKGROUND).sum()
    assert scan.warnings == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e7])
@pytest.mark.parametrize("plane", [0, 1, 2])
def test_impossible_points_are_dropped_with_a_warning(tmp_path, bad, plane):
    planes = face_planes()
    planes[plane, 5, 3:5] = bad
    scan = read_scan(bnt(tmp_path, bnt_bytes(planes)))
    check_scan(scan)
    assert scan.warnings == ("points dropped for impossible coordinates: 2.",)


# --------------------------------------------------------------------------------------------- damaged scans


@pytest.mark.parametrize(
    ("data", "error", "sentence"),
    [
        (b"", EmptyScan, "zero bytes"),
        (b"\x01", BadFormat, "ends after 1 bytes, within its header"),
        (bnt_bytes()[:20], BadFormat, "ends after 20 bytes, within its header"),
        (bnt_bytes()[:-1], BadFormat, "where its header asks for"),
        (bnt_bytes()[: len(bnt_bytes()) // 2], BadFormat, "where its header asks for"),
        (bnt_bytes() + b"x", BadFormat, "where its header asks for"),
        (bnt_bytes() * 2, BadFormat, "where its header asks for"),
        (bnt_bytes(rows=65535, columns=65535), BadFormat, "is no Bosphorus scan"),
        (bnt_bytes(rows=65535, columns=13107, count=65535 * 13107 * 5), BadFormat, "more than the"),
        (bnt_bytes(rows=10000, columns=10000, count=500_000_000), BadFormat, "more than the 4194304"),
        (bnt_bytes(rows=0), BadFormat, "is no Bosphorus scan"),
        (bnt_bytes(rows=0, columns=0, count=0), BadFormat, "is no Bosphorus scan"),
        (bnt_bytes(count=2**32 - 1), BadFormat, "is no Bosphorus scan"),
        (b"#VRML V2.0 utf8\n" + b" " * 4000, BadFormat, "is VRML"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), BadFormat, "is a PNG picture"),
        (bytes(5000), BadFormat, "is no Bosphorus scan"),
        (b"\xff" * 70000, BadFormat, "is no Bosphorus scan"),
    ],
)
def test_damage_is_named(tmp_path, data, error, sentence):
    path = bnt(tmp_path, data)
    with pytest.raises(error, match=sentence) as caught:
        read_scan(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert type(caught.value) is error


def test_all_background_is_empty(tmp_path):
    planes = np.full((5, 8, 8), BACKGROUND)
    with pytest.raises(EmptyScan, match="only background"):
        read_scan(bnt(tmp_path, bnt_bytes(planes)))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_nothing_but_impossible_points_is_empty(tmp_path, value):
    with pytest.raises(EmptyScan, match="no measured point"):
        read_scan(bnt(tmp_path, bnt_bytes(np.full((5, 8, 8), value))))


def test_an_all_zero_scan_is_an_error(tmp_path):
    with pytest.raises(BadFormat, match="nothing but zeros"):
        read_scan(bnt(tmp_path, bnt_bytes(np.zeros((5, 8, 8)))))


def test_a_flat_scan_is_an_error(tmp_path):
    planes = face_planes()
    planes[2][planes[2] != BACKGROUND] = 0.0
    with pytest.raises(EmptyScan, match="same depth"):
        read_scan(bnt(tmp_path, bnt_bytes(planes)))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.45, 0.59])
def test_a_copy_that_ends_in_zeros_is_an_error(tmp_path, share):
    data = bnt_bytes()
    end = int(share * len(data))
    with pytest.raises(BadFormat, match="zeros"):
        read_scan(bnt(tmp_path, data[:end] + bytes(len(data) - end)))


def test_swapped_sizes_are_noticed(tmp_path):
    planes = face_planes(24, 30)
    with pytest.raises(BadFormat, match="form no grid of 30 x 24"):
        read_scan(bnt(tmp_path, bnt_bytes(planes, rows=30, columns=24)))


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    rows, columns = 3000, 3000
    head = struct.pack("<HHdHI", rows, columns, BACKGROUND, 0, rows * columns * 5)
    path = bnt(tmp_path, head)
    os.truncate(path, len(head) + rows * columns * 40)  # sparse: takes no room
    with pytest.raises(BadFormat, match="has more than"):
        read_scan(path)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


def read_or_refuse(path: Path) -> Scan | None:
    """Read a damaged scan: either refused in one sentence, or a scan that is sound in itself."""
    try:
        scan = read_scan(path)
    except ScanError as error:
        refusal = error
    else:
        check_scan(scan)
        return scan
    assert refusal.path == path
    assert refusal.message.endswith(".")
    return None


@pytest.mark.parametrize("end", [*range(0, 60), 100, 500, 1000, -500, -9, -8, -7, -1])
def test_a_scan_cut_anywhere_is_refused(room, end):
    assert read_or_refuse(bnt(room, bnt_bytes()[:end])) is None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_changed_bytes_are_refused_or_leave_a_sound_scan(room, data):
    raw = bytearray(bnt_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(st.integers(0, 40), st.integers(0, len(raw) - 1)))
        raw[at] = data.draw(st.integers(0, 255))
    read_or_refuse(bnt(room, bytes(raw)))


@settings(max_examples=150, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_values_of_any_kind_are_refused_or_leave_a_sound_scan(room, data):
    planes = face_planes()
    special = [np.nan, np.inf, -np.inf, BACKGROUND, 0.0, -0.0, 5e-324, 1.7e308, 1e5, -1e5]
    for _ in range(data.draw(st.integers(1, 20))):
        k, i, j = (data.draw(st.integers(0, n - 1)) for n in planes.shape)
        planes[k, i, data.draw(st.sampled_from([slice(None), slice(j, j + 1)]))] = data.draw(st.sampled_from(special))
    scan = read_or_refuse(bnt(room, bnt_bytes(planes)))
    if scan is not None:
        assert np.abs(scan.points).max() <= 1e5


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(room, data):
    assert read_or_refuse(bnt(room, data)) is None


# ------------------------------------------------------------------------------------------------- landmarks


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_landmarks_are_read_by_name(tmp_path, end):
    marks = read_lm3(write(tmp_path / "a.lm3", lm3_text(end=end)))
    assert {name: tuple(at) for name, at in marks.items()} == LANDMARKS
    assert all(at.dtype == np.float64 for at in marks.values())


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_any_number_of_landmarks_is_taken(tmp_path, count):
    some = dict(list(LANDMARKS.items())[:count])
    assert list(read_lm3(write(tmp_path / "a.lm3", lm3_text(some)))) == list(some)


@pytest.mark.parametrize("name", ["nose tip", "NOSE TIP", "  Nose   tip ", "Nose\ttip"])
def test_names_are_spelled_as_in_the_database(tmp_path, name):
    assert list(read_lm3(write(tmp_path / "a.lm3", lm3_text({name: (1, 2, 3)})))) == ["Nose tip"]


BROKEN_LM3 = [
    (b"nonsense", "does not begin with"),
    (b"# 2D Landmark File\r\n\r\n0 landmarks:\r\n", "does not begin with"),
    (b"# 3D Landmark File\r\n", "how many"),
    (b"# 3D Landmark File\r\nmany landmarks:\r\n", "how many"),
    (b"# 3D Landmark File\r\n99999999999999999999 landmarks:\r\n", "how many"),
    (b"# 3D Landmark File\r\n-1 landmarks:\r\n", "how many"),
    (lm3_text(count=22).encode(), "has 3 landmarks where it announces 22"),
    (lm3_text(count=2).encode(), "has 3 landmarks where it announces 2"),
    (lm3_text()[:-20].encode(), "landmarks where it announces|coordinates"),
    (lm3_text({"Nose tip": (1, 2)}).encode(), "3 coordinates of 'Nose tip'"),
    (lm3_text({"Nose tip": (1, 2, 3, 4)}).encode(), "3 coordinates of 'Nose tip'"),
    (lm3_text().replace("30", "thirty").encode(), "3 coordinates of 'Nose tip'"),
    (lm3_text({"Nose tip": (1, 2, 3), "NOSE TIP": (1, 2, 3)}).encode(), "twice"),
    (b"\x00" * 300, "does not begin with"),
    (b"\xff" * 300, "does not begin with"),
    (b"# 3D Landmark File\n" + b"x" * 400_000, "has more than 262,144 bytes"),
]


@pytest.mark.parametrize(("data", "sentence"), BROKEN_LM3)
def test_broken_landmark_files_are_named(tmp_path, data, sentence):
    with pytest.raises(BadFormat, match=sentence):
        read_lm3(write(tmp_path / "a.lm3", data))


@pytest.mark.parametrize("data", [data for data, _ in BROKEN_LM3] + [b""])
def test_a_scan_outlives_its_landmark_file(tmp_path, data):
    scan = read_scan(bnt(tmp_path, lm3=data))
    check_scan(scan)
    assert scan.landmarks == {}
    assert len(scan.warnings) == 1
    assert scan.warnings[0].startswith("the landmark file bs000_N_N_0.lm3 is not used: ")


def test_no_landmark_file_is_no_news(tmp_path):
    scan = read_scan(bnt(tmp_path))
    assert (scan.landmarks, scan.warnings) == ({}, ())


def test_a_landmark_file_may_be_spelled_in_capitals(tmp_path):
    write(tmp_path / "BS000.LM3", lm3_text())
    scan = read_scan(write(tmp_path / "BS000.BNT", bnt_bytes()))
    np.testing.assert_array_equal(scan.landmarks["Nose tip"], NOSE)


def test_a_landmark_file_that_leads_nowhere_is_a_warning(tmp_path):
    (tmp_path / "bs000_N_N_0.lm3").symlink_to(tmp_path / "gone.lm3")
    scan = read_scan(bnt(tmp_path))
    assert "no such file" in scan.warnings[0]


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "1e999"])
def test_a_landmark_that_is_not_finite_is_left_out(tmp_path, word):
    text = lm3_text().replace("30", word)
    assert not np.isfinite(read_lm3(write(tmp_path / "a.lm3", text))["Nose tip"]).all()
    scan = read_scan(bnt(tmp_path, lm3=text))
    assert set(scan.landmarks) == set(LANDMARKS) - {"Nose tip"}
    assert scan.warnings == ("the landmark 'Nose tip' is not used: it is not finite.",)


@pytest.mark.parametrize(
    ("place", "kept"),
    [((0, 0, 69), True), ((0, 0, 71), False), ((0, 0, -12), False), ((1e8, 0, 0), False), ((1e300, -1e300, 0), False)],
)
def test_a_nose_tip_off_the_face_is_left_out(tmp_path, place, kept):
    scan = read_scan(bnt(tmp_path, lm3=lm3_text(LANDMARKS | {"Nose tip": place})))
    assert ("Nose tip" in scan.landmarks) is kept
    assert len(scan.warnings) == (not kept)
    if not kept:
        assert "mm away from the scan" in scan.warnings[0]


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_changed_landmark_files_never_cost_the_scan(room, data):
    raw = bytearray(lm3_text().encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        kind = data.draw(st.integers(0, 2))
        if kind == 0:
            raw[at] = data.draw(st.integers(0, 255))
        elif kind == 1 and len(raw) > 2:
            del raw[at]
        else:
            raw[at:at] = data.draw(st.binary(max_size=3))
    check_scan(read_scan(bnt(room, lm3=bytes(raw), name="changed")))


@pytest.mark.parametrize("end", range(0, len(lm3_text()), 5))
def test_a_landmark_file_cut_anywhere_never_costs_the_scan(room, end):
    scan = read_scan(bnt(room, lm3=lm3_text()[:end], name="cut"))
    assert scan.warnings or set(scan.landmarks) == set(LANDMARKS)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_are_landmarks_or_a_named_error(room, tail):
    try:
        said = len(read_lm3(write(room / "any.lm", b"# 3D Landmark File\n2 landmarks:\n" + tail)))
    except BadFormat as error:
        said = error.message[-1]
    assert said in (2, ".")


# --------------------------------------------------------------------------------------------------- the whole


def real_size(folder: Path) -> Path:
    planes = face_planes(232, 205)
    assert 1.85e6 < planes.nbytes < 1.95e6
    return bnt(folder, bnt_bytes(planes), lm3_text())


def test_two_reads_give_the_same_bytes(tmp_path):
    path = bnt(tmp_path, lm3=lm3_text())
    one, two = read_scan(path), read_scan(path)
    for name in ("points", "triangles", "grid"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="speed of the compiled kernels")
def test_a_real_sized_scan_is_read_in_milliseconds(tmp_path):
    path = real_size(tmp_path)
    read_scan(path)
    best = min(timed(path) for _ in range(15))
    assert best < 0.02  # measured: 1.5 ms; the rest is room for a busy machine


def timed(path: Path) -> float:
    start = time.perf_counter()
    read_scan(path)
    return time.perf_counter() - start
