"""
Real smiles: does the network look at the smile or at the head?
===============================================================

A network uses whatever separates the classes. This example fits the pipeline on photographs of 102
people, neutral and smiling, and draws the landmarks that it relies on, with two alignments.
"""

# %%
# Photographs
# -----------
# :func:`~sklearn_temo.datasets.load_london_smiles` returns one frame for each photograph. There is
# no reference frame, so the network sees the positions of the landmarks of one unknown face.

from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
print(smiles.data.shape, *smiles.target_names)

# %%
# Two alignments
# --------------
# The default of :class:`~sklearn_temo.LandmarkAligner` removes the rotation of the head in the
# image plane only. ``rotation="full"`` also removes that in depth. The folds are split by person.

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

from sklearn_temo import make_temo_pipeline

fitted = {}
for rotation in ("in-plane", "full"):
    pipe = make_temo_pipeline(landmarks="passthrough", k=32, rotation=rotation, random_state=0)
    cv = StratifiedGroupKFold(3)
    scores = cross_val_score(pipe, smiles.data, smiles.target, groups=smiles.groups, cv=cv)
    print(f'rotation="{rotation}": accuracy {scores.mean():.2f} ± {scores.std():.2f} over folds')
    fitted[rotation] = pipe.fit(smiles.data, smiles.target)

# %%
# Relevance on the mean smiling face
# ----------------------------------
# Both networks use the corners of the mouth most. With the default alignment, the tip and the ridge
# of the nose are relevant as well, although a smile hardly moves them: people raise their heads
# when they smile, and the nose, which is closest to the camera, shows it. With the full alignment
# the nose is the least relevant part of the face.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay, mesh

fig, axes = plt.subplots(1, 2, figsize=(9, 5), layout="constrained")
for ax, (rotation, pipe) in zip(axes, fitted.items(), strict=True):
    aligned = smiles.layout.unflatten(pipe["align"].transform(smiles.data))[:, 0]
    smile = aligned[smiles.target == "happiness", :, :2].mean(axis=0) * [1, -1]
    scores = pipe["select"].landmark_scores_
    LandmarkRelevanceDisplay.from_scores(scores, positions=smile, ax=ax, colorbar=False)
    ax.set_title(f'rotation="{rotation}"')
    of_nose = scores[mesh.regions() == "nose"].mean() / np.mean(scores)
    print(f'rotation="{rotation}": relevance of the nose {of_nose:.1f} (1 = average landmark)')
plt.show()
