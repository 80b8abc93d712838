"""A study's results as one archive, and the check of every number in its tables from the predictions."""
