"""Draw the picture of the README: the landmarks of a smile, and how many are enough.

Writes ``docs/pictures/smile.png`` and, for dark pages, ``docs/pictures/smile_dark.png``.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import Bunch

from sklearn_temo import (
    FaceLandmarkTransformer,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkRelevanceDisplay,
    TEMOClassifier,
)
from sklearn_temo.datasets import load_cremad_sample, load_london_smiles

FOLDER = Path(__file__).parents[1] / "docs/pictures"
KS = (4, 8, 16, 32, 64, 128, 468)
N_REPEATS = 5
METHODS = {
    "T-EMO, randomized, k selected": ("#D55E00", "D--"),
    "linear SVM, C = 0.01, k selected": ("#009E73", "s:"),
    "T-EMO, randomized, k random": ("#808080", "x--"),
}


def scores(smiles: Bunch) -> dict[str, list[float]]:
    """Balanced accuracy on people who are not in the training set, for each number of landmarks."""
    X = LandmarkAligner(rotation="full").fit_transform(smiles.data)
    rng = np.random.default_rng(0)
    found: dict[str, list[float]] = {name: [] for name in METHODS}
    for k in KS:
        by_method: dict[str, list[float]] = {name: [] for name in METHODS}
        for repeat in range(N_REPEATS):
            temo = TEMOClassifier(randomized=True, random_state=repeat)
            svm = make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01))
            selector = IGLandmarkSelector(k=k, random_state=repeat)
            chosen = rng.permutation(468) < k
            columns = np.asarray(smiles.layout.feature_mask(chosen))
            models = {
                "T-EMO, randomized, k selected": (make_pipeline(selector, temo), X),
                "linear SVM, C = 0.01, k selected": (make_pipeline(selector, svm), X),
                "T-EMO, randomized, k random": (temo.set_params(n_frames=1), X[:, columns]),
            }
            cv = StratifiedGroupKFold(5, shuffle=True, random_state=repeat)
            for name, (model, rows) in models.items():
                by_method[name] += list(
                    cross_val_score(model, rows, smiles.target, groups=smiles.groups, cv=cv)
                )
        for name, values in by_method.items():
            found[name].append(float(np.mean(values)))
    return found


def smiling_frame() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Last frame of the included clip of happiness, and its landmarks in pixels."""
    sample = load_cremad_sample()
    path = sample.data[list(sample.target).index("happiness")]
    (clip,) = FaceLandmarkTransformer(n_frames=None).extract([path])
    with av.open(path) as container:
        *_, frame = container.decode(video=0)
    return frame.to_ndarray(format="rgb24"), clip.landmarks[-1, :, :2]


def draw(
    smiles: Bunch, selector: IGLandmarkSelector, found: dict[str, list[float]], file: Path
) -> None:
    """Draw the three panels in the current style."""
    figure, axes = plt.subplots(
        1, 3, figsize=(12, 4.3), layout="constrained", width_ratios=[0.95, 0.95, 1.3]
    )
    photo, points = smiling_frame()
    kept = selector.get_landmark_support()
    axes[0].imshow(photo)
    axes[0].scatter(*points[~kept].T, s=3, color="white", linewidths=0, alpha=0.7)
    axes[0].scatter(*points[kept].T, s=26, color="#E69F00", edgecolors="black", linewidths=0.6)
    low, high = points.min(axis=0), points.max(axis=0)
    middle, reach = (low + high) / 2, 0.72 * (high - low).max()
    axes[0].set(xlim=middle[0] + np.array([-reach, reach]))
    axes[0].set(ylim=middle[1] + np.array([reach, -reach]))
    axes[0].set_axis_off()
    axes[0].set_title(f"468 landmarks of a filmed face;\nlarge: the {kept.sum()} that are kept")

    aligned = LandmarkAligner(rotation="full").fit_transform(smiles.data)
    frames = smiles.layout.unflatten(aligned)[:, 0]
    face = frames[smiles.target == "happiness", :, :2].mean(axis=0) * [1, -1]
    LandmarkRelevanceDisplay.from_scores(
        selector.landmark_scores_, positions=face, support=kept, ax=axes[1], colorbar=False
    )
    axes[1].set_title("Their relevance for a smile,\non the mean face of 102 people")

    ax = axes[2]
    for name, (colour, style) in METHODS.items():
        ax.plot(KS, 100 * np.array(found[name]), style, color=colour, label=name, markersize=6)
    ax.lines[1].set_fillstyle("none")  # SVMs with standard preprocessing are hollow
    everything = 100 * found["T-EMO, randomized, k selected"][-1]
    ax.axhline(everything, color="#808080", linewidth=1, linestyle=":", label="T-EMO, all 468")
    ax.set_xscale("log")
    ax.set_xticks(KS, [str(k) for k in KS])
    ax.minorticks_off()
    ax.set(xlabel="landmarks", ylabel="accuracy (%), chance is 50 %")
    ax.set_title("Neutral or smiling?\nPeople who are not in the training set")
    ax.legend(frameon=False)
    ax.spines[["right", "top"]].set_visible(False)
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Fit the models, print the scores and write both pictures."""
    smiles = load_london_smiles()
    X = LandmarkAligner(rotation="full").fit_transform(smiles.data)
    selector = IGLandmarkSelector(k=32, random_state=0).fit(X, smiles.target)
    found = scores(smiles)
    print("landmarks".ljust(34), *(f"{k:6}" for k in KS))
    for name, values in found.items():
        print(name.ljust(34), *(f"{value:6.3f}" for value in values))
    FOLDER.mkdir(exist_ok=True)
    draw(smiles, selector, found, FOLDER / "smile.png")
    with plt.style.context(
        ["dark_background", {"figure.facecolor": "#121212", "axes.facecolor": "#121212"}]
    ):
        draw(smiles, selector, found, FOLDER / "smile_dark.png")


if __name__ == "__main__":
    main()
