"""Reading: every format gives the array that was written, and every damaged file one sentence."""

import struct
import sys
import zlib
from contextlib import suppress
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile

from gemax_cli.errors import BadFormat, FileUnreadable, LibraryMissing, ScanError, UnknownFormat
from gemax_cli.images import model
from gemax_cli.images.read import open_image
from gemax_cli.stack.png import encode_png

RNG = np.random.default_rng(0)
SHORT = RNG.integers(0, 65536, (75, 53), dtype=np.uint16)


def read(path, band=None):
    """All rows of an image, checked to come in order."""
    image, parts, done = open_image(path, band), [], 0
    for start, block in image.blocks():
        assert start == done
        assert block.dtype == image.dtype
        assert block.dtype.isnative
        parts.append(block)
        done += len(block)
    whole = np.concatenate(parts)
    assert whole.shape == image.shape
    return whole


TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64")
LAYOUTS = (
    {}, {"rowsperstrip": 7}, {"tile": (32, 16)}, {"compression": "zlib"}, {"tile": (16, 16), "compression": "zlib"},
    {"compression": "zlib", "predictor": True, "rowsperstrip": 10},
)  # fmt: skip


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
def test_tiff_of_every_type_order_and_layout(tmp_path, dtype, order, big):
    array = RNG.normal(0, 100, (75, 53)).astype(dtype)
    for number, layout in enumerate(LAYOUTS):
        if "predictor" in layout and (np.dtype(dtype).kind == "f" or np.dtype(dtype).itemsize == 8):
            continue
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, array, bigtiff=big, byteorder=order, **layout)
        assert np.array_equal(read(path), array)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_bands_and_pages_are_counted_through(tmp_path, planar, tile):
    bands = RNG.integers(0, 65536, (4, 75, 53), dtype=np.uint16)
    path = tmp_path / "bands.tif"
    data = np.moveaxis(bands, 0, 2) if planar == "contig" else bands
    with tifffile.TiffWriter(path) as file:
        file.write(data, photometric="minisblack", planarconfig=planar, tile=tile, metadata=None)
        file.write(SHORT, metadata=None)
    for number, band in enumerate((*bands, SHORT), start=1):
        assert np.array_equal(read(path, number), band)
    for wrong in (None, 6):
        with pytest.raises(BadFormat, match="has 5 bands or pages"):
            open_image(path, wrong)


def test_png(tmp_path):
    for array in (SHORT, SHORT.astype(np.uint8)):
        path = tmp_path / "a.png"
        path.write_bytes(encode_png(array))
        assert np.array_equal(read(path), array)
    colours = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path.write_bytes(encode_png(colours))
    assert np.array_equal(read(path, 2), colours[..., 1])
    with pytest.raises(BadFormat, match="--band"):
        open_image(path)


@pytest.mark.parametrize("dtype", [*TYPES, "bool", ">f4", ">i2"])
def test_npy(tmp_path, dtype):
    array = RNG.normal(0, 100, (75, 53)).astype(dtype)
    for name, stored in (("c", array), ("f", np.asfortranarray(array))):
        np.save(tmp_path / f"{name}.npy", stored)
        assert np.array_equal(read(tmp_path / f"{name}.npy"), array)
    np.save(tmp_path / "first.npy", np.stack([array, array[::-1]]))
    np.save(tmp_path / "last.npy", np.stack([array, array[::-1]], -1))
    for name in ("first", "last"):
        assert np.array_equal(read(tmp_path / f"{name}.npy", 2), array[::-1])


def test_blocks_are_bounded_whatever_the_image(tmp_path, monkeypatch):
    monkeypatch.setattr(model, "BLOCK_PIXELS", 200)
    tifffile.imwrite(tmp_path / "a.tif", SHORT)
    np.save(tmp_path / "a.npy", SHORT)
    for name in ("a.tif", "a.npy"):
        heights = [len(block) for _, block in open_image(tmp_path / name).blocks()]
        assert max(heights) == 200 // 53
        assert np.array_equal(read(tmp_path / name), SHORT)


def test_nodata_of_a_geotiff_and_what_a_sparse_one_leaves_out(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, SHORT, extratags=[(42113, 2, 0, "-9999", True)])
    assert open_image(path).nodata == -9999
    tifffile.imwrite(path, SHORT, extratags=[(42113, 2, 0, "none of it", True)])
    assert open_image(path).nodata is None
    tifffile.imwrite(path, np.ones((64, 64), np.uint16), tile=(32, 32), extratags=[(42113, 2, 0, "7", True)])
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in ("TileOffsets", "TileByteCounts"):
            there = file.pages[0].tags[tag]
            there.overwrite((0, there.value[1], 0, 0))
    found = read(path)
    assert (found[:32, 32:] == 1).all()
    assert (found[32:] == 7).all()


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of(columns, rows, bits=16, colour=0):
    header = struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
    )


def npy_of(header):
    text = (header + " " * (-(len(header) + 11) % 64) + "\n").encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


