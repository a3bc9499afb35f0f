import numpy as np
import pytest

from gemax_cli.synthetic.face import BOSPHORUS_CROP, FaceShape
from gemax_cli.synthetic.landmarks import bosphorus_landmarks, outline
from gemax_cli.synthetic.subject import EXPRESSIONS, Identity, draw_identity, make_motion

NAMES = [
    "Outer left eyebrow", "Middle left eyebrow", "Inner left eyebrow", "Inner right eyebrow", "Middle right eyebrow",
    "Outer right eyebrow", "Outer left eye corner", "Inner left eye corner", "Inner right eye corner",
    "Outer right eye corner", "Nose saddle left", "Nose saddle right", "Left nose peak", "Nose tip",
    "Right nose peak", "Left mouth corner", "Upper lip outer middle", "Right mouth corner", "Upper lip inner middle",
    "Lower lip inner middle", "Lower lip outer middle", "Chin middle",
]  # fmt: skip
PARTS = {
    "left eye": slice(0, 8), "right eye": slice(8, 16), "left brow": slice(16, 26), "right brow": slice(26, 36),
    "nose": slice(36, 48), "mouth": slice(48, 68), "chin": slice(68, 83),
}  # fmt: skip


@pytest.fixture(scope="module", params=[(seed, e) for seed in (0, 1) for e in EXPRESSIONS], ids=str)
def face(request):
    seed, expression = request.param
    who = draw_identity(np.random.default_rng(seed))
    return FaceShape(who, make_motion(expression, 4, who.style))


def test_names_and_their_order(face):
    assert list(bosphorus_landmarks(face)) == NAMES


def test_landmarks_lie_on_the_covered_surface(face):
    points = np.array(list(bosphorus_landmarks(face).values()))
    assert points.shape == (22, 3)
    assert points[:, 2] == pytest.approx(face.depth(points[:, 0], points[:, 1]), abs=1e-9)
    assert face.covered(points[:, 0], points[:, 1], BOSPHORUS_CROP).all()


def test_landmarks_stand_where_the_parts_of_a_face_stand(face):
    at = bosphorus_landmarks(face)
    left_to_right = [at[name][0] for name in NAMES[:6]]
    assert left_to_right == sorted(left_to_right)
    for brow, eye in (
        ("Middle left eyebrow", "Inner left eye corner"),
        ("Middle right eyebrow", "Inner right eye corner"),
    ):
        assert at[brow][1] > at[eye][1] > at["Nose tip"][1]
    down = ["Nose saddle left", "Nose tip", "Upper lip outer middle", "Upper lip inner middle",
            "Lower lip inner middle", "Lower lip outer middle", "Chin middle"]  # fmt: skip
    heights = [at[name][1] for name in down]
    assert heights == sorted(heights, reverse=True)
    assert at["Left mouth corner"][0] < at["Nose tip"][0] < at["Right mouth corner"][0]
    assert max(at, key=lambda name: at[name][2]) == "Nose tip"
    assert (at["Nose tip"] == face.nose_tip).all()


def test_outline_has_its_83_points_on_the_face(face):
    places = outline(face)
    assert places.shape == (83, 2)
    assert face.covered(places[:, 0], places[:, 1]).all()


def test_parts_of_the_outline_mirror_each_other(face):
    places = outline(face)
    for part in ("eye", "brow"):
        left, right = places[PARTS[f"left {part}"]], places[PARTS[f"right {part}"]]
        assert (left[:, 0] < 0).all()
        assert left * [-1, 1] == pytest.approx(right)


def test_parts_of_the_outline_stand_one_above_the_other(face):
    middle = {name: outline(face)[part][:, 1].mean() for name, part in PARTS.items()}
    assert middle["left brow"] > middle["left eye"] > middle["nose"] > middle["mouth"] > middle["chin"]


def test_nose_outline_spans_the_tip(face):
    nose = outline(face)[PARTS["nose"]]
    tip = face.nose_tip
    assert (nose.min(axis=0) < tip[:2] - 4.0).all()
    assert (tip[:2] + 4.0 < nose.max(axis=0)).all()


def test_eye_outline_surrounds_the_eye():
    face = FaceShape(Identity())
    eye = outline(face)[PARTS["right eye"]]
    assert eye[:, 0].min() < face.identity.eye_distance < eye[:, 0].max()
    area = 0.5 * abs(sum(x * b - a * y for (x, y), (a, b) in zip(eye, np.roll(eye, -1, axis=0), strict=True)))
    assert 100 < area < 400
