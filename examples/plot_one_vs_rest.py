"""
Landmarks of their own for each emotion
=======================================

A selector inside a :class:`~sklearn.multiclass.OneVsRestClassifier` is fitted once for each
emotion, against all others, as in the paper that this package follows: each emotion gets landmarks
of its own. On made clips it is known which landmarks really move, so that what was found can be
compared with the truth.
"""

# %%
# Made clips
# ----------
# :func:`~sklearn_temo.datasets.make_expression_clips` plays facial action units on made faces.
# Its attribute ``moving`` says which landmarks take part in each emotion; all others follow the
# head and the jitter of a tracker, and nothing else.

from sklearn_temo.datasets import make_expression_clips

n_frames = 4
clips = make_expression_clips(n_clips=210, n_frames=n_frames, n_subjects=30, random_state=0)

for emotion, units in clips.action_units.items():
    print(f"{emotion:9}  {', '.join(units)}")

# %%
# One selector and one classifier for each emotion
# ------------------------------------------------
# Alignment knows nothing of labels and is done once for all. Selection does, and belongs inside.
# Contempt is on one side of the face only, so landmarks are chosen singly (``symmetric=False``)
# and not in pairs. Small networks and few epochs keep the example short.

from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier

temo = TEMOClassifier(n_frames=n_frames, max_epochs=20, random_state=0)
one = make_pipeline(
    IGLandmarkSelector(temo, k=48, symmetric=False, n_frames=n_frames, random_state=0), temo
)
model = make_pipeline(LandmarkAligner(n_frames=n_frames), OneVsRestClassifier(one))
model.fit(clips.data, clips.target)

# %%
# Truth and finding
# -----------------
# The upper row shows the landmarks that move. The lower row shows the relevance that was found: the
# darker and larger, the more relevant. Outlined landmarks were kept.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay

found = model[-1]
n_emotions = len(found.classes_)
fig, axes = plt.subplots(2, n_emotions, figsize=(13, 4.4), layout="constrained")
LandmarkRelevanceDisplay.from_scores(
    clips.moving,
    class_names=clips.target_names,
    ax=axes[0],
    cmap="Blues",
    colorbar=False,
    scatter_kw={"norm": plt.Normalize(0, 1, clip=True)},
)
LandmarkRelevanceDisplay.from_estimator(found, ax=axes[1], colorbar=False)
for ax in axes[1]:
    ax.set_title("")
plt.show()

# %%
# How many of the kept landmarks really move
# ------------------------------------------
# Where landmarks are kept at random, the share that moves is that of the whole face. An emotion is
# told from the others also by what does *not* move in it, so that a landmark which is still in an
# emotion can rightly be relevant; and in contempt fewer move than are kept. Full marks are not to
# be expected.

import numpy as np

# sphinx_gallery_thumbnail_number = 2
kept = np.stack([one[0].get_landmark_support() for one in found.estimators_])
share_of_kept = (kept & clips.moving).sum(axis=1) / kept.sum(axis=1)
share_of_face = clips.moving.mean(axis=1)

fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
place = np.arange(n_emotions)
ax.barh(place, share_of_kept, height=0.6, color="tab:blue", label="landmarks that were kept")
ax.plot(share_of_face, place, "k|", markersize=16, markeredgewidth=2, label="all landmarks")
ax.set_yticks(place, found.classes_)
ax.invert_yaxis()
ax.set_xlim(0, 1)
ax.set_xlabel("share that moves in the emotion")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
