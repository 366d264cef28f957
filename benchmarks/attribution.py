"""Speed and completeness of the attribution: ``make bench-attribution``.

All comparisons run in one process with the same number of threads, alternating; ratios
are of medians. The memory of a large data set is measured in a process of its own.
"""

from __future__ import annotations

import argparse
import inspect
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn

from benchmarks.side_by_side import ROWS, peak_megabytes, row, seconds
from benchmarks.tables import write_table
from sklearn_temo import IGLandmarkSelector, LandmarkAligner, LandmarkLayout, TEMOClassifier
from sklearn_temo.attribution import integrated_gradients, landmark_relevance, make_baselines
from sklearn_temo.attribution._split_network import frozen
from sklearn_temo.classification._network import TEMONet, fit_reduction
from sklearn_temo.datasets import make_expression_clips

N_CLIPS, N_BASELINES, N_LARGE = 140, 5, 20_000
# Runs of the comparison with Captum.
N_RUNS = 5
EIGHT = [8, 16, 32, 64, 128, 234, 350, 468]
# Of samples, and of path points at once: the best of them is what Captum is credited with.
CAPTUM_BATCHES = [(16, None), (140, None), (140, 256), (140, 1024)]


def captum(
    module: nn.Module,
    X: np.ndarray,
    baselines: np.ndarray,
    target: np.ndarray,
    batch_size: int,
    internal: int | None,
    n_steps: int = 50,
) -> np.ndarray:
    """The loop over batches and baselines that everyone writes around Captum."""
    explain = IntegratedGradients(module)
    found = np.empty((len(baselines), *X.shape), dtype=np.float32)
    for i, b in enumerate(torch.from_numpy(baselines)):
        for start in range(0, len(X), batch_size):
            rows = slice(start, start + batch_size)
            found[i, rows] = explain.attribute(
                torch.from_numpy(X[rows]),
                baselines=b[None],
                target=torch.from_numpy(target[rows]),
                n_steps=n_steps,
                internal_batch_size=internal,
            ).numpy()
    return found


def scores(attributions: np.ndarray, target: np.ndarray, layout: LandmarkLayout) -> np.ndarray:
    """Relevance over the classes, from attributions in double precision."""
    shares = np.abs(
        attributions.reshape(len(attributions), -1, *layout.shape).sum(axis=(2, 4), dtype=float)
    )
    per_class = np.stack([shares[:, target == c].mean((0, 1)) for c in np.unique(target)])
    return (per_class / per_class.sum(axis=1, keepdims=True)).mean(axis=0)


def against_captum(
    module: nn.Module,
    X: np.ndarray,
    baselines: np.ndarray,
    y: np.ndarray,
    layout: LandmarkLayout,
) -> None:
    """Time, gap and ranking beside Captum's."""
    works: dict[str, Callable[[], Any]] = {
        f"captum {size}/{internal}": lambda size=size, internal=internal: captum(
            module, X, baselines, y, size, internal
        )
        for size, internal in CAPTUM_BATCHES
    }
    works["auto"] = lambda: integrated_gradients(module, X, baselines, y)
    works["50"] = lambda: integrated_gradients(module, X, baselines, y, n_steps=50)
    works["relevance"] = lambda: landmark_relevance(module, X, baselines, y, layout)
    # Timed once, to find the best batch size of Captum; the comparison follows.
    taken = seconds({name: work for name, work in works.items() if "captum" in name}, n_rounds=1)
    best = min(taken, key=lambda name: taken[name])
    compared = {name: works[name] for name in (best, "auto", "50", "relevance")}
    runs = [seconds(compared, n_rounds=1) for _ in range(N_RUNS)]

    def faster(name: str) -> str:
        """Median and range of the ratios of the runs."""
        ratios = sorted(run[best] / run[name] for run in runs)
        return f"{median(ratios):.1f}x ({ratios[0]:.1f} to {ratios[-1]:.1f})"

    gap = integrated_gradients(module, X, baselines, y)[1]
    relevance = landmark_relevance(module, X, baselines, y, layout)
    times = median(run[best] for run in runs)
    row("Captum with 50 nodes and its best batch size, time", f"{times:.2f} s")
    row(
        '``integrated_gradients`` with ``n_steps="auto"`` (closed form), speed relative to '
        "Captum, median and range of five runs",
        faster("auto"),
        ">= 45x",
    )
    row("its largest completeness gap", f"{gap.max():.1e}", "<= 1e-3")
    what = "``integrated_gradients`` with 50 nodes, speed relative to Captum"
    row(what, faster("50"), ">= 8x")
    what = '``landmark_relevance`` with ``n_steps="auto"``, speed relative to Captum'
    row(what, faster("relevance"))

    ours = relevance.overall
    theirs = scores(captum(module, X, baselines, y, 140, 1024), y, layout)
    order, other = (np.argsort(-s, kind="stable")[:128] for s in (ours, theirs))
    n_same = len(np.intersect1d(order, other))
    odd = np.setxor1d(order, other)
    tied = np.abs(theirs[odd] / np.sort(theirs)[-128] - 1).max(initial=0)
    what = "common landmarks in the first 128 by Captum and by ``landmark_relevance``"
    row(what, f"{n_same}" if n_same == 128 else f"{n_same} (others tied within {tied:.0e})")


