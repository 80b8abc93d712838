"""The class lists, in the one order used everywhere."""

from __future__ import annotations

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise")
"""The six basic emotions, order of the thesis's one-hot labels (section 3.2.4)."""

EMOTIONS_NEUTRAL = (*EMOTIONS, "neutral")
"""FER2013's seven classes; neutral has index 6."""

EMOTIONS_CONTEMPT = (*EMOTIONS_NEUTRAL, "contempt")
"""The eight classes of FER+, CK+ and AffectNet; the first seven keep their index."""

SPELLINGS = {
    "anger": "angry",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}
"""Other words for the classes in copies of the data sets, lower case."""

SEXES = ("female", "male")

AU_COLUMNS = tuple(
    f"AU{number:02d}_r" for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
)
"""OpenFace's intensity columns (0–5). It has no intensity for AU28."""

AU_SCORE_COLUMNS = tuple(column for column in AU_COLUMNS if column != "AU45_r")
"""What the AU score averages: all intensities but the blink's (thesis, section 3.2.1)."""
