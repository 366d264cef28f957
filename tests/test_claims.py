"""Accuracy of the pipeline on CK+ and on synthetic clips."""

import pytest

from benchmarks.pipeline_figures import (
    CKPLUS,
    accuracy_by_k,
    compare_on_ckplus,
    standard_error,
)


@pytest.mark.skipif(
    not CKPLUS.is_file(),
    reason="the landmarks of CK+ are licensed for research only and not part of the project; set "
    "SKLEARN_TEMO_CKPLUS to the path of neutral_apex.npz",
)
def test_temo_is_more_accurate_than_svms_on_new_subjects():
    scores = {name: values.mean(axis=0) for name, values in compare_on_ckplus(1).items()}
    temo = scores.pop("T-EMO, trained")
    for name, (accuracy, balanced) in scores.items():
        assert temo[0] > accuracy, name
        assert temo[1] > balanced, name


def test_accuracy_with_128_landmarks_is_not_below_that_with_all():
    scores = accuracy_by_k((128, 468), random_state=1)
    fewer, all_landmarks = scores[128], scores[468]
    assert fewer.mean() >= all_landmarks.mean() - standard_error(all_landmarks)
