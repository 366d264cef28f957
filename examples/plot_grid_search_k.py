"""
How many landmarks: a grid search over k
========================================

How many landmarks to keep is a question like any other parameter: ask the data, over people who
were not in the training. The search runs over ``k`` and over the classifier that follows,
in an ordinary :class:`~sklearn.model_selection.GridSearchCV`.
"""

# %%
# Clips and people
# ----------------
# Made clips of 30 people, so that the example runs in about a minute. An accuracy measured on them
# says nothing about real faces: what carries over is the way of measuring. The clips are weak and
# the heads move, or every candidate would be right every time.

from sklearn_temo.datasets import make_expression_clips

n_frames = 4
clips = make_expression_clips(
    n_clips=210,
    n_frames=n_frames,
    n_subjects=30,
    intensity=(0.1, 0.5),
    noise=1.0,
    random_state=0,
)

# %%
# Candidates
# ----------
# Beside T-EMO there are two SVMs. They need standardised columns, so a small pipeline takes the
# place of the last step. The network that ranks the landmarks is small and its epochs few, for
# speed. ``C`` is the same for every ``k``: in earnest, put it into the grid too.
#
# Classifiers with the same ``k`` use the same selection. With ``memory``, scikit-learn's pipeline
# computes it once and keeps it in the folder that is named; here one that vanishes at the end.

from tempfile import TemporaryDirectory

from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_temo import TEMOClassifier, make_temo_pipeline

classifiers = {
    "T-EMO": TEMOClassifier(n_frames=n_frames, random_state=0),
    "linear SVM": make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01)),
    "RBF SVM": make_pipeline(StandardScaler(), SVC(C=10)),
}
pipe = make_temo_pipeline(landmarks="passthrough", n_frames=n_frames, random_state=0)
for_attributions = {"n_components": 32, "noise": 0.4}
pipe.set_params(select__estimator=TEMOClassifier(**for_attributions, max_epochs=20, random_state=0))
ks = [16, 32, 64, 128, 468]

# %%
# The search
# ----------
# ``groups`` keeps the people apart: nobody is in the training and in the test of one fold.
# Balanced accuracy counts each emotion alike. Selection is a step of the pipeline, so it never
# sees the labels of the test fold.

with TemporaryDirectory() as folder:
    search = GridSearchCV(
        pipe.set_params(memory=folder),
        {"select__k": ks, "classify": list(classifiers.values())},
        cv=StratifiedGroupKFold(n_splits=3, shuffle=True, random_state=0),
        scoring="balanced_accuracy",
        refit=False,
    )
    search.fit(clips.data, clips.target, groups=clips.groups)

# %%
# Balanced accuracy against k
# ---------------------------
# A point is the mean over the folds, its bar the standard deviation between them. Differences that
# are small against the bars are not differences.

import matplotlib.pyplot as plt
import numpy as np

results = search.cv_results_
fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
styles = zip(classifiers.items(), ("o-", "s--", "^-."), (0.96, 1.0, 1.04), strict=True)
for (name, classifier), style, shift in styles:
    rows = [
        next(
            i
            for i, params in enumerate(results["params"])
            if params["select__k"] == k and params["classify"] is classifier
        )
        for k in ks
    ]
    ax.errorbar(
        shift * np.array(ks),
        results["mean_test_score"][rows],
        yerr=results["std_test_score"][rows],
        fmt=style,
        capsize=3,
        label=name,
    )
ax.axhline(1 / len(clips.target_names), color="0.5", linestyle=":", label="chance")
ax.set_xscale("log", base=2)
ax.set_xticks(ks, ks)
ax.minorticks_off()
ax.set_ylim(0, 1)
ax.set_xlabel("landmarks kept (k)")
ax.set_ylabel("balanced accuracy")
ax.set_title("People never seen in training, 3 folds")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper left", ncols=2)
plt.show()

# %%
# The best ``k`` was chosen on these very folds, so its score is a little too good. To report the
# accuracy of the whole procedure, put the search itself inside a second cross-validation over
# people: see :ref:`evaluation`.
