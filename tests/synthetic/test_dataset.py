import hashlib
import json
from collections import Counter

import numpy as np
import pytest

from gemax_cli.errors import OutputError, OutputUnwritable, SettingsError
from gemax_cli.synthetic.dataset import DATASETS, TRUTH_COLUMNS, make_sample, plan_sample
from gemax_cli.synthetic.subject import EXPRESSIONS

from .conftest import SEED
from .naive import distance_to_surface, read_bnd, read_bnt, read_landmarks, read_wrl, triangles_of


def digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def tip_of(row):
    return np.array([float(row[f"nose_{axis}"]) for axis in "xyz"])


class TestPlan:
    def test_all_is_25_and_7_scans_a_subject(self):
        counts = Counter(scan.dataset for scan in plan_sample(3, scans="all"))
        assert counts == {"BU-3DFE": 75, "Bosphorus": 21}

    @pytest.mark.parametrize(
        ("scans", "expressions", "levels"), [("six", EXPRESSIONS[1:], {4}), ("few", ("NE", "HA", "SU"), {0, 4})]
    )
    def test_smaller_selections(self, scans, expressions, levels):
        plan = plan_sample(1, scans=scans)
        assert [scan.expression for scan in plan] == [*expressions] * 2
        assert {scan.level for scan in plan} == levels

    def test_all_holds_every_expression_at_every_level(self):
        codes = {(s.expression, s.level) for s in plan_sample(1, datasets=("BU-3DFE",))}
        assert codes == {("NE", 0)} | {(e, level) for e in EXPRESSIONS[1:] for level in (1, 2, 3, 4)}

    def test_names_are_those_of_the_databases(self):
        stems = [scan.stem for scan in plan_sample(2, scans="few")]
        assert stems[6:] == [
            f"BosphorusDB/bs00{n}/bs00{n}_{c}_0" for n in (0, 1) for c in ("N_N", "E_HAPPY", "E_SURPRISE")
        ]
        assert stems[0][:-2] == "BU-3DFE/F0001/F0001_NE00"
        assert stems[5][:-2] == "BU-3DFE/M0001/M0001_SU04"
        assert all(stem[-2:] in ("WH", "AE", "AM", "BL", "IN", "LA") for stem in stems[:6])

    def test_no_two_files_share_a_name(self):
        names = [name for scan in plan_sample(60) for name in scan.files]
        assert len(set(names)) == len(names)

    def test_order_of_datasets_does_not_matter(self):
        assert plan_sample(1, datasets=DATASETS[::-1]) == plan_sample(1, datasets=DATASETS)

    @pytest.mark.parametrize(
        ("wrong", "word"),
        [
            ({"subjects": 0}, "subjects"),
            ({"subjects": 501}, "subjects"),
            ({"seed": -1}, "seed"),
            ({"scans": "most"}, "scans"),
            ({"datasets": ()}, "datasets"),
            ({"datasets": ("BU-4DFE",)}, "datasets"),
        ],
    )
    def test_wrong_settings_are_named(self, wrong, word, tmp_path):
        with pytest.raises(SettingsError, match=f"^{word} is .*give"):
            make_sample(tmp_path / "out", **wrong)
        assert not (tmp_path / "out").exists()


