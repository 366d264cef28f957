"""
Does another network find the same landmarks?
=============================================

:class:`~sklearn_temo.IGLandmarkSelector` explains any torch network. This example puts a network
with two hidden layers into the selector, compares the attributions with those of captum, and draws
the relevance beside that of T-EMO.
"""

# %%
# A network
# ---------
# A network maps rows to a logit for each class. `skorch <https://skorch.readthedocs.io>`_ makes it
# a classifier of scikit-learn. The loss must take logits (``CrossEntropyLoss``), and the labels are
# integers from 0 on.

import torch
from skorch import NeuralNetClassifier
from torch import nn


class TwoLayers(nn.Module):
    """Two hidden layers and dropout."""

    def __init__(self, n_columns=3 * 468, n_hidden=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_columns, n_hidden),
            nn.GELU(),
            nn.Dropout(0.5),
            nn.Linear(n_hidden, n_hidden),
            nn.GELU(),
            nn.Linear(n_hidden, 2),
        )

    def forward(self, x):
        """Logits of the two classes."""
        return self.layers(x)


net = NeuralNetClassifier(
    TwoLayers,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.AdamW,
    lr=0.002,
    max_epochs=60,
    train_split=None,
    verbose=0,
)

# %%
# In the selector, on people who are not in the training data
# -----------------------------------------------------------
# The selector clones the network, fits it and computes the relevance. Both pipelines end with the
# same T-EMO, so that they differ in the selection only; random landmarks are the comparison.

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_temo import IGLandmarkSelector, LandmarkAligner, TEMOClassifier
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
y = (smiles.target == "happiness").astype(int)
shape = {"n_frames": 1, "n_coords": 3}
centre = StandardScaler(with_std=False)
pipes = {
    name: make_pipeline(
        LandmarkAligner(rotation="full", **shape),
        centre,
        IGLandmarkSelector(estimator, k=20, random_state=0, **shape),
        TEMOClassifier(randomized=True, random_state=0, **shape),
    )
    for name, estimator in {"own network": net, "T-EMO, randomized": None}.items()
}
cv = StratifiedGroupKFold(5, shuffle=True, random_state=0)
for name, pipe in pipes.items():
    scores = cross_val_score(pipe, smiles.data, y, groups=smiles.groups, cv=cv)
    error = scores.std(ddof=1) / len(scores) ** 0.5
    print(f"20 landmarks selected by {name}: accuracy {scores.mean():.3f} ± {error:.3f}")
    pipe.fit(smiles.data, y)

X = pipes["own network"][:2].transform(smiles.data)
drawn = np.random.default_rng(0)
scores = []
for _ in range(5):
    columns = (3 * drawn.permutation(468)[:20, None] + np.arange(3)).ravel()
    temo = TEMOClassifier(randomized=True, random_state=0, **shape)
    scores += list(cross_val_score(temo, X[:, columns], y, groups=smiles.groups, cv=cv))
print(f"20 random landmarks: accuracy {np.mean(scores):.3f}")

# %%
# The same attributions as captum
# -------------------------------
# Integrated Gradients do not depend on the program. Where the integral has no closed form,
# :func:`~sklearn_temo.attribution.integrated_gradients` uses as many nodes as its tolerance needs,
# and returns the completeness gap, which tells the error. captum has a fixed number of nodes.

from captum.attr import IntegratedGradients

from sklearn_temo.attribution import integrated_gradients, landmark_relevance, make_baselines

selector = pipes["own network"][2]
module = selector.estimator_.module_.eval()
baselines = make_baselines(X, n_baselines=5)
ours, gap = integrated_gradients(module, X, baselines, y)
rows, target = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
for number, baseline in enumerate(torch.tensor(baselines, dtype=torch.float32)):
    theirs = IntegratedGradients(module).attribute(rows, baseline[None], target=target, n_steps=100)
    difference = np.abs(ours[number] - theirs.numpy()).max() / np.abs(theirs.numpy()).max()
    print(f"baseline {number}: largest difference {difference:.0e} of the largest attribution")
print(f"largest completeness gap: {gap.max():.0e}")

# %%
# :func:`~sklearn_temo.attribution.landmark_relevance` sums them for each landmark and class, and
# returns a :class:`~sklearn_temo.attribution.LandmarkRelevance`. These are the scores of the
# selector:

relevance = landmark_relevance(module, X, selector.baselines_, y, selector.layout_)
difference = np.abs(relevance.overall - selector.landmark_scores_).max()
print(f"largest difference from landmark_scores_: {difference:.0e}")

# %%
# The relevance of both networks
# ------------------------------
# Larger and stronger in colour is more relevant.

import matplotlib.pyplot as plt
from scipy.stats import spearmanr

from sklearn_temo import LandmarkRelevanceDisplay

scores = [pipe[2].landmark_scores_ for pipe in pipes.values()]
kept = [pipe[2].get_landmark_support() for pipe in pipes.values()]
fig, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
fig.suptitle("Smiles: relevance of the landmarks in two networks")
LandmarkRelevanceDisplay.from_scores(scores, class_names=list(pipes), ax=axes)
plt.show()

print(f"rank correlation of the relevance: {spearmanr(*scores).statistic:.2f}")
print(f"kept by both: {(kept[0] & kept[1]).sum()} of 20")

# %%
# What to conclude
# ----------------
# The corners of the mouth are most relevant in both networks, and both selections lead to the same
# accuracy. Beyond the mouth they differ: T-EMO uses the contour of the face more, and the own
# network the nose. Few kept landmarks are the same, since neighbours move together and any one of
# them will do. A list of landmarks describes one fit of one network; what several networks agree
# on says more about smiles. The relevance is exact for its network, which does not show that the
# network is right. See :ref:`own_networks` for clips with several frames, and for ``affine_front``,
# which makes the integral cheaper.
