"""
Other landmarks: hand gestures
==============================

The selector and the classifier accept landmarks of any object, not only of faces. This example
uses hands of 21 landmarks, in the order of MediaPipe's hand landmarker, that show one of two
gestures: *pinch* moves the thumb and the index finger towards each other, *fold* bends the other
three fingers. The clips are synthetic, so the landmarks that take part in the gestures are known.
"""

# %%
# Synthetic hands
# ---------------
# A hand has a wrist and five fingers with four joints each. The size and the shape of a hand depend
# on the subject; the hand drifts during a clip, and every landmark has tracking noise.

import numpy as np

from sklearn_temo import LandmarkLayout

layout = LandmarkLayout(n_frames=8, n_landmarks=21, n_coords=3)
n_clips, n_subjects = 120, 12
names = ["thumb", "index", "middle", "ring", "little"]
fingers = {name: np.arange(1, 5) + 4 * i for i, name in enumerate(names)}

hand = np.zeros((21, 3))
for angle, joints in zip(np.deg2rad([150, 110, 90, 72, 55]), fingers.values(), strict=True):
    length = np.linspace(0.5, 1.0, 4)[:, None]
    hand[joints, :2] = length * [np.cos(angle), np.sin(angle)]

pinch, fold = np.zeros((2, 21, 3))
bend = np.array([0.0, 0.1, 0.3, 0.5])[:, None]
pinch[fingers["thumb"]] = bend * [0.5, 0.4, -0.3]
pinch[fingers["index"]] = bend * [-0.4, -0.6, -0.3]
for name in ("middle", "ring", "little"):
    fold[fingers[name]] = bend * [0.0, -1.0, -0.8]
gestures = {"pinch": pinch, "fold": fold}

rng = np.random.default_rng(0)
subjects = np.arange(n_clips) % n_subjects
y = np.array(list(gestures))[rng.permutation(n_clips) % 2]
shapes = hand * rng.normal(1, 0.1, (n_subjects, 1, 1)) + rng.normal(0, 0.03, (n_subjects, 21, 3))
time = np.linspace(0, 1, layout.n_frames)[:, None, None]
clips = np.empty((n_clips, *layout.shape))
for clip, subject, gesture in zip(clips, subjects, y, strict=True):
    strength = rng.uniform(0.3, 1.0)
    clip[:] = shapes[subject] + strength * time * gestures[gesture]
    clip += time * rng.normal(0, 0.3, 3) + rng.normal(0, 0.02, clip.shape)

# %%
# :class:`~sklearn_temo.LandmarkAligner` is for faces. For hands, two lines do the same: they move
# the wrist (landmark 0) to the origin and replace all frames after the first by their displacement
# from it.

clips -= clips[:, :, :1]
clips[:, 1:] -= clips[:, :1]
X = layout.flatten(clips).astype(np.float32)

# %%
# Accuracy for subjects that are not in the training set
# ------------------------------------------------------
# The number of frames can be inferred for a face mesh only, so the selector needs ``n_frames``. The
# classifier receives it from the selector.

from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_temo import IGLandmarkSelector, TEMOClassifier

selector = IGLandmarkSelector(k=4, n_frames=layout.n_frames, random_state=0)
pipe = make_pipeline(selector, TEMOClassifier(random_state=0))
scores = cross_val_score(pipe, X, y, groups=subjects, cv=StratifiedGroupKFold(4))
print(f"accuracy with 4 of 21 landmarks: {scores.mean():.2f}")

# %%
# Relevant landmarks
# ------------------
# Other landmarks than those of the face are drawn at the ``positions`` that are passed. The larger
# and darker a landmark, the higher its relevance; the four kept landmarks have an outline.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay

selector.fit(X, y)
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for joints in fingers.values():
    ax.plot(*hand[np.r_[0, joints], :2].T, color="lightgrey", zorder=0)
LandmarkRelevanceDisplay.from_estimator(selector, positions=hand[:, :2], per_class=False, ax=ax)
plt.show()
