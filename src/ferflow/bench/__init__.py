"""Measurements of speed, all by one command: python -m ferflow.bench."""
