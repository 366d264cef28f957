"""
Do other selectors find better landmarks?
=========================================

Landmarks can be ranked in many ways. This example compares the Integrated Gradients of
:class:`~sklearn_temo.IGLandmarkSelector` with F values, recursive elimination and random landmarks,
on people that no selector has seen.
"""

# %%
# Smiles of 102 people
# --------------------
# The photographs show each person neutral and smiling. All selectors get the same aligned landmarks
# of the training people of a fold. The three columns of a landmark are kept or left out together.

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from sklearn_temo import LandmarkAligner
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
X = np.asarray(LandmarkAligner(rotation="full").fit_transform(smiles.data))
y = smiles.target
folds = list(StratifiedGroupKFold(5, shuffle=True, random_state=0).split(X, y, smiles.groups))

# %%
# Four selectors
# --------------
# The F value of a landmark is the mean F value of its columns. For
# :class:`~sklearn.feature_selection.RFE`, the importance of a column is the norm of the
# coefficients of its landmark, so that the three columns leave together, ten landmarks at a time.

from sklearn.feature_selection import RFE, f_classif
from sklearn.svm import SVC

from sklearn_temo import IGLandmarkSelector


def norm_of_landmark(svm):
    """Norm of the coefficients of each landmark, for each of its three columns."""
    return np.repeat(np.linalg.norm(svm.coef_.reshape(-1, 3), axis=1), 3)


def recursive_elimination(X, y, k):
    """Drop the landmarks with the smallest coefficients of a linear SVM, until k are left."""
    svm = SVC(kernel="linear")
    rfe = RFE(svm, n_features_to_select=3 * k, step=30, importance_getter=norm_of_landmark)
    return np.flatnonzero(rfe.fit(X, y).support_[::3])


rng = np.random.default_rng(0)
ig = IGLandmarkSelector(n_frames=1, n_coords=3, random_state=0)
selectors = {
    "Integrated Gradients": lambda X, y, k: np.flatnonzero(
        ig.set_params(k=k).fit(X, y).get_landmark_support()
    ),
    "F value": lambda X, y, k: np.argsort(-f_classif(X, y)[0].reshape(-1, 3).mean(axis=1))[:k],
    "recursive elimination": recursive_elimination,
    "k random": lambda X, y, k: rng.permutation(468)[:k],
}

# %%
# Score on people who are not in the training data
# ------------------------------------------------
# Two classifiers are fitted to the selected landmarks of each fold. ``C`` of the SVM is 1, and is
# not tuned. Random landmarks are drawn five times in each fold.

from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_temo import TEMOClassifier

classifiers = {
    "T-EMO, randomized": TEMOClassifier(randomized=True, n_frames=1, n_coords=3, random_state=0),
    "linear SVM, standard": make_pipeline(StandardScaler(), SVC(kernel="linear")),
}
ks = (5, 20, 64)


def score(classifier, landmarks, train, test):
    """Balanced accuracy on the test people with some of the landmarks."""
    columns = (3 * landmarks[:, None] + np.arange(3)).ravel()
    classifier.fit(X[train][:, columns], y[train])
    return balanced_accuracy_score(y[test], classifier.predict(X[test][:, columns]))


scores = {classifier: np.zeros((4, len(ks), len(folds))) for classifier in classifiers}
full_mesh = dict.fromkeys(classifiers, 0.0)
share_of_folds = np.zeros((4, 468))
for fold, (train, test) in enumerate(folds):
    for i, (name, select) in enumerate(selectors.items()):
        for j, k in enumerate(ks):
            n_draws = 5 if name == "k random" else 1
            draws = [select(X[train], y[train], k) for _ in range(n_draws)]
            for title, model in classifiers.items():
                found = [score(model, landmarks, train, test) for landmarks in draws]
                scores[title][i, j, fold] = np.mean(found)
            if k == 20:
                share_of_folds[i, draws[0]] += 1 / len(folds)
    for title, model in classifiers.items():
        full_mesh[title] += score(model, np.arange(468), train, test) / len(folds)

# %%
# The table has means over the folds. The last column is the difference from Integrated Gradients at
# ``k = 20``, with its standard error: the folds are the same for all selectors, so that differences
# are taken within each fold.

for title, found in scores.items():
    print(f"{title:24} k = 5  k = 20  k = 64   difference at k = 20")
    for name, values in zip(selectors, found, strict=True):
        change = values[1] - found[0, 1]
        error = change.std(ddof=1) / np.sqrt(len(folds))
        means = "   ".join(f"{mean:.3f}" for mean in values.mean(axis=1))
        print(f"  {name:22} {means}   {change.mean():+.3f} ± {error:.3f}")
    print(f"  {'all 468':22} {full_mesh[title]:.3f}\n")

# %%
# Score against k
# ---------------

import matplotlib.pyplot as plt

styles = (
    {"color": "#0072B2", "marker": "o"},
    {"color": "#E69F00", "marker": "v"},
    {"color": "#009E73", "marker": "s"},
    {"color": "grey", "marker": "x", "linestyle": "--"},
)
fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
fig.suptitle("Smiles of new people: score against the number of landmarks, by selector")
for ax, (title, found) in zip(axes, scores.items(), strict=True):
    error = found.std(axis=2, ddof=1) / np.sqrt(len(folds))
    for i, (name, style) in enumerate(zip(selectors, styles, strict=True)):
        shifted = np.array(ks) * (0.94 + 0.04 * i)
        ax.errorbar(shifted, found[i].mean(axis=1), error[i], label=name, **style)
    ax.axhline(full_mesh[title], color="grey", linestyle=":", linewidth=1)
    ax.annotate("all 468", (31, full_mesh[title]), va="bottom", color="grey")
    ax.set(title=title, xlabel="number of landmarks", xscale="log")
    ax.set_xticks(ks, ks)
    ax.minorticks_off()
axes[0].set_ylabel("balanced accuracy\n(mean ± standard error, 5 folds)")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
plt.show()

# %%
# Where the landmarks are
# -----------------------
# The colour is the share of the folds in which a landmark is among the 20 that are kept. F values
# and recursive elimination keep the corners of the mouth, where neighbours move together.
# Integrated Gradients, with the default ``redundancy="avoid"``, keep landmarks that move in
# different ways.

from sklearn_temo import LandmarkRelevanceDisplay

fig, axes = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
fig.suptitle("Twenty landmarks: share of the folds in which each is kept")
LandmarkRelevanceDisplay.from_scores(
    share_of_folds[:3],
    class_names=list(selectors)[:3],
    normalize=False,
    score_name="share of the folds",
    ax=axes,
)
plt.show()

# %%
# What to conclude
# ----------------
# A smile is easy. With the linear SVM, no selector differs from random landmarks by more than the
# error. With T-EMO, F values and recursive elimination are about two standard errors below
# Integrated Gradients: landmarks in several places do better than many in one place. Random
# landmarks are in several places, too, and their distance from Integrated Gradients is not clear.
# This is one expression with one frame of each person. :ref:`benchmarks` has more data sets, more
# selectors and repeats, and :ref:`claims` tests the difference from random landmarks.
