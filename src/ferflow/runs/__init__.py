"""What happened in runs of the workflow, by the events that Snakemake logs."""
