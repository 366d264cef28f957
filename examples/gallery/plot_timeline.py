"""
When does a clip show an emotion?
=================================

:func:`~sklearn_temo.explain_clips` gives the share of each landmark in each frame. This example
draws these shares over time: first for a synthetic clip, and then for a filmed clip, whose
prediction is wrong in a way that the timeline shows.
"""

# %%
# Synthetic clips of new subjects
# -------------------------------
# :func:`~sklearn_temo.datasets.make_expression_clips` also returns `rise`, the strength of the
# expression in each frame: 0 in the neutral face, 1 at the apex.

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from sklearn_temo import explain_clips, make_temo_pipeline
from sklearn_temo.datasets import make_expression_clips

clips = make_expression_clips(n_clips=280, n_frames=12, n_subjects=40, random_state=0)
split = GroupShuffleSplit(test_size=0.25, random_state=0)
train, test = next(split.split(clips.data, groups=clips.groups))

pipe = make_temo_pipeline(landmarks="passthrough", k=64, random_state=0)
pipe.fit(clips.data[train], clips.target[train])
accuracy = pipe.score(clips.data[test], clips.target[test])
print(f"accuracy on clips of new subjects: {accuracy:.2f}")

# %%
# The timeline of one clip
# ------------------------
# The baselines are faces that do not move (``baselines="still"``), so a landmark that does not move
# has no share. The heat map of :class:`~sklearn_temo.RelevanceTimelineDisplay` has a row for each
# region and a column for each frame: orange speaks for the class, blue against it. The column on
# the left holds the shares of the first frame, the *identity*; the others are shares of the
# *movement*. The steps at the bottom lead from the mean logit of the baselines to the logit of the
# clip.

import matplotlib.pyplot as plt

from sklearn_temo import RelevanceTimelineDisplay

explanation = explain_clips(pipe, clips.data[test], baselines="still")
smile = int(np.flatnonzero(clips.target[test] == "happiness")[0])
display = RelevanceTimelineDisplay.from_explanation(explanation, smile)
display.figure_.suptitle("Shares of the regions in each frame: what speaks for happiness in a clip")
plt.show()

share = explanation.movement.sum(axis=2)
share = share / share.max(axis=1, keepdims=True)
for name, values in {"strength": clips.rise[test], "share": share}.items():
    first = np.argmax(values.mean(axis=0) >= 0.5)
    print(f"mean {name} over the test clips: half of the maximum is reached in frame {first}")

# %%
# The shares describe the network, not the face. It uses the first frames little, since most clips
# are still neutral there.
#
# A filmed clip
# -------------
# A :class:`~sklearn_temo.FaceLandmarkTransformer` in front of the fitted steps extracts the
# landmarks of videos, and the display then shows the frames. The clip shows an actor who was asked
# to speak a sentence with happiness (:func:`~sklearn_temo.datasets.load_cremad_sample`).

from sklearn.pipeline import Pipeline

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample

sample = load_cremad_sample()
path = sample.data[sample.target.tolist().index("happiness")]

# sphinx_gallery_thumbnail_number = 2
filmed = Pipeline([("landmarks", FaceLandmarkTransformer(n_frames=12)), *pipe.steps[1:]])
explanation = explain_clips(filmed, [path], baselines="still")
display = RelevanceTimelineDisplay.from_explanation(explanation)
display.figure_.suptitle("Shares of the regions in each frame: what speaks for surprise in a video")
plt.show()

# %%
# What to conclude, and what not
# ------------------------------
# The network, which has seen only synthetic clips, predicts surprise. The brows and the lips speak
# for it, in the frames in which the actor raises his brows and opens his mouth to speak. Nobody
# speaks in the training clips: the reason can be seen and repaired. The label says which emotion
# the actor was asked to show, not what he felt. :class:`~sklearn_temo.ClipExplanationDisplay` draws
# the shares on one frame.
