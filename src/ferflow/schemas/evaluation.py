"""Tables of predictions and of what they are worth: metrics, errors, confidence, comparisons, fusion."""

from __future__ import annotations

from ferflow.schemas.columns import (
    PERCENT,
    Column,
    choice,
    count,
    flag,
    percent,
    points,
    real,
    share,
    table,
    text,
    whole,
    with_interval,
)
from ferflow.schemas.shared import (
    ACCURACY,
    ANY_FOLD,
    AROUSAL,
    BATCH,
    CLASS_OR_NONE,
    CLIP_ID,
    DIFFERENCE,
    DIFFERS,
    EMOTION,
    EPOCHS,
    FILLED,
    GAP,
    GREATEST,
    IMAGES,
    LEAKY,
    LEAST,
    METRIC,
    MODEL,
    N_CLIPS,
    N_FOLDS,
    N_SUBJECTS,
    N_TRAINING,
    NETWORK,
    NOTE,
    P_PERMUTATION,
    P_PERMUTATION_HOLM,
    PREDICTED,
    PROTOCOL,
    ROLE,
    SFEW_PROTOCOL,
    SOURCE,
    SPREAD,
    START,
    SUBJECT_ID,
    SYNTHETIC,
    TRUE,
    UNIT,
    VALENCE,
    VIEW,
    WHO,
    box,
)

REGRESSION = tuple(
    f"{metric}_{of}" for metric in ("rmse", "corr", "sagr", "ccc") for of in ("valence", "arousal")
)
METRICS = (*("accuracy", "precision", "recall", "f1", "weighted_f1", "kappa", "auc", "auc_pr"), *REGRESSION)
AFFECT_METRICS = (*("accuracy", "cohen_kappa", "auc_roc", "auc_pr", "macro_f1", "weighted_f1"), *REGRESSION)

predictions = table(
    "One prediction of one model for one clip (an image is a clip of one frame). Valence and arousal, true "
    "and predicted, stand where a study has them; true ones that nobody knows are empty.",
    (CLIP_ID, SUBJECT_ID, EMOTION, PREDICTED),
    share("^p_(.+)$", empty=True),
    (VALENCE.but(optional=True), AROUSAL.but(optional=True)),
    tuple(real(f"predicted_{name}", low=-1, high=1, optional=True) for name in ("valence", "arousal")),
    (MODEL, ROLE.but(optional=True), VIEW.but(optional=True), PROTOCOL, ANY_FOLD),
    whole("seed", empty=True),
)

recognised = table(
    "What a model says of a clip (level clip: probabilities of the head, or, of a network for single "
    "images, the mean over the frames with a face, weighed by their distance from neutral) and of each of "
    "its frames (level frame, probabilities of the image network). weight: what a frame counts in that "
    "mean; the weights of a clip sum to 1, a frame without a face has 0; empty where a head answers, and "
    "of an image. synthetic: the model was trained on synthetic data.",
    (SOURCE, choice("level", ("clip", "frame"))),
    (count("frame", empty=True), real("seconds", low=0, empty=True)),
    (flag("face"), flag("kept", empty=True), share("weight", empty=True)),
    text("predicted", pattern=CLASS_OR_NONE, empty=True),
    (box(empty=True), real("landmark_score", empty=True), real("au_score", low=0, high=5, empty=True)),
    share("^p_(.+)$", empty=True),
    (VALENCE.but(optional=True), AROUSAL.but(optional=True)),
    (MODEL, SYNTHETIC),
)

results = table(
    "One metric of one model in one view under one protocol, with its bootstrap interval; without a fold it "
    "is the mean over folds or the one value there is. A metric that cannot be is empty, and the note says "
    "why.",
    (WHO, ANY_FOLD),
    choice("metric", METRICS),
    with_interval(real("value", low=-1, high=2, format=".3f", empty=True)),
    percent("chance", "chance (%)"),
    (N_CLIPS.but(low=1), N_SUBJECTS),
    (SYNTHETIC, NOTE),
)

results_by = table(
    "Metrics of groups of clips or images (evaluation.by: women and men, say), folds pooled. Of two groups "
    "there is the difference, too, the first less the second, whose interval draws subjects of each anew.",
    WHO,
    (text("by", pattern=FILLED), text("group", pattern=FILLED), METRIC),
    tuple(real(name, format=PERCENT, empty=True) for name in ("value", "low", "high")),
    (N_CLIPS, N_SUBJECTS),
    (SYNTHETIC, NOTE),
)

class_report = table(
    "Precision, recall, F1 and number of samples per class (thesis, Table 3.5; Akhtar 2022, Figures 7 and "
    "8); behind them their plain mean over the classes that occur and, where it is asked for, their mean "
    "weighted by the samples.",
    (WHO, EMOTION.but(title="class")),
    (percent("precision", "precision (%)", empty=True), percent("recall", "recall (%)", empty=True)),
    (percent("f1", "F1 (%)", empty=True), count("support", "samples")),
    (SYNTHETIC, NOTE),
)