def growth(X: np.ndarray, baselines: np.ndarray, y: np.ndarray) -> None:
    """Time against landmarks, samples and baselines."""
    nets, data = {}, {}
    for n_landmarks in (468, 1872):
        layout = LandmarkLayout(16, n_landmarks, 3)
        times = n_landmarks // 468
        wide = [np.tile(a.reshape(-1, 16, 468, 3), (1, 1, times, 1)) for a in (X, baselines)]
        data[n_landmarks] = [np.ascontiguousarray(a.reshape(len(a), -1)) for a in wide], layout
        torch.manual_seed(0)
        nets[n_landmarks] = net = default_net(n_landmarks).eval()
        rows = torch.from_numpy(data[n_landmarks][0][0])
        fit_reduction(net, rows, torch.ones(len(rows)), None, seed=0)
        net.requires_grad_(False)
    works: dict[str, Callable[[], Any]] = {}
    for n, ((A, b), layout) in data.items():
        works[f"ours {n}"] = lambda n=n, A=A, b=b, layout=layout: landmark_relevance(
            nets[n], A, b, y, layout
        )
        works[f"attributions {n}"] = lambda n=n, A=A, b=b: integrated_gradients(nets[n], A, b, y)
        works[f"front {n}"] = lambda n=n, A=A: plain_pass(nets[n], A)
        works[f"captum {n}"] = lambda n=n, A=A, b=b: captum(nets[n], A, b[:1], y, 140, 256)
    (A, b), layout = data[468]
    twice = np.concatenate([A, A])
    works["samples"] = lambda: landmark_relevance(
        nets[468], twice, b, np.concatenate([y, y]), layout
    )
    works["baselines"] = lambda: landmark_relevance(nets[468], A, np.concatenate([b, b]), y, layout)
    taken = seconds(works)
    labels = {
        "ours": ("``landmark_relevance``, time for 1,872 landmarks relative to 468", "<= 2x"),
        "front": ("one pass of the temporal filters over the clips, the same", ""),
        "attributions": ("``integrated_gradients``, the same", ""),
        "captum": ("Captum, the same", ""),
    }
    for name, (what, target) in labels.items():
        row(
            what,
            f"{taken[f'{name} 1872'] / taken[f'{name} 468']:.2f}x",
            target,
        )
    for name in ("samples", "baselines"):
        what = f"``landmark_relevance``, time for twice the {name}"
        row(what, f"{taken[name] / taken['ours 468']:.2f}x", "linear")


@torch.no_grad()
def plain_pass(module: nn.Module, X: np.ndarray) -> None:
    """Apply the columnwise part of the affine front to the clips, in small pieces."""
    columnwise = module.affine_front()[0]
    for piece in torch.from_numpy(X).split(16):
        columnwise(piece)


def default_net(n_landmarks: int, n_classes: int = 7) -> TEMONet:
    """T-EMO's net with the classifier's defaults, not trained."""
    own = inspect.signature(TEMONet).parameters
    settings = {n: v for n, v in TEMOClassifier().get_params().items() if n in own}
    del settings["n_frames"], settings["n_coords"]
    return TEMONet(16, n_landmarks, 3, n_classes, **settings | {"hidden_size": 32})