class TestFiles:
    @pytest.mark.slow
    def test_every_planned_file_is_there_and_no_other(self, sample):
        planned = {name for scan in plan_sample(1, SEED, "six") for name in scan.files}
        assert set(digests(sample.root)) == planned | {"truth.csv", "sample.json"}

    def test_summary_lists_the_scans_in_the_order_of_truth(self, sample):
        assert [p.relative_to(sample.root).as_posix() for p in sample.summary.scans] == [r["path"] for r in sample.rows]
        assert sample.summary.subjects == 2
        assert sample.summary.root == sample.root

    def test_truth_has_its_columns(self, sample):
        assert list(sample.rows[0]) == TRUTH_COLUMNS.split(",")
        row = sample.rows[0]
        assert (row["dataset"], row["subject"], row["code"], row["expression"], row["level"]) == (
            "BU-3DFE", "F0001", "AN04", "AN", "4")  # fmt: skip

    @pytest.mark.slow
    def test_meshes_are_named_as_the_texture_says(self, sample, meshes):
        for row in meshes:
            wrl = sample.root / row["path"]
            url = read_wrl(wrl)["url"]
            assert url == wrl.with_suffix(".bmp").name
            assert (wrl.parent / url).is_file()

    @pytest.mark.slow
    def test_truth_is_on_the_mesh(self, sample, meshes):
        for row in meshes:
            mesh = read_wrl(sample.root / row["path"])
            triangles = triangles_of(mesh["polygons"])
            assert distance_to_surface(tip_of(row), mesh["points"], triangles) < 0.5

    def test_truth_is_on_the_range_image(self, sample, ranges):
        for row in ranges:
            x, y, z = read_bnt(sample.root / row["path"])["planes"][:3]
            tip = tip_of(row)
            near = int(np.argmin((x - tip[0]) ** 2 + (y - tip[1]) ** 2))
            assert np.hypot(x.flat[near] - tip[0], y.flat[near] - tip[1]) < 0.55
            assert abs(z.flat[near] - tip[2]) < 0.5

    def test_tip_is_far_enough_from_the_origin_to_catch_a_centred_reader(self, sample):
        assert min(np.linalg.norm(tip_of(row)) for row in sample.rows) > 5.0

    @pytest.mark.slow
    def test_bnd_names_83_vertices_of_the_mesh(self, sample, meshes):
        for row in meshes:
            wrl = sample.root / row["path"]
            points = read_wrl(wrl)["points"]
            index, places = read_bnd(wrl.with_suffix(".bnd"))
            assert len(index) == 83
            assert (points[index] == places).all()

    @pytest.mark.slow
    def test_front_of_the_nose_outline_is_the_tip(self, sample, meshes):
        """The rule by which a reader of .bnd files finds the tip, which they do not hold."""
        for row in meshes:
            wrl = sample.root / row["path"]
            points = read_wrl(wrl)["points"]
            nose = read_bnd(wrl.with_suffix(".bnd"))[1][36:48, :2]
            inside = ((points[:, :2] >= nose.min(axis=0)) & (points[:, :2] <= nose.max(axis=0))).all(axis=1)
            front = points[inside][points[inside][:, 2].argmax()]
            assert np.linalg.norm(front - tip_of(row)) < 3.0

    def test_landmark_files_agree_with_truth_and_with_each_other(self, sample, ranges):
        for row in ranges:
            bnt = sample.root / row["path"]
            solid, flat = read_landmarks(bnt.with_suffix(".lm3")), read_landmarks(bnt.with_suffix(".lm2"))
            assert list(solid) == list(flat)
            assert len(solid) == 22
            assert solid["Nose tip"] == pytest.approx(tip_of(row), abs=1e-3)
            x, y, z = read_bnt(bnt)["planes"][:3]
            for point in solid.values():
                near = int(np.argmin((x - point[0]) ** 2 + (y - point[1]) ** 2))
                assert np.hypot(x.flat[near] - point[0], y.flat[near] - point[1]) < 4.5  # a hole may lie there
                assert abs(z.flat[near] - point[2]) < 9.0

    def test_image_named_in_the_bnt_is_there(self, sample, ranges):
        for row in ranges:
            bnt = sample.root / row["path"]
            assert read_bnt(bnt)["image"] == bnt.with_suffix(".png").name
            assert bnt.with_suffix(".png").is_file()

    def test_angles_are_those_of_the_file(self, sample, ranges):
        """The line between the outer corners of the eyes shows yaw and roll of a symmetric face."""
        for row in ranges:
            at = read_landmarks((sample.root / row["path"]).with_suffix(".lm3"))
            x, y, z = at["Outer right eye corner"] - at["Outer left eye corner"]
            assert np.degrees(np.arctan2(-z, x)) == pytest.approx(float(row["yaw_deg"]), abs=0.6)
            assert np.degrees(np.arctan2(y, x)) == pytest.approx(float(row["roll_deg"]), abs=0.6)


