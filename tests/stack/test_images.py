import numpy as np
import pytest
from PIL import Image

from gemax_cli.errors import BadFormat, EmptyScan, FileUnreadable
from gemax_cli.stack.images import MapImage, load_codes, load_map, scan_images
from tests.pictures import write_png


def put(path, image=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, np.full((4, 4), 7, np.uint8) if image is None else image)
    return path


def sentence_of(read, path):
    """What the error says, None if there is none; other errors are passed on."""
    try:
        read(path)
    except (BadFormat, FileUnreadable) as error:
        return str(error)
    return None


def listed(root, base=None):
    return [
        (s.scan, s.depth16 is not None, [(m.name, m.tau, m.channel) for m in s.maps]) for s in scan_images(root, base)
    ]


def test_a_stack_in_order_of_path_and_tau(tmp_path):
    for scan in ("b/s2", "a/s1"):
        for name in ("gemax_tau100", "clahe", "gemax_tau020", "normals", "depth16"):
            put(tmp_path / scan / f"{name}.png")
    maps = [("gemax_tau020", 20, 0), ("gemax_tau100", 100, 0), ("clahe", None, None), ("normals", None, None)]
    assert listed(tmp_path) == [("a/s1", True, maps), ("b/s2", True, maps)]


def test_an_rgb_stack_is_a_map_per_channel(tmp_path):
    put(tmp_path / "s/gemax_tau020_030_1040.png", np.zeros((4, 4, 3), np.uint8))
    assert listed(tmp_path) == [
        ("s", False, [("gemax_tau020", 20, 0), ("gemax_tau030", 30, 1), ("gemax_tau1040", 1040, 2)])
    ]


def test_a_depth_image_alone_is_a_scan_without_maps(tmp_path):
    put(tmp_path / "s/depth16.png")
    assert listed(tmp_path) == [("s", True, [])]


def test_sheets_beside_a_stack_are_no_maps(tmp_path):
    put(tmp_path / "s/depth16.png")
    put(tmp_path / "s/gemax_tau020.png")
    put(tmp_path / "sheet.png")
    put(tmp_path / "plots/entropy.png")
    assert [scan for scan, _, _ in listed(tmp_path)] == ["s"]


def test_maps_whose_depth_image_is_gone_are_still_listed(tmp_path):
    put(tmp_path / "s/depth16.png")
    put(tmp_path / "t/gemax_tau020.png")
    put(tmp_path / "t/ri.png")
    assert listed(tmp_path) == [("s", True, []), ("t", False, [("gemax_tau020", 20, 0)])]


def test_a_flat_folder_is_one_of_many_scans(tmp_path):
    put(tmp_path / "F0001_AN01WH.png")
    put(tmp_path / "more/b.png")
    image = [("image", None, None)]
    assert listed(tmp_path) == [("F0001_AN01WH", False, image), ("more/b", False, image)]


def test_folders_of_pictures_of_the_same_names_are_scans(tmp_path):
    for scan in ("s1", "s2"):
        put(tmp_path / scan / "ri.png")
        put(tmp_path / scan / "normals.png")
    maps = [("normals", None, None), ("ri", None, None)]
    assert listed(tmp_path) == [("s1", False, maps), ("s2", False, maps)]


def test_hidden_files_and_folders_are_skipped(tmp_path):
    put(tmp_path / ".git/a.png")
    put(tmp_path / "s/.gemax-tmp-1-depth16.png")
    put(tmp_path / "s/.a.png")
    assert listed(tmp_path) == []


def test_names_are_relative_to_the_base(tmp_path):
    put(tmp_path / "out/BU/s1/depth16.png")
    assert listed(tmp_path / "out/BU", tmp_path / "out")[0][0] == "BU/s1"
    assert listed(tmp_path / "out/BU/s1")[0][0] == "s1"


