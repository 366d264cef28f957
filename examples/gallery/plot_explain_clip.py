"""
Explaining one clip: landmarks, frames and direction
====================================================

The relevance of the selector describes a whole data set. :func:`~sklearn_temo.explain_clips`
explains the prediction for a single clip: which landmarks raised or lowered the logit of a class,
and in which frames. The first part uses synthetic clips, in which it is known what moves. The
second part applies the same model to a filmed clip, and finds out why its prediction is wrong.
"""

# %%
# A model and clips of new subjects
# ---------------------------------
# The test clips are of subjects that are not in the training clips.

from sklearn.model_selection import GroupShuffleSplit

from sklearn_temo import make_temo_pipeline
from sklearn_temo.datasets import make_expression_clips

clips = make_expression_clips(n_clips=280, n_frames=12, n_subjects=40, random_state=0)
splitter = GroupShuffleSplit(test_size=0.25, random_state=0)
train, test = next(splitter.split(clips.data, groups=clips.groups))

pipe = make_temo_pipeline(landmarks="passthrough", k=64, random_state=0)
pipe.fit(clips.data[train], clips.target[train])
accuracy = pipe.score(clips.data[test], clips.target[test])
print(f"accuracy on new subjects: {accuracy:.2f}")

# %%
# Explain the clips
# -----------------
# Without `target`, the predicted class of each clip is explained. The shares of a clip add up to
# the difference between its logit and the mean logit of the baselines. *Identity* is the sum of the
# shares of the positions in the first frame, which show the shape of the face; *movement* is the
# sum of the shares of the displacements from it.

import numpy as np

from sklearn_temo import explain_clips

explanation = explain_clips(pipe, clips.data[test])
first_smile = int(np.flatnonzero(clips.target[test] == "happiness")[0])
print(explanation[first_smile])

# %%
# Which landmarks
# ---------------
# Orange landmarks speak for the class, blue ones against it. The area of a dot is proportional to
# the share of its landmark. The face is that of the frame with the largest share. A smile moves the
# corners of the lips and raises the cheeks (AU12 and AU6).

import matplotlib.pyplot as plt

from sklearn_temo import ClipExplanationDisplay

ClipExplanationDisplay.from_explanation(explanation, first_smile, annotate=6)
plt.show()

# %%
# The numbers are those of :meth:`~sklearn_temo.ClipExplanation.top`. In synthetic clips it is known
# which landmarks move.

moving = clips.moving[list(clips.target_names).index("happiness")]
top = explanation.top(10)[first_smile]
print(f"of the ten landmarks with the largest shares, {moving[top].sum()} move in happiness;")
print(f"of all landmarks, {moving.mean():.0%} move")

# %%
# When
# ----
# The steps at the bottom lead from the logit of the baselines to that of the clip. The shares grow
# with the expression: the first frames are almost neutral, and hardly change the logit.

from sklearn_temo import RelevanceTimelineDisplay

RelevanceTimelineDisplay.from_explanation(explanation, first_smile)
plt.show()

# %%
# Several clips are averaged. These are all test clips of surprise: the brows and the lips are used
# from about the middle of the clip.

RelevanceTimelineDisplay.from_explanation(explanation, clips.target[test] == "surprise")
plt.show()

# %%
# A filmed clip
# -------------
# The steps of a fitted pipeline can follow a :class:`~sklearn_temo.FaceLandmarkTransformer`. Clips
# are then passed as paths, and the displays show the frames that the landmarks were extracted from.
# The six clips that the package includes show an actor who speaks a sentence with different
# emotions.

from sklearn.pipeline import Pipeline

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample

sample = load_cremad_sample()
path = sample.data[sample.target.tolist().index("happiness")]

filmed = Pipeline([("landmarks", FaceLandmarkTransformer(n_frames=12)), *pipe.steps[1:]])
explanation = explain_clips(filmed, [path])
print(explanation)

# %%
# The actor was told to show happiness, but the model predicts another class. The explanation says
# why.

# sphinx_gallery_thumbnail_number = 4
RelevanceTimelineDisplay.from_explanation(explanation)
plt.show()

# %%

ClipExplanationDisplay.from_explanation(explanation)
plt.show()

# %%
# The largest shares are in the frames in which the actor opens his mouth to speak and raises his
# brows. In the training clips nobody speaks, and an open mouth with raised brows occurs in
# surprise. The prediction is wrong for a reason that can be seen: the training data lack speech.
#
# Shares per region and frame are also available as numbers.

shares = {name: share[0].sum() for name, share in explanation.by_region().items()}
for name in sorted(shares, key=shares.get, reverse=True):
    print(f"{name:12} {shares[name]:+.2f}")

# %%
# Is the explanation about the network?
# -------------------------------------
# Large shares may only show where a face moves. The sanity check shuffles the weights of the
# network: the shares must become different, more so than with another seed of the fit.

from sklearn_temo.explanation import check_random_weights

print(check_random_weights(pipe, clips.data[train], clips.target[train], random_state=0))

# %%
# What an explanation means
# -------------------------
# An explanation describes the model. It does not say what the person felt, and a correct prediction
# can have a wrong reason. Shares are relative to the baselines: with other baselines, such as the
# neutral face of the same person, the shares are different. Neighbouring landmarks move together,
# and the model may divide a share among them in many ways: rely on regions rather than on single
# landmarks. See :ref:`evaluation` for tests on subjects that are not in the training set.
