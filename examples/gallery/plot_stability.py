"""
Are the same landmarks selected from other people?
==================================================

A figure of selected landmarks is only worth interpreting if other people would give a similar one.
This example compares the selections of several folds, and then keeps only those landmarks that are
selected again and again, with a bound on the number of false ones.
"""

# %%
# The selections of five folds
# ----------------------------
# The landmarks are those of photographs of 102 people, neutral and smiling. Each fold leaves out
# other people, and selects `k` landmarks from the rest. :func:`~sklearn_temo.selection_stability`
# is 1 if all folds select the same landmarks, and 0 on average if they select at random.

from sklearn.model_selection import StratifiedGroupKFold, cross_validate

from sklearn_temo import TEMOClassifier, make_temo_pipeline, selection_stability
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
X, y, people = smiles.data, smiles.target, smiles.groups
cv = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=0)
pipe = make_temo_pipeline(
    landmarks="passthrough",
    rotation="full",
    classifier=TEMOClassifier(randomized=True),
    random_state=0,
)
for k in (8, 32):
    pipe.set_params(select__k=k)
    folds = cross_validate(pipe, X, y, groups=people, cv=cv, return_estimator=True)
    stability = selection_stability(folds["estimator"]).stability
    print(f"k = {k:2}: stability {stability:.2f}, accuracy {folds['test_score'].mean():.2f}")

# %%
# The selection of 8 landmarks is not stable, although they classify well.
#
# Which landmarks
# ---------------
# :class:`~sklearn_temo.SelectionStabilityDisplay` colours each landmark by the share of the folds
# that keep it. The bars show the same shares in decreasing order, and the line shows what random
# selections would give.

import matplotlib.pyplot as plt

from sklearn_temo import SelectionStabilityDisplay

display = SelectionStabilityDisplay.from_cv_results(folds)
display.figure_.suptitle(
    f"How many of the five folds keep each landmark (k = 32): stability {stability:.2f}"
)
plt.show()

# %%
# Landmarks that can be relied on
# -------------------------------
# :class:`~sklearn_temo.StabilityLandmarkSelector` selects on random halves of the people, keeps the
# landmarks that most halves choose, and bounds the expected number of false ones by `max_false`.
# See :ref:`choosing_k` for a control with synthetic clips.

import numpy as np

from sklearn_temo import LandmarkAligner, StabilityLandmarkSelector, mesh

aligned = LandmarkAligner(rotation="full").fit_transform(X)
selector = StabilityLandmarkSelector(max_false=5, n_pairs=10, random_state=0)
kept = selector.fit(aligned, y, groups=people).get_landmark_support()
for region, number in zip(*np.unique(mesh.regions()[kept], return_counts=True), strict=True):
    print(f"{region}: {number} landmarks kept")

# %%
# What to conclude, and what not
# ------------------------------
# - The score can be stable although the selection is not: neighbouring landmarks carry the same
#   information, and the selector may take either of them. Interpret regions, and single landmarks
#   only if most folds or halves keep them. Here these are on the lips and the cheeks.
#   :class:`~sklearn_temo.LandmarkRelevanceDisplay` draws them.
# - A landmark that is not kept may still be relevant.
# - The folds share most of their training people: they are more alike than selections from new
#   people would be.
# - Landmarks that are selected again and again are used reliably. This does not show that they
#   cause or express an emotion.