@pytest.mark.parametrize(
    "name", ["gemax_tau.png", "gemax_tau20_30_40_50.png", "gemax_tau1234567.png", "gemax_tau-20.png"]
)
def test_odd_names_are_no_gemax_maps(tmp_path, name):
    put(tmp_path / "s/depth16.png")
    put(tmp_path / "s" / name)
    assert listed(tmp_path)[0][2] == [(name[:-4], None, None)]


def test_channels_of_an_image():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    path = "gemax_tau020_030_040.png"
    assert np.array_equal(MapImage(path, "", 30, 1).planes(image)[0], image[..., 1])
    assert len(MapImage(path, "normals").planes(image)) == 3
    with pytest.raises(BadFormat, match="is grey, its name promises"):
        MapImage(path, "", 30, 1).planes(image[..., 0])
    assert np.array_equal(MapImage(path, "", 20, 0).planes(image[..., 0])[0], image[..., 0])


@pytest.mark.parametrize(("channels", "colours"), [(1, 1), (2, 1), (3, 3), (4, 3)])
def test_alpha_is_left_out(channels, colours):
    image = np.zeros((4, 4, channels), np.uint8)
    assert len(MapImage("a.png", "a").planes(image)) == colours
    with pytest.raises(BadFormat, match=f"has {colours} channels, its name promises"):
        MapImage("a.png", "a", 20, 3).planes(image)


def test_pixels_reads_the_map_s_own_channel(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    path = put(tmp_path / "gemax_tau020_030_040.png", image)
    assert np.array_equal(MapImage(path, "gemax_tau040", 40, 2).pixels(), image[..., 2])


def test_load_map_refuses_other_depths(tmp_path):
    with pytest.raises(BadFormat, match="has 16 bits a pixel, not 8"):
        load_map(put(tmp_path / "a.png", np.zeros((4, 4), np.uint16)))
    Image.new("1", (4, 4)).save(tmp_path / "b.png")
    with pytest.raises(BadFormat, match="has 1 bits a pixel"):
        load_map(tmp_path / "b.png")


def test_load_codes_takes_16_bit_grey_with_data_alone(tmp_path):
    codes = np.zeros((4, 4), np.uint16)
    with pytest.raises(EmptyScan, match="holds no valid pixel"):
        load_codes(put(tmp_path / "empty.png", codes))
    codes[1, 2] = 300
    assert np.array_equal(load_codes(put(tmp_path / "codes.png", codes)), codes)
    with pytest.raises(BadFormat, match="is no 16-bit grey image"):
        load_codes(put(tmp_path / "map.png"))


def test_every_damage_is_one_sentence_that_names_the_file(tmp_path):
    whole = put(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)).read_bytes()
    rng = np.random.default_rng(1)
    path = tmp_path / "broken.png"
    for size in (0, 7, 8, 20, 33, 40, 60, len(whole) // 2, len(whole) - 60):
        path.write_bytes(whole[:size])
        with pytest.raises((BadFormat, FileUnreadable), match=r"broken\.png: ") as caught:
            load_map(path)
        assert "\n" not in str(caught.value)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        said = sentence_of(load_map, path)
        assert said is None or said.startswith(str(path))


def test_a_picture_of_impossible_size_is_refused(tmp_path):
    path = put(tmp_path / "huge.png")
    data = bytearray(path.read_bytes())
    data[16:24] = b"\x00\x10\x00\x00" * 2
    path.write_bytes(bytes(data))
    with pytest.raises(BadFormat, match="is no whole PNG"):
        load_map(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileUnreadable, match="No such file"):
        load_map(tmp_path / "none.png")


def test_textures_beside_raw_scans_are_no_maps(tmp_path):
    for name in ("bs000_N_N_0", "face"):
        write_png(tmp_path / f"{name}.png", np.zeros((4, 4), np.uint8))
    (tmp_path / "bs000_N_N_0.bnt").touch()
    (tmp_path / "face.json").touch()
    assert [found.scan for found in scan_images(tmp_path)] == ["face"]
