"""The parts of the face as a height field: each function gives millimetres towards the camera at (u, v).

``u`` is the distance from the midline and ``v`` the height above the nose tip, both mm on a face of mean width and
length; the nose alone takes signed sideways distances. The tip's depth is about 0, the face lies behind it.
"""

from __future__ import annotations

import numpy as np

from gemax_cli.synthetic.curves import Array, bump, cone, curve, soft_max, soft_positive, step, window
from gemax_cli.synthetic.subject import Identity, Motion

EYE_V = 35.0
MOUTH_V = -34.5
CHIN_V = -68.0
NASION_DEPTH = -21.0
BROW_FROM, BROW_LENGTH = 12.0, 38.0
CAVITY_MM = 9.0  # deepest point of the open mouth, behind the lips

# Midline without nose, lips and chin boss: depth at heights from the neck to the hair.
_PROFILE = {-125.0: -66.0, -110.0: -52.0, -95.0: -36.0, -82.0: -27.0, -70.0: -23.5, -56.0: -23.0, -42.0: -20.5,
            -28.0: -19.5, -10.0: -21.5, 10.0: -24.0, 30.0: -23.5, 42.0: -21.0, 54.0: -17.5, 68.0: -16.5,
            84.0: -20.0, 100.0: -29.0, 115.0: -43.0}  # fmt: skip
# Half the width of the head.
_HALF_WIDTH = {-125.0: 55.0, -100.0: 57.0, -80.0: 60.0, -55.0: 67.0, -25.0: 74.0, 15.0: 79.0, 45.0: 79.5,
               75.0: 76.0, 100.0: 70.0, 115.0: 64.0}  # fmt: skip
_HEAD_DEPTH = 92.0
# Ridge of the nose, as a share of its length (from below the base, over the tip at 0 to the saddle at 1): rise of the
# ridge from saddle (0) to tip (1).
_RIDGE = {-0.60: -0.70, -0.40: -0.10, -0.20: 0.62, -0.08: 0.93, 0.03: 0.985, 0.15: 0.88, 0.35: 0.66, 0.60: 0.37,
          0.80: 0.14, 1.00: 0.0, 1.25: -0.16, 1.70: -1.0, 2.20: -2.4}  # fmt: skip


