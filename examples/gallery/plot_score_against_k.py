"""
How many landmarks are enough?
==============================

The number of landmarks to keep, `k`, is a hyperparameter like any other. This example searches it
together with the classifier, in an ordinary :class:`~sklearn.model_selection.GridSearchCV` whose
folds keep people apart, and compares the selected landmarks with random ones.
"""

# %%
# The search
# ----------
# The data are the landmarks of photographs of 102 people, neutral and smiling. T-EMO, trained and
# randomized, is compared with two SVMs, whose ``C`` is fixed here; in a study, add it to the grid.
#
# The selector, :class:`~sklearn_temo.IGLandmarkSelector`, is a step of the pipeline, so it never
# uses the test data of a fold. With `memory`, all classifiers and all `k` share its network.
# ``refit=smallest_k`` takes the candidate with the fewest landmarks whose score is within one
# standard error of the best one, see :func:`~sklearn_temo.smallest_k`.

from tempfile import TemporaryDirectory

from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import TEMOClassifier, make_temo_pipeline, smallest_k
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
X, y, people = smiles.data, smiles.target, smiles.groups
classifiers = {
    "T-EMO, trained": TEMOClassifier(random_state=0),
    "T-EMO, randomized": TEMOClassifier(randomized=True, random_state=0),
    "linear SVM, standard": make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01)),
    "RBF SVM, standard": make_pipeline(StandardScaler(), SVC(C=10)),
}
k_values = [4, 8, 16, 32, 64, 128, 468]
grid = {"classify": list(classifiers.values()), "select__k": k_values}
cv = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=0)
scoring = "balanced_accuracy"
with TemporaryDirectory() as cache:
    pipe = make_temo_pipeline("passthrough", rotation="full", memory=cache, random_state=0)
    search = GridSearchCV(pipe, grid, cv=cv, scoring=scoring, refit=smallest_k)
    search.fit(X, y, groups=people)
print("chosen:", search.best_params_["classify"], "with k =", search.best_params_["select__k"])

# %%
# A control: random landmarks
# ---------------------------
# Landmarks move together, so any few of them may be enough. Random landmarks of the same number
# show what the selection adds. Each score is the mean of 5 draws.

import numpy as np

from sklearn_temo import LandmarkAligner

aligned = LandmarkAligner(rotation="full").fit_transform(X)
randomized = TEMOClassifier(n_frames=1, randomized=True, random_state=0)
rng = np.random.default_rng(0)
random_scores = np.zeros((6, 5))
for i, j in np.ndindex(random_scores.shape):
    columns = smiles.layout.feature_mask(rng.permutation(468) < k_values[i])
    scores = cross_val_score(
        randomized, aligned[:, columns], y, groups=people, cv=cv, scoring=scoring
    )
    random_scores[i, j] = scores.mean()

# %%
# Score against k
# ---------------
# :class:`~sklearn_temo.LandmarkCountDisplay` draws the mean score over the folds with its standard
# error, and marks the candidate that ``smallest_k`` chooses.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkCountDisplay

fig, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
display = LandmarkCountDisplay.from_cv_results(search, ax=ax)
for line, name in zip(display.errorbars_, classifiers, strict=True):
    line.set_label(name)
ax.plot(
    k_values[:-1],
    random_scores.mean(axis=1),
    "x--",
    color="0.5",
    label="k random (T-EMO, randomized)",
)
ax.legend(fontsize="small", frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
ax.set_title("Smiles of people who are not in the training data")
plt.show()

selected = search.cv_results_["mean_test_score"].reshape(len(classifiers), -1)[1]
print("k          ", *[f"{k:5}" for k in k_values[:-1]])
print("k selected ", *[f"{score:.3f}" for score in selected[:-1]])
print("k random   ", *[f"{score:.3f}" for score in random_scores.mean(axis=1)])
