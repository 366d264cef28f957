"""scikit-learn's own checks of estimators."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_temo import TEMOClassifier

PLAIN = {"n_frames": 1, "n_coords": 1}


@parametrize_with_checks([TEMOClassifier(**PLAIN, random_state=0)])
def test_sklearn_estimator(estimator, check):
    check(estimator)
