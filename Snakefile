# So that `snakemake` works here; the workflow lies in its standard place.
include: "workflow/Snakefile"
