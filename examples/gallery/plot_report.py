"""
What does a reader need to judge a result?
==========================================

:func:`~sklearn_temo.write_report` evaluates a pipeline on people that it was not fitted on, checks
the evaluation, and writes one HTML page: scores with intervals, a face that can be rotated, the
landmarks at any `k`, and the surest right and wrong predictions, each with its explanation. The
page needs no other file and no network. From a folder of videos, the command ``sklearn-temo
report`` writes the same page.
"""

# %%
# Write a report
# --------------
# The landmarks of 40 people are used: two photographs of each, neutral and smiling. `groups`
# contains the person of each photograph.

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
folder.cleanup()

# %%
# Is it better than simpler models, and with how many landmarks?
# --------------------------------------------------------------
# The returned dictionary has the numbers of the page, as in the JSON file beside it. The page draws
# these figures; here they are drawn with matplotlib.

import matplotlib.pyplot as plt

names = {
    "estimator": "T-EMO, randomized,\n64 selected",
    "random landmarks": "T-EMO, randomized,\n64 random",
    "best SVM": "better SVM, all 468",
    "majority class": "majority class",
}
scores = {row["model"]: row["balanced_accuracy"] for row in report["scores"]["rows"]}
curve = report["score_against_k"]["lines"][0]

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for y, model in enumerate(names):
    value, low, high = (scores[model][key] for key in ("value", "low", "high"))
    left.errorbar(
        value, y, xerr=[[value - low], [high - value]], fmt="o", color="#D55E00", capsize=3
    )
left.set(yticks=range(len(names)), yticklabels=names.values(), ylim=(3.5, -0.5))
left.set(xlabel="balanced accuracy, 95 % interval")
left.set_title("Selected landmarks and simpler models", fontsize="medium")
right.errorbar(
    curve["k"], curve["mean"], curve["standard_error"], marker="D", color="#D55E00", capsize=2
)
right.set_xscale("log", base=2)
right.set_xticks(curve["k"], curve["k"])
right.set_xlabel("landmarks kept (k)")
right.set_ylabel("balanced accuracy\nmean ± standard error of 5 folds")
right.set_title("Score against the number of landmarks", fontsize="medium")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Was the evaluation sound?
# -------------------------

for check in report["checks"]:
    print(f"{check['verdict']:<8} {check['name']}")

# %%
# Why were clips classified wrong?
# --------------------------------
# Each clip is explained by the pipeline of the fold that did not train on its person.

for clip in report["clips"]["wrong"][:3]:
    shares = {region: sum(frames) for region, frames in clip["by_region"].items()}
    region = max(shares, key=shares.get)
    print(
        f"{clip['name']}: {clip['true']}, but predicted as {clip['predicted']} with a probability "
        f"of {clip['probability']:.2f}, mostly because of the {region} ({shares[region]:+.1f} of "
        f"{clip['logit'] - clip['base_logit']:+.1f})"
    )

# %%
# What to conclude, and what not
# ------------------------------
# - The pipeline is better than the majority class. It is not better than random landmarks or an
#   SVM: the intervals overlap almost completely.
# - 40 people are few. The intervals say so; a score alone would not.
# - Checks that pass do not prove that the evaluation is right, see :ref:`evaluation`.
# - The page and its JSON file hold the names of the clips and of the people, and landmarks of 20
#   clips. They hold no images, but landmarks are biometric data as well: see :ref:`privacy`.
#
# :ref:`report` describes the page.
