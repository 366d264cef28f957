"""Exactness, timing and truth of explanations of single clips: part of ``make bench-explanations``.

The figures for synthetic clips are those of people who are not in the training set. The share on
moving landmarks is the part of the positive movement share, summed over the frames of a clip, that
lies on landmarks that the emotion moves. The onset is the first frame in which the share of the ten
landmarks with the largest positive movement shares reaches a quarter of its maximum; it is compared
with the first frame in which a clip with a sudden apex moves, and with the first frame in which a
clip with a slow rise reaches half of its apex. Ten and a quarter were chosen on clips with other
seeds.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline

from benchmarks.tables import write_table
from sklearn_temo import TEMOClassifier, explain_clips, make_temo_pipeline
from sklearn_temo.datasets import make_expression_clips

# Networks that the timeline and the share on moving landmarks are measured with.
NETWORKS = {
    "trained": TEMOClassifier(),
    "randomized": TEMOClassifier(randomized=True),
    "randomized, 32 components": TEMOClassifier(randomized=True, n_components=32, weight_decay=1.0),
}
_N_LANDMARKS, _ONSET_SHARE = 10, 0.25


def completeness(
    n_frames: int, *, randomized: bool, mirror: bool, kind: str
) -> tuple[float, float]:
    """Largest relative completeness gap, and largest difference from `decision_function`."""
    clips = make_expression_clips(n_clips=84, n_frames=n_frames, random_state=0)
    classifier: Any = TEMOClassifier(
        randomized=randomized, mirror="auto" if mirror else False, random_state=0
    )
    if kind == "one-vs-rest":
        classifier = OneVsRestClassifier(classifier)
    pipe = make_temo_pipeline(landmarks="passthrough", classifier=classifier, random_state=0)
    if kind == "without selector":
        pipe.set_params(select="passthrough")
    pipe.fit(clips.data, clips.target)
    found = explain_clips(pipe, clips.data)
    column = np.searchsorted(pipe.classes_, found.target)
    logit = pipe.decision_function(clips.data)[np.arange(len(column)), column]
    return found.completeness_gap.max(), np.abs(found.logit - logit).max()


def truth(
    classifier: TEMOClassifier, duration: tuple[float, float], baselines: str, random_state: int
) -> tuple[float, float]:
    """Share of the clips whose onset is found within a frame, and share on moving landmarks."""
    clips = make_expression_clips(
        n_clips=420, n_subjects=60, duration=duration, random_state=random_state
    )
    is_test = clips.groups < 20
    pipe = make_temo_pipeline(
        landmarks="passthrough", classifier=classifier, rotation="full", random_state=random_state
    )
    pipe.fit(clips.data[~is_test], clips.target[~is_test])
    found = explain_clips(pipe, clips.data[is_test], baselines=baselines)
    moving = clips.moving[np.searchsorted(clips.target_names, found.target)]
    share = found.movement.sum(axis=1).clip(min=0)
    rise = clips.rise[is_test]
    onset = (rise > 0 if duration == (0, 0) else rise >= 0.5).argmax(axis=1)
    error = find_onset(found.movement) - onset
    return float((np.abs(error) <= 1).mean()), float((share * moving).sum() / share.sum())


def find_onset(shares: NDArray[Any]) -> NDArray[np.intp]:
    """Frame in which the expression begins, for shares (n_clips, n_frames, n_landmarks)."""
    largest = np.argsort(-shares.sum(axis=1), axis=1)[:, None, :_N_LANDMARKS]
    timeline = np.take_along_axis(shares, largest, axis=2).sum(axis=2)
    return (timeline >= _ONSET_SHARE * timeline.max(axis=1, keepdims=True)).argmax(axis=1)


def seconds_of_one_clip(pipe: Pipeline, rows: NDArray[Any], n_repeats: int = 15) -> float:
    """Median time of one explanation."""
    seconds = []
    for i in range(n_repeats):
        start = time.perf_counter()
        explain_clips(pipe, rows[i : i + 1])
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def main() -> None:
    """Print the tables."""
    print("Largest relative completeness gap, and difference from decision_function, of 84 clips")
    for n_frames in (2, 16):
        for randomized in (False, True):
            for mirror in (True, False):
                for kind in ("behind a selector", "without selector", "one-vs-rest"):
                    gap, difference = completeness(
                        n_frames, randomized=randomized, mirror=mirror, kind=kind
                    )
                    name = "randomized" if randomized else "trained"
                    mean = "mirror" if mirror else "no mirror"
                    print(
                        f"{n_frames:>3} frames  {name:<11}{mean:<10}{kind:<18}"
                        f"{gap:>9.1e}{difference:>9.1e}",
                        flush=True,
                    )
    print("\nOnset found within one frame, and positive share on moving landmarks (3 seeds)")
    rows = []
    for name, classifier in NETWORKS.items():
        for baselines in ("typical", "still"):
            found = [
                [truth(classifier, duration, baselines, seed) for seed in range(3)]
                for duration in ((0, 0), (0.25, 0.6))
            ]
            (sudden, moving), (slow, _) = np.mean(found, axis=1)
            print(
                f"{name:<27}{baselines:<9}sudden {sudden:.2f}   slow {slow:.2f}   "
                f"moving {moving:.2f}",
                flush=True,
            )
            rows.append([name, baselines, *(f"{share:.2f}" for share in (sudden, slow, moving))])
    header = ["network", "baselines", "sudden onset", "slow onset", "share on moving landmarks"]
    write_table("explanations_onset", header, rows)
    clips = make_expression_clips(n_clips=140, random_state=0)
    print("\nMedian time of one explanation, 16 frames, 128 landmarks")
    for name, classifier in NETWORKS.items():
        pipe = make_temo_pipeline(
            landmarks="passthrough", classifier=classifier, random_state=0
        ).fit(clips.data, clips.target)
        print(f"{name:<27}{1000 * seconds_of_one_clip(pipe, clips.data):.0f} ms")


if __name__ == "__main__":
    main()
