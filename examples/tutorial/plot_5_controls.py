"""
5. Controls: what else could explain the score
==============================================

You will learn to test a result with controls. They show what the score is with other landmarks,
labels or folds, and whether the explanations depend on what the network has learned.
"""

# %%
# The result
# ----------
# This is the model of the previous pages: 32 selected landmarks, tested on people that it was not
# fitted to. Half of the photographs are smiles, so guessing gives an accuracy of 0.5. The network
# is always "T-EMO, randomized".

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

from sklearn_temo import TEMOClassifier, make_temo_pipeline
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
people_apart = StratifiedGroupKFold(5, shuffle=True, random_state=0)
network = TEMOClassifier(n_frames=1, randomized=True, random_state=0)


def hits(estimator, y=smiles.target, cv=people_apart):
    """Whether each photograph is predicted right, by a model that was not fitted to it."""
    groups = smiles.groups if cv is people_apart else None
    return cross_val_predict(estimator, smiles.data, y, groups=groups, cv=cv) == y


def selected(rotation="full"):
    """The model of the previous pages."""
    return make_temo_pipeline(
        landmarks="passthrough", k=32, rotation=rotation, classifier=network, random_state=0
    )


def interval(found):
    """95 % interval of an accuracy, or of a difference, from a bootstrap over people."""
    of_people = np.reshape(found, (2, 102)).mean(axis=0)
    resampled = np.random.default_rng(0).choice(of_people, (2000, 102)).mean(axis=1)
    return np.percentile(resampled, [2.5, 97.5])


results = {"32 selected": [hits(selected())]}
low, high = interval(results["32 selected"][0])
print(f"32 selected: accuracy {np.mean(results['32 selected']):.3f} ({low:.3f} to {high:.3f})")

# %%
# The accuracy is that of the :ref:`previous page <sphx_glr_tutorial_plot_4_new_people.py>`. Its
# interval begins at 0.887 there: the random draws of the two bootstraps differ.
#
# Control 1: other landmarks
# --------------------------
# If the selected landmarks matter more than others, other landmarks must give a lower score. The
# first control draws 32 landmarks at random, ten times. The second keeps the 32 *least* relevant
# landmarks. The third keeps those of the forehead, and the fourth all 468.

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, mesh


class Keep(TransformerMixin, BaseEstimator):
    """Keep given landmarks, or the 32 least relevant ones."""

    def __init__(self, landmarks="least relevant"):
        self.landmarks = landmarks

    def fit(self, X, y):
        """Find the landmarks to keep."""
        self.kept_ = self.landmarks
        if isinstance(self.landmarks, str):
            selector = IGLandmarkSelector(k=32, random_state=0).fit(X, y)
            self.kept_ = np.argsort(selector.landmark_scores_)[:32]
        return self

    def transform(self, X):
        """Keep their columns."""
        return X.reshape(len(X), 468, 3)[:, self.kept_].reshape(len(X), -1)


def with_landmarks(landmarks):
    """The same network with other landmarks."""
    return make_pipeline(LandmarkAligner(rotation="full"), Keep(landmarks), network)


rng = np.random.default_rng(0)
draws = [rng.choice(468, 32, replace=False) for _ in range(10)]
forehead = np.flatnonzero(mesh.regions() == "forehead")
results["32 random"] = [hits(with_landmarks(draw)) for draw in draws]
results["32 least relevant"] = [hits(with_landmarks("least relevant"))]
results[f"{len(forehead)} of the forehead"] = [hits(with_landmarks(forehead))]
results["all 468"] = [hits(with_landmarks(np.arange(468)))]
for name in list(results)[1:]:
    found = results[name]
    difference = results["32 selected"][0] - np.mean(found, axis=0)
    low, high = interval(difference)
    print(f"{name + ':':19} accuracy {np.mean(found):.3f}, the selection is better by", end=" ")
    print(f"{difference.mean():+.3f} ({low:+.3f} to {high:+.3f})")

n_as_good = sum(np.mean(results["32 random"], axis=1) >= np.mean(results["32 selected"]))
print(f"random draws that are at least as good as the selection: {n_as_good} of 10")

# %%
# Random landmarks are nearly as good as the selected ones: the difference is about 0.02, and one of
# the ten draws is at least as good. :ref:`selected_and_random` has this difference for other folds
# and draws. The score is therefore weak evidence that the selected landmarks are special. They are
# clearly better than the least relevant landmarks and than the forehead, but these are also far
# above chance. Two reasons are likely. Neighbouring landmarks move together, and 32 random ones
# nearly always include some near the mouth. MediaPipe estimates the whole mesh at once, so a smile
# may shift all of it.
#
# Control 2: permuted labels
# --------------------------
# If the labels are random, the score must be at chance. Here the labels of the two photographs are
# exchanged for about half of the people, before the folds are made.

is_neutral = smiles.target == "neutral"
results["permuted labels"] = []
for _ in range(10):
    exchanged = np.tile(rng.random(102) < 0.5, 2)
    labels = np.where(is_neutral ^ exchanged, "neutral", "happiness")
    results["permuted labels"].append(hits(selected(), labels))
accuracies = np.mean(results["permuted labels"], axis=1)
print(
    f"permuted labels: accuracy {accuracies.mean():.3f} on average, {accuracies.max():.3f} at most"
)

