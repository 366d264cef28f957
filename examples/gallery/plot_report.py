"""
Report: one page about a pipeline and its clips
===============================================

:func:`~sklearn_temo.write_report` evaluates a pipeline on people that it was not fitted on, checks
the evaluation, and writes what a reader needs to judge it: scores with intervals, a face that can
be rotated, the landmarks at any ``k``, and the right and wrong predictions with the highest
probabilities, each with its explanation. The page is a single HTML file that works without any
other file and without a network. A JSON file beside it has the numbers. From a folder of videos,
the command ``sklearn-temo report`` writes the same page.
"""

# %%
# Write a report
# --------------
# The smiles of 40 people: two photographs of each, neutral and smiling. ``groups`` contains the
# person of each photograph.

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sklearn_temo import TEMOClassifier, make_temo_pipeline, write_report
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
used = np.isin(smiles.groups, np.unique(smiles.groups)[:40])
pipe = make_temo_pipeline(
    landmarks="passthrough",
    k=64,
    rotation="full",
    classifier=TEMOClassifier(randomized=True),
    random_state=0,
)
folder = TemporaryDirectory()
report = write_report(
    pipe,
    smiles.data[used],
    smiles.target[used],
    groups=smiles.groups[used],
    path=Path(folder.name, "smiles.html"),
    title="Smiles of 40 people",
    random_state=0,
)
for file in sorted(Path(folder.name).iterdir()):
    print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")

# %%
# Scores and checks
# -----------------
# The dictionary that is returned has the same numbers as the JSON file beside the page.

for row in report["scores"]["rows"]:
    score = row["balanced_accuracy"]
    interval = f"{score['low']:.2f} to {score['high']:.2f}"
    print(f"{row['model']:<17} balanced accuracy {score['value']:.2f} ({interval})")
for check in report["checks"]:
    print(f"{check['verdict']:<8} {check['name']}")

# %%
# Clips that were classified wrong
# --------------------------------
# Each clip is explained by the pipeline of the fold that did not train on its person. Regions with
# a positive share spoke for the class that was predicted.

for clip in report["clips"]["wrong"][:3]:
    shares = {region: sum(frames) for region, frames in clip["by_region"].items()}
    region = max(shares, key=shares.get)
    print(
        f"{clip['name']}: {clip['true']}, but predicted as {clip['predicted']} with a probability "
        f"of {clip['probability']:.2f}, mostly because of the {region} ({shares[region]:+.1f} of "
        f"{clip['logit'] - clip['base_logit']:+.1f})"
    )

# %%
# How many landmarks are enough
# -----------------------------
# The page draws this curve; here it is drawn with matplotlib.

import matplotlib.pyplot as plt

curve = report["score_against_k"]["lines"][0]
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.errorbar(curve["k"], curve["mean"], yerr=curve["standard_error"], marker="o", capsize=2)
ax.set_xscale("log", base=2)
ax.set_xticks(curve["k"], curve["k"])
ax.set_xlabel("number of landmarks")
ax.set_ylabel("balanced accuracy\nmean ± standard error of 5 folds")
plt.show()

folder.cleanup()

# %%
# The page and its JSON file hold the names of the clips and of the people, and landmarks of 20
# clips. They hold no images, but landmarks are biometric data as well: see :ref:`privacy`.
