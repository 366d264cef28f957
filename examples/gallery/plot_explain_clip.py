"""
Why did this person count as smiling?
=====================================

The relevance of a selector describes a whole data set. :func:`~sklearn_temo.explain_clips` explains
the prediction for one clip or one photograph: which landmarks raised the logit of a class, and
which lowered it. This example explains a correct and a wrong prediction for people who are not in
the training data, and then checks that the explanations depend on what the network has learned.
"""

# %%
# A network, and people it has not seen
# -------------------------------------
# The landmarks are those of photographs of 102 people, neutral and smiling. 30 % of the people are
# held out.

from sklearn.model_selection import GroupShuffleSplit

from sklearn_temo import make_temo_pipeline
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
split = GroupShuffleSplit(test_size=0.3, random_state=0)
train, test = next(split.split(smiles.data, groups=smiles.groups))

pipe = make_temo_pipeline(landmarks="passthrough", k=64, rotation="full", random_state=0)
pipe.fit(smiles.data[train], smiles.target[train])
predicted, true = pipe.predict(smiles.data[test]), smiles.target[test]
print(f"accuracy on {len(test)} photographs of new people: {(predicted == true).mean():.2f}")

# %%
# Compared with what?
# -------------------
# An explanation compares a clip with *baselines*. The question here is why a face counts as smiling
# and not as neutral, so the baselines are the neutral photographs of the training people. The
# shares of a clip add up to the difference between its logit and the mean logit of the baselines.
# The result is a :class:`~sklearn_temo.ClipExplanation`.

import numpy as np

from sklearn_temo import explain_clips

neutral = smiles.data[train][smiles.target[train] == "neutral"]
explanation = explain_clips(pipe, smiles.data[test], target="happiness", baselines=neutral)

probability = pipe.predict_proba(smiles.data[test])[:, list(pipe.classes_).index("happiness")]
right = int(np.argmax(np.where(true == "happiness", probability, 0)))
wrong = int(np.argmax(np.where(true == "neutral", probability, 0)))
for title, clip in {"surest smile": right, "surest mistake": wrong}.items():
    print(f"{title}: probability of a smile {probability[clip]:.2f}, true class {true[clip]}")

# %%
# A correct prediction
# --------------------
# Orange landmarks speak for a smile, blue ones against it. The area of a dot is proportional to the
# share of its landmark, and the bars are the sums of the regions.

import matplotlib.pyplot as plt

from sklearn_temo import ClipExplanationDisplay

display = ClipExplanationDisplay.from_explanation(explanation, right, annotate=6)
display.figure_.suptitle(f"A correct smile: the lips speak for it most\n{display.title}")
plt.show()

# %%
# A wrong prediction
# ------------------
# This person was photographed with a neutral face.

display = ClipExplanationDisplay.from_explanation(explanation, wrong, annotate=6)
display.figure_.suptitle(f"A wrong smile: the forehead speaks for it most\n{display.title}")
plt.show()

# %%
# The same numbers as text, beside the mean over all smiles of new people:

shares = {name: share.sum(axis=1) for name, share in explanation.by_region().items()}
print("region       correct    wrong    all smiles")
for name in sorted(shares, key=lambda name: -abs(shares[name][wrong])):
    share = shares[name]
    mean = share[true == "happiness"].mean()
    print(f"{name:12} {share[right]:+.2f}      {share[wrong]:+.2f}    {mean:+.2f}")

# %%
# The wrong prediction has a visible reason: its largest share is that of the forehead, where the
# landmarks outline the shape of the head, which a smile does not change. A single photograph does
# not show which face a person has at rest. With clips of several frames, the aligner subtracts the
# first frame, see :ref:`explaining` and :ref:`sphx_glr_auto_examples_plot_timeline.py`.
#
# Do the explanations depend on the network?
# ------------------------------------------
# Dots may be large only where faces differ much, whatever the network has learned. Two sanity
# checks compare the shares with those of networks that learned nothing:
# :func:`~sklearn_temo.explanation.check_random_weights` shuffles the weights, and
# :func:`~sklearn_temo.explanation.check_random_labels` fits the network to permuted labels. Both
# return a :class:`~sklearn_temo.explanation.SanityCheck`.

from sklearn_temo.explanation import check_random_labels, check_random_weights

args = (pipe, smiles.data[train], smiles.target[train])
weights = check_random_weights(*args, n_repeats=3, random_state=0)
labels = check_random_labels(*args, n_repeats=3, random_state=0)
print(weights)
print(labels)

rows = {
    "same labels, other seed": [*weights.reference, *labels.reference],
    "shuffled weights": weights.similarities,
    "permuted labels": labels.similarities,
}
fig, ax = plt.subplots(figsize=(6.5, 2.4), layout="constrained")
for y, values in enumerate(rows.values()):
    ax.plot(values, [y] * len(values), "o", color="#0072B2" if y == 0 else "0.5")
ax.axvline(weights.threshold, color="0.5", linestyle="--", linewidth=1)
ax.annotate("threshold", (weights.threshold, 2.4), xytext=(4, 0), textcoords="offset points")
ax.set(yticks=range(3), yticklabels=rows, xlim=(0, 1), ylim=(2.6, -0.6))
ax.set(xlabel="rank correlation with the shares of the fitted network")
ax.set_title("Networks that learned nothing give other explanations", fontsize="medium")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# What to conclude, and what not
# ------------------------------
# - An explanation describes the network. It does not say what a person felt.
# - A correct prediction may have a wrong reason, and a wrong one shows where data are missing.
# - Shares depend on the baselines. With other baselines, they answer another question: see
#   :ref:`explaining`.
# - Landmarks that are neighbours move together, and the network may divide a share among them in
#   many ways. Rely on regions rather than on single landmarks.
# - A check that is passed is necessary, but it does not show that the shares are right.
#
# :class:`~sklearn_temo.TEMORegressor` and linear models of scikit-learn are explained in the same
# way.
