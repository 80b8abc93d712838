"""Box plots of the human answers, what mistaken clips were taken for, and the annotators' accuracy."""

from common import job

with job(snakemake):
    from ferflow.report import humans

    p, given, out = snakemake.params, snakemake.input, snakemake.output
    accuracy = given.get("human_accuracy")
    humans.write_boxes(given.human_clips, accuracy, given.human_summary, out.boxes, p.confidence)
    humans.write_mistaken(given.human_mistaken, out.mistaken, p.mistaken)
    if accuracy is not None:
        humans.write_annotators(accuracy, given.human_summary, out.annotators, p.confidence)
