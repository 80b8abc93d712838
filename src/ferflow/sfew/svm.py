"""Hand-made features of face crops, and a support vector machine on them (Gong, Table 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets import manifest as clip_list
from ferflow.errors import InputError
from ferflow.evaluation import predictions
from ferflow.handmade import lpq, phog
from ferflow.settings.sfew import HandMade, HandMadeFeature, Svm
from ferflow.sfew import folds as fold_files
from ferflow.sfew import store


def grey(image: np.ndarray, size: int) -> np.ndarray:
    """A crop uint8 [H,W,3] (RGB) as grey levels uint8 [size,size]."""
    import cv2

    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def features(images: Iterable[np.ndarray], kind: HandMadeFeature, settings: HandMade) -> np.ndarray:
    """The features `kind` of RGB crops uint8 [224,224,3], float64 [N,F]."""
    rows = [_feature(grey(image, settings.size), kind, settings) for image in images]
    return np.stack(rows)


def _feature(image: np.ndarray, kind: HandMadeFeature, settings: HandMade) -> np.ndarray:
    if kind == "lpq":
        return lpq.features(image, **dict(settings.lpq))
    return phog.features(image, **dict(settings.phog))


def predicted(
    values: np.ndarray, labels: np.ndarray, folds: np.ndarray, settings: Svm, seed: int
) -> np.ndarray:
    """The class [N] that each row of `values` [N,F] gets from a machine trained on the other folds.

    `labels` are int [N], `folds` int [N]; rows of OUT are on no side and get -1. C and gamma are chosen
    by stratified cross-validation inside each training side. Raises ValueError where a training side has one
    class alone.
    """
    chosen = np.full(len(labels), -1)
    for fold in np.unique(folds[folds != fold_files.OUT]):
        test = folds == fold
        training = ~test & (folds != fold_files.OUT)
        if len(np.unique(labels[training])) < 2:
            raise ValueError(f"the training side of fold {fold} has fewer than two classes")
        model = _machine(labels[training], settings, seed)
        chosen[test] = model.fit(values[training], labels[training]).predict(values[test])
    return chosen


def _machine(labels: np.ndarray, settings: Svm, seed: int):
    """An estimator with fit and predict: standardising, components, machine, and the choice of its values."""
    from sklearn.decomposition import PCA
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    steps = [StandardScaler()]
    if settings.variance is not None:
        steps.append(PCA(settings.variance, svd_solver="full"))
    grid = {"svc__C": settings.c}
    if settings.kernel == "rbf":
        grid["svc__gamma"] = settings.gamma
    pipeline = make_pipeline(*steps, SVC(kernel=settings.kernel))
    # A class of one or two images cannot stand in more folds than that.
    rarest = int(np.bincount(labels)[np.unique(labels)].min())
    if rarest < 2 or all(len(choice) == 1 for choice in grid.values()):
        return pipeline.set_params(**{name: choice[0] for name, choice in grid.items()})
    inner = StratifiedKFold(min(settings.inner_folds, rarest), shuffle=True, random_state=seed)
    return GridSearchCV(pipeline, grid, cv=inner)


def write_predictions(
    crops_h5: str | Path,
    manifest_csv: str | Path,
    folds_csvs: Sequence[str | Path],
    settings: HandMade,
    seed: int,
    out_predictions: Sequence[str | Path],
) -> None:
    """Predict every crop by every hand-made model under every protocol.

    `folds_csvs` (schema `sfew_sides`) are those of the protocols. `out_predictions` (schema `predictions`,
    without probabilities, which a machine of this kind does not give) are those of all models under the first
    protocol, then under the next.

    Raises InputError where the crops or the folds are not of the manifest's images.
    """
    manifest = clip_list.read(manifest_csv)
    with store.read(crops_h5) as (ids, images):
        store.refuse_others(crops_h5, ids, manifest["clip_id"])
        kinds = {kind for parts in settings.trained().values() for kind in parts}
        values = {kind: features((image for image in images), kind, settings) for kind in sorted(kinds)}
    labels = manifest["emotion"].map(EMOTIONS_NEUTRAL.index).to_numpy()
    clips = manifest.assign(subject_id=clip_list.resampling_units(manifest))
    outputs = iter(out_predictions)
    for protocol, folds_csv in zip(settings.protocols, folds_csvs, strict=True):
        folds = fold_files.read(folds_csv, manifest, protocol)
        for model, parts in settings.trained().items():
            together = np.hstack([values[kind] for kind in parts])
            try:
                classes = predicted(together, labels, folds, settings.svm, seed)
            except ValueError as error:
                raise InputError(folds_csv, str(error), "give more images of every class") from None
            certain = np.eye(len(EMOTIONS_NEUTRAL))[classes]
            rows = predictions.table(clips, certain, EMOTIONS_NEUTRAL, model, protocol, None, seed)
            rows[[f"p_{emotion}" for emotion in EMOTIONS_NEUTRAL]] = np.nan
            rows = rows.assign(fold=folds)[folds != fold_files.OUT]
            tables.write(rows, next(outputs), "predictions")
