"""
Does another network find the same landmarks?
=============================================

:class:`~sklearn_temo.IGLandmarkSelector` explains any torch network. This example draws the
relevance in another network and in T-EMO, and compares with captum (``pip install captum``).
"""

# %%
# A network
# ---------
# `skorch <https://skorch.readthedocs.io>`_ makes it a classifier. The loss takes logits.

import matplotlib.pyplot as plt
import torch
from captum.attr import IntegratedGradients
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_temo import (
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkRelevanceDisplay,
    TEMOClassifier,
)
from sklearn_temo.attribution import integrated_gradients
from sklearn_temo.datasets import load_london_smiles


class TwoLayers(nn.Sequential):
    """Two hidden layers and dropout."""

    def __init__(self):
        first, second = nn.Linear(3 * 468, 32), nn.Linear(32, 32)
        super().__init__(first, nn.GELU(), nn.Dropout(0.5), second, nn.GELU(), nn.Linear(32, 2))


net = NeuralNetClassifier(TwoLayers, criterion=nn.CrossEntropyLoss, max_epochs=60, verbose=0)
net.set_params(optimizer=torch.optim.AdamW, lr=0.002, train_split=None)

# %%
# Both networks in the selector
# -----------------------------
# Both pipelines end with the same T-EMO. The accuracy is that on new people.

smiles = load_london_smiles()
y = (smiles.target == "happiness").astype(int)
shape = {"n_frames": 1, "n_coords": 3, "random_state": 0}
cv = StratifiedGroupKFold(5, shuffle=True, random_state=0)
selectors = {}
for name, network in {"own network": net, "T-EMO, randomized": None}.items():
    pipe = make_pipeline(
        LandmarkAligner(rotation="full", n_frames=1, n_coords=3),
        StandardScaler(with_std=False),
        IGLandmarkSelector(network, k=20, **shape),
        TEMOClassifier(randomized=True, **shape),
    )
    scores = cross_val_score(pipe, smiles.data, y, groups=smiles.groups, cv=cv)
    print(f"{name}: accuracy {scores.mean():.3f} ± {scores.std(ddof=1) / 5**0.5:.3f}")
    selectors[name] = pipe.fit(smiles.data, y)[2]

relevance = [selector.landmark_scores_ for selector in selectors.values()]
kept = [selector.get_landmark_support() for selector in selectors.values()]
print(f"kept by both: {(kept[0] & kept[1]).sum()} of 20")

fig, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
fig.suptitle("Smiles: relevance of the landmarks in two networks")
LandmarkRelevanceDisplay.from_scores(relevance, class_names=list(selectors), ax=axes)
plt.show()

# %%
# The same attributions as captum
# -------------------------------
own = selectors["own network"]
X = torch.tensor(pipe[:2].transform(smiles.data), dtype=torch.float32)
net, baseline = own.estimator_.module_.eval(), torch.tensor(own.baselines_[:1])
ours = integrated_gradients(net, X, baseline, target=1)[0][0]
theirs = IntegratedGradients(net).attribute(X, baseline, target=1, n_steps=100).numpy()
print(f"largest difference: {abs(ours - theirs).max() / abs(theirs).max():.0e} of the largest one")

# %%
# What to conclude
# ----------------
# Both networks use the corners of the mouth most. Few kept landmarks are the same, since neighbours
# move together. More: :ref:`own_networks`, :func:`~sklearn_temo.attribution.make_baselines`,
# :func:`~sklearn_temo.attribution.landmark_relevance`,
# :class:`~sklearn_temo.attribution.LandmarkRelevance`.
