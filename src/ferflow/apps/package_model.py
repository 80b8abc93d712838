"""Package a trained network for single images as the one that comes with ferflow, with its model card.

python -m ferflow.apps.package_model RESULTS_FOLDER [--model compact] [--out FOLDER]

RESULTS_FOLDER is an image study's, e.g. results/compact. From it come the network, its figures and its
learning curve; no figure in the card is typed by hand. Writes compact-fer2013.pt (float16) and
compact-fer2013.md to the package's resources, or to --out, once the written network gives the same
probabilities as the trained one.
"""

from __future__ import annotations

import json
from importlib.resources import files as resources
from pathlib import Path

import numpy as np

from ferflow import layout, tables
from ferflow.apps.models import Single
from ferflow.apps.terminal import arguments, errors_in_one_line, with_interval
from ferflow.errors import InputError, WeightsError
from ferflow.evaluation.copies import PARTS
from ferflow.files import atomic_write, sha256, write_text
from ferflow.weights import SHIPPED

TOLERANCE = 1e-3
"""The greatest difference of a probability after the export."""
LARGEST = 2_000_000
"""Bytes, at most, of the file, which lies in the repository."""
PICTURES = 5
SEED = 0
METRICS = ("accuracy", "f1", "weighted_f1", "auc")
VIEWS = {"one": "one", "mirror": "image and mirror image", "ten": "ten crops"}
COMMAND = "snakemake --configfile workflow/studies/{study}.yaml"


def package_model(results: Path, model: str, out: Path) -> tuple[Path, float]:
    """Export `model` of the study in the folder `results` to `out`; the written file, and the difference.

    Raises WeightsError for a missing network, one of synthetic data, or one too large or changed by float16;
    InputError where its figures are missing.
    """
    from ferflow.models import spatial

    results = results.resolve()
    source = _within(results, layout.SPATIAL, model=model) / "model.pt"
    network, content = spatial.load(source)
    if content["meta"]["synthetic"]:
        raise WeightsError(source, "was trained on synthetic data", "ship a network of real faces")
    if further := content["meta"].get("further"):
        problem = f"was also trained on {', '.join(further)}, whose licences are others"
        raise WeightsError(source, problem, "ship a network of FER2013 alone")
    figures = read_figures(results, model)
    target = out / SHIPPED
    with atomic_write(target) as partial:
        try:
            spatial.save(partial, network, content["classes"], content["meta"], half=True)
        except WeightsError as error:
            raise WeightsError(source, error.problem, "ship another network") from None
        size = partial.stat().st_size
        if size > LARGEST:
            raise WeightsError(source, f"takes {size:,} bytes, more than {LARGEST:,}", "ship a smaller one")
        difference = disagreement(source, partial, generated(PICTURES))
        if not difference <= TOLERANCE:
            raise WeightsError(
                source, f"changes by {difference:.1e} in a probability as float16", "ship another network"
            )
        card = describe(results, model, source, partial, difference, figures)
        write_text(target.with_suffix(".md"), card)
    return target, difference


def disagreement(before: Path, after: Path, pictures: np.ndarray) -> float:
    """The greatest difference in a probability of two files' networks for `pictures` uint8 [N,S,S,3].

    They are run as by `ferflow predict`. NaN where a network outputs one.
    """
    one, other = (Single(path).frames(pictures)[1] for path in (before, after))
    return float(np.abs(one - other).max())


def generated(n: int) -> np.ndarray:
    """`n` smooth random pictures, uint8 [n,160,160,3], always the same: the package must hold no face."""
    import cv2

    rng = np.random.default_rng(SEED)
    coarse = rng.integers(0, 256, (n, 12, 12, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, (160, 160), interpolation=cv2.INTER_CUBIC) for image in coarse])


def read_figures(results: Path, model: str) -> dict:
    """The study's metrics.json; InputError where it has nothing of `model`."""
    path = _within(results, layout.METRICS)
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        views = metrics["models"].get(model, {})
        _ = metrics["confidence"], [parts.items() for parts in views.values()]  # they must be there
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(path, f"cannot be read ({error})", "run the study's evaluation again") from None
    if not views:
        raise InputError(path, f"has no figures of {model}", "run the study to its end")
    return metrics


