"""
Which explanations find the landmarks that move?
================================================

:func:`~sklearn_temo.explain_clips` computes Integrated Gradients. `captum <https://captum.ai>`_
(``pip install captum``) has other methods. In synthetic clips it is known which landmarks move, so
that the methods can be compared with the truth.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from captum.attr import FeatureAblation, InputXGradient
from sklearn.model_selection import GroupShuffleSplit

from sklearn_temo import LandmarkAligner, TEMOClassifier, explain_clips, mesh
from sklearn_temo.attribution import make_baselines
from sklearn_temo.datasets import make_expression_clips

clips = make_expression_clips(n_clips=280, n_frames=6, n_subjects=40, random_state=0)
X, y = np.asarray(LandmarkAligner().fit_transform(clips.data)), clips.target
split = GroupShuffleSplit(test_size=0.25, random_state=0).split(X, groups=clips.groups)
train, test = next(split)
temo = TEMOClassifier(n_components=32, n_frames=6, n_coords=3, random_state=0)
predicted = temo.fit(X[train], y[train]).predict(X[test])
explained = test[(predicted == y[test]) & (y[test] != "neutral")][:30]
target = np.searchsorted(temo.classes_, y[explained])
truth = clips.moving[target]

# %%
# Three methods
# -------------
# The network recognises these clips of new subjects. The share of a landmark is the sum over its
# frames and coordinates. Occlusion replaces a region of the face by the mean of the baselines, and
# divides its share among the landmarks.

network = temo.averaged_module_.eval()
baselines = make_baselines(X[train])
base = torch.from_numpy(baselines.mean(axis=0, keepdims=True))
rows, classes = torch.from_numpy(X[explained]), torch.from_numpy(target)
landmark_of_column = np.arange(X.shape[1]) // 3 % 468
region = np.unique(mesh.regions(), return_inverse=True)[1]
ours = explain_clips(temo, X[explained], target=y[explained], baselines=baselines)
gradient = InputXGradient(lambda difference: network(base + difference))
gradients = gradient.attribute((rows - base).requires_grad_(), target=classes).detach().numpy()
mask = torch.from_numpy(region[landmark_of_column])[None]
occluded = FeatureAblation(network).attribute(rows, base, target=classes, feature_mask=mask)
shares = {
    "Integrated Gradients": ours.attributions.sum(axis=1),
    "gradient × input": gradients.reshape(-1, 6, 468, 3).sum(axis=(1, 3)),
    "occlusion of regions": occluded[:, : 3 * 468 : 3].numpy() / np.bincount(region)[region],
    "random numbers": np.random.default_rng(0).normal(size=truth.shape),
}

# %%
# Two measures
# ------------
# On the left, the fraction of the summed absolute shares that falls on moving landmarks. On the
# right, the deletion curve: landmarks are replaced by those of the baseline, the largest shares
# first. The faster the probability falls, the better the shares describe what the *network* uses.

n_replaced = [0, 5, 10, 20, 40, 60, 80, 100]
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
fig.suptitle(
    "Explanations of 30 synthetic clips, compared with what moves and what the network uses"
)
colours = ["#E69F00", "black", "#56B4E9", "grey"]
for (name, of_clips), colour, marker in zip(shares.items(), colours, "v*Px", strict=True):
    size = np.abs(of_clips)
    part = ((size * truth).sum(axis=1) / size.sum(axis=1)).mean()
    left.barh(name, part, color=colour)
    rank = np.argsort(np.argsort(-of_clips, axis=1), axis=1)[:, landmark_of_column]
    changed = [np.where(rank < n, base.numpy(), X[explained]) for n in n_replaced]
    curve = [temo.predict_proba(each)[np.arange(30), target].mean() for each in changed]
    right.plot(n_replaced, curve, marker=marker, color=colour, label=name)
    print(f"{name}: {part:.2f} on moving landmarks, probability {curve[3]:.2f} without 20")
left.set(xlabel="fraction of absolute shares on moving landmarks", title="Compared with the truth")
left.invert_yaxis()
right.set(xlabel="landmarks replaced, largest shares first", title="Compared with the network")
right.set_ylabel("mean probability of the class")
fig.legend(loc="outside lower center", ncols=4)
plt.show()

# %%
# What to conclude
# ----------------
# Integrated Gradients put the largest fraction, 0.61, on landmarks that move; the rest falls on
# landmarks at rest. Their deletion curve falls as fast as that of gradient × input,
# and faster than that of occlusion. :ref:`comparing_attributions` has real data.
# :class:`~sklearn_temo.LandmarkRelevanceDisplay` draws shares on the face.
