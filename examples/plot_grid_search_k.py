"""
How many landmarks: a grid search over k
========================================

The number of landmarks to keep is a hyperparameter. This example searches it together with the
classifier, in an ordinary :class:`~sklearn.model_selection.GridSearchCV` whose folds are split by
subject.
"""

# %%
# Clips and subjects
# ------------------
# The clips are synthetic, with 30 subjects, so that the example runs in less than a minute. The
# accuracy on them says nothing about real faces; the procedure is the same for real clips.
# Expressions are weak and heads move, because otherwise every candidate would classify all clips
# correctly.

from sklearn_temo.datasets import make_expression_clips

clips = make_expression_clips(
    n_clips=210,
    n_frames=4,
    n_subjects=30,
    intensity=(0.1, 0.5),
    noise=1.0,
    random_state=0,
)

# %%
# Candidates
# ----------
# T-EMO is compared with two SVMs, which need standardised columns. ``C`` is fixed here; in a real
# study, add it to the grid.

from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import TEMOClassifier, make_temo_pipeline, smallest_k

classifiers = {
    "T-EMO": TEMOClassifier(random_state=0),
    "linear SVM": make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01)),
    "RBF SVM": make_pipeline(StandardScaler(), SVC(C=10)),
}
ks = [16, 32, 64, 128, 468]

# %%
# The search
# ----------
# ``groups`` keeps subjects apart: no subject is in both the training and the test set of a fold.
# Balanced accuracy gives every emotion the same weight. Because the selector is a step of the
# pipeline, it never uses the test fold. ``refit=smallest_k`` takes the candidate with the fewest
# landmarks within one standard error of the best score.

pipe = make_temo_pipeline(landmarks="passthrough", random_state=0)
search = GridSearchCV(
    pipe,
    {"classify": list(classifiers.values()), "select__k": ks},
    cv=StratifiedGroupKFold(n_splits=3, shuffle=True, random_state=0),
    scoring="balanced_accuracy",
    refit=smallest_k,
)
search.fit(clips.data, clips.target, groups=clips.groups)

# %%
# Balanced accuracy against k
# ---------------------------
# Points are means over the folds, error bars their standard deviations. Differences that are small
# compared with the error bars are not meaningful.

import matplotlib.pyplot as plt
import numpy as np

# The grid varies k fastest: one row of results per classifier.
shape = len(classifiers), len(ks)
means = search.cv_results_["mean_test_score"].reshape(shape)
deviations = search.cv_results_["std_test_score"].reshape(shape)

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
# A small shift keeps the error bars of the classifiers apart.
styles = [("o-", 0.96), ("s--", 1.0), ("^-.", 1.04)]
for name, mean, deviation, (style, shift) in zip(
    classifiers, means, deviations, styles, strict=True
):
    ax.errorbar(shift * np.array(ks), mean, yerr=deviation, fmt=style, capsize=3, label=name)
ax.axhline(1 / len(clips.target_names), color="0.5", linestyle=":", label="chance")
ax.set_xscale("log", base=2)
ax.set_xticks(ks, ks)
ax.minorticks_off()
ax.set_ylim(0, 1)
ax.set_xlabel("landmarks kept (k)")
ax.set_ylabel("balanced accuracy")
ax.set_title("Subjects that are not in the training set, 3 folds")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper left", ncols=2)
plt.show()

# %%
# The chosen candidate:

chosen = list(classifiers)[search.best_index_ // len(ks)]
print(f"{chosen} with {search.best_params_['select__k']} landmarks")

# %%
# The ``k`` is chosen on the same folds, so its score is optimistic. For an unbiased score, use
# nested cross-validation over subjects: see :ref:`evaluation`.
