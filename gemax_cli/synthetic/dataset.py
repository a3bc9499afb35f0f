"""A raw dataset in the layouts of both databases, written from procedural faces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from gemax_cli.errors import SettingsError
from gemax_cli.paths import AnyPath, as_path
from gemax_cli.synthetic.capture import HeadPose, draw_pose, scan_mesh, scan_range
from gemax_cli.synthetic.face import FaceShape
from gemax_cli.synthetic.folder import MAKER, Scans, check_sizes, claimed, foreign, make_folder
from gemax_cli.synthetic.landmarks import bosphorus_landmarks, outline
from gemax_cli.synthetic.paint import Complexion, draw_complexion
from gemax_cli.synthetic.subject import EXPRESSIONS, draw_identity, make_motion, vary_motion
from gemax_cli.synthetic.writers import write_bnd, write_bnt, write_lm2, write_lm3, write_picture, write_wrl

Dataset = Literal["BU-3DFE", "Bosphorus"]
DATASETS: tuple[Dataset, ...] = ("BU-3DFE", "Bosphorus")
TRUTH_COLUMNS = "path,dataset,subject,code,expression,level,nose_x,nose_y,nose_z,yaw_deg,pitch_deg,roll_deg"

_MARK = "sample.json"
_RACES = ("WH", "AE", "AM", "BL", "IN", "LA")
_BOSPHORUS_CODES = {
    "NE": "N_N", "AN": "E_ANGER", "DI": "E_DISGUST", "FE": "E_FEAR", "HA": "E_HAPPY", "SA": "E_SADNESS",
    "SU": "E_SURPRISE",
}  # fmt: skip
_SUFFIXES = {"BU-3DFE": ("_F3D.wrl", "_F3D.bnd", "_F3D.bmp", "_F2D.bmp"), "Bosphorus": (".bnt", ".lm3", ".lm2", ".png")}


@dataclass(frozen=True)
class PlannedScan:
    """One scan that is to be written.

    Attributes:
        dataset: whose layout it follows.
        number: of the subject within the dataset, from 0.
        subject: "F0001", "bs000".
        code: "AN01", "E_ANGER".
        expression: NE AN DI FE HA SA SU.
        level: 0 to 4.
        stem: path below the sample's folder without suffix, "/" between parts.
    """

    dataset: Dataset
    number: int
    subject: str
    code: str
    expression: str
    level: int
    stem: str

    @property
    def files(self) -> tuple[str, ...]:
        """Relative paths of the scan's files; the first is the scan itself."""
        return tuple(self.stem + suffix for suffix in _SUFFIXES[self.dataset])


@dataclass(frozen=True)
class SampleSummary:
    """What was written.

    Attributes:
        root: the folder.
        scans: the .wrl and .bnt files, in the order of truth.csv.
        subjects: how many over all datasets.
    """

    root: Path
    scans: tuple[Path, ...]
    subjects: int


def plan_sample(
    subjects: int = 2, seed: int = 0, scans: Scans = "all", datasets: Sequence[Dataset] = DATASETS
) -> list[PlannedScan]:
    """List the scans of a sample without writing anything.

    Raises:
        SettingsError: no such dataset or selection, or a number out of its range.
    """
    _check(subjects, seed, scans, datasets)
    chosen = [dataset for dataset in DATASETS if dataset in datasets]
    return [scan for d in chosen for n in range(subjects) for scan in _plan_subject(d, n, seed, scans)]


def make_sample(
    out: AnyPath,
    *,
    subjects: int = 2,
    seed: int = 0,
    scans: Scans = "all",
    datasets: Sequence[Dataset] = DATASETS,
) -> SampleSummary:
    """Write a synthetic raw dataset; the same arguments give the same bytes.

    A scan depends on the seed and its name alone: asking for more does not change the others.

    Args:
        out: folder; it must be missing, empty, or made by this function, whose earlier files are then replaced.
        subjects: how many per dataset.
        seed: 0 or more.
        scans: ``all`` (25 per BU-3DFE subject: NE and six expressions in four levels; 7 per Bosphorus subject),
            ``six`` (the expressions at their peak) or ``few`` (neutral, happy, surprised).
        datasets: which layouts to write.

    Raises:
        SettingsError: an argument is out of its range.
        OutputError: the folder holds something else.
        OutputUnwritable: the folder cannot be written to.
    """
    out, plan = as_path(out), plan_sample(subjects, seed, scans, datasets)
    chosen = {"subjects": subjects, "seed": seed, "scans": scans, "datasets": list(datasets)}
    with claimed(out, _MARK, _remove_earlier, **chosen):
        rows = [_write_scan(out, scan, seed) for scan in plan]
        (out / "truth.csv").write_bytes("\n".join([TRUTH_COLUMNS, *rows, ""]).encode("ascii"))
    return SampleSummary(out, tuple(out / scan.files[0] for scan in plan), len({scan.subject for scan in plan}))


def _check(subjects: int, seed: int, scans: str, datasets: Sequence[str]) -> None:
    check_sizes(subjects, seed, scans)
    if not datasets or set(datasets) - set(DATASETS):
        raise SettingsError(f"datasets is {list(datasets)}: give some of {', '.join(DATASETS)}.")


