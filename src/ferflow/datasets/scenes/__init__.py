"""The embedded synthetic scenes: whole pictures with rendered faces in them, in the layout of SFEW."""

from ferflow.datasets.scenes.draw import Face, Scene, draw_film, draw_scene
from ferflow.datasets.scenes.write import FOLDERS, TRUTH, write_scenes

__all__ = ["FOLDERS", "TRUTH", "Face", "Scene", "draw_film", "draw_scene", "write_scenes"]
