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
print(len(smiles.data), "clips:", *smiles.target_names)

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
# Larger and darker is more relevant. Both networks use the corners of the mouth most. With the
# default alignment, the tip and the ridge of the nose are relevant as well, although a smile hardly
# moves them: people raise their heads when they smile, and this moves the nose most, because it is
# closest to the camera. With the full alignment, the nose is the least relevant part of the face.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay, mesh

aligned = smiles.layout.unflatten(fitted["full"]["align"].transform(smiles.data))[:, 0]
smiling_face = aligned[smiles.target == "happiness", :, :2].mean(axis=0) * [1, -1]
scores = np.array([pipe["select"].landmark_scores_ for pipe in fitted.values()])
names = [f'rotation="{rotation}"' for rotation in fitted]

fig, axes = plt.subplots(1, 2, figsize=(9.5, 5), layout="constrained")
LandmarkRelevanceDisplay.from_scores(scores, class_names=names, positions=smiling_face, ax=axes)
plt.show()

# %%
# The relevance of the nose, relative to that of an average landmark:

of_nose = scores[:, mesh.regions() == "nose"].mean(axis=1) / scores.mean(axis=1)
for name, value in zip(names, of_nose, strict=True):
    print(f"{name}: a landmark of the nose has {value:.1f} times the mean relevance")
