"""
Which explanations find the landmarks that move?
================================================

:func:`~sklearn_temo.explain_clips` computes Integrated Gradients. `captum <https://captum.ai>`_ has
other methods for the same network. In synthetic clips it is known which landmarks move, so that the
methods can be compared with the truth.
"""

# %%
# A network and clips of new subjects
# -----------------------------------
# The classifier gets all landmarks: a selector in front of it would hide a part of the face.

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from sklearn_temo import LandmarkAligner, TEMOClassifier
from sklearn_temo.datasets import make_expression_clips

clips = make_expression_clips(n_clips=280, n_frames=6, n_subjects=40, random_state=0)
X, y = np.asarray(LandmarkAligner().fit_transform(clips.data)), clips.target
splitter = GroupShuffleSplit(test_size=0.25, random_state=0)
train, test = next(splitter.split(X, groups=clips.groups))
temo = TEMOClassifier(n_components=32, n_frames=6, n_coords=3, random_state=0)
temo.fit(X[train], y[train])
predicted = temo.predict(X[test])
print(f"T-EMO, trained: accuracy on new subjects {np.mean(predicted == y[test]):.2f}")

# Clips with an expression that the network recognises.
explained = test[(predicted == y[test]) & (y[test] != "neutral")][:30]
target = np.searchsorted(temo.classes_, y[explained])
truth = clips.moving[target]
print(f"{len(explained)} clips; {truth.mean():.0%} of the landmarks move in an average clip")

# %%
# Four methods
# ------------
# ``averaged_module_`` is the torch network that predicts. All methods compare with the same
# baselines, which are typical training clips; methods of captum that take a single one get their
# mean. The share of a landmark is the sum over its frames and coordinates. Occlusion replaces one
# region of the face at a time, and the region's share is divided among its landmarks. Permutation
# exchanges a landmark among training clips, and gives all clips the same shares.

import torch
from captum.attr import FeatureAblation, FeaturePermutation, InputXGradient

from sklearn_temo import explain_clips, mesh
from sklearn_temo.attribution import make_baselines

network = temo.averaged_module_.eval()
baselines = make_baselines(X[train])
rows, t = torch.from_numpy(X[explained]), torch.from_numpy(target)
base = torch.from_numpy(baselines.mean(axis=0, keepdims=True))
landmark_of_column = np.arange(X.shape[1]) // 3 % 468
region_names, region = np.unique(mesh.regions(), return_inverse=True)


def by_landmark(columns):
    """Sum over frames and coordinates."""
    return columns.detach().numpy().reshape(-1, 6, 468, 3).sum(axis=(1, 3))


def integrated_gradients():
    """Integrated Gradients of this package."""
    explanation = explain_clips(temo, X[explained], target=y[explained], baselines=baselines)
    return explanation.attributions.sum(axis=1)


def gradient_x_input():
    """Gradient at the clip, times the difference from the baseline."""
    shifted = InputXGradient(lambda difference: network(base + difference))
    return by_landmark(shifted.attribute((rows - base).requires_grad_(), target=t))


def occlusion():
    """Fall of the logit when a region is replaced by the baseline."""
    mask = torch.from_numpy(region[landmark_of_column])[None]
    found = FeatureAblation(network).attribute(rows, base, target=t, feature_mask=mask)
    return found[:, : 3 * 468 : 3].detach().numpy() / np.bincount(region)[region]


def permutation():
    """Increase in the loss when a landmark is exchanged among 40 training clips."""
    some = torch.from_numpy(X[train[:40]])
    classes = torch.from_numpy(np.searchsorted(temo.classes_, y[train[:40]]))
    loss = FeaturePermutation(lambda x: -torch.nn.functional.cross_entropy(network(x), classes))
    found = loss.attribute(some, feature_mask=torch.from_numpy(landmark_of_column)[None])
    return np.tile(found[0, : 3 * 468 : 3].numpy(), (len(explained), 1))


