# Expression with valence and arousal (AffectNet).


include: "affect_data.smk"
