"""Paint a person's portrait at rest: background, clothes, neck, ears, shaded skin, brows, lips and hair.

The frames of a clip are warps of this picture, so it is painted once per person. Colours are RGB, float32.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ferflow.datasets.synth4d import facemodel, raster
from ferflow.datasets.synth4d.geometry import Geometry
from ferflow.datasets.synth4d.identity import Identity

AA_BITS = 4


def paint(identity: Identity, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """The portrait, float32 RGB [H, W, 3], 0–255, and how far the person covers the background, [H, W], 0–1.

    The eyes are closed over with skin and the lips meet.
    """
    painter = _Painter(identity, geometry)
    painter.background()
    painter.back_hair()
    painter.neck_and_clothes()
    painter.ears()
    painter.skin()
    painter.nose()
    painter.eyelids()
    painter.lips()
    painter.stubble()
    painter.brows()
    painter.front_hair()
    return np.clip(painter.image * identity.exposure, 0, 255), painter.cover


def curve(geometry: Geometry, numbers: tuple[int, ...], n: int = 0, closed: bool = False) -> np.ndarray:
    """A smooth curve [n, 2] through mesh points at rest."""
    points = geometry.rest[list(numbers), :2]
    return facemodel.spline(len(points), n or 6 * len(points), closed) @ points


def polygon(shape: tuple[int, int], outline: np.ndarray, blur: float = 0.0) -> np.ndarray:
    """A filled outline [n, 2] with soft edges, float32 [H, W] in 0–1."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [fixed(outline)], 255, cv2.LINE_AA, AA_BITS)
    return soften(mask.astype(np.float32) / 255, blur)


def line(shape: tuple[int, int], path: np.ndarray, width: float, blur: float) -> np.ndarray:
    """An open line [n, 2], float32 [H, W] in 0–1."""
    mask = np.zeros(shape, np.uint8)
    cv2.polylines(mask, [fixed(path)], False, 255, max(1, round(width)), cv2.LINE_AA, AA_BITS)
    return soften(mask.astype(np.float32) / 255, blur)


def fixed(path: np.ndarray) -> np.ndarray:
    """Points as OpenCV's fixed-point integers."""
    return np.round(path * (1 << AA_BITS)).astype(np.int32)


def soften(mask: np.ndarray, blur: float) -> np.ndarray:
    return cv2.GaussianBlur(mask, (0, 0), blur) if blur > 0.3 else mask


