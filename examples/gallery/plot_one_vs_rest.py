"""
Landmarks for each emotion: one-vs-rest
=======================================

Inside a :class:`~sklearn.multiclass.OneVsRestClassifier`, one selector is fitted for each emotion
against all others, as in the paper that this package follows, and each emotion gets its own
landmarks. The clips are synthetic, so the selected landmarks can be compared with those that move.
"""

# %%
# Synthetic clips
# ---------------
# :func:`~sklearn_temo.datasets.make_expression_clips` applies facial action units to synthetic
# faces. Its attribute ``moving`` contains the landmarks that move in each emotion; all other
# landmarks only follow the head pose and have tracking noise.

from sklearn_temo.datasets import make_expression_clips

clips = make_expression_clips(n_clips=210, n_frames=4, n_subjects=30, random_state=0)

for emotion, units in clips.action_units.items():
    print(f"{emotion:9}  {', '.join(units)}")

# %%
# One selector and one classifier for each emotion
# ------------------------------------------------
# Alignment does not use labels and is done once for all emotions. Selection uses them, so the
# selector is inside the one-vs-rest classifier. Contempt moves one side of the face only, so
# landmarks are selected one by one (``symmetric=False``) and not in mirror pairs.

from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier

binary = make_pipeline(
    IGLandmarkSelector(k=48, symmetric=False, random_state=0),
    TEMOClassifier(randomized=True, random_state=0),
)
model = make_pipeline(LandmarkAligner(), OneVsRestClassifier(binary))
model.fit(clips.data, clips.target)

# %%
# Moving landmarks and their relevance
# ------------------------------------
# The upper row shows the landmarks that move, the lower row the relevance of each landmark to the
# network, on the mean last frame of the emotion: darker and larger is more relevant. Landmarks that
# are not kept are small and hollow.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay

# sphinx_gallery_thumbnail_number = 1
emotions = clips.target_names
fig, axes = plt.subplots(2, len(emotions), figsize=(13, 4.4), layout="constrained")
LandmarkRelevanceDisplay.from_scores(
    clips.moving, class_names=emotions, ax=axes[0], normalize=False, cmap="Blues", colorbar=False
)
LandmarkRelevanceDisplay.from_estimator(model, clips.data, clips.target, ax=axes[1], colorbar=False)
for ax in axes[1]:
    ax.set_title("")
for ax, name in zip(axes[:, 0], ["moving", "relevance"], strict=True):
    ax.text(-0.05, 0.5, name, rotation=90, ha="right", va="center", transform=ax.transAxes)
plt.show()

# %%
# What is special to an emotion
# -----------------------------
# The mouth matters for most emotions. ``contrast=True`` subtracts the mean relevance over the
# emotions: orange landmarks matter more for this emotion than on average, blue ones less. The
# arrows show the mean movement.

LandmarkRelevanceDisplay.from_estimator(
    model, clips.data, clips.target, contrast=True, arrows=True
).figure_.set_size_inches(12, 6.5)
plt.show()

# %%
# Share of the kept landmarks that move
# -------------------------------------
# If landmarks were kept at random, the share of them that move would be that of all landmarks. A
# share of 1 is not expected: a landmark that does *not* move in an emotion also separates it from
# the others, and in contempt fewer landmarks move than are kept.

import numpy as np

fitted = model[-1].estimators_
kept = np.stack([pipeline[0].get_landmark_support() for pipeline in fitted])
share_of_kept = (kept & clips.moving).sum(axis=1) / kept.sum(axis=1)
share_of_all = clips.moving.mean(axis=1)

fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
y = np.arange(len(emotions))
ax.barh(y, share_of_kept, height=0.6, color="tab:blue", label="kept landmarks")
ax.plot(share_of_all, y, "k|", markersize=16, markeredgewidth=2, label="all landmarks")
ax.set_yticks(y, emotions)
ax.invert_yaxis()
ax.set_xlim(0, 1)
ax.set_xlabel("share of landmarks that move in the emotion")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
