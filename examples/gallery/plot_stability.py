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
# other people, and selects 32 landmarks from the rest. ``return_estimator=True`` keeps the fitted
# pipelines.

from sklearn.model_selection import StratifiedGroupKFold, cross_validate

from sklearn_temo import TEMOClassifier, make_temo_pipeline, selection_stability
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
cv = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=0)


def fit_folds(k):
    """Pipelines that select `k` landmarks, fitted in each fold."""
    pipe = make_temo_pipeline(
        landmarks="passthrough",
        k=k,
        rotation="full",
        classifier=TEMOClassifier(randomized=True),
        random_state=0,
    )
    return cross_validate(
        pipe,
        smiles.data,
        smiles.target,
        groups=smiles.groups,
        cv=cv,
        scoring="balanced_accuracy",
        return_estimator=True,
    )


folds = {k: fit_folds(k) for k in (8, 32, 128)}
print("  k   stability            balanced accuracy")
for k, fold in folds.items():
    result = selection_stability(fold["estimator"])
    low, high = result.confidence_interval
    stability = f"{result.stability:.2f} ({low:.2f} to {high:.2f})"
    print(f"{k:3}   {stability}  {fold['test_score'].mean():.3f}")

# %%
# :func:`~sklearn_temo.selection_stability` is 1 if all folds select the same landmarks, and 0 on
# average if they select at random. Here it is low for 8 landmarks, although they classify well.
#
# Which landmarks
# ---------------
# :class:`~sklearn_temo.SelectionStabilityDisplay` colours each landmark by the share of the folds
# that keep it. The bars show the same shares in decreasing order, and the line shows what random
# selections would give.

import matplotlib.pyplot as plt

from sklearn_temo import SelectionStabilityDisplay

display = SelectionStabilityDisplay.from_cv_results(folds[32])
stability = f"stability {display.result_.stability:.2f}"
display.figure_.suptitle(f"How many of the five folds keep each landmark (k = 32): {stability}")
plt.show()

# %%
# A landmark that only some folds keep often has a neighbour that the others keep. The selected
# landmarks of each region are more alike than the single landmarks:

import numpy as np

from sklearn_temo import mesh

supports = selection_stability(folds[32]["estimator"]).supports
regions = mesh.regions()
print("landmarks of each region in the five folds (k = 32)")
for name in mesh.REGIONS:
    print(f"{name:12}", *(f"{support[regions == name].sum():3}" for support in supports))

# %%
# Landmarks that can be relied on
# -------------------------------
# :class:`~sklearn_temo.StabilityLandmarkSelector` selects on random halves of the people, keeps the
# landmarks that most halves choose, and bounds the expected number of false ones by `max_false`.
# With permuted labels it should keep almost none. Here, half of the people, drawn at random, have
# their two labels exchanged.

import warnings

from sklearn_temo import LandmarkAligner, LandmarkRelevanceDisplay, StabilityLandmarkSelector

X = LandmarkAligner(rotation="full").fit_transform(smiles.data)
rng = np.random.default_rng(0)
exchange = np.isin(smiles.groups, rng.permutation(np.unique(smiles.groups))[:51])
opposite = np.where(smiles.target == "neutral", "happiness", "neutral")
permuted = np.where(exchange, opposite, smiles.target)

# With permuted labels, the selector warns that it keeps none.
warnings.filterwarnings("ignore", message="no landmark was chosen")
selector = StabilityLandmarkSelector(max_false=5, n_pairs=10, random_state=0)
for name, y in {"permuted": permuted, "true": smiles.target}.items():
    selector.fit(X, y, groups=smiles.groups)
    kept = selector.get_landmark_support()
    found, counts = np.unique(regions[kept], return_counts=True)
    listed = ", ".join(f"{region} {n}" for region, n in zip(found, counts, strict=True))
    print(f"{name} labels: {kept.sum()} landmarks kept ({listed or 'none'})")

# %%
# The kept landmarks, for the true labels, are filled.

smiling = X.reshape(-1, 468, 3)[smiles.target == "happiness", :, :2].mean(axis=0) * [1, -1]
display = LandmarkRelevanceDisplay.from_scores(
    selector.selection_frequencies_,
    support=kept,
    positions=smiling,
    normalize=False,
    score_name="share of the halves that choose the landmark",
)
display.axes_[0].set_title("Landmarks that most halves of the people choose", fontsize="medium")
plt.show()

# %%
# What to conclude, and what not
# ------------------------------
# - The score can be stable although the selection is not: neighbouring landmarks carry the same
#   information, and the selector may take either of them.
# - Interpret regions, and single landmarks only if most folds or halves keep them. Here these are
#   the corners of the mouth and the cheeks beside them.
# - A landmark that is not kept may still be relevant.
# - The folds share most of their training people, so the intervals are narrower than those for new
#   people would be.
# - Landmarks that are selected again and again are used reliably. This does not show that they
#   cause or express an emotion.
