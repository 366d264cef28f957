"""
How many landmarks are enough?
==============================

The number of landmarks to keep, `k`, is a hyperparameter like any other. Here an ordinary
:class:`~sklearn.model_selection.GridSearchCV`, whose folds keep people apart, searches it.
"""

# %%
# The search
# ----------
# The data are photographs of 102 people, neutral and smiling.
# :class:`~sklearn_temo.IGLandmarkSelector` is a step of the pipeline, so it never uses the test
# data of a fold. With `memory`, all candidates share its network. :func:`~sklearn_temo.smallest_k`
# takes the candidate with the fewest landmarks whose score is within one standard error of the best
# one.

from tempfile import TemporaryDirectory

import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import LandmarkAligner, TEMOClassifier, make_temo_pipeline, smallest_k
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
X, y, people = smiles.data, smiles.target, smiles.groups
randomized = TEMOClassifier(n_frames=1, randomized=True, random_state=0)
classifiers = {
    "T-EMO, trained": TEMOClassifier(random_state=0),
    "T-EMO, randomized": randomized,
    "linear SVM, C=0.01": make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01)),
    "RBF SVM, C=10": make_pipeline(StandardScaler(), SVC(C=10)),
}
k_values = [4, 8, 16, 32, 64, 128, 468]
grid = {"classify": list(classifiers.values()), "select__k": k_values}
folds = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=0)
options = {"cv": folds, "scoring": "balanced_accuracy"}
with TemporaryDirectory() as tmp:
    pipe = make_temo_pipeline(landmarks="passthrough", rotation="full", memory=tmp, random_state=0)
    search = GridSearchCV(pipe, grid, refit=smallest_k, **options).fit(X, y, groups=people)

# %%
# A control: random landmarks
# ---------------------------
# Landmarks move together, so any few of them may be enough. Random landmarks of the same number
# show what the selection adds. Each score is the mean of 5 draws.

aligned = LandmarkAligner(rotation="full").fit_transform(X)
rng = np.random.default_rng(0)
random_scores = []
for k in k_values[:-1]:
    draws = []
    for _ in range(5):
        drawn = aligned[:, smiles.layout.feature_mask(rng.permutation(468) < k)]
        draws.append(cross_val_score(randomized, drawn, y, groups=people, **options).mean())
    random_scores.append(np.mean(draws))

# %%
# :class:`~sklearn_temo.LandmarkCountDisplay` draws the mean score over the folds with its standard
# error, and marks the candidate that ``smallest_k`` chooses.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkCountDisplay

fig, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
display = LandmarkCountDisplay.from_cv_results(search, ax=ax)
for line, name in zip(display.errorbars_, classifiers, strict=True):
    line.set_label(name)
ax.plot(k_values[:-1], random_scores, "x--", color="0.5", label="k random (T-EMO, randomized)")
ax.legend(fontsize="small", frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
ax.set_title("Smiles of people who are not in the training data")
plt.show()
selected = search.cv_results_["mean_test_score"].reshape(4, 7)[1]
for k, score, random in zip(k_values, selected, random_scores, strict=False):
    lead = f"lead {100 * (score - random):+.1f} points"
    print(f"T-EMO, randomized, k = {k:3}: selected {score:.2f}, random {random:.2f}, {lead}")

# %%
# What to conclude, and what not
# ------------------------------
# - With T-EMO, 32 landmarks are enough: more change the scores by less than the error bars. T-EMO
#   also learns from mirror images, see :class:`~sklearn_temo.FaceMirror`.
# - This does not mean that *these* few matter: from 16 on, random ones are only 1.4 to 2.1 points
#   worse, about as much as the error bars. See :ref:`selected_and_random`.
# - The score of the chosen `k` is too high: it is chosen on the same folds, see :ref:`choosing_k`.
