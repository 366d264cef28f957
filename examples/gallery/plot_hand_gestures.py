"""
Which part of the hand tells the digit?
=======================================

The selector and the classifier accept landmarks of any object. Here they get the 21 landmarks of
hands that show the digits 0 to 9 in sign language.
"""

# %%
# Hands
# -----
# :func:`~sklearn_temo.datasets.load_sign_digits` returns one frame for each photograph. Every third
# group of photographs is used here, for speed; all photographs of a person are in one group.

import numpy as np

from sklearn_temo.datasets import load_sign_digits

digits = load_sign_digits()
used = np.isin(digits.groups, np.unique(digits.groups)[::3])
X, y, groups = digits.data[used], digits.target[used], digits.groups[used]
print(f"{len(y)} photographs")

# %%
# :class:`~sklearn_temo.LandmarkAligner` is for faces. For hands, two lines do the same: they move
# the wrist to the origin, and divide by the distance from the wrist to the middle knuckle.

hands = digits.layout.unflatten(np.asarray(X))
hands = hands - hands[:, :, :1]
hands /= np.linalg.norm(hands[:, :, 9:10], axis=-1, keepdims=True)
X = digits.layout.attach(digits.layout.flatten(hands))

# %%
# Accuracy on people who are not in the training set
# --------------------------------------------------
# The classifier is T-EMO, trained. The layout is attached to ``X``, so that neither the selector
# nor the classifier needs ``n_frames``.

from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_temo import IGLandmarkSelector, LandmarkLayout, TEMOClassifier

cv = StratifiedGroupKFold(3)
pipe = make_pipeline(IGLandmarkSelector(k=5, random_state=0), TEMOClassifier(random_state=0))
scores = cross_val_score(pipe, X, y, groups=groups, cv=cv)

five = LandmarkLayout(n_frames=1, n_landmarks=5, n_coords=3)
random_scores = []
for seed in range(3):
    drawn = np.random.default_rng(seed).permutation(21) < 5
    X_drawn = five.attach(np.asarray(X)[:, digits.layout.feature_mask(drawn)])
    random_scores += list(
        cross_val_score(TEMOClassifier(random_state=0), X_drawn, y, groups=groups, cv=cv)
    )

all_scores = cross_val_score(TEMOClassifier(random_state=0), X, y, groups=groups, cv=cv)
print(f"5 selected: {scores.mean():.2f} accuracy")
print(f"5 random, drawn three times: {np.mean(random_scores):.2f}")
print(f"all 21:     {all_scores.mean():.2f} (chance 0.10)")

# %%
# Relevant landmarks
# ------------------
# ``positions`` are those of an open hand: the mean of the fives. Larger and stronger in colour is
# more relevant. Kept landmarks are filled and have a name.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay

selector = pipe.fit(X, y)[0]
kept = selector.get_landmark_support()
open_hand = hands[y == "5", 0, :, :2].mean(axis=0) * [1, -1]
fig, ax = plt.subplots(figsize=(6, 5), layout="constrained")
for connection in digits.connections:
    ax.plot(*open_hand[connection].T, color="lightgrey", linewidth=1, zorder=0)
LandmarkRelevanceDisplay.from_estimator(selector, positions=open_hand, per_class=False, ax=ax)
for name, tip in zip(digits.landmark_names[kept], open_hand[kept], strict=True):
    ax.annotate(name, tip, xytext=(0, 9), textcoords="offset points", ha="center")
fig.suptitle("Relevance of 21 landmarks of the hand for ten digits; five are kept")
plt.show()

# %%
# What to conclude
# ----------------
# The five tips of the fingers read the digit as well as all 21 landmarks, and five random landmarks
# do not. In these photographs the hand is upright and near the camera: the result is about them,
# and not about sign language in general. The same steps work for any landmarks with a
# :class:`~sklearn_temo.LandmarkLayout`, see :ref:`layout`.
