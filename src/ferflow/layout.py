"""Where every file lies: the one place for path patterns, relative to the working folder.

`{dataset}`, `{study}`, `{subject}` and the like are filled in by the workflow (as wildcards) or `str.format`.
"""

from __future__ import annotations

WEIGHTS = "data/weights"

MANIFEST = "data/interim/{dataset}/manifest.csv"
FACES = "data/interim/{dataset}/faces/{subject}.h5"
AUS = "data/interim/{dataset}/aus/{backend}/{subject}.csv"
FEATURES = "data/features/{study}/{extractor}/{layer}/{augmentation}/{subject}.h5"
EXPORT = "data/features/{study}/{extractor}/{layer}/export"
"""Folder of `fold-<i>-features-<n>.h5`."""

RESULTS = "results/{study}"
TRIM = RESULTS + "/trim.csv"
SPLITS = RESULTS + "/splits.json"
SPATIAL = RESULTS + "/models/{model}/spatial"
"""Folder of a network for single images: `model.pt`, `history.csv`, `predictions.csv`."""
RUN = "runs/{study}/{model}"
"""Folder of a training's checkpoints and logs. No output of the workflow, which deletes outputs before it makes
them again: a training that was interrupted goes on from here."""
VIEWS = RESULTS + "/models/{model}/views"
"""Folder of what a network says of the test images: `predictions.csv` in every view, `copies.csv`."""
ENSEMBLE = RESULTS + "/ensembles/{ensemble}"
"""Folder of an average of networks: the same two tables."""
FROZEN = "data/features/{study}/{model}/frozen.h5"
"""What a frozen base says of the stills, for the search of a classifier."""
CLASSIFIER = RESULTS + "/models/{model}/classifier"
"""Folder of the best classifier on the frozen base: `model.pt`, `history.csv`."""
SWEEP = RESULTS + "/sweep/runs/{run}"
"""Folder of one run of the sweep: `model.pt`, `history.csv`, `predictions.csv`."""
SWEEP_BEST = RESULTS + "/sweep/best-{stage}.json"
"""What the stage after `stage` goes on with."""
FOLD = RESULTS + "/models/heads/{extractor}+{head}/fold-{fold}"
"""Folder of one fold: `history.csv`, `predictions.csv`, `early.json`, `early.csv`."""
FINAL = RESULTS + "/models/heads/{extractor}+{head}/final"
"""Folder of the final model: `model.pt`, `history.csv`, `predictions.csv`."""
CONTROLS = RESULTS + "/controls"
PREDICTIONS = RESULTS + "/predictions.csv"
METRICS = RESULTS + "/metrics.json"
TABLES = RESULTS + "/tables"
FIGURES = RESULTS + "/figures"
REPORT = RESULTS + "/report.html"
SPEED = "benchmarks/speed.csv"
"""Frames a second from a video to probabilities, if somebody has measured them (schema `speed`)."""
