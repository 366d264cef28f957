"""
Do other selectors find better landmarks?
=========================================

Landmarks can be ranked in many ways. This example compares
:class:`~sklearn_temo.IGLandmarkSelector` with F values, SVM coefficients and random landmarks.
"""

# %%
# Selectors
# ---------
# The photographs show 102 people, neutral and smiling. The F value of a landmark is the mean of its
# three columns, and its coefficient is the norm of theirs.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_selection import f_classif
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
X = np.asarray(LandmarkAligner(rotation="full").fit_transform(smiles.data))
y = smiles.target
svm = make_pipeline(StandardScaler(), SVC(kernel="linear", C=1))
rng = np.random.default_rng(0)


def select(name, X, y, k):
    """Numbers of k landmarks."""
    if name == "Integrated Gradients":
        selector = IGLandmarkSelector(k=k, n_frames=1, n_coords=3, random_state=0)
        return np.flatnonzero(selector.fit(X, y).get_landmark_support())
    if name == "F value":
        size = f_classif(X, y)[0].reshape(-1, 3).mean(axis=1)
    elif name == "SVM coefficients":
        size = np.linalg.norm(svm.fit(X, y)[-1].coef_.reshape(-1, 3), axis=1)
    else:
        size = rng.random(468)
    return np.argsort(-size)[:k]


# %%
# Accuracy on new people
# ----------------------
# Two classifiers get the same landmarks. Random landmarks are drawn five times in each fold. The
# differences are those from Integrated Gradients, taken within each fold, with standard errors.

names = ["Integrated Gradients", "F value", "SVM coefficients", "k random"]
temo = TEMOClassifier(randomized=True, n_frames=1, n_coords=3, random_state=0)
classifiers = {"T-EMO, randomized": temo, "linear SVM, C=1": svm}
ks, scores = (5, 20, 64), np.zeros((2, 4, 3, 5))  # classifiers, selectors, k, folds
cv = StratifiedGroupKFold(5, shuffle=True, random_state=0)
for fold, (train, test) in enumerate(cv.split(X, y, smiles.groups)):
    for i, name in enumerate(names):
        for j, k in enumerate(ks):
            n_draws = 5 if name == "k random" else 1
            for _ in range(n_draws):
                landmarks = select(name, X[train], y[train], k)
                kept = (3 * landmarks[:, None] + np.arange(3)).ravel()
                for c, model in enumerate(classifiers.values()):
                    model.fit(X[train][:, kept], y[train])
                    scores[c, i, j, fold] += model.score(X[test][:, kept], y[test]) / n_draws

looks = [("#56B4E9", "P-", "full"), ("black", "*-", "full"), ("grey", "x--", "full")]
fig, axes = plt.subplots(1, 2, figsize=(9, 4.4), sharey=True, layout="constrained")
fig.suptitle("Smiles of new people: score against the number of landmarks, by selector")
for ax, title, found in zip(axes, classifiers, scores, strict=True):
    own = ("#D55E00", "D--", "full") if "T-EMO" in title else ("#009E73", "s:", "none")
    for name, values, (colour, look, fill) in zip(names, found, [own, *looks], strict=True):
        change = values[1] - found[0, 1]
        error = change.std(ddof=1) / 5**0.5
        print(f"{title}, {name}, k = 20: difference {change.mean():+.3f} ± {error:.3f}")
        ax.plot(ks, values.mean(axis=1), look, color=colour, fillstyle=fill, label=name)
    ax.set(title=title, xlabel="number of landmarks", xticks=ks)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False)
axes[0].set_ylabel("accuracy, mean of 5 folds")
plt.show()

# %%
# What to conclude
# ----------------
# In these folds and with T-EMO, Integrated Gradients do better than the other selectors by 1.7 to
# 2.7 standard errors. With the linear SVM, F values and random landmarks do not differ from them by
# more than the error. Other folds show smaller differences from random landmarks
# (:ref:`selected_and_random`). :ref:`benchmarks` has more selectors and more data.
