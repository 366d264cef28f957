"""
Which landmarks belong to which emotion?
========================================

Inside a :class:`~sklearn.multiclass.OneVsRestClassifier`, one selector is fitted for each emotion
against all others, as in the paper that this package follows, and each emotion gets its own
landmarks. The clips are synthetic, so the answer can be compared with the landmarks that move.
"""

# %%
# One selector and one classifier for each emotion
# ------------------------------------------------
# :func:`~sklearn_temo.datasets.make_expression_clips` applies facial action units to synthetic
# faces. Its attribute ``moving`` contains the landmarks that move in each emotion; all other
# landmarks only follow the head pose and have tracking noise.
#
# :class:`~sklearn_temo.LandmarkAligner` does not use labels and is fitted once. Selection uses
# them, so :class:`~sklearn_temo.IGLandmarkSelector` is inside the one-vs-rest classifier, in front
# of :class:`~sklearn_temo.TEMOClassifier`. Contempt moves one side of the face only, so landmarks
# are selected one by one (``symmetric=False``) and not in mirror pairs.

from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier
from sklearn_temo.datasets import make_expression_clips

clips = make_expression_clips(n_clips=210, n_frames=4, n_subjects=30, random_state=0)
binary = make_pipeline(
    IGLandmarkSelector(k=48, symmetric=False, random_state=0),
    TEMOClassifier(randomized=True, random_state=0),
)
model = make_pipeline(LandmarkAligner(), OneVsRestClassifier(binary))
model.fit(clips.data, clips.target)

# %%
# Moving landmarks and their relevance
# ------------------------------------
# :class:`~sklearn_temo.LandmarkRelevanceDisplay` draws the relevance on the mean last frame of each
# emotion (lower row). Larger and stronger in colour is more relevant. Landmarks that are not kept
# are small and hollow.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay

# sphinx_gallery_thumbnail_number = 1
emotions = clips.target_names
fig, axes = plt.subplots(2, len(emotions), figsize=(13, 4.8), layout="constrained")
fig.suptitle("Landmarks that move in each emotion, and their relevance to the network")
LandmarkRelevanceDisplay.from_scores(
    clips.moving, class_names=emotions, ax=axes[0], normalize=False, cmap="Blues", colorbar=False
)
LandmarkRelevanceDisplay.from_estimator(model, clips.data, clips.target, ax=axes[1], colorbar=False)
for ax in axes[1]:
    ax.set_title("")
for ax, name in zip(axes[:, 0], ["moving", "relevance"], strict=True):
    ax.text(-0.05, 0.5, name, rotation=90, ha="right", va="center", transform=ax.transAxes)
plt.show()

for emotion, moving, pipe in zip(emotions, clips.moving, model[-1].estimators_, strict=True):
    kept = moving[pipe[0].get_landmark_support()]
    print(
        f"{emotion:9} moving: {kept.mean():.0%} of the kept landmarks, {moving.mean():.0%} of all"
    )

# %%
# What is special to an emotion
# -----------------------------
# The mouth matters for most emotions. ``contrast=True`` subtracts the mean relevance over the
# emotions: orange landmarks matter more for this emotion than on average, blue ones less. The
# arrows show the mean movement.

display = LandmarkRelevanceDisplay.from_estimator(
    model, clips.data, clips.target, contrast=True, arrows=True
)
display.figure_.set_size_inches(12, 6.8)
display.figure_.suptitle("Relevance for each emotion, compared with the mean over the emotions")
plt.show()

# %%
# What to conclude, and what not
# ------------------------------
# The kept landmarks move more often than landmarks at random would, as the percentages show. They
# do not all move: a landmark that does *not* move in an emotion also separates it from the others.
# For disgust, the network uses the chin, which moves in fear and surprise only. Real faces have
# more movements, and their truth is not known: see :ref:`claims`.
