"""
Can this score be trusted?
==========================

:func:`~sklearn_temo.evaluate` fits an estimator in each fold of a cross-validation, compares it
with simpler models on the same people, and checks the evaluation for common mistakes. This example
evaluates a classifier of smiles, and then makes two of these mistakes on purpose.
"""

# %%
# One call
# --------
# The landmarks are those of 102 people, neutral and smiling. The people are passed as `groups`: no
# person is in both the training and the test data of a fold, and the intervals are from a bootstrap
# over people.

from sklearn_temo import evaluate, make_temo_pipeline
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
pipe = make_temo_pipeline(landmarks="passthrough", k=20, rotation="full", random_state=0)
result = evaluate(pipe, smiles.data, smiles.target, groups=smiles.groups, random_state=0)
print(result)

# %%
# The result is an :class:`~sklearn_temo.evaluation.Evaluation`, with a
# :class:`~sklearn_temo.evaluation.Check` for each of
# :obj:`~sklearn_temo.evaluation.EVALUATION_CHECKS`. T-EMO is better than the majority
# class, but 20 random landmarks are about as good as the 20 selected ones: the interval of the
# difference contains 0. This score does not show that the selected landmarks matter more than
# others.
#
# Mistake 1: people on both sides
# -------------------------------
# Each of 20 synthetic people has six clips, and all clips of a person get the same *random* label.
# Nothing can be learned from these labels, so no classifier is better than chance on other people.
# If clips of the test people are in the training data, it recognises the people instead.

import warnings

import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import LandmarkAligner
from sklearn_temo.datasets import make_expression_clips

# The problems are printed below instead.
warnings.filterwarnings("ignore", message="checks of the evaluation")

clips = make_expression_clips(n_clips=120, n_frames=4, n_subjects=20, random_state=1)
labels = np.random.default_rng(1).permutation(np.arange(20) % 2)[clips.groups]
svm = make_pipeline(LandmarkAligner(), StandardScaler(), SVC(kernel="linear"))
mixed_folds = StratifiedKFold(5, shuffle=True, random_state=0)
apart = evaluate(svm, clips.data, labels, groups=clips.groups, random_state=0)
mixed = evaluate(svm, clips.data, labels, groups=clips.groups, cv=mixed_folds, random_state=0)


def print_warnings(name, result):
    """Print the score, and the problems that the checks found."""
    print(f"{name}: balanced accuracy", result.scores["estimator"]["balanced_accuracy"])
    for check in result.checks:
        if check.verdict == "warning":
            print(f"  {check.name}: {check.message}")


print_warnings("people apart", apart)
print_warnings("people on both sides", mixed)

# %%
# Mistake 2: selection outside the folds
# --------------------------------------
# Here the landmarks are selected with the labels of all clips, and the evaluation starts from the
# selected ones. The score does not show it, but the number of landmarks does.

from sklearn_temo import IGLandmarkSelector

aligned = LandmarkAligner(rotation="full").fit_transform(smiles.data)
selected = IGLandmarkSelector(k=20, random_state=0).fit_transform(aligned, smiles.target)
outside = evaluate(
    make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01)),
    selected,
    smiles.target,
    groups=smiles.groups,
    random_state=0,
)
print_warnings("selection outside the folds", outside)

# %%
# Scores with their intervals
# ---------------------------
# Each score is a :class:`~sklearn_temo.evaluation.ScoreInterval`.

import matplotlib.pyplot as plt

names = {
    "T-EMO, trained, 20 selected": "estimator",
    "T-EMO, trained, 20 random": "random landmarks",
    "better SVM, all 468": "best SVM",
    "majority class": "majority class",
}
panels = {
    "Smiles of new people: selected landmarks are not better than random ones": {
        name: result.scores[model]["balanced_accuracy"] for name, model in names.items()
    },
    "Random labels of people: above chance only by a mistake": {
        "people apart": apart.scores["estimator"]["balanced_accuracy"],
        "people on both sides": mixed.scores["estimator"]["balanced_accuracy"],
    },
}
fig, axes = plt.subplots(
    2, 1, figsize=(7, 3.8), height_ratios=[4, 2], sharex=True, layout="constrained"
)
for ax, (title, scores) in zip(axes, panels.items(), strict=True):
    value, low, high = np.array(list(scores.values())).T
    xerr = [value - low, high - value]
    ax.errorbar(value, range(len(value)), xerr=xerr, fmt="o", color="#0072B2", capsize=3)
    ax.axvline(0.5, linestyle=":", color="0.5", linewidth=1)
    ax.set(yticks=range(len(value)), yticklabels=scores)
    ax.set_title(title, fontsize="medium")
    ax.margins(y=0.25)
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
axes[-1].set_xlabel("balanced accuracy with 95 % interval (chance: dotted line)")
plt.show()

# %%
# What to conclude, and what not
# ------------------------------
# - A score means little without a simpler model on the same people beside it.
# - A score far above chance may come from recognising people. Keep them apart.
# - The checks find mistakes that leave traces in the data. A parameter that was chosen with the
#   test clips leaves none.
# - The intervals describe other test people. They do not include the variation from other training
#   people.
