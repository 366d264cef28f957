"""scikit-learn's own checks of all estimators, with the checks that are expected to fail."""

from functools import partial

import pytest
from sklearn.utils._testing import assert_allclose
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_temo import (
    BlendshapeTransformer,
    FaceLandmarkTransformer,
    FaceMirror,
    IGLandmarkSelector,
    LandmarkAligner,
    StabilityLandmarkSelector,
    TEMOClassifier,
    TEMORegressor,
)

# A table of any number of columns: each column is a landmark with one coordinate in one frame.
PLAIN = {"n_frames": 1, "n_coords": 1}

ESTIMATORS = [
    FaceLandmarkTransformer(),
    BlendshapeTransformer(),
    LandmarkAligner(),
    FaceMirror(),
    IGLandmarkSelector(TEMOClassifier(max_epochs=20, random_state=0), k=1, **PLAIN, random_state=0),
    IGLandmarkSelector(TEMORegressor(randomized=True), k=1, **PLAIN, random_state=0),
    # All landmarks of the checks' small tables may be chosen, so that some are kept.
    StabilityLandmarkSelector(
        IGLandmarkSelector(TEMOClassifier(randomized=True), **PLAIN),
        max_false=100,
        threshold=0.51,
        n_pairs=2,
        random_state=0,
    ),
    TEMOClassifier(**PLAIN, random_state=0),
    TEMOClassifier(randomized=True, **PLAIN, random_state=0),
    TEMORegressor(max_epochs=200, **PLAIN, random_state=0),
    TEMORegressor(randomized=True, **PLAIN, random_state=0),
]

NEEDS_FACES = "the check passes tables of a few columns, which are no faces"

FAILURES_WITHOUT_FACES = [
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_dtype_object",
    "check_estimators_dtypes",
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit2d_predict1d",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_pipeline_consistency",
    "check_positive_only_tag_during_fit",
    "check_readonly_memmap_input",
]

FAILURES_OF_TRANSFORMERS = [
    *FAILURES_WITHOUT_FACES,
    "check_transformer_data_not_an_array",
    "check_transformer_general",
    "check_transformer_preserve_dtypes",
    "check_transformers_unfitted_stateless",
]

EXPECTED_FAILURES = {
    BlendshapeTransformer: dict.fromkeys(FAILURES_OF_TRANSFORMERS, NEEDS_FACES),
    LandmarkAligner: dict.fromkeys(FAILURES_OF_TRANSFORMERS, NEEDS_FACES),
    FaceMirror: dict.fromkeys([*FAILURES_WITHOUT_FACES, "check_estimators_nan_inf"], NEEDS_FACES),
}


def expected_failures(estimator):
    """Checks that fail, and why."""
    if getattr(estimator, "randomized", False):
        reason = "fit keeps no normal equations, which partial_fit needs"
        return {"check_fit_score_takes_y": reason}
    return EXPECTED_FAILURES.get(type(estimator), {})


@pytest.mark.filterwarnings("ignore:Can't test estimator")
@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=expected_failures,
    xfail_strict=True,
)
def test_estimator_follows_scikit_learn(estimator, check, monkeypatch):
    is_temo = isinstance(estimator, TEMOClassifier | TEMORegressor)
    if is_temo and check.func.__name__ == "check_methods_subset_invariance":
        # T-EMO computes in single precision, and BLAS rounds in another way in a batch of another
        # size on some processors. The check compares with the precision of the result, which is
        # double.
        for_single_precision = partial(assert_allclose, rtol=1e-4)
        monkeypatch.setattr("sklearn.utils.estimator_checks.assert_allclose", for_single_precision)
    check(estimator)


@pytest.mark.parametrize("estimator", [BlendshapeTransformer(), LandmarkAligner(), FaceMirror()])
def test_estimators_of_faces_name_the_landmarks_that_they_need(estimator):
    fit = getattr(estimator, "fit_resample", None) or estimator.fit
    with pytest.raises(ValueError, match="468 or 478 landmarks"):
        fit([[0.0] * 48] * 3, [0, 1, 0])
