# So that `snakemake` works here, with the profile that it is given alone; the workflow lies in its standard place.
include: "workflow/Snakefile"


# Snakemake forgets the default target of a file that it includes.
workflow.default_target = "all"
