"""The script of every rule: it runs the rule's step."""

from ferflow.steps import run

run.execute(snakemake)
