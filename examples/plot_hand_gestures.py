"""
Other landmarks: gestures of a hand
===================================

Nothing in the selector and the network knows of faces. Here they are given hands of 21 landmarks,
in the order of MediaPipe's hand landmarker, that show one of two gestures: *pinch* brings the thumb
and the index finger together, *fold* bends the other three fingers. The clips are made, so it is
known which landmarks take part.
"""

# %%
# Made hands
# ----------
# A hand is a wrist and five fingers of four joints. Hands differ in size and shape from person to
# person, they drift, and the tracker jitters.

import numpy as np

from sklearn_temo import LandmarkLayout

layout = LandmarkLayout(n_frames=8, n_landmarks=21, n_coords=3)
n_clips, n_people = 120, 12
fingers = {
    name: np.arange(first, first + 4)
    for name, first in zip(
        ["thumb", "index", "middle", "ring", "little"], range(1, 21, 4), strict=True
    )
}

hand = np.zeros((21, 3))
for angle, joints in zip(np.deg2rad([150, 110, 90, 72, 55]), fingers.values(), strict=True):
    reach = np.linspace(0.5, 1.0, 4)[:, None]
    hand[joints, :2] = reach * [np.cos(angle), np.sin(angle)]

pinch, fold = np.zeros((2, 21, 3))
bend = np.array([0.0, 0.1, 0.3, 0.5])[:, None]
pinch[fingers["thumb"]] = bend * [0.5, 0.4, -0.3]
pinch[fingers["index"]] = bend * [-0.4, -0.6, -0.3]
for name in ("middle", "ring", "little"):
    fold[fingers[name]] = bend * [0.0, -1.0, -0.8]

rng = np.random.default_rng(0)
people = np.arange(n_clips) % n_people
gesture = np.array(["pinch", "fold"])[rng.permutation(n_clips) % 2]
shapes = hand * rng.normal(1, 0.1, (n_people, 1, 1)) + rng.normal(0, 0.03, (n_people, 21, 3))
course = np.linspace(0, 1, layout.n_frames)[:, None, None]
clips = np.empty((n_clips, *layout.shape))
for clip, person, name in zip(clips, people, gesture, strict=True):
    strength = rng.uniform(0.3, 1.0)
    clip[:] = shapes[person] + strength * course * {"pinch": pinch, "fold": fold}[name]
    clip += course * rng.normal(0, 0.3, 3) + rng.normal(0, 0.02, clip.shape)

# %%
# What the aligner does for faces takes two lines for hands: the wrist, landmark 0, is put in the
# origin, and what follows the first frame becomes a displacement from it.

clips -= clips[:, :, :1]
clips[:, 1:] -= clips[:, :1]
X = layout.flatten(clips).astype(np.float32)

# %%
# People never seen
# -----------------

from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_temo import IGLandmarkSelector, TEMOClassifier

selector = IGLandmarkSelector(k=4, n_frames=layout.n_frames, random_state=0)
pipe = make_pipeline(selector, TEMOClassifier(n_frames=layout.n_frames, random_state=0))
scores = cross_val_score(pipe, X, gesture, groups=people, cv=StratifiedGroupKFold(4))
print(f"accuracy with 4 of 21 landmarks: {scores.mean():.2f}")

# %%
# The landmarks that matter
# -------------------------
# The larger a landmark, the higher its score; outlined ones were kept.

import matplotlib.pyplot as plt

selector.fit(X, gesture)
kept = selector.get_landmark_support()
scores_of_landmarks = selector.landmark_scores_

fig, ax = plt.subplots(figsize=(4, 4), layout="constrained")
for joints in fingers.values():
    ax.plot(*hand[np.r_[0, joints], :2].T, color="lightgrey", zorder=0)
ax.scatter(
    *hand[:, :2].T,
    s=10 + 1500 * scores_of_landmarks,
    c=scores_of_landmarks,
    edgecolors=np.where(kept, "black", "none"),
)
ax.set_aspect("equal")
ax.axis("off")
plt.show()
