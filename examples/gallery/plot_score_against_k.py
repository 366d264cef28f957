"""
How many landmarks: score against k, and stability of the selection
===================================================================

The number of landmarks to keep is a hyperparameter. This example searches it together with the
classifier, in an ordinary :class:`~sklearn.model_selection.GridSearchCV` whose folds are split by
person, draws the scores, and shows how much the selected landmarks differ between the folds.
"""

# %%
# Photographs of 102 people
# -------------------------
# Each person is photographed with a neutral face and smiling. The full alignment also removes the
# rotation of the head in depth, see :ref:`sphx_glr_auto_examples_plot_smiles.py`.

from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()

# %%
# The search
# ----------
# T-EMO, with its hidden layer not trained, is compared with two SVMs, which need standardised
# columns. ``C`` is fixed here; in a real study, add it to the grid.
#
# ``groups`` keeps people apart: nobody is in both the training and the test set of a fold. Because
# the selector is a step of the pipeline, it never uses the test fold. ``refit=smallest_k`` takes
# the candidate with the fewest landmarks within one standard error of the best score.

from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import TEMOClassifier, make_temo_pipeline, smallest_k

classifiers = [
    TEMOClassifier(randomized=True, random_state=0),
    make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01)),
    make_pipeline(StandardScaler(), SVC(C=10)),
]
cv = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=0)
search = GridSearchCV(
    make_temo_pipeline(landmarks="passthrough", rotation="full", random_state=0),
    {"classify": classifiers, "select__k": [4, 8, 16, 32, 64, 128, 468]},
    cv=cv,
    scoring="balanced_accuracy",
    refit=smallest_k,
)
search.fit(smiles.data, smiles.target, groups=smiles.groups)

# %%
# Score against k
# ---------------
# :class:`~sklearn_temo.LandmarkCountDisplay` draws the mean score over the folds, with its standard
# error, and marks the candidate that ``smallest_k`` chooses. Differences that are small compared
# with the error bars are not meaningful: here, a few landmarks are almost as good as all, and most
# numbers of landmarks above them cannot be told apart.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkCountDisplay

LandmarkCountDisplay.from_cv_results(search)
plt.show()

# %%
# The score of the chosen candidate is optimistic, because it is chosen on the same folds. For an
# unbiased score, use nested cross-validation over people: see :ref:`evaluation`.

print(search.best_params_)

# %%
# Stability of the selection
# --------------------------
# A search keeps no estimators of its folds. Cross-validate the chosen candidate with
# ``return_estimator=True`` to compare the selections of the folds.
#
# In :class:`~sklearn_temo.SelectionStabilityDisplay`, the colour of a landmark is the share of the
# folds in which it is kept. The bars show the same shares in decreasing order, and the line shows
# those of random selections. The corners of the mouth are kept in every fold. Most other landmarks
# are kept in some folds only: their neighbours, which move with them, are kept in the others.

from sklearn.model_selection import cross_validate

from sklearn_temo import SelectionStabilityDisplay

folds = cross_validate(
    search.best_estimator_,
    smiles.data,
    smiles.target,
    groups=smiles.groups,
    cv=cv,
    return_estimator=True,
)
SelectionStabilityDisplay.from_cv_results(folds)
plt.show()

# %%
# Exchanging a landmark for its neighbour hardly changes the score, so that a selection may be
# unstable although the score is not. Before you interpret single landmarks, compare the stability
# of several ``k``: it is higher with more landmarks.

from sklearn.base import clone

from sklearn_temo import selection_stability

for k in (8, 32, 128):
    folds = cross_validate(
        clone(search.best_estimator_).set_params(select__k=k),
        smiles.data,
        smiles.target,
        groups=smiles.groups,
        cv=cv,
        return_estimator=True,
    )
    print(f"k={k}: stability {selection_stability(folds['estimator']).stability:.2f}")