class Relief:
    """Height field of one subject in one pose of the face.

    Args:
        who: the subject's measures.
        act: what the muscles do.
    """

    def __init__(self, who: Identity, act: Motion) -> None:
        self.who, self.act = who, act
        # Over the height: depth of the bare head's midline, half its width, depth of the bridge of the nose.
        self.profile = curve({v: z - who.forehead * max(v - 60.0, 0.0) / 40.0 for v, z in _PROFILE.items()})
        self.half_width = curve({v: a * (who.jaw_width if v < -40.0 else 1.0) for v, a in _HALF_WIDTH.items()})
        rise, hump = -NASION_DEPTH * who.nose_height / 22.0, {0.35: 0.6, 0.60: 1.0, 0.80: 0.5}
        self.ridge = curve(
            {t * who.nose_length: rise * (z - 1.0) + who.nose_hump * hump.get(t, 0.0) for t, z in _RIDGE.items()}
        )
        # Of the mouth's corners: distance from the midline, and height.
        self.mouth_width = who.mouth_width + act.corner_out
        self.corner_height = MOUTH_V + 0.75 * act.corner_up

    # Lines that the features follow.

    def brow_line(self, u: Array) -> Array:
        """Height of the brow."""
        t = (u - BROW_FROM) / BROW_LENGTH
        arch = 1.0 - ((t - 0.6) / 0.75) ** 2
        lift = self.act.brow_inner * (1.0 - step(t)) + self.act.brow_outer * step(t)
        return np.asarray(EYE_V + self.who.brow_height + self.who.brow_arch * np.maximum(arch, -0.6) + lift)

    def along_eye(self, u: Array) -> Array:
        """Position along the lids, -1 at the inner corner and 1 at the outer."""
        return (u - self.who.eye_distance) / self.who.eye_width

    def lids(self, u: Array) -> tuple[Array, Array]:
        """Heights of the edges of the upper and of the lower lid; equal at and beyond the corners."""
        t = self.along_eye(u)
        open_share = np.maximum(1.0 - t * t, 0.0)
        corners = EYE_V + 0.8 * t
        upper = self.who.eye_height + self.act.lid_upper
        lower = -4.2 + self.act.lid_lower
        return corners + upper * np.sqrt(open_share) * (0.35 + 0.65 * open_share), corners + lower * open_share

    def across_mouth(self, u: Array) -> Array:
        """Share 1 - (u / half width)^2: 1 at the middle of the mouth, 0 at and beyond its corners."""
        return np.maximum(1.0 - (u / self.mouth_width) ** 2, 0.0)

    def lips(self, u: Array) -> tuple[Array, Array]:
        """Heights of the lower edge of the upper lip and of the upper edge of the lower lip."""
        share = self.across_mouth(u)
        curl = self.act.corner_up * (0.75 - share)
        upper = MOUTH_V + curl + self.act.lip_raise * share + 0.25 * self.act.part * share
        return upper, upper - self.act.part * share * (1.5 - 0.5 * share)

    def red(self, u: Array) -> tuple[Array, Array]:
        """Heights of the red of the upper and of the lower lip at ``u``, mm, zero at the corners."""
        share = self.across_mouth(u)
        thin = 1.0 - 0.55 * self.act.press
        bow = 1.0 - 0.16 * bump(u / 4.0) + 0.10 * bump((u - 5.0) / 4.0)
        return self.who.lip_upper * thin * bow * share, self.who.lip_lower * thin * np.sqrt(share) * (0.4 + 0.6 * share)

    def drop(self, u: Array, v: Array) -> Array:
        """How far the open jaw has carried the surface down at (u, v)."""
        share = step((MOUTH_V + 12.0 - v) / 44.0) * (1.0 - 0.45 * step(u / 70.0))
        return np.asarray(self.act.jaw * share)

    # Parts of the face.

    def depth(self, x: Array, v: Array) -> Array:
        """Depth of the whole face; ``x`` is signed."""
        u = np.abs(x)
        bare = self.head(u, v) + self.brow(u, v) + self.sockets(u, v) + self.cheeks(u, v)
        nose = soft_max(self.nose(x - self.who.nose_skew * bump(v / 45.0), v), bare, 2.2)
        nose = nose + self.nose_details(u, v)
        return nose + self.eyes(u, v) + self.chin(u, v) + self.mouth(u, v) + self.folds(u, v)

    def head(self, u: Array, v: Array) -> Array:
        """Skull, jaw and neck: an ellipse across at every height, cut off below the jaw line."""
        low = v + self.drop(u, v)
        square = (u / self.half_width(low)) ** 2
        # Beyond the sides, which no scan shows, the surface goes on as a steep slope.
        across = np.sqrt(np.maximum(1.0 - square, 0.04)) - np.maximum(square - 0.96, 0.0) * 2.5
        jaw_line = -84.0 + 0.011 * u * u
        under = soft_positive(jaw_line - low, 5.0) - soft_positive(jaw_line - low - 22.0, 8.0)
        temples = 3.0 * bump((u - 64.0) / 24.0, (v - 58.0) / 34.0)
        return self.profile(low) - _HEAD_DEPTH * (1.0 - across) - 1.25 * under - temples

    def brow(self, u: Array, v: Array) -> Array:
        """Bone and soft roll of the brow, and the furrows above and between the brows."""
        rise = v - self.brow_line(u)
        along = window(u, 8.0, 46.0, 12.0)
        bone = self.who.brow_ridge * along * bump((rise + 2.0) / 15.0) + 0.9 * along * bump(rise / 5.0)
        return bone + self.forehead_lines(u, v) + self.frown(u, v)

    def forehead_lines(self, u: Array, v: Array) -> Array:
        """Eminences of the forehead, with the lines that raised brows cut into it."""
        calm = 1.5 * bump((u - 26.0) / 30.0, (v - 80.0) / 24.0)
        bend = 0.004 * u * u
        lines = sum(bump((v - at + bend) / 4.0) for at in (70.0, 78.5, 87.0))
        return calm - 1.1 * self.act.forehead_lines * lines * window(u, -1.0, 28.0, 14.0)

    def frown(self, u: Array, v: Array) -> Array:
        """Two upright furrows between the brows and the swelling beside each."""
        at = EYE_V + 17.0 + 0.5 * self.act.brow_inner
        furrow = -1.8 * bump((u - 4.0) / 3.2, (v - at) / 12.0) + 2.2 * bump((u - 11.0) / 8.0, (v - at + 2.0) / 10.0)
        return self.act.frown * furrow

    def sockets(self, u: Array, v: Array) -> Array:
        """Hollows of the eyes with the balls in them."""
        e = u - self.who.eye_distance
        sink = bump((e + 1.0) / 27.0, (v - EYE_V - 2.0) / 19.0) + 0.45 * bump(
            (e + 13.0) / 13.0, (v - EYE_V - 3.0) / 14.0
        )
        ball = bump(e / 19.0, (v - EYE_V + 0.5) / 15.0)
        return 7.0 * ball - self.who.eye_depth * sink

    def eyes(self, u: Array, v: Array) -> Array:
        """Opening between the lids, fold above the upper and bag below the lower lid."""
        upper, lower = self.lids(u)
        t = self.along_eye(u)
        opening = step(np.minimum(upper - v, v - lower) / 1.5)
        near = np.maximum(1.0 - 0.6 * t * t, 0.0)
        rim = 0.7 * near * (bump((v - upper - 1.0) / 2.2) + bump((v - lower + 1.0) / 2.2))
        fold = -1.1 * near * bump((v - upper - 4.6) / 2.4) + 0.8 * near * bump((v - upper - 8.0) / 4.0)
        bag = -(0.5 + 0.35 * max(self.act.lid_lower, 0.0)) * near * bump((v - lower + 7.0) / 3.2)
        cornea = 0.5 * bump((t + 0.05) / 0.45, (v - EYE_V - 0.8) / 6.5)
        return rim + fold + bag + (cornea - 1.5) * opening

    def cheeks(self, u: Array, v: Array) -> Array:
        """Cheek bones and soft cheeks; a smile lifts and gathers them."""
        up = self.act.cheek_raise
        bone = self.who.cheek * bump((u - 45.0) / 30.0, (v - 12.0) / 22.0)
        fat = self.who.cheek_fat * bump((u - 42.0) / 30.0, (v + 22.0) / 34.0)
        apple = 5.0 * up * bump((u - 36.0) / 22.0, (v - 3.0) / 19.0)
        hollow = 2.0 * (self.act.jaw / 20.0) * bump((u - 42.0) / 22.0, (v + 34.0) / 30.0)
        return bone + fat + apple - hollow

    def nose(self, x: Array, v: Array) -> Array:
        """Bridge, ball of the tip and wings, as an absolute depth: a surface to be united with the face."""
        who, up = self.who, self.act.nose_wrinkle
        bridge = self.ridge(v) - cone(x * x, 2.2, 2.4 + 2.2 * bump((v - 4.0) / 20.0))
        below = np.where(v < 0.0, 1.35, 0.75) * v
        tip = -cone(1.4 * x * x + below * below, 3.4, 10.0)
        side = np.abs(x) - (who.nose_width - 5.0)
        rise = v + 4.5 - 2.0 * up
        wing = -10.5 * who.nose_height / 22.0 - cone(side * side + 0.5 * rise * rise, 4.5, 2.8)
        return soft_max(soft_max(bridge, tip, 1.5), wing, 2.0)

    def nose_details(self, u: Array, v: Array) -> Array:
        """Nostrils, the grooves behind the wings, and the wrinkles of disgust across the bridge."""
        who, up = self.who, self.act.nose_wrinkle
        nostril = -4.5 * bump((u - 6.8) / 4.2, (v + 10.2) / 3.6)
        groove = -1.6 * bump((u - who.nose_width - 3.2) / 4.0, (v + 3.0 - 2.0 * up) / 9.0)
        wing_fold = -0.9 * bump((u - who.nose_width + 7.0) / 4.0, (v - 1.0 - 2.0 * up) / 8.0)
        wrinkles = sum(bump((v - at + 0.25 * u) / 2.8) for at in (24.0, 30.0, 36.0))
        return nostril + groove + wing_fold - 1.3 * up * wrinkles * window(u, -1.0, 10.0, 6.0)

    def chin(self, u: Array, v: Array) -> Array:
        """Boss of the chin and the groove between it and the lower lip."""
        act = self.act
        at = CHIN_V - act.jaw + 2.5 * act.pout
        boss = (self.who.chin + 1.2 * act.pout) * bump(u / 24.0, (v - at) / 18.0)
        groove = (2.4 + 1.6 * act.pout) * bump(u / 24.0, (v - at - 13.0) / 8.0)
        return boss - groove

    def mouth(self, u: Array, v: Array) -> Array:
        """Philtrum, both lips, the line or hollow between them, and the corners."""
        upper, lower = self.lips(u)
        red_upper, red_lower = self.red(u)
        soft = np.sqrt(self.across_mouth(u)) * (2.0 - np.sqrt(self.across_mouth(u)))
        swell = self.who.lip_swell * (1.0 - 0.6 * self.act.press)
        above = bump((v - upper - 0.45 * red_upper) / (0.85 * red_upper + 2.5))
        below = bump((v - lower + 0.5 * red_lower) / (0.85 * red_lower + 2.5))
        lips = soft * (swell * above + (swell + 0.8 + 2.0 * self.act.pout) * below)
        return lips + self.philtrum(u, v, upper) - self.between_lips(u, v, upper, lower) - self.corners(u, v)

    def philtrum(self, u: Array, v: Array, upper: Array) -> Array:
        """Groove between nose and upper lip, with a ridge on either side."""
        along = window(v, upper + 8.0, -15.0, 5.0)
        return along * self.who.philtrum * (0.5 * bump((u - 5.8) / 5.0) - bump(u / 5.5))

    def between_lips(self, u: Array, v: Array, upper: Array, lower: Array) -> Array:
        """Depth of the line between closed lips, or of the open mouth."""
        inside = np.minimum(upper - v, v - lower)
        soft = np.sqrt(self.across_mouth(u))
        line = (2.0 + self.act.press) * soft * bump((v - 0.5 * (upper + lower)) / (2.6 + 0.5 * (upper - lower)))
        shallow = step((self.mouth_width - u) / 5.0)  # towards the corners
        return line + min(CAVITY_MM, 1.1 * self.act.part) * shallow * step(inside / 2.4)

    def corners(self, u: Array, v: Array) -> Array:
        """Dimples at the corners of the mouth."""
        out = u - self.mouth_width - 1.5
        return np.asarray((0.7 + 1.0 * self.act.fold) * bump(out / 6.0, (v - self.corner_height) / 6.0))

    def folds(self, u: Array, v: Array) -> Array:
        """Folds from the wings of the nose to the corners of the mouth, deep where the cheek is raised."""
        t = (-1.0 - v) / (-1.0 - self.corner_height)
        start, end = self.who.nose_width + 2.5, self.mouth_width + 8.0
        aside = u - start - (end - start) * (1.35 * t - 0.35 * t * t)
        along = window(t, 0.25, 0.6, 0.55)
        strength = 0.7 + 1.6 * self.act.fold
        return along * strength * (1.1 * bump((aside - 8.0) / 13.0) - bump(aside / 7.0))
