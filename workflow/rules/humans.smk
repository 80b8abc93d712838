# What people see in the test clips: annotations, vote counts or, on the embedded data set, simulated annotators.
HUMAN_SOURCE = S.humans.source(S.dataset.name)
HUMANS = at(layout.HUMANS)
HUMAN_PREDICTIONS = [f"{HUMANS}/majority.csv"] if HUMAN_SOURCE else []
HUMAN_TABLES = ["human_summary", "human_clips", "human_mistaken", "human_confusion"]
# Vote counts do not say who said what.
if HUMAN_SOURCE in ("annotations", "simulated"):
    HUMAN_TABLES.append("human_accuracy")
HUMAN_ANSWERS = {
    "annotations": S.humans.annotations,
    "votes": S.humans.votes,
    "simulated": f"{HUMANS}/simulated.csv",
    None: [],
}[HUMAN_SOURCE]

if HUMAN_SOURCE == "simulated":

    rule simulated_annotators:
        input:
            truth=expand(SYNTH_TRUTH, subject=SUBJECTS),
            manifest=at(layout.CLIPS),
            splits=at(layout.SPLITS),
        output:
            HUMAN_ANSWERS,
        params:
            simulated=plain(S.humans.simulated),
            emotions=S.emotions,
            seed=S.seed,
        log:
            "logs/simulated_annotators.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/simulated_annotators.py"


if HUMAN_SOURCE:

    rule humans:
        input:
            answers=HUMAN_ANSWERS,
            all_clips=at(layout.MANIFEST),
            manifest=at(layout.CLIPS),
            splits=at(layout.SPLITS),
        output:
            majority=HUMAN_PREDICTIONS[0],
            annotators=f"{HUMANS}/annotators.csv" if "human_accuracy" in HUMAN_TABLES else [],
            tables=[table(name) for name in HUMAN_TABLES],
        params:
            source=HUMAN_SOURCE,
            mistaken=S.humans.mistaken,
            evaluation=plain(S.evaluation),
            emotions=S.emotions,
            seed=S.seed,
        log:
            "logs/humans.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/humans.py"

    rule figures_of_humans:
        input:
            **{name: table(name) for name in HUMAN_TABLES},
        output:
            boxes=shown_figure("human_boxes", "Human answers that agree with the label", "5 Humans"),
            mistaken=shown_figure("human_mistaken", "What mistaken clips were taken for", "5 Humans"),
            annotators=(
                shown_figure("human_annotators", "Accuracy of the annotators", "5 Humans")
                if "human_accuracy" in HUMAN_TABLES
                else []
            ),
        params:
            mistaken=S.humans.mistaken,
            confidence=S.evaluation.confidence,
        log:
            "logs/figures_of_humans.log",
        resources:
            mem_mb=more(1000),
            runtime=more(5),
        script:
            "../scripts/figures_of_humans.py"

    SHOWN |= {
        "human_summary": ("human_summary", "The human baseline", "5 Humans"),
        "human_clips": ("human_clips", "What the annotators said of each clip", "5 Humans"),
        "human_mistaken": ("human_mistaken", "What mistaken clips were taken for", "5 Humans"),
        "human_confusion": ("confusion", "All answers by the label of the clip", "5 Humans"),
    }
    FIGURES += [figure("human_boxes"), figure("human_mistaken")]
    if "human_accuracy" in HUMAN_TABLES:
        SHOWN["human_accuracy"] = ("human_accuracy", "Accuracy of each annotator", "5 Humans")
        FIGURES.append(figure("human_annotators"))