confusion = table(
    "How often clips of `emotion` were called `predicted` (count), and as a share of that emotion's "
    "clips; folds are pooled.",
    (WHO, EMOTION.but(title="true emotion"), PREDICTED),
    (count("count", "clips"), percent("share", "share (%)", empty=True)),
    (SYNTHETIC, NOTE),
)

errors = table(
    "Clips that a model got wrong, with the scores of all classes (thesis, Figure 3.29).",
    (WHO, ANY_FOLD, CLIP_ID, SUBJECT_ID, TRUE, PREDICTED),
    share("^p_(.+)$", format=".2f", empty=True),
    (SYNTHETIC, NOTE),
)

error_counts = table(
    "How many clips of each class a model got wrong, and what it most often said (thesis, Figure 3.29).",
    (WHO, TRUE, N_CLIPS),
    count("errors"),
    with_interval(percent("share", "errors (%)", empty=True)),
    text("mistaken_for", "most often mistaken for"),
    count("third_class", "errors with a third class above 0.01", empty=True),
    (SYNTHETIC, NOTE),
)

comparisons = table(
    "Models against each other on the same clips. The interval of the difference draws subjects anew, and a "
    "sign-flip permutation test over subjects tells whether two models differ; McNemar's test takes clips "
    "as independent.",
    (text("first", "first model", pattern=FILLED, labels="model"), ROLE.but(name="first_role")),
    (text("second", "second model", pattern=FILLED, labels="model"), ROLE.but(name="second_role")),
    (N_CLIPS, N_SUBJECTS, UNIT),
    (percent("first_accuracy", "first (%)"), percent("second_accuracy", "second (%)")),
    with_interval(DIFFERENCE),
    (count("first_only", "only first right"), count("second_only", "only second right")),
    (P_PERMUTATION, P_PERMUTATION_HOLM, DIFFERS),
    (share("p_exact", "McNemar p, exact", format=".3g"), share("p_mid", "McNemar mid-p", format=".3g")),
    share("p_exact_holm", "exact p, Holm", format=".3g"),
    share("p_mid_holm", "mid-p, Holm", format=".3g"),
    (SYNTHETIC, NOTE),
)

calibration = table(
    "How far a model's confidence (greatest probability) is from its accuracy: expected calibration error "
    "over the bins of schema reliability, with an interval by drawing subjects anew.",
    WHO,
    choice("binning", ("width", "mass"), "bins of equal"),
    count("bins"),
    (N_CLIPS, N_SUBJECTS, ACCURACY),
    percent("confidence", "mean confidence (%)"),
    with_interval(percent("ece", "ECE (%)")),
    with_interval(points("gap", "confidence less accuracy (points)"), "gap_"),
    (SYNTHETIC, NOTE),
)

reliability = table(
    "Accuracy in bins of confidence; empty bins are left in with a count of 0.",
    WHO,
    count("bin"),
    (share("from", format=".2f"), share("to", format=".2f")),
    N_CLIPS,
    percent("confidence", "mean confidence (%)", empty=True),
    with_interval(ACCURACY.but(empty=True)),
    (SYNTHETIC, NOTE),
)

confidences = table(
    "A model's most and least confident clips, right ones and wrong ones.",
    WHO,
    (choice("verdict", ("right", "wrong")), choice("end", ("most", "least"), "confident")),
    count("place", low=1),
    (CLIP_ID, SUBJECT_ID, TRUE, PREDICTED),
    percent("confidence", "confidence (%)"),
    (SYNTHETIC, NOTE),
)

confidences_by_class = table(
    "Confidences of the clips that a model got right, by true class, in ascending order (thesis, section "
    "3.3.2).",
    (WHO, EMOTION, N_CLIPS),
    count("right"),
    percent("median", "median confidence (%)", empty=True),
    text("confidences", "confidences of the right ones"),
    (SYNTHETIC, NOTE),
)

fold_models = table(
    "Accuracy on the test subjects by the other rule that the thesis names (section 3.2.3): the mean of "
    "the folds' best models, beside the one final model.",
    (MODEL, N_FOLDS),
    with_interval(ACCURACY.but(title="mean of the folds' best models (%)")),
    (LEAST, GREATEST),
    percent("final", "final model (%)"),
    percent("difference", "difference (points)", low=-1),
    percent("difference_low", "difference, low", low=-1, empty=True),
    percent("difference_high", "difference, high", low=-1, empty=True),
    (N_CLIPS, N_SUBJECTS),
    (SYNTHETIC, NOTE),
)