# %%
# The mean score is at chance: no information about the labels of the test people leaks into the
# fit.
#
# Control 3: people on both sides of a split
# ------------------------------------------
# If photographs are split instead of people, a model may recognise the person.

by_photograph = StratifiedKFold(5, shuffle=True, random_state=0)
results["split by photograph"] = [hits(selected(), cv=by_photograph)]
print(f"split by photograph: accuracy {np.mean(results['split by photograph']):.3f}")

# %%
# The score is not higher. Recognising a person does not help here, because the other photograph of
# this person has the other label. If a person has several clips with the same label, it does help,
# see :ref:`mistakes that raise a score <sphx_glr_auto_examples_plot_evaluate.py>`.
#
# Control 4: the head instead of the face
# ---------------------------------------
# People may raise their heads when they smile for a photograph. This classifier gets only the
# three angles of the head:

from scipy.spatial.transform import Rotation
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_temo.head_pose import estimate_head_pose


def head_angles(rows):
    """Pitch, yaw and roll of the head in degrees."""
    pose = estimate_head_pose(np.reshape(rows, (len(rows), 468, 3)), size=(1350, 1350))
    return Rotation.from_matrix(pose[:, :3, :3]).as_euler("xyz", degrees=True)


head_only = make_pipeline(FunctionTransformer(head_angles), StandardScaler(), LogisticRegression())
results["angles of the head only"] = [hits(head_only)]
print(f"angles of the head only: accuracy {np.mean(results['angles of the head only']):.3f}")

# %%
# The angles alone are hardly better than chance. ``rotation="full"``, which was used so far,
# removes them from the landmarks. With the default, ``rotation="in-plane"``, the landmarks still
# contain how far the head is raised or turned:

in_plane = "32 selected, head pose not removed"
results[in_plane] = [hits(selected("in-plane"))]
print(f"score with the head pose not removed: {np.mean(results[in_plane]):.3f}")
fitted = {}
for rotation in ("in-plane", "full"):
    fitted[rotation] = selected(rotation).fit(smiles.data, smiles.target)
    scores = fitted[rotation]["select"].landmark_scores_
    nose = scores[mesh.regions() == "nose"].mean() / scores.mean()
    print(f'rotation="{rotation}": relevance of the nose {nose:.1f} times the mean')

# %%
# The score hardly changes, but the explanation does: the nose becomes several times as relevant. It
# is nearest to the camera and moves most when the head is raised. A score does not show what a
# model uses, but a picture of the relevance does (:ref:`both faces
# <sphx_glr_auto_examples_plot_smiles.py>`).
#
# The result and controls 1 to 4 in one picture
# ---------------------------------------------
# Lines are 95 % intervals over people, and crosses are single draws.

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
for place, found in enumerate(results.values()):
    value = np.mean(found)
    if len(found) > 1:
        ax.plot(np.mean(found, axis=1), np.full(len(found), place), "x", color="grey")
    else:
        low, high = interval(found[0])
        ax.plot([low, high], [place, place], color="#D55E00")
    ax.plot(
        value, place, "D", color="#D55E00", markerfacecolor="#D55E00" if place == 0 else "white"
    )
    ax.annotate(f"{value:.2f}", (1.02, place), xycoords=("axes fraction", "data"), va="center")
ax.axvline(0.5, color="grey", linestyle="--", linewidth=1)
ax.set_yticks(range(len(results)), results)
ax.invert_yaxis()
ax.set_xlabel("accuracy on photographs that the model was not fitted to (chance: dashed line)")
fig.suptitle("Accuracy of the result (filled) and of controls 1 to 4 (hollow)")
plt.show()

# %%
# Control 5: explanations of networks that learned nothing
# --------------------------------------------------------
# The explanations must differ from those of a network that has learned nothing. The checks compare
# the shares of the landmarks with those of networks with shuffled weights, and of networks that
# were fitted to permuted labels.

from sklearn_temo.explanation import check_random_labels, check_random_weights

for check in (check_random_weights, check_random_labels):
    print(check(fitted["full"], smiles.data, smiles.target, random_state=0))

# %%
# Each check makes two kinds of networks. Those of the first kind have learned nothing: their shares
# have a rank correlation of about 0.2 with those of the model, and 0.31 at most. Those of the
# second kind are fitted like the model, with other seeds. The limit of the first check is
# 0.52 = 0.71 x 0.73, where 0.71 is the root of 1/2, and 0.73 (at least 0.66) is the correlation
# between networks fitted with different seeds. A check is passed if the mean of the first kind is
# below the limit, and if the ranges of the two kinds do not overlap.
#
# Both checks are passed: the explanations depend on what the network has learned. This does not
# show that they are right.
#
# What the controls show
# ----------------------
# A posed smile can be recognised in photographs of people that the model was not fitted to, from
# landmarks of the face and without the pose of the head. Landmarks far from the mouth are less
# good, but also far above chance. The result holds for posed photographs with two expressions:
# :ref:`page 3 <sphx_glr_tutorial_plot_3_relevance.py>` shows that speech misleads the model.
#
# Next: the :doc:`user guide </user_guide/index>`, or the :doc:`examples </auto_examples/index>`.
# :ref:`Your own folder of clips <sphx_glr_auto_examples_plot_own_clips.py>` is a good start. More
# about controls: :ref:`evaluation`, :ref:`explaining` and :ref:`comparing_attributions`.