def _plan_subject(dataset: Dataset, number: int, seed: int, scans: Scans) -> Iterator[PlannedScan]:
    if dataset == "BU-3DFE":
        subject = f"{'FM'[number % 2]}{number // 2 + 1:04d}"
        race = _RACES[int(_stream(seed, dataset, number, 1).random() * len(_RACES))]
        for expression, level in _bu3dfe_codes(scans):
            code = f"{expression}{level:02d}"
            stem = f"BU-3DFE/{subject}/{subject}_{code}{race}"
            yield PlannedScan(dataset, number, subject, code, expression, level, stem)
        return
    subject = f"bs{number:03d}"
    for expression in _chosen_expressions(scans):
        code = _BOSPHORUS_CODES[expression]
        level = 0 if expression == "NE" else 4
        stem = f"BosphorusDB/{subject}/{subject}_{code}_0"
        yield PlannedScan(dataset, number, subject, code, expression, level, stem)


def _chosen_expressions(scans: Scans) -> tuple[str, ...]:
    return {"all": EXPRESSIONS, "six": EXPRESSIONS[1:], "few": ("NE", "HA", "SU")}[scans]


def _bu3dfe_codes(scans: Scans) -> Iterator[tuple[str, int]]:
    for expression in _chosen_expressions(scans):
        levels = (0,) if expression == "NE" else (1, 2, 3, 4) if scans == "all" else (4,)
        yield from ((expression, level) for level in levels)


def _stream(seed: int, dataset: Dataset, number: int, *purpose: int) -> np.random.Generator:
    return np.random.default_rng([seed, DATASETS.index(dataset), number, *purpose])


def _remove_earlier(out: Path) -> None:
    for path in _earlier_files(out):
        path.unlink(missing_ok=True)


def _earlier_files(out: Path) -> list[Path]:
    """What the sample that was made here consists of; nothing behind a link that leads out of the folder.

    Raises:
        OutputError: the folder was not made by a sample.
    """
    try:
        mark = json.loads((out / _MARK).read_text(encoding="utf-8"))
        if mark["made_by"] != MAKER:
            raise ValueError
        plan = plan_sample(mark["subjects"], mark["seed"], mark["scans"], mark["datasets"])
    except (OSError, ValueError, KeyError, TypeError):
        raise foreign(out) from None
    inside = out.resolve()
    paths = [out / name for scan in plan for name in scan.files]
    return [path for path in paths if path.parent.resolve().is_relative_to(inside)]


def _write_scan(out: Path, scan: PlannedScan, seed: int) -> str:
    identity_stream = _stream(seed, scan.dataset, scan.number, 0)
    who, looks = draw_identity(identity_stream), draw_complexion(identity_stream)
    expression = EXPRESSIONS.index(scan.expression)
    # One stream for all levels of an expression: a higher level is the same motion, only stronger.
    act = vary_motion(
        make_motion(scan.expression, scan.level, who.style), _stream(seed, scan.dataset, scan.number, 2, expression)
    )
    random = _stream(seed, scan.dataset, scan.number, 3, expression, scan.level)
    face, pose = FaceShape(who, act), draw_pose(random)
    make_folder(out, (out / scan.stem).parent)
    writer = _write_bu3dfe if scan.dataset == "BU-3DFE" else _write_bosphorus
    writer([out / name for name in scan.files], face, looks, pose, random)
    return _truth_row(scan, pose, face)


def _write_bu3dfe(
    files: list[Path], face: FaceShape, looks: Complexion, pose: HeadPose, random: np.random.Generator
) -> None:
    wrl, bnd, texture, portrait = files
    scan = scan_mesh(face, looks, pose, random)
    write_wrl(wrl, scan.points, scan.polygons, scan.texture_points, scan.texture_polygons, texture.name)
    places = outline(face)
    sought = pose.to_file(face.on_surface(places[:, 0], places[:, 1]))
    write_bnd(bnd, cKDTree(scan.points).query(sought)[1], scan.points)
    write_picture(texture, scan.texture)
    write_picture(portrait, scan.portrait)


def _write_bosphorus(
    files: list[Path], face: FaceShape, looks: Complexion, pose: HeadPose, random: np.random.Generator
) -> None:
    bnt, lm3, lm2, photo = files
    scan = scan_range(face, looks, pose, random)
    write_bnt(bnt, scan.points, scan.texture, photo.name)
    landmarks = bosphorus_landmarks(face)
    points = pose.to_file(np.array(list(landmarks.values())))
    write_lm3(lm3, dict(zip(landmarks, points, strict=True)))
    write_lm2(lm2, dict(zip(landmarks, scan.to_photo(points), strict=True)))
    write_picture(photo, scan.photo)


def _truth_row(scan: PlannedScan, pose: HeadPose, face: FaceShape) -> str:
    nose = ",".join(f"{value:.4f}" for value in pose.to_file(face.nose_tip))
    angles = f"{pose.yaw:.3f},{pose.pitch:.3f},{pose.roll:.3f}"
    names = (scan.files[0], scan.dataset, scan.subject, scan.code, scan.expression, str(scan.level))
    return ",".join([*names, nose, angles])
