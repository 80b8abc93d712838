# Expression with valence and arousal (AffectNet).
