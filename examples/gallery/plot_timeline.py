"""
When does a clip show an emotion?
=================================

:func:`~sklearn_temo.explain_clips` gives the share of each landmark in each frame. This example
draws these shares over time: first for synthetic clips, in which the true course of the expression
is known, and then for a filmed clip, whose prediction is wrong in a way that the timeline shows.
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

# %%
# Is the time right?
# ------------------
# The shares of the frames should follow the expression. The share of each frame, divided by the
# largest of its clip, is compared with the true strength, both as means over the test clips.

share = explanation.movement.sum(axis=2)
share = share / share.max(axis=1, keepdims=True)
rise = clips.rise[test]

fig, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
frames = np.arange(12)
ax.plot(frames, rise.mean(axis=0), "--", color="0.5", label="true strength of the expression")
ax.plot(frames, share.mean(axis=0), "o-", color="#0072B2", label="share of the frame")
ax.set(xlabel="frame", ylabel="mean over the test clips\n(1 = maximum)", ylim=(-0.05, 1.05))
ax.set_title("The shares begin later than the expression and fall earlier", fontsize="medium")
ax.legend(frameon=False, loc="lower right")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

correlation = [np.corrcoef(*pair)[0, 1] for pair in zip(share, rise, strict=True)]
print(f"correlation of share and strength within a clip: median {np.median(correlation):.2f}")
for name, values in {"strength": rise, "share": share}.items():
    first = np.argmax(values.mean(axis=0) >= 0.5)
    print(f"{name}: half of the maximum is reached in frame {first}")

# %%
# The shares describe the network, not the face. It uses the first frames little, since most clips
# are still neutral there, and it uses the last frames less although the expression stays.
#
# A filmed clip
# -------------
# A :class:`~sklearn_temo.FaceLandmarkTransformer` in front of the fitted steps extracts the
# landmarks of videos, and the display then shows the frames. The package includes six clips of an
# actor who speaks a sentence with different emotions
# (:func:`~sklearn_temo.datasets.load_cremad_sample`). In this one he was asked to show happiness.

from sklearn.pipeline import Pipeline

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample

sample = load_cremad_sample()
path = sample.data[sample.target.tolist().index("happiness")]

# sphinx_gallery_thumbnail_number = 3
filmed = Pipeline([("landmarks", FaceLandmarkTransformer(n_frames=12)), *pipe.steps[1:]])
explanation = explain_clips(filmed, [path], baselines="still")
display = RelevanceTimelineDisplay.from_explanation(explanation)
display.figure_.suptitle("Shares of the regions in each frame: what speaks for surprise in a video")
plt.show()

# %%
# The network, which has seen only synthetic clips, predicts surprise. The brows and the lips speak
# for it, in the frames in which the actor raises his brows and opens his mouth to speak. Such
# frames occur in the training clips only in surprise and fear, since nobody speaks in them.
#
# :class:`~sklearn_temo.ClipExplanationDisplay` draws the same shares on the frame with the largest
# one, summed over time:

from sklearn_temo import ClipExplanationDisplay

print(explanation)
display = ClipExplanationDisplay.from_explanation(explanation)
display.figure_.suptitle(f"Raised brows and open lips speak for surprise\n{display.title}")
plt.show()

# %%
# What to conclude, and what not
# ------------------------------
# - A timeline shows when the network finds what speaks for a class. An expression may begin earlier
#   and last longer.
# - The wrong prediction has a reason that can be seen and repaired: the training data lack speech.
# - The label says which emotion the actor was asked to show. It is not what he felt.
# - One clip is an anecdote. ``RelevanceTimelineDisplay.from_explanation(explanation, clip=None)``
#   draws the mean over all explained clips.
