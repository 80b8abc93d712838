# The study with its settings and files, and what rules take from their steps.
import re
import sys
from pathlib import Path

from ferflow import graph, layout
from ferflow.steps.computing import STEPS
from ferflow.steps.files import each, in_folder
from ferflow.steps.step import Figure, Folder, Page, as_params

GRAPH = graph.Graph(
    Path(workflow.current_basedir).parents[1] / "params.yaml",
    config,
    workflow.overwrite_configfiles,
    workflow.config_settings.overwrite_config,
    workflow.is_main_process,
)
STUDY, S = GRAPH.study, GRAPH.study.settings


def params(step, /, **given):
    """What a step runs and what it sees of the settings, as params; `given` besides."""
    return STEPS[step].params(S, **given)


def resources(step):
    """What the jobs of a step ask for."""
    # A job that has begun need not know it.
    return STEPS[step].resources(GRAPH.costs.asked(step) if workflow.is_main_process else None)


def group_of_shard(step):
    """The group of a step that handles a shard of subjects. Jobs of several are long enough to be alone."""
    return STEPS[step].group if len(STUDY.shards) == len(STUDY.subjects) else None


def shown(step):
    """The outputs of a report's step, with title and caption where the report shows them."""
    return {
        name: [shown_file(one) for one in value] if isinstance(value, list) else shown_file(value)
        for name, value in step.outputs.items()
    }


def shown_file(output):
    path = STUDY.path(output)
    if isinstance(output, Folder):
        return directory(path)
    if not isinstance(output, (Figure, Page)) or not output.title:
        return path
    kind = "figure" if isinstance(output, Figure) else output.kind
    return report(
        path,
        category=output.part,
        labels={"shown": output.title, "kind": kind},
        caption=f"report/{output.caption}.rst",
    )


onstart:
    GRAPH.begin(workflow)


onsuccess:
    GRAPH.end()


onerror:
    GRAPH.end_with_failures(workflow)
