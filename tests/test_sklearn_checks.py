"""scikit-learn's own checks on all estimators, with the checks that are expected to fail."""

import pytest
from imblearn.utils.estimator_checks import parametrize_with_checks as parametrize_with_imblearn
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from sklearn_temo import (
    FaceLandmarkTransformer,
    FaceMirror,
    IGLandmarkSelector,
    LandmarkAligner,
    TEMOClassifier,
    make_temo_pipeline,
)

# A table of any number of columns: each column is a landmark with one coordinate in one frame.
PLAIN = {"n_frames": 1, "n_coords": 1}
