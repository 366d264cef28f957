"""Jitter of extracted landmarks, and what smoothing changes: ``make bench-smoothing``.

Measures the jitter on the clips of the package, and tests the estimate on still images. Then adds
jitter of the measured size, and a multiple of it, to synthetic clips of 31 frames at 30 frames per
second, and compares windows of the smoother: the error of moving landmarks, and the accuracy of
classifiers on people who are not in the training set.
"""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks.side_by_side import format_error, table
from benchmarks.tables import write_table
from sklearn_temo import FaceLandmarkTransformer, LandmarkAligner, LandmarkLayout, TEMOClassifier
from sklearn_temo.datasets import load_cremad_sample, make_expression_clips
from sklearn_temo.extraction._jitter import estimate_noise, smooth_landmarks
from sklearn_temo.mesh import eye_centres

FPS, N_FRAMES = 30, 31
WINDOWS = (None, 5, 7, 9, 15)
# Standard deviation of the noise of the pixels of still images, in grey levels.
GREY = 4
MULTIPLES = (1, 5, 10)
N_CLIPS, N_STILL = 140, 60
# The accuracy is measured for some windows only.
COMPARED, N_FOLDS = (None, 7), 5


def eye_distance(landmarks: np.ndarray) -> float:
    """Median distance between the eyes, of landmarks of shape (..., n_landmarks, 3)."""
    right, left = np.moveaxis(eye_centres(landmarks), -2, 0)
    return float(np.median(np.linalg.norm(right - left, axis=-1)))


def smooth(clips: np.ndarray, window: int | None) -> np.ndarray:
    """Smooth clips of shape (n_clips, n_frames, n_landmarks, 3)."""
    if window is None:
        return clips
    frames, no_cut = np.arange(clips.shape[1], dtype=float), np.zeros(clips.shape[1], bool)
    return np.stack([smooth_landmarks(clip, frames, no_cut, window - 1) for clip in clips])


def name(window: int | None) -> str:
    """Length of a window as text."""
    return "none" if window is None else f"{(window - 1) / FPS:.2f} s"


def jitter(paths: list[str]) -> float:
    """Print the jitter on the clips of the package; return it in distances of the eyes."""
    transformer = FaceLandmarkTransformer(n_frames=None)
    rows, shares = [], []
    for path in paths:
        (clip,) = transformer.extract([path])
        noise = transformer.report_.noise
        shares.append(np.median(noise) / eye_distance(clip.landmarks))
        worst, best = np.quantile(noise, [0.95, 0.05])
        rows.append(
            [
                path.rpartition("/")[2],
                f"{np.median(noise):.3f}",
                f"{best:.3f} to {worst:.3f}",
                f"{shares[-1]:.2%}",
            ]
        )
    print(table(["clip", "jitter in pixels", "5 to 95 % of landmarks", "of eye distance"], rows))
    return float(np.median(shares))


def still(paths: list[str]) -> None:
    """Compare the estimate with the spread on still images with noise in the pixels."""
    random, times = np.random.default_rng(0), np.arange(N_STILL) / FPS
    rows = []
    for path in paths[:3]:
        image = FaceLandmarkTransformer(n_frames=1).read_frames(path)[0]
        noise = random.normal(0, GREY, size=(N_STILL, *image.shape))
        frames = (image + noise).round().clip(0, 255).astype(np.uint8)
        (clip,) = FaceLandmarkTransformer(n_frames=None).extract([frames])
        estimate = estimate_noise(clip.landmarks, times, np.zeros(N_STILL, bool))
        true = clip.landmarks[..., :2].std(axis=0, ddof=1).mean(axis=-1)
        row = (np.median(true), np.median(estimate), np.median(estimate / true))
        rows.append([path.rpartition("/")[2], *(f"{value:.3f}" for value in row)])
    print(table(["still image", "spread in pixels", "estimate", "median ratio"], rows))


def distortion(size: float) -> None:
    """Print the error of moving landmarks, relative to that without smoothing."""
    rows = []
    for label, duration in (("0.1 s", (0.1, 0.1)), ("0.25 to 0.6 s", (0.25, 0.6))):
        made = make_expression_clips(
            N_CLIPS // 2, N_FRAMES, duration=duration, noise=0, random_state=0
        )
        clips = made.data.reshape(-1, N_FRAMES, 468, 3)
        emotions = list(np.unique(made.target))
        is_moving = made.moving[[emotions.index(emotion) for emotion in made.target]]
        for multiple in MULTIPLES:
            std = multiple * size * eye_distance(clips)
            noisy = clips + np.random.default_rng(0).normal(0, std, clips.shape)
            noisy = noisy.astype(np.float32)
            errors = []
            for window in WINDOWS:
                error = (smooth(noisy, window) - clips).swapaxes(1, 2)[is_moving]
                errors.append(np.sqrt(np.mean(error**2)))
            relative = (f"{error / errors[0]:.2f}" for error in errors)
            rows.append([label, f"{multiple} x", *relative])
    header = ["onset", "jitter", *map(name, WINDOWS)]
    print(table(header, rows))
    write_table("smoothing_error", header, rows)


def accuracy(size: float) -> None:
    """Print the accuracy of two classifiers."""
    made = make_expression_clips(N_CLIPS, N_FRAMES, intensity=(0.05, 0.3), noise=0, random_state=0)
    clips = made.data.reshape(-1, N_FRAMES, 468, 3)
    layout = LandmarkLayout((N_FRAMES + 1) // 2, 468, 3)
    classifiers = {
        "T-EMO, randomized": TEMOClassifier(randomized=True, random_state=0),
        "linear SVM, C = 0.01": make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01)),
    }
    rows = []
    for multiple in (MULTIPLES[0], MULTIPLES[-1]):
        std = multiple * size * eye_distance(clips)
        noisy = (clips + np.random.default_rng(0).normal(0, std, clips.shape)).astype(np.float32)
        aligned = [
            LandmarkAligner().fit_transform(layout.flatten(smooth(noisy, window)[:, ::2]))
            for window in COMPARED
        ]
        for label, classifier in classifiers.items():
            figures = []
            for X in aligned:
                scores = cross_val_score(
                    classifier,
                    X,
                    made.target,
                    groups=made.groups,
                    cv=StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=0),
                )
                error = scores.std(ddof=1) / np.sqrt(len(scores))
                figures.append(f"{scores.mean():.3f}{format_error(error, 3)}")
            rows.append([label, f"{multiple} x", *figures])
    header = ["classifier", "jitter", *map(name, COMPARED)]
    print(table(header, rows))
    write_table("smoothing_accuracy", header, rows)


def main() -> None:
    """Print the tables."""
    paths = load_cremad_sample().data
    size = jitter(paths)
    print()
    still(paths)
    print()
    distortion(size)
    print()
    accuracy(size)


if __name__ == "__main__":
    main()
