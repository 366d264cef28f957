"""
Honest scores: people apart, simpler models and checks
======================================================

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
# The estimator is better than the majority class, but 20 random landmarks are about as good: the
# interval of the difference contains 0. This score does not show that the selected landmarks matter
# more than others.

# %%
# Mistake 1: people on both sides
# -------------------------------
# Each of 20 synthetic people has six clips. To see what a mistake does to the score, all clips of a
# person get the same label, which is random and has nothing to do with the face. No classifier is
# better than chance on people that it has not seen. If clips of the test people are in the training
# data, it recognises the people, and the score is well above chance.

import warnings

import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import LandmarkAligner
from sklearn_temo.datasets import make_expression_clips

clips = make_expression_clips(n_clips=120, n_frames=4, n_subjects=20, random_state=1)
labels = np.random.default_rng(1).permutation(np.arange(20) % 2)[clips.groups]

svm = make_pipeline(LandmarkAligner(), StandardScaler(), SVC(kernel="linear"))
apart = evaluate(svm, clips.data, labels, groups=clips.groups, random_state=0)

# The problems are printed below instead.
warnings.filterwarnings("ignore", message=".* checks of the evaluation")


def print_warnings(result):
    """Print the score, and the problems that the checks found."""
    print("balanced accuracy", result.scores["estimator"]["balanced_accuracy"])
    for check in result.checks:
        if check.verdict == "warning":
            print("-", check)


print_warnings(apart)

# %%
# The interval contains 0.5: with people apart, the score is at the level of chance, as it must be
# with random labels. With people on both sides it is well above, and a check names the reason:

mixed_folds = StratifiedKFold(5, shuffle=True, random_state=0)
mixed = evaluate(svm, clips.data, labels, groups=clips.groups, cv=mixed_folds, random_state=0)
print_warnings(mixed)

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
print_warnings(outside)

# %%
# Scores with their intervals
# ---------------------------

import matplotlib.pyplot as plt

panels = {
    "Smiles": {model: scores["balanced_accuracy"] for model, scores in result.scores.items()},
    "Random labels of people": {
        "people apart": apart.scores["estimator"]["balanced_accuracy"],
        "people on both sides": mixed.scores["estimator"]["balanced_accuracy"],
    },
}
fig, axes = plt.subplots(
    2, 1, figsize=(6, 3.4), height_ratios=[4, 2], sharex=True, layout="constrained"
)
for ax, (title, scores) in zip(axes, panels.items(), strict=True):
    value, low, high = np.array(list(scores.values())).T
    ax.errorbar(value, range(len(value)), xerr=[value - low, high - value], fmt="o", capsize=3)
    ax.axvline(0.5, linestyle="--", color="gray", linewidth=1)
    ax.set(yticks=range(len(value)), yticklabels=scores, title=title)
    ax.margins(y=0.25)
    ax.invert_yaxis()
axes[-1].set_xlabel("balanced accuracy (chance: dashed line)")
plt.show()
