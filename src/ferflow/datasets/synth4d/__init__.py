"""The embedded synthetic data set: clips structured as BU-4DFE, stills in FER2013's format."""

from ferflow.datasets.synth4d.clips import subjects, write_subject
from ferflow.datasets.synth4d.stills import write_stills

__all__ = ["subjects", "write_stills", "write_subject"]
