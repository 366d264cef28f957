"""Selection and classification of landmarks that are no face: hands that show digits."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_temo import IGLandmarkSelector, TEMOClassifier
from sklearn_temo.datasets import load_sign_digits


@pytest.fixture(scope="module")
def hands():
    """Bunch of every sixth group, with the wrist at the origin and hands of the same size."""
    digits = load_sign_digits()
    used = np.isin(digits.groups, np.unique(digits.groups)[::6])
    landmarks = digits.layout.unflatten(np.asarray(digits.data[used]))
    landmarks = landmarks - landmarks[:, :, :1]
    landmarks /= np.linalg.norm(landmarks[:, :, 9:10], axis=-1, keepdims=True)
    digits.data = digits.layout.attach(digits.layout.flatten(landmarks))
    digits.target, digits.groups = digits.target[used], digits.groups[used]
    return digits


@pytest.fixture(scope="module")
def pipe():
    network = IGLandmarkSelector.default_estimator().set_params(max_epochs=20)
    return make_pipeline(
        IGLandmarkSelector(network, k=5, random_state=0),
        TEMOClassifier(max_epochs=20, random_state=0),
    )


def test_five_landmarks_show_the_digits_of_people_who_are_not_in_the_training_set(hands, pipe):
    cv = StratifiedGroupKFold(2)
    scores = cross_val_score(pipe, hands.data, hands.target, groups=hands.groups, cv=cv)
    assert scores.mean() >= 0.9


def test_fingertips_are_selected_and_no_mirror_pairs_are_found(hands, pipe):
    selector, classifier = pipe.fit(hands.data, hands.target)
    kept = hands.landmark_names[selector.get_landmark_support()]
    assert sum(name.endswith("_tip") for name in kept) >= 4
    assert classifier.mirror_pairs_ is None
