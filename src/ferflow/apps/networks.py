"""The networks that a study trains and how large each is, as a person reads it."""

from __future__ import annotations

from ferflow.settings import Settings, parameters


def lines(settings: Settings) -> list[str]:
    """A line for each network that a study of clips or of images trains: its name and parameters."""
    found = dict(parameters.counted(settings))
    if not found:
        return []
    most = settings.max_parameters
    width = max(len(name) for name in found)
    bound = f"; a larger one than {most:,} is refused" if most is not None else ""
    said = [f"{len(found)} networks and their parameters, the most where a search chooses{bound}:"]
    return said + [f"  {name:{width}} {count:13,}" for name, count in found.items()]
