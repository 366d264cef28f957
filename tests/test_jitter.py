"""Jitter of landmarks: the smoother, and the estimate of the noise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import savgol_filter

from sklearn_temo import FaceLandmarkTransformer, mesh
from sklearn_temo.extraction import DoubtfulClipsWarning, ExtractionReport
from sklearn_temo.extraction._landmarks import FoundLandmarks
from sklearn_temo.extraction._postprocessing import Postprocessing

NEEDS = "and a window needs 5; pass a window"

NO_SMOOTHING = Postprocessing(
    n_frames=None,
    n_landmarks=468,
    on_missing="nan",
    resample=False,
    max_gap=None,
    min_detected=0,
)


@pytest.fixture
def noise():
    """Noise of a standard deviation of 1, of 60 frames and 468 landmarks."""
    return np.random.default_rng(0).normal(size=(60, 468, 3)).astype(np.float32)


def make_found(landmarks, fps=25.0, times=None, doubtful=()):
    n_frames = len(landmarks)
    full = np.concatenate([landmarks, landmarks[:, :10]], axis=1)
    if times is None:
        times = np.arange(n_frames) / (fps if np.isfinite(fps) else 1)
    doubts = np.isin(np.arange(n_frames), doubtful)
    repeats = np.ones(n_frames, np.int64)
    return FoundLandmarks(full, times, repeats, fps, np.array([640, 480]), doubts)


def smooth(window, landmarks, **found):
    smoothing = replace(NO_SMOOTHING, smooth=window)
    return smoothing.apply(make_found(landmarks, **found), "clip").landmarks


@pytest.mark.parametrize("window", [5, 7, 11])
def test_even_frames_are_smoothed_like_scipy(noise, window):
    expected = savgol_filter(noise, window, 2, axis=0, mode="interp")
    np.testing.assert_allclose(smooth(window, noise), expected, atol=1e-5)
    np.testing.assert_allclose(smooth((window - 1) / 25, noise), expected, atol=1e-5)


def test_quadratic_movement_is_not_changed_at_uneven_times():
    times = np.cumsum(np.random.default_rng(1).uniform(0.02, 0.05, size=40))
    movement = (3 + 20 * times - 30 * times**2).astype(np.float32)
    landmarks = np.broadcast_to(movement[:, None, None], (40, 468, 3)).copy()
    landmarks[[7, 8, 20]] = np.nan
    smoothed = smooth(0.3, landmarks, times=times)
    np.testing.assert_allclose(smoothed, landmarks, rtol=1e-4, atol=1e-3)


def test_smoothing_commutes_with_time_reversal(noise):
    # A filter with a delay would differ.
    np.testing.assert_allclose(smooth(7, noise[::-1])[::-1], smooth(7, noise), atol=1e-5)


def test_smoothing_reduces_noise_as_its_weights_say(noise):
    # The sum of the squared weights in the middle is 1/3 for 7 frames.
    smoothed = smooth(7, noise)[3:-3]
    assert smoothed.std() == pytest.approx(np.sqrt(1 / 3), rel=0.02)


def test_frames_without_a_face_stay_missing_and_affect_no_other(noise):
    noise[[10, 30, 31, 32, 33]] = np.nan
    smoothed = smooth(7, noise)
    assert np.flatnonzero(np.isnan(smoothed).any(axis=(1, 2))).tolist() == [10, 30, 31, 32, 33]
    # The gap is longer than half the window: the frames on both sides are not mixed.
    for part in (slice(0, 30), slice(34, 60)):
        np.testing.assert_array_equal(smoothed[part], smooth(7, noise[part]))


def test_frames_before_and_after_a_possible_change_of_the_person_are_not_mixed(noise):
    noise[30:] += 100
    smoothed = smooth(7, noise, doubtful=[30])
    np.testing.assert_array_equal(smoothed[:30], smooth(7, noise[:30]))
    np.testing.assert_array_equal(smoothed[30], noise[30])
    np.testing.assert_array_equal(smoothed[31:], smooth(7, noise[31:]))


def test_all_steps_after_the_smoother_use_smoothed_landmarks(noise):
    resampling = replace(
        NO_SMOOTHING, resample=True, n_frames=8, on_missing="interpolate", smooth=5
    )
    found = make_found(noise)
    even = np.linspace(0, 59 / 25, 8)
    smoothed = smooth(5, noise)
    resampled = resampling.apply(found, "clip").landmarks
    for landmark, axis in [(0, 0), (467, 2)]:
        expected = np.interp(even, found.times, smoothed[:, landmark, axis])
        np.testing.assert_allclose(resampled[:, landmark, axis], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("window", "n_frames", "fps", "reason"),
    [
        (
            0.2,
            30,
            10.0,
            "its frames are 0.1 s apart, and a window needs 5; pass a window of at least 0.4 s",
        ),
        (0.2, 30, np.nan, "the clip has no times; pass a number of frames, such as smooth=5"),
        (0.2, 3, 25.0, "the clip has 3 frames, and a window needs 5"),
        (5, 4, np.nan, "the clip has 4 frames, and a window needs 5"),
        (0.2, 1, np.nan, None),
        (0.2, 30, 25.0, None),
        (5, 5, np.nan, None),
    ],
)
def test_clips_that_could_not_be_smoothed_are_doubtful(noise, window, n_frames, fps, reason):
    smoothing = replace(NO_SMOOTHING, smooth=window)
    found = make_found(noise[:n_frames], fps)
    doubt = smoothing.doubts(found)
    if reason is None:
        assert doubt is None
    else:
        assert doubt == f"smooth={window!r} had no effect, because {reason}."
        landmarks = smoothing.apply(found, "clip").landmarks
        np.testing.assert_array_equal(landmarks, found.landmarks[:, :468])


@pytest.mark.parametrize(("window", "n_frames"), [(200.0, 30), (7, 6)])
def test_clips_shorter_than_the_window_are_doubtful(noise, window, n_frames):
    doubt = replace(NO_SMOOTHING, smooth=window).doubts(make_found(noise[:n_frames], 25.0))
    assert doubt.startswith(f"smooth={window!r} is longer than the clip, which becomes a single")


@pytest.mark.parametrize("sampling", ["uniform", (0.5, 1.0)])
def test_sampled_frames_cannot_be_smoothed(cremad_paths, sampling):
    transformer = FaceLandmarkTransformer(smooth=0.2, sampling=sampling)
    with pytest.raises(ValueError, match=r'smooth=0.2 needs .* pass sampling="all", or n_frames=N'):
        transformer.fit(cremad_paths)


@pytest.mark.parametrize("window", [0, 3, -0.1, True, "0.2"])
def test_invalid_windows(cremad_paths, window):
    with pytest.raises(ValueError, match="'smooth' parameter"):
        FaceLandmarkTransformer(smooth=window, sampling="all").fit(cremad_paths)


def test_an_even_number_of_frames_is_an_error(cremad_paths):
    with pytest.raises(ValueError, match="smooth=6 must be odd"):
        FaceLandmarkTransformer(smooth=6, sampling="all").fit(cremad_paths)


def test_smoothed_landmarks_come_from_the_same_cache_entry(tmp_path, cremad_paths):
    transformer = FaceLandmarkTransformer(n_frames=None, memory=tmp_path)
    (raw,) = transformer.extract(cremad_paths[:1])
    noise = transformer.report_.noise
    (smoothed,) = transformer.set_params(smooth=7).extract(cremad_paths[:1])
    assert transformer.report_.n_cached == 1
    expected = savgol_filter(raw.landmarks, 7, 2, axis=0)
    np.testing.assert_allclose(smoothed.landmarks, expected, rtol=1e-5, atol=1e-4)
    # The estimate is of the landmarks before smoothing.
    np.testing.assert_array_equal(transformer.report_.noise, noise)
    assert noise.shape == (468,)
    assert 0.01 < np.median(noise) < 0.5
    assert "jitter of the landmarks from frame to frame: 0." in str(transformer.report_)


def test_unsmoothed_clips_are_in_one_warning(cremad_frames):
    clips = [frames[:2] for frames in cremad_frames[:3]]
    transformer = FaceLandmarkTransformer(n_frames=2, sampling="all", smooth=5)
    with pytest.warns(DoubtfulClipsWarning, match="of 3 of 3 clips .* smooth=5 had no effect"):
        transformer.transform(clips)


def estimate(landmarks, **found):
    return make_found(landmarks, **found).noise()


@pytest.mark.parametrize("size", [0.05, 0.5])
def test_noise_of_known_size_is_found_on_a_moving_face(size):
    rng = np.random.default_rng(0)
    times = np.arange(600) / 30
    face = 40 * mesh.canonical_face() + 20 * np.sin(3 * times)[:, None, None]
    sizes = size * rng.uniform(0.5, 2, size=468)
    noise = rng.normal(size=face.shape) * sizes[:, None]
    found = estimate((face + noise).astype(np.float32), fps=30.0)[:468]
    np.testing.assert_allclose(found / sizes, 1, atol=0.2)
    assert np.mean(found / sizes) == pytest.approx(1, abs=0.02)


def test_noise_ignores_missing_faces_cuts_and_single_jumps(noise):
    expected = estimate(noise)
    noise[20:22] = np.nan
    noise[40:] += 100
    np.testing.assert_allclose(estimate(noise, doubtful=[40]), expected, rtol=0.5)
    assert np.median(estimate(noise, doubtful=[40])) == pytest.approx(1, abs=0.1)


def test_noise_is_unknown_where_frames_are_far_apart_or_have_no_times(noise):
    assert estimate(noise, fps=25.0) is not None
    assert estimate(noise, fps=15.0) is None
    assert estimate(noise, fps=np.nan) is None
    assert estimate(noise[:12], fps=25.0) is None
    uneven = np.arange(60) / 50 + np.tile([0, 0.01], 30)
    assert estimate(noise, times=uneven) is None


def test_report_names_the_region_with_the_largest_noise():
    regions = mesh.regions()
    noise = np.where(regions == "lips", 0.3, 0.1).astype(np.float32)
    text = str(ExtractionReport(1, 0, (), noise=noise))
    expected = "0.1 pixels (median); largest in the region 'lips', 0.3 pixels"
    assert text.endswith(f"jitter of the landmarks from frame to frame: {expected}")
    assert "jitter" not in str(ExtractionReport(1, 0, ()))


def test_uniform_sampling_gives_no_noise(cremad_paths):
    transformer = FaceLandmarkTransformer(n_frames=4, n_landmarks=478)
    transformer.transform(cremad_paths[:1])
    assert transformer.report_.noise.shape == (478,)
    assert np.isnan(transformer.report_.noise).all()
