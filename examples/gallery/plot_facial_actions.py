"""
Which facial actions make a smile?
==================================

Landmarks have numbers, facial actions have names. This example computes the 52 blendshapes of
MediaPipe, fits the pipeline to them, and names the actions that a network uses. It also measures
what the names cost in accuracy.
"""

# %%
# From landmarks to named actions
# -------------------------------
# :class:`~sklearn_temo.BlendshapeTransformer` computes blendshapes from landmarks that were
# extracted before; for clips, pass ``FaceLandmarkTransformer(output="blendshapes")``. Each value is
# from 0 (not shown) to 1 (strongest). Left and right are those of the person.

import numpy as np

from sklearn_temo import BlendshapeTransformer, TEMOClassifier, make_temo_pipeline
from sklearn_temo.blendshapes import ACTION_UNITS, NAMES
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
values = np.asarray(BlendshapeTransformer().fit_transform(smiles.data))
means = {emotion: values[smiles.target == emotion].mean(axis=0) for emotion in smiles.target_names}
change = means["happiness"] - means["neutral"]
for i in np.argsort(-np.abs(change))[:8]:
    units = ", ".join(map(str, ACTION_UNITS[NAMES[i]]))
    neutral, happy = means["neutral"][i], means["happiness"][i]
    print(f"{NAMES[i]:18} neutral {neutral:.2f}, smiling {happy:.2f}   (action units: {units})")

# %%
# Names or landmarks: the accuracy on new people
# ----------------------------------------------
# Both pipelines are evaluated on the same folds of people. Blendshapes need no alignment.

from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

classifier = TEMOClassifier(randomized=True)
pipes = {
    "20 landmarks": make_temo_pipeline(
        landmarks="passthrough", k=20, rotation="full", classifier=classifier, random_state=0
    ),
    "10 blendshapes": make_temo_pipeline(
        landmarks=BlendshapeTransformer(), k=10, classifier=classifier, random_state=0
    ),
}
cv = StratifiedGroupKFold(5, shuffle=True, random_state=0)
for name, pipe in pipes.items():
    scores = cross_val_score(pipe, smiles.data, smiles.target, groups=smiles.groups, cv=cv)
    error = scores.std(ddof=1) / len(scores) ** 0.5
    print(f"{name}: accuracy {scores.mean():.3f} ± {error:.3f}")

# %%
# Actions that the network uses
# -----------------------------
# Left: the actions that change most, smiling minus neutral. Right: the relevance in the network of
# the selector; the ten actions that are kept are filled. ``mouthSmileRight`` is relevant, but not
# kept, because it moves like ``mouthSmileLeft``.

import matplotlib.pyplot as plt

from sklearn_temo import LandmarkRelevanceDisplay

selector = pipes["10 blendshapes"].fit(smiles.data, smiles.target)["select"]
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
fig.suptitle("Facial actions of 102 people: which change in a smile, and which the network uses")
order = np.argsort(-np.abs(change))[:14]
left.barh([NAMES[i] for i in order], change[order], color="#0072B2")
left.axvline(0, color="black", linewidth=0.8)
left.invert_yaxis()
left.tick_params(axis="y", labelsize="small")
left.set(xlabel="mean of smiling minus mean of neutral", title="change in a smile")
LandmarkRelevanceDisplay.from_estimator(selector, per_class=False, n_annotated=14, ax=right)
right.set_title("relevance in the network")
plt.show()

# %%
# What to conclude
# ----------------
# The network says in words what it uses: mostly the corners of the mouth. The names have a price,
# since 52 numbers hold less than 468 landmarks. Names are not action units as a human coder sees
# them, and they can be wrong: without landmarks of the irises, ``eyeLookDownRight`` is guessed from
# the lids. :ref:`facial_actions` lists the limits.
#
# :func:`~sklearn_temo.explain_clips` gives the shares of the actions in one clip,
# :func:`~sklearn_temo.blendshapes.predict_blendshapes` the values of single frames, and
# :func:`~sklearn_temo.head_pose.estimate_head_pose` the position of the head.
