"""
Which landmarks show a smile?
=============================

This is a first pipeline on real people: landmarks are aligned, 32 of them are selected, and a small
network classifies faces with only those. The picture shows the landmarks that the network uses,
and that it uses the movement of the head unless the alignment removes it.
"""

# %%
# Photographs of 102 people
# -------------------------
# :func:`~sklearn_temo.datasets.load_london_smiles` returns the landmarks of one neutral and one
# smiling photograph of each person. A photograph is one row of the array, and
# :class:`~sklearn_temo.LandmarkLayout` describes the order of its columns.

from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
print(f"{len(smiles.data)} photographs, each with {smiles.layout}")
print("columns:", *smiles.layout.feature_names()[:4], "...")

# %%
# The pipeline
# ------------
# - :class:`~sklearn_temo.LandmarkAligner` removes the position, the size and the rotation of the
#   head. ``rotation="full"`` also removes the rotation in depth, ``"in-plane"`` does not.
# - :class:`~sklearn_temo.IGLandmarkSelector` fits a network to all landmarks and keeps the `k` most
#   relevant ones, by Integrated Gradients.
# - :class:`~sklearn_temo.TEMOClassifier` learns from these only.
#
# :func:`~sklearn_temo.make_temo_pipeline` builds the same pipeline in one call.

from sklearn.pipeline import make_pipeline

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier


def make_model(rotation, k):
    """Pipeline with one of the alignments, and `k` landmarks."""
    return make_pipeline(
        LandmarkAligner(rotation=rotation),
        IGLandmarkSelector(k=k, random_state=0),
        TEMOClassifier(random_state=0),
    )


# %%
# The score for people who are not in the training data
# -----------------------------------------------------
# With `groups`, the folds keep the two photographs of a person together. The pipeline selects the
# landmarks again in each fold.

from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

cv = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=0)
print("balanced accuracy: mean ± standard deviation over 5 folds; chance is 0.50")
for rotation in ("in-plane", "full"):
    for name, k in {"32 selected": 32, "all 468": "all"}.items():
        scores = cross_val_score(
            make_model(rotation, k),
            smiles.data,
            smiles.target,
            groups=smiles.groups,
            cv=cv,
            scoring="balanced_accuracy",
        )
        print(f"rotation {rotation:9} {name:12} {scores.mean():.3f} ± {scores.std():.3f}")

# %%
# The relevance of the landmarks
# ------------------------------
# All landmarks are drawn on the mean smiling face. Larger and stronger in colour is more relevant.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay, mesh

models = {
    rotation: make_model(rotation, 32).fit(smiles.data, smiles.target)
    for rotation in ("in-plane", "full")
}
aligned = smiles.layout.unflatten(models["full"][0].transform(smiles.data))
smiling = aligned[smiles.target == "happiness", 0, :, :2].mean(axis=0) * [1, -1]

fig, axes = plt.subplots(1, 2, figsize=(9.5, 5), layout="constrained")
LandmarkRelevanceDisplay.from_scores(
    [model[1].landmark_scores_ for model in models.values()],
    class_names=[
        "Head rotation removed in the image plane:\nmouth, chin and nose",
        "Head rotation removed in depth as well:\nmouth and the outline of the face",
    ],
    positions=smiling,
    ax=axes,
)
fig.suptitle("Relevance of the landmarks, with two alignments")
plt.show()

# %%
# The mean relevance of a landmark of each region of :func:`~sklearn_temo.mesh.regions`, where 1 is
# an average landmark of the face:

regions = mesh.regions()
print(f"{'region':12} in-plane  full")
for name in mesh.REGIONS:
    means = []
    for model in models.values():
        scores = model[1].landmark_scores_
        means.append(scores[regions == name].mean() / scores.mean())
    print(f"{name:12} {means[0]:8.1f} {means[1]:5.1f}")

# %%
# What to conclude, and what not
# ------------------------------
# - In both cases the network uses the corners of the mouth most. The nose hardly moves in a smile,
#   but people raise their heads when they smile, and this moves the nose, which is closest to the
#   camera. With ``rotation="full"``, the relevance of the nose falls to a quarter.
# - A score does not show this: with all landmarks, the network that can use the head is at least as
#   good. If the head must not matter, remove its rotation, whatever the score.
# - Landmarks of the outline show the shape of the face, which differs between people. Clips of
#   several frames can be compared with their first frame instead, see :ref:`alignment`.
# - The landmarks are those that this network uses. They do not cause a smile, and other landmarks
#   may be as good: see :ref:`sphx_glr_auto_examples_plot_score_against_k.py`.
# - These people were asked to smile. A posed smile is not a feeling.
