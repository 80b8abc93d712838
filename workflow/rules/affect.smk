# Expression with valence and arousal (AffectNet): the images, the networks, what they are worth.


include: "affect_data.smk"
include: "affect_train.smk"
include: "affect_results.smk"
