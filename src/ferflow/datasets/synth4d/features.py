"""Eyes and mouth, which open and close: drawn frame by frame over the warped portrait."""

from __future__ import annotations

import cv2
import numpy as np

from ferflow.datasets.synth4d import facemodel
from ferflow.datasets.synth4d.geometry import Geometry
from ferflow.datasets.synth4d.identity import Identity
from ferflow.datasets.synth4d.portrait import AA_BITS, fixed

ARC = facemodel.spline(9, 28)
LIP_ARC = facemodel.spline(11, 40)
IRIS_RADIUS = 6.6
"""Model units; an iris is about a fifth as wide as the eyes are apart."""
GAZE = (3.0, 1.6)
"""Greatest move of the iris, model units."""


class Eyes:
    """Both eyes of a person; `draw` paints them into a frame (BGR uint8)."""

    def __init__(self, identity: Identity, geometry: Geometry) -> None:
        self.unit = geometry.unit
        self.lash_colour = tuple(float(v) for v in (identity.hair[::-1] * 0.35))
        self.lashes = max(1, round(identity.lashes * 1.1 * self.unit))
        self.light = float(np.clip(identity.ambient + 0.42, 0.75, 1.05) * identity.exposure)
        self.ball = self._ball(identity)
        self.height = {
            side: float(
                geometry.rest[list(facemodel.EYE_LOWER[side][2:7]), 1].mean()
                - geometry.rest[list(facemodel.EYE_UPPER[side][2:7]), 1].mean()
            )
            for side in facemodel.SIDES
        }

    def _ball(self, identity: Identity) -> np.ndarray:
        """White, iris, pupil and glint around the iris's centre, float32 BGR."""
        half = int(34 * self.unit)
        y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32) / self.unit
        r = np.hypot(x, y)
        rng = np.random.default_rng(identity.texture_seed + 1)
        white = np.array((218, 212, 208), np.float32) * (1 - 0.20 * np.clip(r / 22, 0, 1.4) ** 2)[:, :, None]
        white = white * np.array((0.97, 0.96, 1.0), np.float32)
        spokes = rng.standard_normal(96).astype(np.float32)
        spokes = np.convolve(np.r_[spokes[-2:], spokes, spokes[:2]], np.ones(3) / 3, "same")[2:-2]
        angle = ((np.arctan2(y, x) / (2 * np.pi) + 0.5) * 95).astype(int)
        iris = (
            identity.iris[::-1]
            * (1.08 + 0.16 * spokes[angle] - 0.25 * np.clip((r - 3) / 3.6, 0, 1))[:, :, None]
        )
        iris = iris * (1 + 0.25 * np.clip(y / IRIS_RADIUS, -1, 1))[:, :, None]

        def disc(radius: float, soft: float = 0.6) -> np.ndarray:
            return np.clip((radius - r) / soft + 0.5, 0, 1)[:, :, None]

        ring = np.exp(-(((r - IRIS_RADIUS) / 0.8) ** 2))[:, :, None]
        eye = white + disc(IRIS_RADIUS, 0.9) * (iris - white)
        eye *= 1 - 0.45 * ring
        eye += disc(2.6) * (np.float32(14) - eye)
        glint_x = -2.2 if identity.light[0] < 0 else 2.2
        glint = np.clip((1.25 - np.hypot(x - glint_x, y + 2.4)) / 0.6 + 0.5, 0, 1)[:, :, None]
        eye += glint * (np.float32(245) - eye)
        return np.clip(eye * self.light, 0, 255).astype(np.float32)

    def draw(self, frame: np.ndarray, points: np.ndarray, gaze: np.ndarray) -> None:
        for side in facemodel.SIDES:
            self._draw_one(frame, points, gaze, side)

    def _draw_one(self, frame: np.ndarray, points: np.ndarray, gaze: np.ndarray, side: str) -> None:
        unit = self.unit
        upper = ARC @ points[list(facemodel.EYE_UPPER[side]), :2]
        lower = ARC @ points[list(facemodel.EYE_LOWER[side]), :2]
        closed = upper[:, 1] > lower[:, 1]
        upper[closed, 1] = lower[closed, 1]  # lids meet, they do not pass one another
        window = _window(frame, upper, lower, int(5 * unit))
        if window is None:
            return
        patch, origin, up, low = window
        corners = (upper[0] + upper[-1]) / 2
        # The eye at rest sits a little above the line between its corners.
        centre = corners + np.array((gaze[0] * GAZE[0], -1.2 + gaze[1] * GAZE[1])) * unit
        half = self.ball.shape[0] // 2
        shift = np.float32([[1, 0, half - (centre[0] - origin[0])], [0, 1, half - (centre[1] - origin[1])]])
        eye = cv2.warpAffine(
            self.ball,
            shift,
            patch.shape[1::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        _blend(patch, up, low, eye, [(up, 150, 4.5 * unit), (low, 60, 1.5 * unit)], 1.3 * unit)
        _line(patch, up, self.lash_colour, self.lashes)
        outer = up[:9] if side == "left" else up[-9:]
        _line(patch, outer - (0, int(0.7 * unit * 16)), self.lash_colour, self.lashes)


class Mouth:
    """Mouth of a person: a dark line when closed; teeth and tongue when open."""

    def __init__(self, identity: Identity, geometry: Geometry) -> None:
        self.unit = geometry.unit
        rest = geometry.rest
        # Where the upper teeth's edge is at rest, relative to the nose's base: they move with the skull.
        self.teeth = float(rest[13, 1] - rest[2, 1] + 2.0 * self.unit)
        self.line = tuple(float(v) for v in identity.lip[::-1] * 0.30)
        self.upper_row = self._row(int(27 * self.unit), 8.0, identity)
        self.lower_row = self._row(int(22 * self.unit), 5.5, identity)
        self.flesh = (identity.lip[::-1] * np.array((0.55, 0.42, 0.62))).astype(np.float32)

    def _row(self, half: int, width: float, identity: Identity) -> np.ndarray:
        """Brightness across a row of teeth, float32 [2·half + 1]: gaps between them, darker to the sides."""
        x = np.arange(-half, half + 1, dtype=np.float32) / self.unit
        gaps = 1 - 0.22 * np.exp(-(((np.abs(x) % width) / 0.45) ** 2))
        return gaps * np.clip(1.0 - (np.abs(x) / (half / self.unit)) ** 2 * 0.65, 0.2, 1)

    def draw(self, frame: np.ndarray, points: np.ndarray, open_by: float) -> None:
        """Draw between the inner lips; `open_by` (0–1) is how far the jaw took teeth and tongue down."""
        unit = self.unit
        upper = LIP_ARC @ points[list(facemodel.LIPS_INNER_UPPER), :2]
        lower = LIP_ARC @ points[list(facemodel.LIPS_INNER_LOWER), :2]
        middle = 0.5 * (upper + lower)
        crossed = (upper[:, 1] > lower[:, 1])[:, None]
        upper, lower = np.where(crossed, middle, upper), np.where(crossed, middle, lower)
        window = _window(frame, upper, lower, int(4 * unit))
        if window is None:
            return
        patch, origin, up, low = window
        if float((lower[:, 1] - upper[:, 1]).max()) > 0.8:
            inside = self._inside(patch.shape[:2], origin, points, upper, lower, open_by)
            _blend(patch, up, low, inside, [(up, 190, 3.0 * unit)], 1.6 * unit)
        _line(patch, up, self.line, max(1, round(0.9 * unit)))

    def _inside(
        self,
        shape: tuple[int, int],
        origin: np.ndarray,
        points: np.ndarray,
        upper: np.ndarray,
        lower: np.ndarray,
        open_by: float,
    ) -> np.ndarray:
        unit = self.unit
        x = np.arange(shape[1], dtype=np.float32) + origin[0]
        y = (np.arange(shape[0], dtype=np.float32) + origin[1])[:, None]
        centre_x = float(upper[:, 0].mean())
        floor = float(lower[:, 1].max())
        inside = np.empty((*shape, 3), np.float32)
        inside[:] = self.flesh * 0.45
        # The tongue lies on the floor of the open mouth.
        across = (x - centre_x) / (17 * unit)
        tongue = np.clip(
            (y - (floor - (4 + 7 * open_by) * unit * np.sqrt(np.clip(1 - across**2, 0, 1)))) / (2 * unit),
            0,
            1,
        )
        tongue = tongue * np.clip(open_by * 1.6, 0, 1) * (np.abs(across) < 1)
        inside += tongue[:, :, None] * (self.flesh * 1.35 - inside)
        enamel = np.array((196, 214, 222), np.float32)
        edge = float(points[2, 1]) + self.teeth + 0.05 * unit * ((x - centre_x) / (6 * unit)) ** 2 * -1
        self._teeth(
            inside, self.upper_row, x - centre_x, np.clip((edge - y) / (0.7 * unit) + 0.5, 0, 1), enamel
        )
        lower_edge = floor - (3.2 - 5.5 * open_by) * unit
        self._teeth(
            inside, self.lower_row, x - centre_x, np.clip((y - lower_edge) / unit, 0, 1) + 0 * x, enamel * 0.8
        )
        return inside

    @staticmethod
    def _teeth(
        inside: np.ndarray, row: np.ndarray, x: np.ndarray, cover: np.ndarray, enamel: np.ndarray
    ) -> None:
        half = len(row) // 2
        tone = row[np.clip(np.round(x).astype(int) + half, 0, len(row) - 1)]
        there = np.clip((half - np.abs(x)) / 2, 0, 1)
        inside += (cover * there)[:, :, None] * ((tone[:, None] * enamel)[None] - inside)


def _window(
    frame: np.ndarray, upper: np.ndarray, lower: np.ndarray, margin: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """The part of `frame` around two arcs [n, 2], its corner, and the arcs in it (`portrait.fixed`).

    None where it reaches beyond the frame.
    """
    x0, x1 = int(upper[:, 0].min()) - margin, int(upper[:, 0].max()) + margin
    y0 = int(min(upper[:, 1].min(), lower[:, 1].min())) - margin
    y1 = int(max(upper[:, 1].max(), lower[:, 1].max())) + margin
    if x0 < 0 or y0 < 0 or x1 > frame.shape[1] or y1 > frame.shape[0]:
        return None
    origin = np.array((x0, y0), np.float32)
    return frame[y0:y1, x0:x1], origin, fixed(upper - origin), fixed(lower - origin)


def _blend(
    patch: np.ndarray,
    up: np.ndarray,
    low: np.ndarray,
    inside: np.ndarray,
    shadows: list[tuple[np.ndarray, int, float]],
    blur: float,
) -> None:
    """Put `inside`, float32 [h, w, 3], between the arcs of a patch; `shadows` are arcs, 0–255, and widths."""
    mask, shade = np.zeros((2, *patch.shape[:2]), np.uint8)
    cv2.fillPoly(mask, [np.concatenate([up, low[::-1]])], 255, cv2.LINE_AA, AA_BITS)
    for path, strength, width in shadows:
        _line(shade, path, strength, max(1, round(width)))
    shade = cv2.GaussianBlur(shade, (0, 0), blur)
    inside *= (1 - shade.astype(np.float32) / 255)[:, :, None]
    alpha = (mask.astype(np.float32) / 255)[:, :, None]
    patch[:] = (patch + alpha * (inside - patch)).astype(np.uint8)


def _line(image: np.ndarray, path: np.ndarray, colour: float | tuple[float, ...], width: int) -> None:
    cv2.polylines(image, [path], False, colour, width, cv2.LINE_AA, AA_BITS)