class _Painter:
    """Paints layer upon layer on `image`; lengths are in model units times `unit` pixels."""

    def __init__(self, identity: Identity, geometry: Geometry) -> None:
        self.identity, self.geometry, self.unit = identity, geometry, geometry.unit
        self.shape = (geometry.height, geometry.width)
        self.rng = np.random.default_rng(identity.texture_seed)
        self.image = np.zeros((*self.shape, 3), np.float32)
        self.cover = np.zeros(self.shape, np.float32)
        y, x = np.mgrid[: geometry.height, : geometry.width].astype(np.float32)
        # Model coordinates relative to the face's middle, y up; the eyes are near y = 22, the chin near −115.
        self.x, self.y = (x - geometry.centre[0]) / self.unit, -(y - geometry.centre[1]) / self.unit
        self.oval = curve(geometry, facemodel.OVAL, 200, closed=True)

    def _blend(self, mask: np.ndarray, colour: np.ndarray) -> None:
        place = self._place(mask)
        part, mask, colour = self._part(place, mask, colour)
        part += mask * (colour - part)
        self.cover[place] += mask[:, :, 0] * (1 - self.cover[place])

    def _darken(self, mask: np.ndarray, factor: ArrayLike) -> None:
        part, mask, factor = self._part(self._place(mask), mask, factor)
        part *= 1 - mask * (1 - factor)

    def _stroke(self, path: np.ndarray, width: float, blur: float, factor: ArrayLike) -> None:
        """Darken a line along `path`; `width` and `blur` are in model units."""
        self._darken(line(self.shape, path, width * self.unit, blur * self.unit), factor)

    def _between(self, upper: tuple[int, ...], lower: tuple[int, ...]) -> np.ndarray:
        """The outline [n, 2] between two curves through mesh points."""
        return np.concatenate([curve(self.geometry, upper), curve(self.geometry, lower)[::-1]])

    def _place(self, mask: np.ndarray) -> tuple[slice, slice]:
        """The rectangle in which `mask` is not zero."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return np.s_[0:0, 0:0]
        return np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    def _part(
        self, place: tuple[slice, slice], mask: np.ndarray, value: ArrayLike
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The image at `place`, with the mask and `value` there."""
        value = np.asarray(value, np.float32)
        return self.image[place], mask[place][:, :, None], value[place] if value.ndim == 3 else value

    def _noise(self, size: float) -> np.ndarray:
        """Smooth noise of unit variance with features of `size` model units."""
        pixels = max(size * self.unit, 0.7)
        shrink = max(1, int(pixels / 1.5))
        size = (self.shape[0] // shrink + 3, self.shape[1] // shrink + 3)
        small = self.rng.standard_normal(size).astype(np.float32)
        small = cv2.GaussianBlur(small, (0, 0), pixels / shrink)
        large = cv2.resize(small, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_CUBIC)
        large = large[: self.shape[0], : self.shape[1]]
        return (large - large.mean()) / (large.std() + 1e-6)

    def _model(self, points: list[tuple[float, float]] | np.ndarray) -> np.ndarray:
        """Model coordinates (as in `x`, `y`) to pixels."""
        points = np.asarray(points, np.float32)
        return points * (self.unit, -self.unit) + self.geometry.centre

    def _ellipse(
        self, centre: tuple[float, float], radii: tuple[float, float], soft: float = 1.0
    ) -> np.ndarray:
        distance = np.hypot((self.x - centre[0]) / radii[0], (self.y - centre[1]) / radii[1])
        return np.clip((1 - distance) * min(radii) / soft + 0.5, 0, 1)

    def background(self) -> None:
        slope = self.rng.uniform(-0.12, 0.12, 2)
        fade = (
            1
            + slope[0] * self.x / 150
            + slope[1] * self.y / 200
            - 0.08 * np.hypot(self.x / 150, self.y / 200) ** 2
        )
        self.image[:] = fade[:, :, None] * self.identity.background
        self.image += self._noise(30)[:, :, None] * 1.5

    def neck_and_clothes(self) -> None:
        male = self.identity.sex == "male"
        half = 62 if male else 52
        side = np.abs(self.x)
        flare = half + np.clip(-self.y - 130, 0, None) ** 1.5 * 0.10
        neck = np.clip((flare - side) / 1.2 + 0.5, 0, 1) * (self.y < -40)
        normal_x = np.clip(self.x / (half * 1.1), -1, 1)
        normals = np.stack([normal_x, np.zeros_like(normal_x), np.sqrt(1 - normal_x**2)], 2)
        brightness = raster.light(normals, self.identity.light, self.identity.ambient)
        # The chin's shadow falls on the neck.
        chin = (self.geometry.centre[1] - self.geometry.rest[facemodel.CHIN, 1]) / self.unit
        shadow = 1 - 0.50 * np.exp(-(((self.y - chin) / 26) ** 2) - (self.x / 80) ** 2)
        colour = self.identity.skin * (0.90 * brightness * shadow)[:, :, None]
        colour = colour * (1 + 0.012 * self._noise(12))[:, :, None]
        self._blend(neck, colour)
        opening = (
            150 + 10 * np.cos(np.clip(self.x / 60, -np.pi, np.pi))
            if male
            else 158 + 22 * np.exp(-((self.x / 50) ** 2))
        )
        shoulder = -self.y - np.maximum(opening, 138 + np.clip(side - 70, 0, None) * 0.25)
        cloth = np.clip(shoulder / 1.2, 0, 1)
        folds = (
            1
            + 0.05 * self._noise(14)
            + 0.02 * self._noise(1.0)
            + 0.12 * self.identity.light[0] * self.x / 150
        )
        self._darken(soften(cloth, 4 * self.unit) * (1 - cloth) * neck, 0.75)
        self._blend(cloth, self.identity.clothes * folds[:, :, None])

    def ears(self) -> None:
        if self.identity.hair_style in ("long", "bob"):
            return
        edge = np.abs(self.geometry.rest[[234, 454], 0] - self.geometry.centre[0]).mean() / self.unit
        for sign in (-1, 1):
            centre = (sign * (edge + 3), 4.0)
            tilted = self.x + sign * (self.y - centre[1]) * -0.16
            distance = np.hypot((tilted - centre[0]) / 11, (self.y - centre[1]) / 27)
            ear = np.clip((1 - distance) * 11 / 1.0 + 0.5, 0, 1)
            brightness = 0.86 + 0.22 * sign * self.identity.light[0]
            colour = self.identity.skin * np.array((1.0, 0.93, 0.91), np.float32) * brightness
            rim = (
                1
                - 0.30 * np.exp(-(((distance - 0.62) / 0.16) ** 2))
                - 0.15 * np.clip(distance - 0.85, 0, 1) / 0.15
            )
            self._blend(ear, colour * rim[:, :, None])

    def skin(self) -> None:
        """The face and the forehead up to the hairline, lit by smoothed normals of the mesh."""
        identity, geometry = self.identity, self.geometry
        index = raster.cover(geometry.rest, geometry.triangles, self.shape, 1)
        normal = raster.normals(geometry.rest, geometry.triangles)
        smooth = raster.smoothing(geometry.triangles, len(geometry.rest))
        mixed = 0.6 * normal + 0.4 * smooth @ normal
        values = np.concatenate([mixed, geometry.rest[:, 2:]], 1)
        field = raster.evaluate(index, raster.affine(geometry.rest, values, geometry.triangles), 1)
        depth = field[:, :, 3]
        field = cv2.GaussianBlur(field[:, :, :3], (0, 0), 2.0 * self.unit)
        # Beyond the face's outline the skull goes on evenly: normals of an ellipsoid.
        skull = np.stack([self.x / 105, (self.y + 5) / 150, np.full_like(self.x, 0.62)], 2)
        mask = polygon(self.shape, self.oval)
        inside = soften(cv2.erode(mask, None, iterations=max(1, round(5 * self.unit))), 4 * self.unit)[
            :, :, None
        ]
        normals = inside * field + (1 - inside) * skull
        normals /= np.linalg.norm(normals, axis=2, keepdims=True) + 1e-6
        brightness = raster.light(normals, identity.light, identity.ambient)
        # Hollows get less light: beside the nose, in the eye sockets, under the lower lip.
        hollow = np.clip((soften(depth, 7 * self.unit) - depth) / (7 * self.unit), -0.5, 1.0)
        brightness *= 1 - 0.30 * soften(hollow, 0.8 * self.unit) * inside[:, :, 0]
        highlight = identity.light + np.array((0, 0, 1), np.float32)
        highlight = highlight / np.linalg.norm(highlight)
        shine = np.clip(normals @ highlight, 0, 1) ** 26
        colour = np.broadcast_to(identity.skin, self.image.shape).copy()
        colour *= (
            1
            + identity.blotches
            * (0.018 * self._noise(1.0) + 0.014 * self._noise(5) + 0.022 * self._noise(18))[:, :, None]
        )
        red = np.zeros(self.shape, np.float32)
        for sign in (-1, 1):
            red += np.exp(-(((self.x - sign * 46) / 24) ** 2) - ((self.y + 26) / 20) ** 2)
        red += 0.8 * np.exp(-((self.x / 16) ** 2) - ((self.y + 26) / 14) ** 2)
        red = red * (0.75 + 0.25 * self._noise(8))
        colour *= 1 - red[:, :, None] * np.array((0.0, 0.09, 0.08), np.float32) * identity.blotches
        for _ in range(identity.freckles):
            centre = (self.rng.normal(0, 45), self.rng.normal(-20, 40))
            size = self.rng.uniform(0.7, 1.5)
            x, y = self._model([centre])[0]
            reach = int(4 * size * self.unit) + 1
            rows = slice(max(0, int(y) - reach), int(y) + reach)
            columns = slice(max(0, int(x) - reach), int(x) + reach)
            distance = (self.x[rows, columns] - centre[0]) ** 2 + (self.y[rows, columns] - centre[1]) ** 2
            spot = np.exp(-distance / size**2) * self.rng.uniform(0.05, 0.3)
            colour[rows, columns] *= 1 - spot[:, :, None] * np.array((0.6, 0.9, 1.0), np.float32)
        # Shadows on skin turn redder, lit parts paler.
        tint = brightness[:, :, None] ** np.array((0.92, 1.03, 1.06), np.float32)
        colour = colour * tint + (shine * 26)[:, :, None]
        width = np.abs(geometry.rest[[234, 454], 0] - geometry.centre[0]).mean() / self.unit
        cap = self._ellipse((0, 22.0), (width * 0.995, 98.0), 1.0) * (self.y > 20)
        whole = np.maximum(mask, cap)
        rim = soften(whole, 5 * self.unit)
        # The outline darkens, least at the chin, which stands out against the neck.
        edge = 0.20 - 0.12 * np.clip((-self.y - 60) / 50, 0, 1)
        colour *= (1 - edge * (1 - np.clip(rim * 2 - 1, 0, 1)))[:, :, None]
        self._blend(soften(whole, 0.8), colour)
        self.face = whole

    def nose(self) -> None:
        rest, unit = self.geometry.rest, self.unit
        for sign, side in zip((-1, 1), facemodel.SIDES, strict=True):
            ala = rest[facemodel.NOSTRIL[side], :2]
            base = rest[2, :2]
            centre = base + 0.62 * (ala - base) + (0, -1.5 * unit)
            axes = (5.2 * unit, 2.3 * unit)
            angle = np.linspace(0, 2 * np.pi, 40)
            tilt = np.deg2rad(-18 * sign)
            ring = np.stack([np.cos(angle) * axes[0], np.sin(angle) * axes[1]], 1)
            ring = ring @ np.array(((np.cos(tilt), np.sin(tilt)), (-np.sin(tilt), np.cos(tilt))))
            self._darken(polygon(self.shape, centre + ring, 1.0 * unit), np.array((0.30, 0.22, 0.22)))
            wing = (102, 48, 64, 98, 97) if side == "left" else (331, 278, 294, 327, 326)
            self._stroke(curve(self.geometry, wing), 1.6, 1.2, (0.78, 0.70, 0.68))
        under = curve(self.geometry, (98, 97, 2, 326, 327)) + np.array((0, 1.5 * unit))
        self._stroke(under, 3, 2.2, 0.80)

    def eyelids(self) -> None:
        age = self.identity.age
        for side in facemodel.SIDES:
            upper, lower = facemodel.EYE_UPPER[side], facemodel.EYE_LOWER[side]
            eye = polygon(self.shape, self._between(upper, lower), 5 * self.unit)
            self._darken(eye, np.array((0.84, 0.78, 0.77)))
            self._stroke(curve(self.geometry, facemodel.EYE_CREASE[side]), 1.3, 0.9, (0.62, 0.52, 0.50))
            bag = curve(self.geometry, facemodel.EYE_BAG[side])
            self._stroke(bag, 3, 2.5, 1 - (0.06 + 0.16 * age) * np.array((0.8, 1, 1)))
            self._stroke(curve(self.geometry, lower), 1.2, 0.7, (0.80, 0.66, 0.64))
        if age > 0.35:
            for side in facemodel.SIDES:
                fold = curve(self.geometry, facemodel.NASOLABIAL[side])
                self._stroke(fold, 1.5, 1.8, 1 - 0.35 * (age - 0.2))

    def lips(self) -> None:
        unit, lip = self.unit, self.identity.lip
        parts = (
            (facemodel.LIPS_OUTER_UPPER, facemodel.LIPS_INNER_UPPER, 0.88),
            (facemodel.LIPS_OUTER_LOWER, facemodel.LIPS_INNER_LOWER, 1.04),
        )
        local = self.image.mean(2) / (self.identity.skin.mean() + 1e-6)
        grain = 1 + 0.035 * cv2.GaussianBlur(self._noise(1.0), (0, 0), sigmaX=0.4, sigmaY=2.5 * unit)
        for outer, inner, tone in parts:
            mask = polygon(self.shape, self._between(outer, inner), 0.8 * unit)
            colour = lip * tone * (local * grain)[:, :, None]
            self._blend(np.clip(mask * 1.05, 0, 1) * 0.92, colour)
        # The gap at rest is closed; its line is drawn with the mouth, frame by frame.
        gap = self._between(facemodel.LIPS_INNER_UPPER, facemodel.LIPS_INNER_LOWER)
        self._blend(polygon(self.shape, gap, 0.5 * unit), lip * 0.62)
        for corner in (61, 291):
            x, y = (self.geometry.rest[corner, :2] - self.geometry.centre) / (unit, -unit)
            spot = np.exp(-(((self.x - x) / 4.0) ** 2) - ((self.y - y) / 2.6) ** 2)
            self._darken(spot, np.array((0.62, 0.52, 0.52)))
        shine = curve(self.geometry, facemodel.LIPS_OUTER_LOWER)
        middle = 0.5 * (shine + curve(self.geometry, facemodel.LIPS_INNER_LOWER))[20:-20]
        self.image += line(self.shape, middle, 2 * unit, 1.6 * unit)[:, :, None] * 16
        self._stroke(shine[16:-16] + np.array((0, 4 * unit)), 4, 3, 0.78)

    def stubble(self) -> None:
        if not self.identity.stubble:
            return
        jaw = np.clip((-self.y - 42) / 16, 0, 1) * self.face
        jaw *= np.clip((np.abs(self.x) - 20) / 12, 0, 1) + np.clip((-self.y - 50) / 6, 0, 1)
        lips = self._between(facemodel.LIPS_OUTER_UPPER, facemodel.LIPS_OUTER_LOWER)
        jaw = np.clip(jaw, 0, 1) * (1 - polygon(self.shape, lips, 2 * self.unit))
        dots = np.clip(0.55 + 0.35 * self._noise(0.5), 0, 1.2)
        amount = soften(jaw.astype(np.float32), 3 * self.unit) * dots * 0.45 * self.identity.stubble
        self._blend(amount, self.identity.hair * 0.5 + 20)

    def brows(self) -> None:
        unit = self.unit
        colour = self.identity.hair * 0.62
        for side in facemodel.SIDES:
            brow = facemodel.BROW_UPPER[side], facemodel.BROW_LOWER[side]
            upper, lower = (curve(self.geometry, numbers, 40) for numbers in brow)
            middle = 0.5 * (upper + lower)
            # Full at the nose, thin at the temple.
            inward = np.linspace(0, 1, 40)[:, None] if side == "left" else np.linspace(1, 0, 40)[:, None]
            thick = self.identity.brow * (0.30 + 0.58 * np.clip(inward * 1.6, 0, 1))
            top, bottom = middle + (upper - middle) * thick, middle + (lower - middle) * thick
            outline = np.concatenate([top, bottom[::-1]])
            self._blend(polygon(self.shape, outline, 1.5 * unit) * 0.72, colour)
            strokes = np.zeros(self.shape, np.uint8)
            for _ in range(130):
                at = int(self.rng.integers(0, 40))
                across = self.rng.uniform(0.05, 0.95)
                root = bottom[at] + (top[at] - bottom[at]) * across
                outward = -1 if side == "left" else 1
                slant = self.rng.uniform(0.2, 0.9) * (0.4 + 0.8 * float(inward[at, 0]))
                tip = root + np.array((outward * 4.2, -4.2 * slant)) * unit * self.rng.uniform(0.6, 1.2)
                ends = (tuple(int(v) for v in fixed(p)) for p in (root, tip))
                cv2.line(strokes, *ends, 255, 1, cv2.LINE_AA, AA_BITS)
            self._blend(soften(strokes.astype(np.float32) / 255, 0.4) * 0.55, colour * 0.8)

    def _strands(self, fine: float) -> np.ndarray:
        """Brightness of hair: lines that follow the head's outline, with a band of light."""
        radius = np.hypot(self.x / 105, np.clip(self.y - 20, 0, None) / 120)
        angle = (
            np.arctan2(np.clip(self.y - 20, 0, None), self.x) / np.pi - np.clip(20 - self.y, 0, None) / 400
        )
        noise = self.rng.standard_normal((64, 1024)).astype(np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=0.9 / fine, sigmaY=1.2)
        noise /= noise.std()
        wave = 0.01 * self._noise(20)
        lookup = cv2.remap(
            noise,
            ((radius + wave) * 330 % 1023).astype(np.float32),
            ((angle + 2) * 14 % 63).astype(np.float32),
            cv2.INTER_LINEAR,
        )
        band = np.exp(-(((radius - 0.95) / 0.16) ** 2)) * np.clip(self.y / 60, 0, 1)
        side = 0.16 * self.identity.light[0] * np.clip(self.x / 100, -1, 1)
        return 1 + 0.16 * lookup + 0.22 * band * (1 + 0.3 * lookup) + side

    def _hair_outline(self) -> tuple[float, float]:
        """Half-width and top of the hair, in model units."""
        width = np.abs(self.geometry.rest[[234, 454], 0] - self.geometry.centre[0]).mean() / self.unit
        style = self.identity.hair_style
        return width + {"long": 16, "bob": 17, "tied": 5, "short": 5, "receding": 3}[style], {
            "long": 148, "bob": 148, "tied": 138, "short": 142, "receding": 130,
        }[style]  # fmt: skip

    def back_hair(self) -> None:
        style = self.identity.hair_style
        half, top = self._hair_outline()
        if style not in ("long", "bob"):
            cap = self._ellipse((0, 22), (half, top - 22), 1.2) * (self.y > 18)
            self._blend(cap, self.identity.hair * (0.8 * self._strands(1.6))[:, :, None])
            return
        bottom = -170 if style == "long" else -95
        wave = 4 * np.sin(self.y / 17 + self.identity.hairline * 6) * np.clip(-self.y / 80, 0, 1)
        side = half - np.clip(np.abs(self.y - 10) - 60, 0, None) * 0.08 + wave
        mask = (
            np.clip((side - np.abs(self.x)) / 1.5 + 0.5, 0, 1)
            * (self.y < 30)
            * np.clip((self.y - bottom) / 10, 0, 1)
        )
        mask = np.maximum(mask, self._ellipse((0, 25), (half, top - 25), 1.5))
        self._blend(mask, self.identity.hair * (0.72 * self._strands(1.0))[:, :, None])

    def front_hair(self) -> None:
        style, identity = self.identity.hair_style, self.identity
        half, top = self._hair_outline()
        cap = self._ellipse((0, 22), (half, top - 22), 1.2)
        ragged = 2.2 * self._noise(2.0) + 2.0 * self._noise(7)
        if style in ("long", "bob"):
            part = (identity.hairline - 0.5) * 60
            side = np.abs(self.x - part * np.clip(self.y / 90, 0, 1))
            window = 88 + 14 * identity.hairline - side**2 / (78 + 10 * identity.hairline) * 0.55
            lower = np.clip(
                (half - 4 - 12 * np.clip((self.y + 30) / 60, 0, 1) - np.abs(self.x)) / 3 + 0.5, 0, 1
            )
            open_face = np.clip((window + ragged * 0.5 - self.y) / 3 + 0.5, 0, 1) * lower
            bottom = -168 if style == "long" else -92
            curtain = (
                np.clip((half - np.abs(self.x)) / 1.5 + 0.5, 0, 1)
                * np.clip((self.y - bottom + ragged * 2) / 8, 0, 1)
                * (self.y < 30)
            )
            mask = np.maximum(cap, curtain) * (1 - open_face)
            mask *= np.clip((self.y + 40) / 40, 0, 1) * 0.15 + 0.85
        else:
            base = {"tied": 84, "short": 80, "receding": 92}[style] + 12 * identity.hairline
            bend = {"tied": 0.0042, "short": 0.0022, "receding": 0.0012}[style]
            corner = {"tied": 0.0, "short": 0.0, "receding": 16.0}[style]
            line_y = base - bend * self.x**2 + corner * np.exp(-(((np.abs(self.x) - 46) / 16) ** 2))
            temple = np.abs(self.x) > half - 17 + 4 * np.sin(self.y / 9)
            line_y = np.where(temple, np.minimum(line_y, 26), line_y)
            mask = cap * np.clip((self.y - line_y + ragged) / 4 + 0.5, 0, 1)
            mask = np.maximum(mask, cap * temple * np.clip((self.y - 14 + ragged) / 8, 0, 1))
        mask = soften(mask.astype(np.float32), 0.7 * self.unit)
        # Hair throws a little shadow on the forehead.
        shadow = np.clip(soften(mask, 5 * self.unit) - mask, 0, 1) * self.face
        self._darken(shadow, 0.62)
        fine = 1.0 if style in ("long", "bob", "tied") else 1.6
        self._blend(mask, identity.hair * np.clip(self._strands(fine), 0.3, 2)[:, :, None])
