"""Tables of faces: trackers, crops, action units, and the frames that trimming keeps."""

from __future__ import annotations

from ferflow.classes import AU_COLUMNS
from ferflow.schemas.columns import choice, count, flag, percent, real, share, table, text, whole
from ferflow.schemas.shared import (
    CLIP_ID,
    CORRELATION,
    EMOTION,
    EMOTION_OR_ALL,
    IMAGE_ID,
    LABEL,
    N_CLIPS,
    N_FRAMES,
    NOTE,
    SYNTHETIC,
    box,
)

AU_BACKENDS = ("landmark", "blendshapes", "pyfeat", "openface", "truth")

trackers = table(
    "One tracker on one clip: frames in which it gave up, frames in which it reported a face where there "
    "is none, its drift (1 - intersection over union with the box that the landmarks give) on average and "
    "at the end, and its time.",
    choice("tracker", ("medianflow", "kcf", "csrt")),
    (CLIP_ID, N_FRAMES),
    (count("failures"), count("false_successes")),
    (share("drift_mean", empty=True), share("drift_end", empty=True)),
    real("ms_per_frame", low=0),
)

tracker_summary = table(
    "Trackers over all clips compared: frames in which they gave up or reported a face where there is "
    "none, drift (1 - overlap with the box from landmarks) and time (compare thesis, section 3.2.1).",
    (text("tracker"), N_CLIPS.but(low=1), N_FRAMES, count("failures", "frames given up")),
    count("false_successes"),
    share("drift_mean", "mean drift (median over clips)", format=".3f", empty=True),
    share("drift_end", "drift at the end (median over clips)", format=".3f", empty=True),
    real("ms_per_frame", "time (ms per frame)", low=0, format=".2f"),
    (SYNTHETIC, NOTE),
)

manual_boxes = table(
    "Boxes of faces that no detector finds, in pixels of the scene: the user's own list.",
    IMAGE_ID,
    (real("x"), real("y"), real("width"), real("height")),
)

crops = table(
    "The face of each scene that counts: by what it was found, where, and what is wrong with its crop.",
    IMAGE_ID,
    choice(
        "found_by",
        ("mtcnn", "haar", "blazeface", "manual", "none"),
        about="manual: listed in sfew.crops.manual_boxes; none: the whole scene stands for the crop.",
    ),
    share("confidence", format=".4f", empty=True, about="The detector's; empty where it gives none."),
    box(format="g", empty=True, about="Pixels of the scene; empty where no face was found."),
    count("faces", about="Faces that the detector found in the scene."),
    real(
        "blur",
        low=0,
        format=".1f",
        empty=True,
        about="Variance of the Laplacian of the crop of 224×224; small where it is blurred.",
    ),
    real(
        "yaw_proxy",
        "yaw",
        format=".2f",
        empty=True,
        about="The nose's distance from the middle of the eyes, in their distances; positive to the viewer's "
        "right.",
    ),
    real("roll_degrees", "roll (°)", format=".1f", empty=True, about="Angle of the eyes' line, clockwise."),
    text("flags", pattern=r"((blur|small|pose|confidence)(\|(blur|small|pose|confidence))*)?"),
    SYNTHETIC,
)

crop_quality = table(
    "Face crops of each class: by what they were found, and how many are flagged for what.",
    (EMOTION_OR_ALL.but(title="class"), count("images")),
    (count("mtcnn", "by MTCNN"), count("haar", "by Haar"), count("blazeface", "by BlazeFace")),
    count("manual", "by hand"),
    count("none", "no face", about="The whole scene stands for the crop."),
    count("several", "several faces", about="Scenes in which the detector found more than one."),
    count("blur", "blurred", about="Flagged; limits are the settings sfew.crops.limits."),
    (count("small"), count("pose", "turned"), count("confidence", "unsure")),
    count("good", "unflagged", about="A face was found and nothing is flagged."),
    SYNTHETIC,
)

aus = table(
    "Action-unit intensities (0-5) per frame, in OpenFace's column names.",
    CLIP_ID,
    (count("frame"), share("confidence"), count("success", high=1)),
    tuple(real(unit, low=0, high=5, empty=True) for unit in AU_COLUMNS),
)

au_agreement = table(
    "How far measured action units and trimming agree with what the generator of synthetic clips knows, a "
    "row per clip: correlation of the AU scores and the slope of the measured on the true one (1: as high "
    "as it is). Errors are frames, found minus true; empty where the clip was not trimmed.",
    (CLIP_ID, LABEL, CORRELATION),
    real("slope", empty=True),
    (whole("begin_error", empty=True), whole("end_error", empty=True)),
    flag("anomaly"),
)

au_agreement_summary = table(
    "Medians of the agreement with the truth per emotion and over all clips (emotion `all`); the errors "
    "are medians of absolute frames.",
    (EMOTION_OR_ALL, count("clips"), count("anomalies"), CORRELATION),
    real("slope", empty=True),
    (real("begin_error", low=0, empty=True), real("end_error", low=0, empty=True)),
)

au_backends = table(
    "How far two backends for action units agree on the same clips, a row per pair and action unit (and "
    "for the AU score), over the clips in which both see it: medians of the correlation and of the "
    "distances between onsets (first frame at half of the maximum) and apexes, frames.",
    (choice("first", AU_BACKENDS), choice("second", AU_BACKENDS)),
    (text("unit", pattern="score|AU[0-9]{2}"), count("clips"), CORRELATION),
    (real("onset", low=0, empty=True), real("apex", low=0, empty=True)),
)

trim = table(
    "Frames begin:end of each clip are kept.",
    (CLIP_ID, N_FRAMES),
    (count("begin"), count("end", low=1)),
    (real("max_score", low=0, high=5), flag("anomaly"), text("reason"), flag("overridden")),
)

trim_overrides = table(
    "Frames begin:end that a person chose for a clip.", CLIP_ID, (count("begin"), count("end", low=1))
)

anomalies = table(
    "Clips that the trimming algorithm did not handle, and why.",
    (CLIP_ID, EMOTION, N_FRAMES),
    (count("begin", "kept from"), count("end", "kept to", low=1)),
    real("max_score", "greatest AU score", low=0, high=5, format=".2f"),
    (text("reason"), flag("overridden", "chosen by hand")),
    (SYNTHETIC, NOTE),
)

trimming = table(
    "Frames before and after cutting the neutral ends, per emotion and in all.",
    (EMOTION, N_CLIPS.but(low=1), count("n_anomalies", "anomalies")),
    count("n_overridden", "chosen by hand"),
    (count("frames_before", low=1), count("frames_after", low=1)),
    percent("cut_share", "cut (%)"),
    real("median_before", "median length before", low=0, format=".0f"),
    real("median_after", "median length after", low=0, format=".0f"),
    (count("longest_after", low=1), count("max_frames", "frames read at most", low=1)),
    count("within_before", "clips not longer, before"),
    count("within_after", "clips not longer, after"),
    (SYNTHETIC, NOTE),
)
