"""The figures of speed that the project promises, measured by one command: python -m ferflow.bench."""
