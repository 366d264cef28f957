"""
Why did this person count as smiling?
=====================================

The relevance of a selector describes a whole data set. :func:`~sklearn_temo.explain_clips` explains
the prediction for one clip or one photograph: which landmarks raised the logit of a class, and
which lowered it. This example explains a correct and a wrong prediction for people who are not in
the training data.
"""

# %%
# A network, and people it has not seen
# -------------------------------------
# The landmarks are those of photographs of 102 people, neutral and smiling. 30 % of the people are
# held out.

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from sklearn_temo import explain_clips, make_temo_pipeline
from sklearn_temo.datasets import load_london_smiles

smiles = load_london_smiles()
split = GroupShuffleSplit(test_size=0.3, random_state=0)
train, test = next(split.split(smiles.data, groups=smiles.groups))
X_train, y_train = smiles.data[train], smiles.target[train]
X_test, y_test = smiles.data[test], smiles.target[test]

pipe = make_temo_pipeline(landmarks="passthrough", k=64, rotation="full", random_state=0)
pipe.fit(X_train, y_train)
print(f"accuracy on {len(test)} photographs of new people: {pipe.score(X_test, y_test):.2f}")

# %%
# Compared with what?
# -------------------
# An explanation compares a clip with *baselines*. The question here is why a face counts as smiling
# and not as neutral, so the baselines are the neutral photographs of the training people. The
# shares of a clip add up to the difference between its logit and the mean logit of the baselines.
# The result is a :class:`~sklearn_temo.ClipExplanation`.

neutral = X_train[y_train == "neutral"]
explanation = explain_clips(pipe, X_test, target="happiness", baselines=neutral)

probability = pipe.predict_proba(X_test)[:, list(pipe.classes_).index("happiness")]
right = int(np.argmax(np.where(y_test == "happiness", probability, 0)))
wrong = int(np.argmax(np.where(y_test == "neutral", probability, 0)))
for title, clip in {"surest smile": right, "surest mistake": wrong}.items():
    print(f"{title}: probability of a smile {probability[clip]:.2f}, true class {y_test[clip]}")

# %%
# A correct prediction
# --------------------
# Orange landmarks speak for a smile, blue ones against it. The area of a dot is proportional to the
# share of its landmark. The bars of a region are the sums of its positive and of its negative
# shares, and the black tick is the sum of both.

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
# What to conclude, and what not
# ------------------------------
# The wrong prediction has a visible reason: the landmarks of the forehead outline the shape of the
# head, which a smile does not change. A single photograph does not show which face a person has at
# rest; clips of several frames do, see :ref:`explaining`. An explanation describes the network, not
# what a person felt, and it depends on the baselines. Rely on regions rather than on single
# landmarks, which move together.
#
# To see that shares depend on what the network has learned, compare them with those of networks
# that learned nothing: :func:`~sklearn_temo.explanation.check_random_weights` and
# :func:`~sklearn_temo.explanation.check_random_labels` return a
# :class:`~sklearn_temo.explanation.SanityCheck`. :class:`~sklearn_temo.TEMORegressor` is explained
# in the same way.
