"""
What does a reader need to judge a result?
==========================================

A score alone is not enough. :func:`~sklearn_temo.write_report` evaluates a pipeline on people that
it was not fitted on, and writes one HTML page: scores with intervals, checks of the evaluation, a
face that can be rotated, and the surest right and wrong predictions, each with its explanation.
"""

# %%
# Write a report
# --------------
# The landmarks of 40 people are used: two photographs of each, neutral and smiling. `groups`
# contains the person of each photograph. From a folder of videos, the command ``sklearn-temo
# report`` writes the same page.

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sklearn_temo import TEMOClassifier, make_temo_pipeline, write_report
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
used = np.isin(smiles.groups, np.unique(smiles.groups)[:40])
X, y, people = smiles.data[used], smiles.target[used], smiles.groups[used]
pipe = make_temo_pipeline(
    landmarks="passthrough",
    k=64,
    rotation="full",
    classifier=TEMOClassifier(randomized=True),
    random_state=0,
)
folder = TemporaryDirectory()
path = Path(folder.name, "smiles.html")
report = write_report(pipe, X, y, groups=people, path=path, random_state=0)
print("written:", *sorted(file.name for file in path.parent.iterdir()))
folder.cleanup()

# %%
# The numbers of the page
# -----------------------
# The returned dictionary has the numbers of the page, as in the JSON file beside it. The page draws
# these figures; here they are drawn with matplotlib.

import matplotlib.pyplot as plt

names = {
    "estimator": ("T-EMO, randomized,\n64 selected", "D", "#D55E00"),
    "random landmarks": ("T-EMO, randomized,\n64 random", "x", "grey"),
    "best SVM": ("better SVM, all 468", "P", "black"),
    "majority class": ("majority class", "*", "black"),
}
scores = {row["model"]: row["balanced_accuracy"] for row in report["scores"]["rows"]}
curve = report["score_against_k"]["lines"][0]

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for model, (name, marker, colour) in names.items():
    value, low, high = (scores[model][key] for key in ("value", "low", "high"))
    xerr = [[value - low], [high - value]]
    left.errorbar(value, name, xerr=xerr, fmt=marker, color=colour, capsize=3)
left.margins(y=0.15)
left.invert_yaxis()
left.set_xlabel("balanced accuracy, 95 % interval")
left.set_title("Selected landmarks and simpler models", fontsize="medium")
right.errorbar(curve["k"], curve["mean"], curve["standard_error"], fmt="D--", color="#D55E00")
right.set_xscale("log", base=2)
right.set_xticks(curve["k"], curve["k"])
right.set(xlabel="landmarks kept (k)", ylabel="balanced accuracy\nmean ± standard error of 5 folds")
right.set_title("Score against the number of landmarks", fontsize="medium")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The checks of the evaluation are part of the report:

for check in report["checks"]:
    print(f"{check['verdict']:<8} {check['name']}")

# %%
# What to conclude, and what not
# ------------------------------
# The pipeline is better than the majority class. It is not better than random landmarks or an SVM:
# the intervals overlap almost completely. 40 people are few, and the intervals show it. Checks that
# pass do not prove that the evaluation is right, see :ref:`evaluation`.
#
# The page and its JSON file contain no images, but names of clips and people, and landmarks, which
# are biometric data as well: see :ref:`privacy`. :ref:`report` describes the page.
