"""Results by a column of the manifest (`evaluation.by`: sex, age, light), of studies of every kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ferflow import tables
from ferflow.parts import PREDICTIONS, RESULTS
from ferflow.settings import Evaluation
from ferflow.steps.files import StudyFiles
from ferflow.steps.step import ReportStep, Table


def steps(study: StudyFiles) -> Iterator[ReportStep]:
    if study.by and study.all_predictions():
        yield ReportStep(
            name="results_by_column",
            call=f"{__name__}:write",
            sees=("evaluation", "protocol", "seed"),
            given={"emotions": list(study.classes), "by": study.by},
            inputs={"predictions_csvs": study.all_predictions(), "manifest_csv": study.manifest},
            outputs={"out": Table("results_by", "Results by group", RESULTS)},
            rests_on=PREDICTIONS,
        )


def write(
    predictions_csvs: Sequence[str],
    manifest_csv: str,
    evaluation: Evaluation,
    emotions: Sequence[str],
    protocol: str,
    seed: int,
    by: Sequence[str],
    out: str,
) -> None:
    """Write schema `results_by`: accuracy of each model in each group of samples, with bootstrap intervals.

    Raises SettingError where the manifest lacks a column of `by` (`groups.used`).
    """
    from ferflow.evaluation import groups, predictions
    from ferflow.evaluation.detail import chosen

    # The predictions were held against the manifest when they were collected; those of the data-centric
    # study name photographs in place of people.
    frame = chosen(predictions.read(predictions_csvs, emotions, study=protocol))
    samples = tables.read(manifest_csv, "manifest")
    # Images that resampling has made are in no manifest.
    frame = frame[frame["clip_id"].isin(samples["clip_id"])].reset_index(drop=True)
    frame["synthetic"] = frame["clip_id"].map(samples.set_index("clip_id")["synthetic"]).to_numpy(bool)
    columns = groups.used(samples.to_dict("list"), by)
    table = groups.results_by(frame, samples, columns, emotions, evaluation, seed)
    tables.write(table, out, "results_by")