methods = {
    "Integrated Gradients": integrated_gradients,
    "gradient × input": gradient_x_input,
    "occlusion of regions": occlusion,
    "permutation": permutation,
}
shares = {}
for name, method in methods.items():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shares[name] = method()
shares["random numbers"] = np.random.default_rng(0).normal(size=truth.shape)

# %%
# Two measures
# ------------
# The first measure is the part of the absolute shares that is on landmarks that move. The second
# does not need the truth: the landmarks with the largest shares are replaced by those of the
# baseline, and the probability of the class is computed again. The lower this deletion curve, the
# better the shares describe what the *network* uses.

n_replaced = np.array([0, 5, 10, 20, 40, 80, 160, 320, 468])
on_moving, curves = {}, {}
for name, of_clips in shares.items():
    size = np.abs(of_clips)
    on_moving[name] = ((size * truth).sum(axis=1) / size.sum(axis=1)).mean()
    rank = np.argsort(np.argsort(-of_clips, axis=1), axis=1)
    curves[name] = []
    for n in n_replaced:
        is_replaced = (rank < n)[:, landmark_of_column]
        changed = np.where(is_replaced, base.numpy(), X[explained]).astype(np.float32)
        probability = temo.predict_proba(changed)[np.arange(len(target)), target]
        curves[name].append(probability.mean())
    area = np.trapezoid(curves[name], n_replaced / 468)
    print(f"{name:20} on moving landmarks {on_moving[name]:.2f}, area of deletion {area:.2f}")

# %%
# The answer
# ----------

import matplotlib.pyplot as plt

colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "grey"]
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
fig.suptitle(
    "Explanations of 30 synthetic clips, compared with what moves and what the network uses"
)
left.barh(list(on_moving), list(on_moving.values()), color=colours)
left.axvline(truth.mean(), color="black", linestyle=":")
left.annotate("equal shares", (truth.mean(), 4.4), xytext=(4, 0), textcoords="offset points")
left.invert_yaxis()
left.set(xlabel="part of the shares on landmarks that move", title="Compared with the truth")
for (name, curve), colour, marker in zip(curves.items(), colours, "ovs^x", strict=True):
    style = "--" if colour == "grey" else "-"
    right.plot(n_replaced, curve, style, color=colour, marker=marker, label=name)
right.set_xscale("symlog", linthresh=5)
ticks = [0, 5, 10, 20, 40, 80, 160, 468]
right.set_xticks(ticks, ticks)
right.minorticks_off()
right.set(
    xlabel="landmarks replaced, largest shares first",
    ylabel="mean probability of the class",
    title="Compared with the network: deletion curves",
)
right.legend(fontsize="small")
plt.show()

# %%
# Mean shares for happiness, on the face
# --------------------------------------
# Occlusion of regions cannot tell the corners of the mouth from the other landmarks of the lips.
# Permutation has large values on the brows, which do not move in happiness: its values are the same
# for all clips, and other emotions move the brows.

from sklearn_temo import LandmarkRelevanceDisplay

happy = y[explained] == "happiness"
panels = {"landmarks that move": truth[happy].mean(axis=0)}
panels |= {name: np.abs(shares[name][happy]).mean(axis=0) for name in methods}
fig, axes = plt.subplots(1, 5, figsize=(13, 3.6), layout="constrained")
fig.suptitle("Happiness: landmarks that move, and the mean absolute shares of four methods")
LandmarkRelevanceDisplay.from_scores(
    list(panels.values()), class_names=list(panels), score_name="share / mean share", ax=axes
)
plt.show()

# %%
# What to conclude
# ----------------
# Integrated Gradients put the largest part of the shares on landmarks that move, and their deletion
# curve falls fastest, together with that of gradient × input, which is nearly the same for this
# network and these clips. All methods also have large shares on landmarks that do not move: the
# baselines are typical clips, so that a landmark that is at rest, but moves in other emotions, has
# a share, too. The two measures need not agree: the truth is about the clips, and the deletion
# curve is about the network. Synthetic clips are easy. :ref:`comparing_attributions` has real data
# and more methods.
