"""What other programs make of the files."""

import importlib

import numpy as np
import pytest

from .naive import read_bnt, read_wrl, triangles_of


def same_places(one, other, within=1e-3):
    """Whether two sets of points are equal; the order may differ, and points of the texture's seam may be doubled."""
    tree = pytest.importorskip("scipy.spatial").cKDTree
    return max(tree(one).query(other)[0].max(), tree(other).query(one)[0].max()) < within


@pytest.mark.slow
def test_pymeshlab_reads_the_same_mesh(sample, meshes):
    pymeshlab = pytest.importorskip("pymeshlab", exc_type=ImportError)
    for row in meshes[:2]:
        path = sample.root / row["path"]
        ours = read_wrl(path)
        meshset = pymeshlab.MeshSet()
        meshset.load_new_mesh(str(path))
        mesh = meshset.current_mesh()
        assert mesh.face_number() == len(triangles_of(ours["polygons"]))
        assert mesh.has_wedge_tex_coord()
        assert same_places(mesh.vertex_matrix(), ours["points"])


def test_vtk_reads_the_same_mesh(sample, meshes):
    vtk = pytest.importorskip("vtk", exc_type=ImportError)
    from vtk.util.numpy_support import vtk_to_numpy

    path = sample.root / meshes[0]["path"]
    ours = read_wrl(path)
    importer = vtk.vtkVRMLImporter()
    importer.SetFileName(str(path))
    importer.Update()
    actors = importer.GetRenderer().GetActors()
    assert actors.GetNumberOfItems() == 1
    actors.InitTraversal()
    mapper = actors.GetNextActor().GetMapper()
    mapper.Update()
    data = mapper.GetInput()
    assert data.GetNumberOfPolys() == len(ours["polygons"])
    assert same_places(vtk_to_numpy(data.GetPoints().GetData()), ours["points"])


def test_pictures_open_with_pillow(sample, meshes, ranges):
    image = pytest.importorskip("PIL.Image")
    for row in [*meshes[:1], *ranges[:1]]:
        stem = (sample.root / row["path"]).with_suffix("")
        names = [f"{stem}.bmp", f"{stem}"[:-3] + "F2D.bmp"] if row in meshes else [f"{stem}.png"]
        for name in names:
            with image.open(name) as opened:
                pixels = np.asarray(opened.convert("RGB"))
            assert min(pixels.shape[:2]) > 150
            assert pixels.std() > 20


@pytest.mark.slow
def test_the_package_reads_its_own_samples(sample):
    read = importlib.import_module("gemax_cli.scans.read")
    for row in sample.rows:
        scan = read.read_scan(sample.root / row["path"])
        tip = np.array([float(row[f"nose_{axis}"]) for axis in "xyz"])
        assert scan.metric
        assert scan.warnings == ()
        assert np.linalg.norm(scan.points - tip, axis=1).min() < 2.0
        if row["path"].endswith(".bnt"):
            assert scan.landmarks["Nose tip"] == pytest.approx(tip, abs=1e-3)
            depths = read_bnt(sample.root / row["path"])["planes"][2]
            assert len(scan.points) == (depths > -1e9).sum()
        else:
            mesh = read_wrl(sample.root / row["path"])
            assert scan.points == pytest.approx(mesh["points"])
            assert len(scan.triangles) == len(triangles_of(mesh["polygons"]))
            assert scan.texture.image == mesh["url"]


def test_the_package_finds_its_samples(sample):
    walk = importlib.import_module("gemax_cli.scans.walk")
    scans = walk.find_scans([sample.root]).scans
    found = {ref.path.relative_to(sample.root).as_posix(): ref for ref in scans}
    assert set(found) == {row["path"] for row in sample.rows}
    for row in sample.rows:
        name = found[row["path"]].name
        assert (name.dataset, name.subject, name.expression) == (row["dataset"], row["subject"], row["expression"])