class TestDeterminism:
    @pytest.mark.slow
    def test_same_arguments_same_bytes(self, sample, tmp_path):
        make_sample(tmp_path, subjects=1, seed=SEED, scans="six")
        assert digests(tmp_path) == digests(sample.root)

    @pytest.mark.slow
    def test_a_scan_does_not_depend_on_its_company(self, sample, tmp_path):
        make_sample(tmp_path, subjects=2, seed=SEED, scans="few", datasets=("Bosphorus",))
        few, whole = digests(tmp_path), digests(sample.root)
        shared = (few.keys() & whole.keys()) - {"truth.csv", "sample.json"}
        assert len(shared) == 8
        assert all(few[name] == whole[name] for name in shared)

    @pytest.mark.slow
    def test_another_seed_another_face(self, sample, tmp_path):
        make_sample(tmp_path, subjects=1, seed=SEED + 1, scans="few", datasets=("Bosphorus",))
        other, whole = digests(tmp_path), digests(sample.root)
        assert all(other[name] != whole[name] for name in other.keys() & whole.keys())


MADE_BY = '{"made_by": "gemax sample"'
ARGUMENTS = '"subjects": 1, "seed": 0, "scans": "few", "datasets": ["Bosphorus"]'
FEW = {"subjects": 1, "scans": "few", "datasets": ("Bosphorus",)}


class TestFolder:
    def test_a_strangers_folder_is_refused_and_left_alone(self, tmp_path):
        (tmp_path / "letters.txt").write_text("mine")
        with pytest.raises(OutputError, match="did not write: choose an empty or a new folder") as caught:
            make_sample(tmp_path, **FEW)
        assert caught.value.exit_code == 5
        assert [p.name for p in tmp_path.iterdir()] == ["letters.txt"]

    @pytest.mark.parametrize(
        "mark",
        ["", "{}", "[]", "null", MADE_BY + "}", f'{MADE_BY}, {ARGUMENTS}, "subjects": "2"}}', f"{{{ARGUMENTS}}}"],
    )
    def test_a_wrong_mark_is_no_mark(self, tmp_path, mark):
        (tmp_path / "sample.json").write_text(mark)
        with pytest.raises(OutputError, match="did not write"):
            make_sample(tmp_path, **FEW)

    def test_a_right_mark_is_one(self, tmp_path):
        (tmp_path / "sample.json").write_text(f"{MADE_BY}, {ARGUMENTS}}}")
        assert len(make_sample(tmp_path, **FEW).scans) == 3

    def test_a_file_is_no_folder(self, tmp_path):
        (tmp_path / "raw").write_text("")
        with pytest.raises(OutputError, match="is not a folder"):
            make_sample(tmp_path / "raw", **FEW)

    def test_missing_parents_are_made(self, tmp_path):
        assert make_sample(tmp_path / "a" / "b", **FEW).scans[0].is_file()

    @pytest.mark.slow
    def test_an_earlier_sample_is_replaced_and_a_strangers_file_kept(self, tmp_path):
        make_sample(tmp_path, subjects=2, scans="few", datasets=("Bosphorus",))
        stranger = tmp_path / "BosphorusDB" / "bs001" / "notes.txt"
        stranger.write_text("mine")
        make_sample(tmp_path, **FEW)
        left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
        planned = {name for scan in plan_sample(**FEW) for name in scan.files}
        assert left == planned | {"truth.csv", "sample.json", "BosphorusDB/bs001/notes.txt"}

    @pytest.mark.slow
    def test_the_mark_cannot_name_files(self, tmp_path):
        root, victim = tmp_path / "raw", tmp_path / "victim.bnt"
        make_sample(root, **FEW)
        victim.write_text("mine")
        mark = json.loads((root / "sample.json").read_text())
        (root / "sample.json").write_text(json.dumps(mark | {"files": ["../victim.bnt", str(victim)]}))
        make_sample(root, **FEW)
        assert victim.read_text() == "mine"

    @pytest.mark.slow
    def test_a_path_may_be_a_string(self, tmp_path):
        assert make_sample(str(tmp_path), **FEW).root == tmp_path

    @pytest.mark.slow
    def test_files_behind_a_linked_folder_are_not_deleted(self, tmp_path):
        root, elsewhere = tmp_path / "raw", tmp_path / "elsewhere"
        make_sample(root, subjects=2, scans="few", datasets=("Bosphorus",))
        (root / "BosphorusDB" / "bs001").rename(elsewhere)
        (root / "BosphorusDB" / "bs001").symlink_to(elsewhere)
        make_sample(root, **FEW)
        assert len(list(elsewhere.iterdir())) == 12

    def test_an_unwritable_folder_is_one_sentence(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputUnwritable, match=r"cannot be written to .*choose another folder"):
            make_sample(tmp_path / "file" / "raw", **FEW)
