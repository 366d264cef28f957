"""
From real clips to the landmarks that differ
============================================

Six clips of one actor come with the package, one for each of six emotions. This example takes them
all the way: from video files to landmarks, through the pipeline, to a picture of the face. It ends
with what such a picture can and cannot say.
"""

# %%
# Landmarks
# ---------
# :meth:`~sklearn_temo.FaceLandmarkTransformer.extract` returns every clip with the times of its
# frames and with a flag for each frame in which a face was found. With ``n_frames=None`` it reads
# all frames.

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample

sample = load_cremad_sample()
clips = FaceLandmarkTransformer(n_frames=None).extract(sample.data)

for emotion, clip in zip(sample.target, clips, strict=True):
    print(
        f"{emotion:9}  {len(clip.times)} frames in {clip.times[-1]:.1f} s, "
        f"a face in {clip.detected.sum()} of them"
    )

# %%
# Short windows
# -------------
# Six clips are six rows: too few to train anything. So each clip is cut into windows of half a
# second that overlap, of 8 frames each. A window takes the label of its clip. To a pipeline, each
# of them is a clip: one row of ``8 * 468 * 3`` columns.

import numpy as np

from sklearn_temo import LandmarkLayout

n_frames, step, stride = 8, 2, 3
layout = LandmarkLayout(n_frames=n_frames, n_landmarks=468, n_coords=3)

X, y = [], []
for emotion, clip in zip(sample.target, clips, strict=True):
    for start in range(0, len(clip.times) - (n_frames - 1) * step, stride):
        window = clip.landmarks[start : start + n_frames * step : step]
        X.append(layout.flatten(window))
        y.append(emotion)
X, y = np.stack(X), np.array(y)

print(X.shape)

# %%
# The pipeline
# ------------
# The landmarks have been extracted already, so the first step is passed by. Alignment removes where
# the head is, how large it is in the picture and how it is tilted; the selector keeps 64 landmarks.
# The network that ranks the landmarks gets few epochs, for speed.

from sklearn_temo import TEMOClassifier, make_temo_pipeline

pipe = make_temo_pipeline(
    landmarks="passthrough",
    k=64,
    n_frames=n_frames,
    classifier=TEMOClassifier(max_epochs=20),
    random_state=0,
)
pipe.set_params(
    select__estimator=TEMOClassifier(
        n_components=32,
        noise=0.4,
        max_epochs=20,
        random_state=0,
    )
)
pipe.fit(X, y)

selector = pipe.named_steps["select"]
print(f"kept {selector.get_landmark_support().sum()} of {len(selector.ranking_)} landmarks")
print(f"largest completeness gap: {selector.completeness_gap_:.1e}")

# %%
# No accuracy is printed here, since none would mean anything. Windows of one clip share its light,
# its head pose and most of their half second: a window held out is nearly one that was seen.
#
# The face, emotion by emotion
# ----------------------------

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay

LandmarkRelevanceDisplay.from_estimator(pipe)
plt.show()

# %%
# What this shows, and what it does not
# -------------------------------------
# It shows that the steps fit together on real video, and where on this face the network looked to
# tell these six clips apart.
#
# It does not show which landmarks matter for an emotion. There is one clip for each emotion, so the
# label is just another name of the clip: had the labels been dealt out to the clips in another
# order, similar faces would have come out, under other titles. The actor also speaks in all
# of them, so that the lips move anyway. And what one person does need not be what people do.
#
# To say something about emotions takes many people, several clips of each, and a test on people who
# were not in the training: see :ref:`evaluation`.
