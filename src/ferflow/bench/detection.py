"""How many faces of newly rendered scenes each detector finds, and how many of its boxes have no face.

python -m ferflow.bench.detection --per-class 20 [--folder DIR] [--seed N] [params.yaml [STUDY.yaml ...]]

A box and a face belong together where their intersection is at least 0.4 of their union: a detector's box
and the generator's (hairline to chin, ear to ear) differ by definition. Each face takes at most one box, the
pairs of greatest overlap first. Found: the share of the faces over 40 pixels wide that have a box. False: the
share of all boxes, whatever their size, that have no face.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import layout, settings, tables, weights
from ferflow.apps.terminal import arguments, errors_in_one_line
from ferflow.faces.boxes import overlap
from ferflow.faces.video import read_image

OVERLAP = 0.4
OVER = 40.0
"""Width, in pixels, over which a face must be found."""
NEEDED = ["au_to_mesh.npz", "face_tessellation.json", "mtcnn-pnet.pt", "mtcnn-rnet.pt", "mtcnn-onet.pt"]
BOX = ["x", "y", "width", "height"]


@dataclass(frozen=True)
class Counts:
    """`faces` are those over 40 pixels, `found` how many of them have a box; `boxes`, `wrong` of any."""

    detector: str
    scenes: int
    faces: int
    found: int
    boxes: int
    wrong: int
    milliseconds: float

    def __str__(self) -> str:
        share = self.found / self.faces if self.faces else float("nan")
        false = self.wrong / self.boxes if self.boxes else 0.0
        found = f"{self.found} of {self.faces} faces over {OVER:.0f} px found ({100 * share:.1f} %)"
        return (
            f"{self.detector}: {found}; {self.wrong} of {self.boxes} boxes false ({100 * false:.2f} %); "
            f"{self.milliseconds:.0f} ms of one core a scene ({self.scenes} scenes)"
        )


def matched(boxes: np.ndarray, faces: np.ndarray, least: float = OVERLAP) -> tuple[np.ndarray, np.ndarray]:
    """Which boxes [n,4] and which faces [m,4] (x, y, width, height) have a partner: bool [n], bool [m]."""
    with_face, with_box = np.zeros(len(boxes), bool), np.zeros(len(faces), bool)
    pairs = [(overlap(box, face), i, j) for i, box in enumerate(boxes) for j, face in enumerate(faces)]
    for shared, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if shared >= least and not with_face[i] and not with_box[j]:
            with_face[i] = with_box[j] = True
    return with_face, with_box


def run(root: str | Path, name: str, chosen: settings.SfewSettings, weights_folder: str | Path) -> Counts:
    """Evaluate detector `name` (mtcnn or haar) on the scenes below `root` that `write_scenes` made."""
    from ferflow.datasets.scenes import TRUTH
    from ferflow.sfew.crops import detector, find

    finder = detector(name, chosen.sfew.crops, weights_folder)
    truth = tables.read(Path(root) / TRUTH, "scene_truth")
    faces = found = boxes = wrong = 0
    seconds = 0.0
    scenes = list(truth.groupby("image", sort=True))
    for image, rows in scenes:
        picture = read_image(Path(root) / image)
        begin = time.process_time()
        detections, _ = find(finder, picture)
        seconds += time.process_time() - begin
        there = rows[rows["faces"] > 0]
        with_face, with_box = matched(detections.boxes, there[BOX].to_numpy(float))
        large = (there["width"] > OVER).to_numpy()
        faces += int(large.sum())
        found += int(with_box[large].sum())
        boxes += len(detections)
        wrong += int((~with_face).sum())
    return Counts(name, len(scenes), faces, found, boxes, wrong, 1000 * seconds / max(1, len(scenes)))


def by_size(truth: pd.DataFrame) -> str:
    """The content of the scenes, in a line."""
    there = truth[truth["faces"] > 0]
    hidden, turned = (there["hidden"] > 0).sum(), (there["yaw"].abs() > 20).sum()
    return (
        f"{truth['image'].nunique()} scenes, {int((truth['faces'] == 0).sum())} without a face; "
        f"{len(there)} faces of {there['width'].min():.0f} to {there['width'].max():.0f} px, "
        f"{int((there['width'] > OVER).sum())} over {OVER:.0f} px; {hidden} partly hidden, "
        f"{turned} turned by more than 20°"
    )


def main() -> None:
    """Measure and print."""
    parser = arguments("ferflow.bench.detection", __doc__)
    parser.add_argument("settings", nargs="*", default=["params.yaml"], help="params.yaml and study files")
    parser.add_argument("--per-class", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20260, help="of the scenes; another than the study's")
    parser.add_argument("--folder", type=Path, help="where the scenes are kept (default: nowhere)")
    parser.add_argument("--weights-folder", default=layout.WEIGHTS)
    options = parser.parse_args()
    with errors_in_one_line():
        import torch

        from ferflow.datasets.scenes import TRUTH, write_scenes

        torch.set_num_threads(1)
        chosen = settings.load(*options.settings, more={"kind": "sfew"})
        weights.fetch_many(NEEDED, options.weights_folder)
        scenes = chosen.sfew.scenes.model_copy(update={"per_class": options.per_class})
        with tempfile.TemporaryDirectory(prefix="ferflow-bench-") as temporary:
            root = (options.folder or Path(temporary)) / f"scenes-{options.seed}-{options.per_class}"
            if not (root / TRUTH).exists():
                write_scenes(root, options.weights_folder, scenes, chosen.synth4d, options.seed)
            print(f"synthetic, seed {options.seed}: {by_size(tables.read(root / TRUTH, 'scene_truth'))}")
            print(f"a box and a face belong together from an intersection over union of {OVERLAP} on")
            for name in ("mtcnn", "haar"):
                print(run(root, name, chosen, options.weights_folder), flush=True)


if __name__ == "__main__":
    main()