def grid_over_k(X: np.ndarray, y: np.ndarray) -> None:
    """A search over eight values of k, with memory and without, beside one value."""
    networks = {
        "trained network": TEMOClassifier(n_components=32, noise=0.4),
        "randomized network": IGLandmarkSelector.default_estimator(),
    }

    def search(network, ks, memory):
        selector = IGLandmarkSelector(networks[network], random_state=0)
        with tempfile.TemporaryDirectory() as folder:
            pipe = make_pipeline(
                clone(selector).set_params(memory=folder if memory else None), GaussianNB()
            )
            GridSearchCV(
                pipe,
                {"iglandmarkselector__k": ks},
                cv=StratifiedKFold(3),
                refit=False,
                error_score="raise",
            ).fit(X, y)

    works: dict[str, Callable[[], Any]] = {}
    for name in networks:
        works[f"{name}, one"] = lambda name=name: search(name, [128], False)
        works[f"{name}, memory"] = lambda name=name: search(name, EIGHT, True)
        works[f"{name}, without"] = lambda name=name: search(name, EIGHT, False)
    taken = seconds(works)
    unit = taken["trained network, one"]
    for name, target in (("trained network", "<= 1.3x"), ("randomized network", "")):
        what = f"search over 1 value of ``k``, {name}, time relative to the first"
        row(what, f"{taken[f'{name}, one'] / unit:.2f}x")
        with_memory = f"{taken[f'{name}, memory'] / unit:.2f}x"
        row(f"search over 8 values with memory, {name}", with_memory, target)
        row(f"the same without memory, {name}", f"{taken[f'{name}, without'] / unit:.2f}x")


def rounds(X: np.ndarray, y: np.ndarray) -> None:
    """Progressive reduction beside the nets that it trains, and after another that it shares."""
    layout = LandmarkLayout(16, 468, 3)
    columns = [layout.feature_mask(np.arange(468) < n) for n in (468, 234, 128)]
    fewer = [np.ascontiguousarray(X[:, kept]) for kept in columns]
    selector = IGLandmarkSelector(k=64, step=[234, 128, 64], random_state=0)
    net = clone(selector).fit(X, y).estimator_
    with tempfile.TemporaryDirectory() as folder:
        # The rounds of this fit are found again by a fit with another k.
        clone(selector).set_params(memory=folder).fit(X, y)
        another = clone(selector).set_params(memory=folder, k=100, step=[234, 128])
        taken = seconds(
            {
                "rounds": lambda: clone(selector).fit(X, y),
                "nets": lambda: [clone(net).fit(part, y) for part in fewer],
                "again": lambda: clone(another).fit(X, y),
            }
        )
    row(
        "468 -> 234 -> 128 -> 64 landmarks, beside its nets",
        f"{taken['rounds'] / taken['nets']:.2f}x",
    )
    row("the same to 100, with memory", f"{taken['again'] / taken['nets']:.2f}x")


def training(X: np.ndarray, y: np.ndarray) -> None:
    """T-EMO beside a plain loop of torch, and the latency of one clip beside an RBF SVM."""
    n_epochs = 60
    temo = TEMOClassifier(max_epochs=n_epochs, mirror=False, random_state=0)

    def loop():
        torch.manual_seed(0)
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        net = default_net(468)
        target = torch.from_numpy(y)
        fit_reduction(net, torch.from_numpy(X), torch.ones(len(X)), None, seed=0)
        with torch.no_grad():
            reduced = net.reduced(torch.from_numpy(X))
        loss_of = nn.CrossEntropyLoss(label_smoothing=temo.label_smoothing)
        adam = torch.optim.AdamW(net.parameters(), lr=temo.lr, weight_decay=0.3, fused=True)
        n_batches = -(-len(X) // temo.batch_size)
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            adam, max_lr=temo.lr, epochs=n_epochs, steps_per_epoch=n_batches
        )
        net.train()
        for _ in range(n_epochs):
            for batch in torch.randperm(len(X)).split(temo.batch_size):
                adam.zero_grad()
                logits = net(reduced=reduced[batch])
                members = target[batch].repeat_interleave(logits.shape[1])
                loss = loss_of(logits.flatten(0, 1), members)
                loss.backward()
                adam.step()
                cycle.step()
                loss.item()
        torch.set_num_threads(n_threads)

    taken = seconds({"temo": lambda: clone(temo).fit(X, y), "loop": loop}, n_rounds=5)
    row(
        "training of T-EMO, time per epoch relative to a plain loop",
        f"{taken['temo'] / taken['loop']:.2f}x",
        "<= 1.15x",
    )
    fitted = clone(temo).fit(X, y)
    svm = make_pipeline(StandardScaler(), SVC()).fit(X, y)
    module = fitted.module_.eval()

    def plain():
        with torch.inference_mode():
            return [module(torch.from_numpy(X[i : i + 128])) for i in range(0, len(X), 128)]

    taken = seconds({"temo": lambda: fitted.predict(X), "plain": plain}, n_rounds=11)
    row(
        f"prediction of {len(X)} clips by T-EMO, time relative to a plain loop",
        f"{taken['temo'] / taken['plain']:.2f}x",
        "<= 1.15x",
    )
    taken = seconds(
        {
            "temo": lambda: [fitted.predict(X[i : i + 1]) for i in range(50)],
            "svm": lambda: [svm.predict(X[i : i + 1]) for i in range(50)],
        },
        n_rounds=5,
    )
    times = f"{taken['temo'] * 20:.2f} ms / {taken['svm'] * 20:.2f} ms"
    row("one clip, T-EMO / StandardScaler and SVC", times)


