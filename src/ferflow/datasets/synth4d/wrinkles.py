"""Folds that action units press into the skin, as soft dark lines on the portrait."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ferflow.datasets.synth4d import facemodel
from ferflow.datasets.synth4d.geometry import Geometry
from ferflow.datasets.synth4d.portrait import curve, line

DEPTH = np.array((0.34, 0.40, 0.42), np.float32)
"""How much of the light (red, green, blue) a full fold takes away."""


@dataclass(frozen=True)
class Fold:
    """`shade` float32 [h, w, 3] (BGR) per strength, at `rows`, `columns`; `weights` [A] give the strength."""

    rows: slice
    columns: slice
    shade: np.ndarray
    weights: np.ndarray


def folds(geometry: Geometry, names: tuple[str, ...], age: float) -> list[Fold]:
    """The folds of one person, older ones deeper."""
    unit = geometry.unit
    rest = geometry.rest

    def path(points: list[tuple[float, float]]) -> np.ndarray:
        """A curve through points given in model units from the root of the nose (point 168), y up."""
        origin = rest[168, :2]
        array = np.asarray(points, np.float32) * (unit, -unit) + origin
        return (facemodel.spline(len(array), 8 * len(array)) @ array).astype(np.float32)

    def corner_fold(number: int, outwards: int) -> np.ndarray:
        """A short line from a corner of the mouth, down and outwards."""
        steps = np.array([(1, -1), (4, -4), (6.5, -9), (7.5, -14)], np.float32)
        return rest[number, :2] + facemodel.spline(4, 24) @ steps * (outwards * unit, -unit)

    both = [(-1, "left"), (1, "right")]
    drawn: list[tuple[list[np.ndarray], float, float, dict[int, float]]] = [
        # Curves, width and blur in model units, and how far each action unit presses the fold in.
        ([curve(geometry, facemodel.NASOLABIAL[side]) for _, side in both], 2.0, 1.6,
         {6: 0.5, 12: 0.8, 10: 0.7, 9: 0.6, 11: 0.4, 20: 0.3}),
        ([path([(s * 6, 2), (s * 5.5, 10), (s * 7, 19)]) for s in (-1, 1)], 1.4, 1.0, {4: 1.2}),
        ([path([(-4, 0), (0, 1.0), (4, 0)])], 1.2, 1.0, {4: 0.5, 9: 0.9}),
        ([path([(s * 9, -8), (s * 5, -4), (s * 2, -1)]) for s in (-1, 1)], 1.2, 0.9, {9: 1.2}),
        ([path([(s * 10, -16), (s * 5, -12), (s * 1, -10)]) for s in (-1, 1)], 1.2, 0.9, {9: 1.0}),
        ([path([(-38, h), (-18, h + 3), (0, h + 1), (18, h + 3), (38, h)]) for h in (33, 41, 49)],
         1.3, 1.3, {1: 0.6, 2: 0.6}),
        ([path([(-16, h), (0, h - 2.5), (16, h)]) for h in (30, 37)], 1.3, 1.2, {1: 0.7, 4: 0.2}),
        ([path([(s * 66, h), (s * 72, h * 1.5 + 1), (s * 78, h * 2.0 + 2)])
          for s in (-1, 1) for h in (-16, -11, -6)], 1.1, 0.8, {6: 0.9, 7: 0.3}),
        ([curve(geometry, facemodel.EYE_BAG[side]) for _, side in both], 1.6, 1.2, {6: 0.7, 7: 0.6, 9: 0.3}),
        ([corner_fold(number, s) for number, s in ((61, -1), (291, 1))], 1.8, 1.6, {15: 0.8, 17: 0.2}),
        ([curve(geometry, (182, 200, 406)) - (0, 2 * unit)], 2.2, 1.8, {17: 1.0, 15: 0.3}),
        ([curve(geometry, side) for side in ((57, 186, 92), (287, 410, 322))], 1.2, 1.2, {14: 1.0, 12: 0.4}),
    ]  # fmt: skip
    made = []
    for paths, width, blur, units in drawn:
        for points in paths:
            mask = line((geometry.height, geometry.width), points, width * unit, blur * unit)
            mask /= max(float(mask.max()), 1e-3)
            # A ridge of light runs beside the fold.
            down = np.float32([[1, 0, 0], [0, 1, 2.2 * unit]])
            mask = mask - 0.20 * cv2.warpAffine(mask, down, mask.shape[::-1])
            seen = np.abs(mask) > 0.01
            rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
            if not len(rows):
                continue
            place = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
            weights = np.zeros(len(names), np.float32)
            for number, weight in units.items():
                weights[names.index(f"AU{number:02d}")] = weight * (0.75 + 0.5 * age)
            made.append(Fold(*place, mask[place][:, :, None] * DEPTH[::-1], weights))
    return made
