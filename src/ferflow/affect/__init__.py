"""Expression together with valence and arousal (AffectNet; Akhtar 2022)."""