split_kinds = table(
    "The same head cross-validated in two kinds of folds of the same subjects: contiguous blocks, in "
    "which most folds hold one sex alone (thesis, Figure 3.6), and folds stratified by sex. A row per "
    "fold and one of all: mean accuracy over folds at the last epoch with its interval (subjects drawn "
    "anew within folds), women's and men's clips with folds pooled, and the gap to the training's "
    "accuracy. The row difference is stratified less thesis on the same clips, folds pooled; its "
    "intervals draw subjects anew, the same for both.",
    MODEL,
    choice("scheme", ("thesis", "stratified", "difference"), "folds"),
    count("fold", empty=True, missing="all"),
    (count("women"), count("men"), N_CLIPS),
    with_interval(ACCURACY.but(low=-1)),
    (SPREAD, LEAST.but(empty=True), GREATEST.but(empty=True)),
    with_interval(percent("accuracy_women", "women's clips (%)", low=-1, empty=True), "women_", "women"),
    with_interval(percent("accuracy_men", "men's clips (%)", low=-1, empty=True), "men_", "men"),
    percent("train_accuracy", "training accuracy (%)", empty=True),
    GAP,
    (SYNTHETIC, NOTE),
)

fusion = table(
    "Fusions of several models (thesis, Table 3.7), single models first: accuracy in cross-validation and "
    "on the test subjects (empty where nobody is held out). Weights and choices come from "
    "cross-validation alone.",
    (MODEL, text("name", "set", pattern=FILLED)),
    choice("rule", ("alone", "average", "weighted", "maximum", "logistic regression")),
    (text("models", pattern=FILLED), count("n_models", "models in it", low=1), text("weights")),
    (count("tried", "sets and rules tried", empty=True), real("strength", "C", format="g", empty=True)),
    percent("chosen_at", "accuracy in the choice (%)", empty=True),
    with_interval(percent("cv", "cross-validation (%)"), "cv_"),
    count("cv_clips", "clips in cross-validation"),
    with_interval(percent("test", "test (%)", empty=True), "test_"),
    count("test_clips", empty=True),
    (SYNTHETIC, NOTE),
)


def _accuracy(name: str, of: str) -> tuple[Column, ...]:
    return with_interval(percent(name, f"accuracy, {of} (%)", empty=True), f"{name}_", of)


accuracies = table(
    "A network or an average of networks in one way of looking: accuracy on PublicTest, on all of "
    "PrivateTest, and on PrivateTest without the images that have an exact copy in the training. `leaky` "
    "where there are such images.",
    (MODEL, text("views")),
    count("parameters", low=1, format=",.0f", empty=True),
    count("n_validation", "images (PublicTest)", empty=True),
    _accuracy("validation", "PublicTest"),
    count("n_test", "images (PrivateTest, all images)", empty=True),
    _accuracy("test", "PrivateTest, all images"),
    count("n_honest", "images (PrivateTest without copies)", empty=True),
    _accuracy("honest", "PrivateTest without copies"),
    tuple(
        percent(f"{part}_{metric}", f"{title}, {of} (%)", empty=True)
        for part, of in (("test", "all images"), ("honest", "without copies"))
        for metric, title in (("f1", "macro F1"), ("weighted_f1", "weighted F1"), ("auc", "macro AUC"))
    ),
    (LEAKY, SYNTHETIC, NOTE),
)

sfew_folds = table(
    "One model in one fold (or their mean: fold empty) of one protocol. Of hand-made features there is no "
    "network.",
    (MODEL, NETWORK.but(optional=True), IMAGES.but(optional=True)),
    count("unfrozen", "stages that learn", high=2, optional=True, about="The last ones of the network."),
    (EPOCHS.but(optional=True), SFEW_PROTOCOL, ANY_FOLD, N_TRAINING),
    (count("n", "images judged", low=1), ACCURACY),
    percent(
        "sd",
        "standard deviation over folds (%)",
        high=None,
        empty=True,
        about="Standard deviation over folds, in the row of their mean.",
    ),
    (START, LEAKY, SYNTHETIC, NOTE.but(optional=True)),
)

sfew_batches = table(
    "One batch size on the same folds.",
    (BATCH, MODEL, SFEW_PROTOCOL, EPOCHS, ACCURACY),
    percent("sd", "standard deviation over folds (%)", high=None),
    real("seconds", "training (s)", low=0, format=".1f", about="Of training, all folds."),
    text("published", empty=True),
    (START, SYNTHETIC),
)

affect_metrics = table(
    "Tables 5 and 6 of Akhtar 2022: metrics of each network for expression, valence and arousal under the "
    "paper's names, as in schema `results`.",
    (MODEL, choice("metric", AFFECT_METRICS), with_interval(real("value", empty=True))),
    (count("n", "images"), N_SUBJECTS.but(title="people known")),
    (SYNTHETIC, NOTE),
)

affect_variants = table(
    "The paper's loss and what this study has beside it: what each makes of the same images.",
    (NETWORK, text("variant", "loss"), MODEL),
    real("accuracy", low=-1, high=1, format=".3f", empty=True),
    real("macro_f1", "macro F1", low=-1, high=1, format=".3f", empty=True),
    real("ccc_valence", "CCC valence", low=-1, high=1, format=".3f", empty=True),
    real("ccc_arousal", "CCC arousal", low=-1, high=1, format=".3f", empty=True),
    (SYNTHETIC, NOTE),
)
