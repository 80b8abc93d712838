"""The folds of the three protocols: who is tested when.

`random` is the paper's (Gong, section 2.1): stratified folds with a fixed seed, which may put a person, a
film or a copy of an image on two sides, and so is leaky. `film` keeps every film, and every exact copy, in
one fold. `spi` is the data set's own Strictly Person Independent protocol: two sets, each tested by what
learnt from the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.datasets import manifest as clip_list
from ferflow.errors import InputError, SplitError
from ferflow.evaluation.predictions import LEAKY_PROTOCOLS
from ferflow.seeds import derive_seed

OUT = -1
"""The fold of an image that is in none."""


def make(manifest: pd.DataFrame, protocol: str, n_folds: int, seed: int) -> np.ndarray:
    """The fold int64 [N] in which each image of a manifest is tested; OUT: neither trained on nor tested.

    `spi` has two folds: in fold 0 set 1 is tested. Where no image has a set, those of a synthetic data set
    are drawn by film (the generator's films have people of their own); a user's own raises SplitError. Raises
    it too where a class has too few images or films for so many folds, and as `check`.
    """
    folds = _sets(manifest, seed) if protocol == "spi" else _drawn(manifest, protocol, n_folds, seed)
    check(manifest, folds, protocol)
    return folds


def _sets(manifest: pd.DataFrame, seed: int) -> np.ndarray:
    parts = manifest["split"]
    if (parts != "").any():
        return parts.map({"1": 0, "2": 1, "": OUT}).to_numpy(np.int64)
    if not manifest["synthetic"].all():
        remedy = (
            "put spi_1.txt and spi_2.txt beside the class folders, or take spi out of sfew.transfer.protocols"
        )
        raise SplitError("protocol spi", "the data set names no Strictly Person Independent sets", remedy)
    return _drawn(manifest, "film", 2, seed)


def _drawn(manifest: pd.DataFrame, protocol: str, n_folds: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    emotions = manifest["emotion"].to_numpy()
    groups = None if protocol == "random" else film_groups(manifest)
    n_films = n_folds if groups is None else len(set(groups))
    refuse_few(manifest["emotion"].value_counts().to_dict(), n_films, protocol, n_folds)
    state = derive_seed(seed, "sfew", protocol) % 2**32
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    splitter = kind(n_folds, shuffle=True, random_state=state)
    folds = np.full(len(manifest), OUT, np.int64)
    for number, (_, test) in enumerate(splitter.split(emotions, emotions, groups)):
        folds[test] = number
    return folds


def refuse_few(images: Mapping[str, int], n_films: int, protocol: str, n_folds: int) -> None:
    """Raise SplitError where a class has fewer images than folds, or there are fewer films.

    `images` counts those of each class.
    """
    fewest = min(images, key=images.__getitem__)
    if images[fewest] < n_folds:
        problem = f"{fewest} has {images[fewest]} images for {n_folds} folds"
        raise SplitError(f"protocol {protocol}", problem, "use fewer folds or more images")
    if protocol != "random" and n_films < n_folds:
        problem = f"{n_films} films are too few for {n_folds} folds"
        raise SplitError(f"protocol {protocol}", problem, "use fewer folds")


def film_groups(manifest: pd.DataFrame) -> np.ndarray:
    """A number int64 [N] for each film; films that share an exact copy of an image are one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    film = pd.factorize(manifest["group_id"])[0]
    copy = pd.factorize(manifest["sha256"])[0] + film.max() + 1
    size = copy.max() + 1
    links = coo_array((np.ones(len(film)), (film, copy)), shape=(size, size))
    return connected_components(links, directed=False)[1][film].astype(np.int64)


def check(manifest: pd.DataFrame, folds: np.ndarray, protocol: str) -> None:
    """Refuse empty folds, and under an honest protocol what stands on two sides.

    That is an exact copy of an image, and a film, except in the publisher's own sets: those answer for
    people, who may meet in one film (`summary` counts it). Raises SplitError.
    """
    where = f"protocol {protocol}"
    inside = manifest[folds != OUT].assign(fold=folds[folds != OUT])
    numbers = sorted(set(inside["fold"]))
    if len(numbers) < 2 or numbers != list(range(len(numbers))):
        raise SplitError(where, "a fold has no image", "use fewer folds, or complete the lists")
    if protocol in LEAKY_PROTOCOLS:
        return
    own_sets = protocol == "spi" and not manifest["synthetic"].any()
    for column, what in (("group_id", "film"), ("sha256", "an exact copy of image")):
        if column == "group_id" and own_sets:
            continue
        sides = inside.groupby(column, sort=True)["fold"].nunique()
        both = sides.index[sides > 1]
        if len(both):
            row = inside[inside[column] == both[0]].iloc[0]
            name = row["group_id" if column == "group_id" else "clip_id"]
            remedy = "keep it on one side; only protocol random repeats the paper's leaky folds"
            raise SplitError(where, f"{what} {name} is both learnt from and judged", remedy)


def summary(manifest: pd.DataFrame, folds: np.ndarray, protocol: str) -> dict[str, object]:
    """What stands on two sides (a row of schema `sfew_protocols`)."""
    inside = manifest[folds != OUT].assign(fold=folds[folds != OUT])
    films = inside.groupby("group_id")["fold"].nunique()
    copies = inside.groupby("sha256")["fold"].transform("nunique")
    return {
        "protocol": protocol,
        "folds": int(inside["fold"].nunique()),
        "images": len(inside),
        "left_out": int((folds == OUT).sum()),
        "films": len(films),
        "films_on_two_sides": int((films > 1).sum()),
        "copies_on_two_sides": int((copies > 1).sum()),
        "leaky": protocol in LEAKY_PROTOCOLS,
        "synthetic": bool(manifest["synthetic"].any()),
    }


def write(manifest_csv: str | Path, protocol: str, n_folds: int, seed: int, out: str | Path) -> None:
    """Write the fold of each image (schema `sfew_sides`); see `make`."""
    manifest = clip_list.read(manifest_csv)
    folds = make(manifest, protocol, n_folds, seed)
    rows = pd.DataFrame({"image_id": manifest["clip_id"], "fold": pd.array(folds, "Int64")})
    rows["fold"] = rows["fold"].mask(folds == OUT)
    tables.write(rows, out, "sfew_sides")


def read(folds_csv: str | Path, manifest: pd.DataFrame, protocol: str) -> np.ndarray:
    """The folds int64 [N] that `write` wrote, checked again.

    Raises InputError where they are those of other images, SplitError as `check`.
    """
    rows = tables.read(folds_csv, "sfew_sides")
    if rows["image_id"].tolist() != manifest["clip_id"].tolist():
        problem = "does not name the images of the manifest in its order"
        raise InputError(folds_csv, problem, "delete it and run the workflow again")
    folds = rows["fold"].fillna(OUT).to_numpy(np.int64)
    check(manifest, folds, protocol)
    return folds