def large(folder: str) -> None:
    """Relevance of a data set that does not fit into the memory allowed; prints the peak."""
    n_features = 16 * 468 * 3
    X = np.memmap(Path(folder) / "X", dtype=np.float32, mode="r").reshape(-1, n_features)
    torch.manual_seed(0)
    net = default_net(468)
    y = np.arange(len(X)) % 7
    layout = LandmarkLayout(16, 468, 3)
    landmark_relevance(net, X[:140], X[:N_BASELINES], y[:140], layout)
    before = peak_megabytes()
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        landmark_relevance(net, X, X[:N_BASELINES], y, layout)
    taken = perf_counter() - start
    print(f"{peak_megabytes() - before:.0f} MB, in {taken:.0f} s")


def memory(X: np.ndarray) -> None:
    """Peak memory for 20,000 clips in a file, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        with (Path(folder) / "X").open("wb") as file:
            for start in range(0, N_LARGE, 500):
                rows = X[np.arange(start, min(start + 500, N_LARGE)) % len(X)]
                rows = rows + 0.01 * rng.standard_normal(rows.shape, dtype=np.float32)
                file.write(rows.astype(np.float32).tobytes())
        command = [sys.executable, "-m", "benchmarks.attribution", "--large", folder]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    row(
        f"peak memory for {N_LARGE:,} clips in a memory map of "
        f"{N_LARGE * X.shape[1] * 4 / 1e9:.1f} GB",
        run.stdout.strip(),
        "< 600 MB",
    )


PARTS = ["captum", "growth", "memory", "grid", "rounds", "training"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="*", default=PARTS)
    options = parser.parse_args(arguments)
    if options.large:
        large(options.large)
        return
    clips = make_expression_clips(n_clips=N_CLIPS, n_frames=16, random_state=0)
    X = LandmarkAligner(n_frames=16).fit_transform(clips.data)
    names, y = np.unique(clips.target, return_inverse=True)
    baselines = make_baselines(X, y, n_baselines=N_BASELINES)
    layout = LandmarkLayout(16, 468, 3)
    print(f"{len(X)} clips of 16 frames x 468 landmarks x 3, {N_BASELINES} baselines, {len(names)}")
    print(f"classes, {torch.get_num_threads()} threads of torch {torch.__version__}\n")
    print("| | here | target |\n|---|---|---|")
    if "captum" in options.only:
        module = TEMOClassifier(random_state=0).fit(X, y).module_
        with frozen(module, torch.device("cpu")):
            against_captum(module, X, baselines, y, layout)
    if "growth" in options.only:
        growth(X, baselines, y)
    if "memory" in options.only:
        memory(X)
    if "grid" in options.only:
        grid_over_k(X, y)
    if "rounds" in options.only:
        rounds(X, y)
    if "training" in options.only:
        training(X, y)
    if set(PARTS) <= set(options.only):
        write_table("attribution", ["measurement", "result", "target"], ROWS)


if __name__ == "__main__":
    main()
