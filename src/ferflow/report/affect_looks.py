"""Colour and marker of each of the eight expressions where they are told apart in one picture."""

from __future__ import annotations

LOOKS = {
    "neutral": ("#7f8c99", "o"),
    "happy": ("#e69f00", "^"),
    "sad": ("#0072b2", "v"),
    "surprise": ("#56b4e9", "D"),
    "fear": ("#cc79a7", "P"),
    "disgust": ("#009e73", "s"),
    "angry": ("#d55e00", "X"),
    "contempt": ("#111111", "*"),
}
"""In the order of AffectNet's codes 0 to 7. Okabe and Ito's colours, which the colour-blind tell apart."""