def rows_of(figures: dict, model: str) -> list[dict]:
    """The card's table: parts in the order of use, and in each the views."""
    titles = PARTS | {"honest": f"{PARTS['test']} without copies of training images"}
    rows = []
    for protocol, title in titles.items():
        for views, shown in VIEWS.items():
            place = figures["models"][model].get(views, {}).get(protocol)
            if place is not None:
                numbers = {metric: with_interval(place.get(metric)) for metric in METRICS}
                rows.append({"part": title, "views": shown, "images": place["n_clips"]} | numbers)
    return rows


def describe(
    results: Path, model: str, source: Path, exported: Path, difference: float, figures: dict
) -> str:
    """The model card, Markdown, of the network in `source`, which ships as the file `exported`."""
    from jinja2 import Environment, StrictUndefined

    from ferflow.models import spatial
    from ferflow.models.network import count

    network, content = spatial.load(exported)
    meta = content["meta"]
    text = (resources("ferflow") / "resources" / "model_card.md.jinja").read_text(encoding="utf-8")
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(text)
    try:
        return template.render(
            name=Path(SHIPPED).stem,
            classes=content["classes"],
            network=network.name,
            parameters=count(network),
            channels=network.channels,
            size=network.input_size,
            bytes=exported.stat().st_size,
            sha256=sha256(exported),
            source=_shown(source, results),
            source_sha256=sha256(source),
            pictures=PICTURES,
            difference=difference,
            images=meta["images"],
            protocol=meta["protocol"],
            command=COMMAND.format(study=results.name),
            seed=meta["seed"],
            recipes=_recipes(meta),
            epochs=len(tables.read(source.with_name("history.csv"), "history")),
            folder=_shown(results, results),
            metrics=_shown(_within(results, layout.METRICS), results),
            confidence=figures["confidence"],
            figures=rows_of(figures, model),
            **_by_class(results, model),
            speed=_speed(),
        )
    except KeyError as error:
        raise WeightsError(source, f"does not say its {error}", "train it again") from None


def _recipes(meta: dict) -> list[str]:
    """The settings of the runs that made a network, YAML, the first of them first."""
    import yaml

    recipes = []
    while meta is not None:
        recipes.insert(0, yaml.safe_dump(meta["settings"], sort_keys=False, allow_unicode=True))
        meta = (meta.get("start") or {}).get("meta")
    return recipes


def _by_class(results: Path, model: str) -> dict:
    """Precision, recall and F1 of each class in one view on the final part."""
    table = tables.read(_within(results, layout.TABLES) / "class_report.csv", "class_report")
    rows_of_model = (table["model"] == model) & (table["view"] == "one") & (table["protocol"] == "test")
    rows = [
        {"emotion": row.emotion, "support": row.support}
        | {name: f"{100 * getattr(row, name):.1f}" for name in ("precision", "recall", "f1")}
        for row in table[rows_of_model].itertuples()
    ]
    return {"classes_table": rows, "classes_part": f"{PARTS['test']}, one view"}


def _speed() -> list[dict]:
    """What `python -m ferflow.apps.benchmark --out` has written in this folder, if anything."""
    path = Path(layout.SPEED)
    return tables.read(path, "speed").to_dict("records") if path.exists() else []


def _within(results: Path, pattern: str, **names: str) -> Path:
    """A path of the layout in the study's own folder, wherever that lies."""
    return results / Path(pattern.format(study="_", **names)).relative_to(layout.RESULTS.format(study="_"))


def _shown(path: Path, results: Path) -> str:
    """A path as in the repository, wherever the study's folder lies."""
    return (Path(layout.RESULTS.format(study=results.name)) / path.relative_to(results)).as_posix()


def main() -> None:
    """Export and print where to."""
    parser = arguments("ferflow.apps.package_model", __doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--out", type=Path, default=Path(str(resources("ferflow"))) / "resources")
    options = parser.parse_args()
    with errors_in_one_line("package_model"):
        target, difference = package_model(options.results, options.model, options.out)
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB; probabilities differ by at most {difference:.1e}")
    print(target.with_suffix(".md"))


if __name__ == "__main__":
    main()
