"""
Real clips: from video files to relevant landmarks
==================================================

The package includes six clips of one actor, each with another emotion. This example extracts their
landmarks, fits the pipeline and draws the relevance of the landmarks on the face. The last section
explains what such a figure can and cannot show.
"""

# %%
# Landmarks
# ---------
# :meth:`~sklearn_temo.FaceLandmarkTransformer.extract` returns the landmarks of each clip, the time
# of each frame, and whether a face was detected in it. ``n_frames=None`` keeps all frames.

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample

sample = load_cremad_sample()
clips = FaceLandmarkTransformer(n_frames=None).extract(sample.data)

for emotion, clip in zip(sample.target, clips, strict=True):
    print(
        f"{emotion:9}  {len(clip.times)} frames in {clip.times[-1]:.1f} s, "
        f"face detected in {clip.detected.sum()} of them"
    )

# %%
# Short windows
# -------------
# Six clips are too few to train a classifier, so each clip is cut into overlapping windows of 8
# frames (half a second). A window has the label of its clip and is one row of ``8 * 468 * 3``
# columns.

import numpy as np

from sklearn_temo import LandmarkLayout

step, stride = 2, 3
layout = LandmarkLayout(n_frames=8, n_landmarks=468, n_coords=3)

X, y = [], []
for emotion, clip in zip(sample.target, clips, strict=True):
    for start in range(0, len(clip.times) - (layout.n_frames - 1) * step, stride):
        window = clip.landmarks[start : start + layout.n_frames * step : step]
        X.append(layout.flatten(window))
        y.append(emotion)
X, y = np.stack(X), np.array(y)

print(len(X), "windows of", X.shape[1], "columns")

# %%
# The pipeline
# ------------
# The landmarks are extracted already, so the first step is ``"passthrough"``. The aligner removes
# the position, the size and the in-plane rotation of the head; the selector keeps 64 landmarks.

from sklearn_temo import make_temo_pipeline

pipe = make_temo_pipeline(landmarks="passthrough", k=64, random_state=0)
pipe.fit(X, y)

selector = pipe["select"]
print(f"kept {selector.get_landmark_support().sum()} of {len(selector.ranking_)} landmarks")
print(f"largest completeness gap: {selector.completeness_gap_:.1e}")

# %%
# This example reports no accuracy. Windows of the same clip have the same light and head pose, and
# most of their frames in common, so an accuracy on held-out windows would be meaningless.
#
# Relevance for each emotion
# --------------------------
# Each panel shows the mean last frame of the windows of an emotion. Larger and darker is more
# relevant; landmarks that are not kept are small and hollow.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay

LandmarkRelevanceDisplay.from_estimator(pipe, X, y)
plt.show()

# %%
# What the figure shows, and what it does not show
# ------------------------------------------------
# The figure shows the landmarks by which the network separates these six clips.
#
# It does not show the landmarks of an emotion in general. There is one clip for each emotion, so
# the labels only identify the clips: with permuted labels, similar panels would appear under other
# titles. The actor also speaks in every clip, so the lips move in all of them. And one actor does
# not represent other people.
#
# Conclusions about emotions need many subjects, several clips of each, and a test on subjects that
# are not in the training set: see :ref:`evaluation`.
