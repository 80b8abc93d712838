"""The first page of a report: best model, accuracy, calibration, comparison with humans, confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files as resources
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation.predictions import PEOPLE, evaluation_protocol
from ferflow.files import write_text
from ferflow.report.names import marks_of, model_label

TABLES = ("results", "calibration", "comparisons", "confusion", "unusable_counts")
"""The tables that the page is made from."""
CONFUSIONS = 3
"""Number of the most frequent confusions that are named."""
CLIPS = {"test": "test clips", "cv": "clips"}
SUBJECTS = {
    "test": " that no training saw",
    "cv": ", each judged by a training without it (as the best of several on the same clips it is a little "
    "too good)",
}
"""What models are evaluated on, by protocol."""


def answers(
    tables_by_name: Mapping[str, pd.DataFrame], confidence: float, failed: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """Questions, each with a short answer and what it rests on: `question`, `answer`, `detail`.

    `tables_by_name`: TABLES by schema. The model is the best in cross-validation, so that the test set has no
    say in it; where there is no test set, the answer says that the best of several is a little too good on
    its own clips. The interval is of `confidence`. `failed` says of models and runs why they are missing.
    """
    results = tables_by_name["results"]
    accuracy = results[(results["metric"] == "accuracy") & results["fold"].isna()]
    accuracy = accuracy[~accuracy["role"].isin(("control", *PEOPLE))]
    cv = accuracy[accuracy["protocol"] == "cv"].set_index("model")["value"].sort_values(ascending=False)
    best = str(cv.index[0])
    protocol = evaluation_protocol(results)
    whole = results[(results["model"] == best) & (results["protocol"] == protocol) & results["fold"].isna()]
    metrics = whole.set_index("metric")
    row, f1 = metrics.loc["accuracy"], metrics.loc["f1", "value"]
    clips, subjects = CLIPS[protocol], SUBJECTS[protocol]
    level = f"{100 * confidence:g} % interval"
    return [
        {
            "question": "Which model?",
            "answer": model_label(best),
            "detail": "best mean in cross-validation: "
            + ", ".join(f"{model_label(str(name))} {_percent(value)}" for name, value in cv.items()),
        },
        {
            "question": "How good?",
            "answer": f"{_percent(row['value'])} of {row['n_clips']} {clips} right",
            "detail": f"{_interval(row['low'], row['high'], level)}, over "
            f"{_counted(row['n_subjects'], 'subject')}{subjects}; chance {_percent(row['chance'])}; "
            f"mean F1 {_percent(f1)}",
        },
        _sure(tables_by_name["calibration"], best, level),
        _humans(tables_by_name["comparisons"], best, level, clips),
        _confused(tables_by_name["confusion"], best, clips),
        *_left_out(tables_by_name["unusable_counts"]),
        *_missing(failed or {}),
    ]


def _missing(failed: Mapping[str, str]) -> list[dict[str, str]]:
    """The models and runs that failed; empty where none did."""
    if not failed:
        return []
    return [
        {
            "question": "What is missing?",
            "answer": ", ".join(map(model_label, failed)),
            "detail": "; ".join(f"{model_label(name)}: {note}" for name, note in failed.items()),
        }
    ]


def _left_out(counts: pd.DataFrame) -> list[dict[str, str]]:
    """The clips that could not be used; empty where all could."""
    everything = counts[counts["of"] == "all"].iloc[0]
    if not everything["left_out"]:
        return []
    classes = counts[(counts["of"] == "class") & (counts["left_out"] > 0)]
    people = int((counts["of"] == "subject").sum())
    named = ", ".join(f"{row.left_out} of {row.clips} {row.name}" for row in classes.itertuples(index=False))
    return [
        {
            "question": "On which clips?",
            "answer": f"{everything['used']} of {everything['clips']}; "
            f"{everything['left_out']} could not be used and are left out",
            "detail": f"{named}; of {_counted(people, 'subject')}. "
            "The table of clips that cannot be used says why",
        }
    ]


def _sure(calibration: pd.DataFrame, model: str, level: str) -> dict[str, str]:
    rows = calibration[
        (calibration["model"] == model) & (calibration["protocol"] == evaluation_protocol(calibration))
    ]
    row = rows.iloc[0]
    gap = row["confidence"] - row["accuracy"]
    side = "too sure" if gap > 0 else "not sure enough"
    return {
        "question": "How sure?",
        "answer": f"{_percent(row['confidence'])} confident on average, {100 * abs(gap):.1f} points {side}",
        "detail": f"expected calibration error {_percent(row['ece'])}, "
        f"{_interval(row['low'], row['high'], level)}",
    }


def _humans(comparisons: pd.DataFrame, model: str, level: str, clips: str) -> dict[str, str]:
    question = {"question": "Against humans?"}
    for row in comparisons.itertuples(index=False):
        pair = {row.first: row.first_accuracy, row.second: row.second_accuracy}
        roles = {row.first: row.first_role, row.second: row.second_role}
        human = next((name for name in pair if roles[name] in PEOPLE), None)
        if human is None or model not in pair:
            continue
        sign = 1 if row.first == model else -1
        low, high = sorted((sign * row.low, sign * row.high))
        return question | {
            "answer": f"{sign * row.difference:+.1f} points beside the {model_label(human)}, "
            f"which names {_percent(pair[human])}",
            "detail": f"{_interval(low, high, level, '{:+.1f} points')}, on the same {row.n_clips} clips; "
            f"sign-flip test over {row.unit}s, corrected for all pairs: p = {row.p_permutation_holm:.3g}",
        }
    return question | {"answer": f"nobody annotated the {clips}", "detail": "`ferflow annotate` asks people"}


def _confused(confusion: pd.DataFrame, model: str, clips: str) -> dict[str, str]:
    rows = confusion[
        (confusion["model"] == model) & (confusion["protocol"] == evaluation_protocol(confusion))
    ]
    wrong = rows[(rows["emotion"] != rows["predicted"]) & (rows["count"] > 0)]
    wrong = wrong.sort_values(["count", "share"], ascending=False, kind="stable")
    named = [
        f"{row.emotion} as {row.predicted} ({_percent(row.share)})"
        for row in wrong.head(CONFUSIONS).itertuples(index=False)
    ]
    return {
        "question": "What does it confuse?",
        "answer": ", ".join(named) or f"nothing on the {clips}",
        "detail": "in brackets: share of the emotion's clips; "
        f"{wrong['count'].sum()} of {rows['count'].sum()} clips are wrong",
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(low: float, high: float, level: str, form: str | None = None) -> str:
    """An interval of shares, or of numbers in `form`; a single subject gives none."""
    if pd.isna(low):
        return f"no {level}"
    ends = [form.format(one) if form else _percent(one) for one in (low, high)]
    return f"{level} {ends[0]} to {ends[1]}"


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def write(
    tables_csv: Sequence[str | Path],
    out: str | Path,
    study: str,
    confidence: float,
    failed: Mapping[str, str] | None = None,
) -> None:
    """Write the page as HTML to `out`; `tables_csv` are TABLES in their order."""
    from jinja2 import Environment, StrictUndefined

    tables_by_name = {name: tables.read(path, name) for name, path in zip(TABLES, tables_csv, strict=True)}
    source = (resources("ferflow") / "resources" / "opening.html.jinja").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    questions = answers(tables_by_name, confidence, failed)
    write_text(out, page.render(study=study, answers=questions, marks=marks_of(tables_by_name["results"])))
