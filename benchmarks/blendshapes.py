"""Exactness and cost of blendshapes, head pose and gaze: part of ``make bench-facial-actions``.

Compares them with those of MediaPipe itself in all frames of the clips of the package, shows how
the blendshapes of landmarks without irises differ, and measures the extraction with and without
them in turns, in one process.
"""

from __future__ import annotations

from typing import Any

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray

from benchmarks.side_by_side import ROWS, row, seconds
from benchmarks.tables import write_table
from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.blendshapes import NAMES, predict_blendshapes
from sklearn_temo.datasets import load_cremad_sample
from sklearn_temo.head_pose import estimate_head_pose
from sklearn_temo.mesh import model_path

N_ROUNDS = 5
LOOKS = np.array([name.startswith("eyeLook") for name in NAMES])


def of_mediapipe(frames: NDArray[np.uint8]) -> tuple[NDArray[Any], ...]:
    """Landmarks in pixels, blendshapes and head poses that MediaPipe finds."""
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=model_path().read_bytes()),
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    landmarks, blendshapes, poses = [], [], []
    height, width = frames.shape[1:3]
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for frame in frames:
            found = landmarker.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, frame))
            landmarks.append(
                [(p.x * width, p.y * height, p.z * width) for p in found.face_landmarks[0]]
            )
            blendshapes.append([category.score for category in found.face_blendshapes[0]])
            poses.append(found.facial_transformation_matrixes[0])
    return np.array(landmarks, np.float32), np.array(blendshapes), np.array(poses)


def main() -> None:
    """Print the table."""
    print("| | here | target |\n|---|---|---|")
    paths = load_cremad_sample().data
    extraction = FaceLandmarkTransformer(n_frames=None, n_landmarks=478)
    frames = np.concatenate([extraction.read_frames(path) for path in paths])
    size = frames.shape[2], frames.shape[1]
    landmarks, blendshapes, poses = of_mediapipe(frames)
    found, pose = predict_blendshapes(landmarks), estimate_head_pose(landmarks, size)
    row("frames of the clips of the package", str(len(frames)))
    row(
        "blendshapes: largest difference from MediaPipe",
        f"{np.abs(found - blendshapes).max():.0e}",
        "1e-3",
    )
    difference = np.abs(pose - poses)
    row(
        "head pose: largest difference of the rotation",
        f"{difference[:, :3, :3].max():.0e}",
        "1e-3",
    )
    row(
        "head pose: largest difference of the translation",
        f"{difference[:, :3, 3].max():.0e} cm",
        "1e-2 cm",
    )
    change = np.abs(predict_blendshapes(landmarks[:, :468]) - found)
    for what, columns in (("``eyeLook...``", LOOKS), ("other blendshapes", ~LOOKS)):
        row(
            f"without irises, {what} change by (mean, largest)",
            f"{change[:, columns].mean():.3f}, {change[:, columns].max():.2f}",
        )
    taken = seconds(
        {
            "landmarks": lambda: FaceLandmarkTransformer().transform(paths),
            "blendshapes": lambda: FaceLandmarkTransformer(output="blendshapes").transform(paths),
            "extract": lambda: FaceLandmarkTransformer().extract(paths),
        },
        N_ROUNDS,
    )
    for name, what in (
        ("blendshapes", "rows of blendshapes"),
        ("extract", "``extract``"),
    ):
        row(
            f"{what}: time relative to rows of landmarks",
            f"{taken[name] / taken['landmarks']:.2f}x",
        )
    write_table("blendshapes", ["measurement", "result"], [cells[:2] for cells in ROWS])


if __name__ == "__main__":
    main()
