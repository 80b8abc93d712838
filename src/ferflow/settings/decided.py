"""What `auto` means for landmarks and action units, which hangs on the files that are there."""

from __future__ import annotations

from pathlib import Path

from ferflow.settings.study import ClipSettings

BUNDLE = "face_landmarker.task"
"""MediaPipe's bundle of face networks, which comes with no package."""


def landmark_network(name: str, weights_folder: str | Path) -> str:
    """`wheel` or `bundle`: what `faces.landmarks` means; `auto` is the bundle where its file is there."""
    if name != "auto":
        return name
    return "bundle" if (Path(weights_folder) / BUNDLE).is_file() else "wheel"


def au_backend(backend: str, network: str) -> str:
    """The backend that `aus.backend` means on landmarks of `network`: `auto` is the best that they allow."""
    if backend != "auto":
        return backend
    return "blendshapes" if network == "bundle" else "landmark"


def resolved(settings: ClipSettings, weights_folder: str | Path) -> tuple[ClipSettings, str]:
    """`settings` with `auto` replaced in `faces.landmarks` and `aus.backend`, and a line on what that gave.

    The one place where both are decided: everything that is written names the network and the backend that
    were used. The line is "" where nothing was left to decide.
    """
    faces, aus = settings.faces, settings.aus
    wanted = "bundle" if "blendshapes" in (aus.backend, *aus.compared) else faces.landmarks
    network = landmark_network(wanted if faces.landmarks == "auto" else faces.landmarks, weights_folder)
    backend = au_backend(aus.backend, network)
    new = settings.model_copy(
        update={
            "faces": faces.model_copy(update={"landmarks": network}),
            "aus": aus.model_copy(update={"backend": backend}),
        }
    )
    if "auto" not in (faces.landmarks, aus.backend):
        return new, ""
    line = f"landmarks by the network of the {network}, action units by the backend {backend}"
    if faces.landmarks == "auto" and network == "wheel":
        line += f" ({BUNDLE}, with which both see more, is not in {weights_folder})"
    return new, line