HOSTILE = {
    "huge.png": png_of(2**31 - 1, 2**31 - 1),
    "large.png": png_of(40000, 40000),
    "palette.png": png_of(10, 10, 8, 3),
    "colours16.png": png_of(10, 10, 16, 2),
    "short.png": b"\x89PNG\r\n\x1a\n",
    "cut.png": encode_png(SHORT)[:2000],
    "huge.npy": npy_of("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"),
    "negative.npy": npy_of("{'descr': '<f8', 'fortran_order': False, 'shape': (-5, 9), }"),
    "pickle.npy": npy_of("{'descr': '|O', 'fortran_order': False, 'shape': (3, 3), }"),
    "complex.npy": npy_of("{'descr': '<c8', 'fortran_order': False, 'shape': (2, 2), }") + bytes(32),
    "text.npy": npy_of("{'descr': '<U4', 'fortran_order': False, 'shape': (1, 2), }") + bytes(32),
    "code.npy": npy_of("__import__('os').system('false')"),
    "line.npy": npy_of("{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }") + bytes(32),
    "empty.npy": npy_of("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4), }"),
    "magic.tif": b"II*\0",
    "loop.tif": b"II*\0" + struct.pack("<I", 8) + struct.pack("<HI", 0, 8),
    "far.tif": b"II*\0" + struct.pack("<I", 2**31),
    "flir.jpg": b"\xff\xd8\xff\xe1" + bytes(200),
    "text.tif": b"not an image at all, but long enough to be looked at",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_one_sentence(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ScanError) as told:
        read(path)
    assert isinstance(told.value, BadFormat | UnknownFormat)
    assert str(path) in str(told.value)
    assert str(told.value).endswith(".")
    assert "\n" not in str(told.value)
    assert ("exiftool" in str(told.value)) is (name == "flir.jpg")


def tiff_with(path, tag, value):
    """A TIFF one of whose tags says something else."""
    tifffile.imwrite(path, SHORT, rowsperstrip=25)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags[tag].overwrite(value)


@pytest.mark.parametrize(
    ("tag", "value"),
    [("ImageLength", 2**31), ("ImageWidth", 2**31), ("ImageLength", 10**6), ("RowsPerStrip", 5), ("SamplesPerPixel", 9),
     ("Compression", 9999), ("ImageWidth", 0), ("StripOffsets", (2**32 - 1, 0, 0))],
)  # fmt: skip
def test_tags_that_lie(tmp_path, tag, value):
    path = tmp_path / "lies.tif"
    tiff_with(path, tag, value)
    with pytest.raises(ScanError) as told:
        read(path)
    assert str(path) in str(told.value)


def test_any_cut_of_a_file_is_told(tmp_path):
    whole = tmp_path / "whole.tif"
    tifffile.imwrite(whole, SHORT, compression="zlib", rowsperstrip=10)
    data, path = whole.read_bytes(), tmp_path / "cut.tif"
    for length in range(1, len(data) - 1, len(data) // 40):
        path.write_bytes(data[:length])
        with pytest.raises(ScanError):
            read(path)


def test_any_flipped_byte_gives_pixels_or_a_sentence(tmp_path):
    whole = tmp_path / "whole.tif"
    tifffile.imwrite(whole, SHORT[:20, :20], compression="zlib", tile=(16, 16))
    data, path, rng = whole.read_bytes(), tmp_path / "flipped.tif", np.random.default_rng(1)
    for _ in range(150):
        flipped = bytearray(data)
        flipped[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(bytes(flipped))
        with suppress(ScanError, MemoryError):
            read(path)


def test_what_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "gone.tif"):
        with pytest.raises(FileUnreadable):
            open_image(path)


def test_a_compression_that_needs_a_library_says_which(tmp_path):
    path = tmp_path / "lzw.tif"
    tiff_with(path, "Compression", 5)
    if find_spec("imagecodecs"):
        pytest.skip("imagecodecs is there")
    with pytest.raises(LibraryMissing, match=r"LZW.*imagecodecs.*pip install imagecodecs"):
        read(path)


@pytest.mark.parametrize("compression", ["lzw", "zstd", "lzma", "packbits"])
def test_compressions_of_imagecodecs(tmp_path, compression):
    pytest.importorskip("imagecodecs")
    tifffile.imwrite(tmp_path / "a.tif", SHORT, compression=compression, tile=(32, 32))
    assert np.array_equal(read(tmp_path / "a.tif"), SHORT)


def test_dicom(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    scan = FileDataset(str(tmp_path / "ct.dcm"), {}, file_meta=meta, preamble=b"\0" * 128)
    stored = RNG.integers(0, 4096, (30, 40), dtype=np.uint16)
    scan.Rows, scan.Columns, scan.SamplesPerPixel, scan.PhotometricInterpretation = 30, 40, 1, "MONOCHROME2"
    scan.BitsAllocated, scan.BitsStored, scan.HighBit, scan.PixelRepresentation = 16, 12, 11, 0
    scan.RescaleSlope, scan.RescaleIntercept, scan.RescaleType = 1, -1024, "HU"
    scan.PixelData = stored.tobytes()
    scan.save_as(tmp_path / "ct.dcm", enforce_file_format=True)
    assert np.array_equal(read(tmp_path / "ct.dcm"), stored.astype(int) - 1024)
    assert open_image(tmp_path / "ct.dcm").unit == "HU"
    assert pydicom.__version__


def test_dicom_without_pydicom_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    path = tmp_path / "ct.dcm"
    path.write_bytes(bytes(128) + b"DICM" + bytes(100))
    with pytest.raises(LibraryMissing, match="pip install pydicom"):
        open_image(path)
