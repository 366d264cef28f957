"""scikit-learn's own checks of estimators."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_temo import FaceMirror, IGLandmarkSelector, LandmarkAligner, TEMOClassifier

# A table of any number of columns: each column is a landmark of one coordinate in one frame.
PLAIN = {"n_frames": 1, "n_coords": 1}


def estimators():
    selector_net = TEMOClassifier(max_epochs=20, random_state=0)
    return [
        TEMOClassifier(**PLAIN, random_state=0),
        IGLandmarkSelector(selector_net, k=1, **PLAIN, random_state=0),
    ]


@parametrize_with_checks(estimators())
def test_sklearn_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", [LandmarkAligner(), FaceMirror()])
def test_estimators_of_faces_refuse_small_tables(estimator):
    """Why the checks above leave them out: they are made for faces, and say so."""
    fit = getattr(estimator, "fit_resample", None) or estimator.fit
    with pytest.raises(ValueError, match="landmarks"):
        fit([[0.0] * 48] * 3, [0, 1, 0])
