"""
Can this score be trusted?
==========================

:func:`~sklearn_temo.evaluate` fits an estimator in each fold of a cross-validation, compares it
with simpler models on the same people, and checks the evaluation for common mistakes. This example
evaluates a classifier of smiles, and then makes one of these mistakes on purpose.
"""

# %%
# One call
# --------
# The landmarks are those of 102 people, neutral and smiling. With `groups`, people are kept apart,
# and the intervals are from a bootstrap over people. The result is an
# :class:`~sklearn_temo.evaluation.Evaluation` with a :class:`~sklearn_temo.evaluation.Check` for
# each of :obj:`~sklearn_temo.evaluation.EVALUATION_CHECKS`.

from sklearn_temo import evaluate, make_temo_pipeline
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
pipe = make_temo_pipeline(landmarks="passthrough", k=20, rotation="full", random_state=0)
result = evaluate(pipe, smiles.data, smiles.target, groups=smiles.groups, random_state=0)
print(result)

# %%
# A mistake: people on both sides
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

warnings.filterwarnings("ignore", message="checks of the evaluation")  # printed instead
clips = make_expression_clips(n_clips=120, n_frames=4, n_subjects=20, random_state=1)
labels = np.random.default_rng(1).permutation(np.arange(20) % 2)[clips.groups]
svm = make_pipeline(LandmarkAligner(), StandardScaler(), SVC(kernel="linear"))
mixed_folds = StratifiedKFold(shuffle=True, random_state=0)
apart = evaluate(svm, clips.data, labels, groups=clips.groups, random_state=0)
mixed = evaluate(svm, clips.data, labels, groups=clips.groups, cv=mixed_folds, random_state=0)
print(*[check.message for check in mixed.checks if check.verdict == "warning"])

# %%
# Each score is a :class:`~sklearn_temo.evaluation.ScoreInterval`.

import matplotlib.pyplot as plt

panels = {
    "Smiles of new people: selected landmarks are not better than random ones": {
        "T-EMO, trained, 20 selected": ("#0072B2", "o", result.scores["estimator"]),
        "T-EMO, trained, 20 random": ("grey", "x", result.scores["random landmarks"]),
        "better SVM, all 468": ("black", "P", result.scores["best SVM"]),
        "majority class": ("black", "*", result.scores["majority class"]),
    },
    "Random labels of people: above chance only by a mistake": {
        "linear SVM, people apart": ("#009E73", "s", apart.scores["estimator"]),
        "linear SVM, people on both sides": ("#009E73", "s", mixed.scores["estimator"]),
    },
}
_, axes = plt.subplots(2, figsize=(8, 4), sharex=True, height_ratios=[4, 2], layout="constrained")
for ax, (title, rows) in zip(axes, panels.items(), strict=True):
    for name, (colour, marker, score) in rows.items():
        value, low, high = score["balanced_accuracy"]
        xerr = [[value - low], [high - value]]
        ax.errorbar(value, name, xerr=xerr, fmt=marker, color=colour, capsize=3)
    ax.axvline(0.5, linestyle=":", color="0.5", linewidth=1)
    ax.set_title(title, fontsize="medium", loc="right")
    ax.margins(y=0.25)
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
axes[-1].set_xlabel("balanced accuracy with 95 % interval (chance: dotted line)")
plt.show()

# %%
# What to conclude, and what not
# ------------------------------
# 20 random landmarks are about as good as the 20 selected ones, which may not matter more (see
# :ref:`selected_and_random`). A score far above chance may come from recognising people. The checks
# find mistakes that leave traces, such as an :class:`~sklearn_temo.IGLandmarkSelector` outside the
# folds. A parameter that was chosen with the test clips leaves none, see :ref:`evaluation`.
