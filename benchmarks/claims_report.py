"""Tables, figures and verdicts of the benchmark of the claims."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from sklearn_temo import LandmarkLayout, LandmarkRelevanceDisplay, mesh, selection_stability
from sklearn_temo.datasets import make_expression_clips

from .claims_folds import Result
from .pipeline_figures import standard_error


class Candidate(NamedTuple):
    """A problem, a selection method, a number of landmarks and a classifier."""

    problem: str
    method: str
    k: int
    classifier: str


# Results of each fold of each repeat.
Repeats = list[list[list[Result]]]
# Accuracy and balanced accuracy in each repeat, arrays of shape (n_repeats, 2).
Scores = dict[Candidate, np.ndarray]


def write_report(repeats: Repeats, layout: LandmarkLayout, description: str, out: Path) -> str:
    """Write ``claims.md``, ``claims.svg`` and, for the full face mesh, ``faces.png``.

    Parameters
    ----------
    repeats : list of list of list of Result
        Results of each fold of each repeat.
    layout : LandmarkLayout
        Layout of the clips.
    description : str
        Number of clips, subjects, classes, repeats and folds.
    out : Path
        Folder of the report.

    Returns
    -------
    str
        Text of ``claims.md``.
    """
    scores = _score(repeats)
    n_all = layout.n_landmarks
    text = "\n\n".join(
        [
            f"Output of `make bench-claims`: {description}. Scores are computed over all clips of "
            "a repeat; the report shows their mean over the repeats +- its standard error. "
            "Landmarks and hyperparameters are chosen on the training subjects of each fold. T-EMO "
            "has its default parameters, unless it is called tuned.",
            "## Claims",
            _claims(scores, repeats, n_all),
            "## Selection methods and classifiers",
            _all_classes_table(scores),
            "## One-vs-rest",
            _one_vs_rest_table(scores, n_all),
            "## Cost",
            _cost_table(repeats, n_all),
            "## Selected landmarks",
            _stability_table(repeats, n_all),
            *([action_unit_table(repeats)] if n_all == mesh.N_LANDMARKS else []),
        ]
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "claims.md").write_text(text + "\n", encoding="utf-8")
    _draw_scores(scores, out / "claims.svg")
    if n_all == mesh.N_LANDMARKS:
        draw_faces(repeats, out / "faces.png")
    return text


def _all_results(repeats: Repeats) -> list[Result]:
    return [result for folds in repeats for fold in folds for result in fold]


def _candidate(result: Result) -> Candidate:
    return Candidate(result.problem, result.method, result.k, result.classifier)


def _score(repeats: Repeats) -> Scores:
    """Score each candidate over all clips of each repeat; random selections are averaged."""
    lists: dict[Candidate, list[tuple[float, float]]] = {}
    for folds in repeats:
        labels: dict[Candidate, tuple[list[str], list[str]]] = {}
        for result in _all_results([folds]):
            truth, predicted = labels.setdefault(_candidate(result), ([], []))
            truth.extend(result.truth)
            predicted.extend(result.predicted)
        for candidate, (truth, predicted) in labels.items():
            pair = accuracy_score(truth, predicted), balanced_accuracy_score(truth, predicted)
            lists.setdefault(candidate, []).append(pair)
    scores: Scores = {}
    random: dict[Candidate, list[np.ndarray]] = {}
    for candidate, pairs in lists.items():
        if candidate.method.startswith("random "):
            random.setdefault(candidate._replace(method="random"), []).append(np.array(pairs))
        else:
            scores[candidate] = np.array(pairs)
    return scores | {candidate: np.mean(values, axis=0) for candidate, values in random.items()}


def format_error(error: float, n_digits: int) -> str:
    """Format a standard error, which is NaN for a single repeat."""
    return "" if np.isnan(error) else f" +- {error:.{n_digits}f}"


def _format_scores(values: np.ndarray) -> str:
    (acc, bal), (acc_error, bal_error) = values.mean(axis=0), standard_error(values)
    return f"{acc:.3f}{format_error(acc_error, 3)} / {bal:.3f}{format_error(bal_error, 3)}"


def _difference(minuend: np.ndarray, subtrahend: np.ndarray) -> str:
    """Difference of balanced accuracies in points, paired over the repeats."""
    paired = 100 * (minuend - subtrahend)[:, 1]
    return f"{paired.mean():+.1f}{format_error(float(standard_error(paired)), 1)} points"


def _accuracy_difference(repeats: Repeats, k: int, other_k: int) -> str:
    """Difference of T-EMO's accuracies with two numbers of landmarks, paired over the folds."""

    def accuracy(fold: list[Result], k: int) -> float:
        candidate = Candidate("all", "IG", k, "T-EMO")
        result = next(result for result in fold if _candidate(result) == candidate)
        return accuracy_score(result.truth, result.predicted)

    paired = np.array(
        [100 * (accuracy(fold, k) - accuracy(fold, other_k)) for folds in repeats for fold in folds]
    )
    return f"{paired.mean():+.1f}{format_error(float(standard_error(paired)), 1)} points"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Format a Markdown table."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _all_classes_table(scores: Scores) -> str:
    rows = sorted((c.classifier, c.method, c.k, c) for c in scores if c.problem == "all")
    return "Accuracy / balanced accuracy.\n\n" + table(
        ("classifier", "selection", "k", "all classes"),
        ((name, method, str(k), _format_scores(scores[c])) for name, method, k, c in rows),
    )


def _mean_one_vs_rest(scores: Scores, method: str, k: int, classifier: str) -> np.ndarray:
    values = [
        values
        for candidate, values in scores.items()
        if candidate.problem != "all" and candidate[1:] == (method, k, classifier)
    ]
    return np.mean(values, axis=0)


def _one_vs_rest_table(scores: Scores, n_all: int) -> str:
    problems = sorted({candidate.problem for candidate in scores} - {"all"})
    columns = list(dict.fromkeys(c[1:] for c in scores if c.problem != "all"))
    rows = [
        [problem, *(_format_scores(scores[Candidate(problem, *column)]) for column in columns)]
        for problem in problems
    ]
    rows.append(["mean", *(_format_scores(_mean_one_vs_rest(scores, *c)) for c in columns)])
    names = [f"{classifier}, {'all' if k == n_all else k}" for _, k, classifier in columns]
    return (
        "Accuracy / balanced accuracy, with all landmarks or with the selected ones.\n\n"
        + table(["", *names], rows)
    )


def _cost_table(repeats: Repeats, n_all: int) -> str:
    costs: dict[tuple[str, int], list[tuple[float, float, int]]] = {}
    for result in _all_results(repeats):
        if result.problem == "all" and result.method == "IG":
            cost = result.fit_seconds, result.predict_seconds, result.n_parameters
            costs.setdefault((result.classifier, result.k), []).append(cost)
    medians = {key: np.median(values, axis=0) for key, values in costs.items()}
    reference = medians["T-EMO", n_all]
    rows = [
        (name, str(k), f"{fit:.2f}", f"{predict:.2f}", f"{n_parameters:.0f}")
        for (name, k), (fit, predict, n_parameters) in sorted(
            (key, values / [*reference[:2], 1]) for key, values in medians.items()
        )
    ]
    return (
        "Medians over the folds. Times are relative to T-EMO with all landmarks; with tuned "
        "parameters, the fit is the whole search.\n\n"
        + table(("classifier", "k", "fit", "prediction of one clip", "parameters"), rows)
    )


def _kept_masks(repeats: Repeats, n_all: int) -> dict[tuple[str, int], np.ndarray]:
    """Kept landmarks of each fold for each selection method and k below `n_all`."""
    masks: dict[tuple[str, int], list[np.ndarray]] = {}
    for result in _all_results(repeats):
        # Every method has a linear SVM. Random selections are the same in all folds of a repeat.
        is_first = result.problem == "all" and result.classifier == "linear SVM"
        if is_first and result.k < n_all and not result.method.startswith("random"):
            mask = np.isin(np.arange(n_all), result.kept)
            masks.setdefault((result.method, result.k), []).append(mask)
    return {key: np.array(values) for key, values in masks.items()}


def _format_stability(masks: np.ndarray) -> str:
    return f"{selection_stability(masks).stability:.2f}" if len(masks) > 1 else "nan"


def _stability_table(repeats: Repeats, n_all: int) -> str:
    rows = [
        (method, str(k), _format_stability(masks), _format_regions(masks))
        for (method, k), masks in sorted(_kept_masks(repeats, n_all).items())
    ]
    return (
        "Nogueira's stability over all folds, and the share of the landmarks of a region that is "
        "kept, relative to the share of all landmarks that is kept (1 is chance), for the four "
        "regions with the highest values.\n\n"
        + table(("selection", "k", "stability", "regions"), rows)
    )


def _format_regions(masks: np.ndarray) -> str:
    if masks.shape[1] != mesh.N_LANDMARKS:
        return ""
    regions, share = mesh.regions(), masks.mean(axis=0)
    gain = {region: share[regions == region].mean() / share.mean() for region in set(regions)}
    # Ties are sorted by name, so that the same folds give the same text.
    best = sorted(gain, key=lambda region: (-round(gain[region], 1), region))[:4]
    return ", ".join(f"{region} {gain[region]:.1f}" for region in best if gain[region] >= 0.05)


@cache
def _moving_landmarks() -> dict[str, np.ndarray]:
    """Masks of the landmarks that the action units of each known emotion move."""
    clips = make_expression_clips(n_clips=14, n_frames=2, random_state=0)
    return dict(zip(clips.target_names, clips.moving, strict=True))


def action_unit_agreement(repeats: Repeats) -> dict[str, np.ndarray]:
    """Share of the landmarks selected for an emotion that its action units move.

    Parameters
    ----------
    repeats : list of list of list of Result

    Returns
    -------
    dict of str to ndarray of shape (3,)
        For each known emotion the share among the first 20 selected landmarks, among all selected
        landmarks, and among all landmarks.
    """
    shares: dict[str, list[tuple[float, float, float]]] = {}
    for result in _all_results(repeats):
        emotion = {"happy": "happiness"}.get(result.problem, result.problem)
        if result.method == "IG" and emotion in _moving_landmarks():
            moving = _moving_landmarks()[emotion]
            kept = moving[list(result.kept)]
            pair = kept[:20].mean(), kept.mean(), moving.mean()
            shares.setdefault(result.problem, []).append(pair)
    return {emotion: np.mean(values, axis=0) for emotion, values in shares.items()}


def action_unit_table(repeats: Repeats) -> str:
    """Format :func:`action_unit_agreement` as a table."""
    shares = action_unit_agreement(repeats)
    rows = [[emotion, *(f"{share:.2f}" for share in shares[emotion])] for emotion in sorted(shares)]
    rows.append(["mean", *(f"{share:.2f}" for share in np.mean([*shares.values()], axis=0))])
    return (
        "Share of the landmarks selected for an emotion against the rest that the action units of "
        "the emotion move (EMFACS, on the canonical face): among the first 20, among all 128, and "
        "among all landmarks (chance).\n\n" + table(("", "first 20", "128", "all landmarks"), rows)
    )


def _claims(scores: Scores, repeats: Repeats, n_all: int) -> str:
    """One line for each claim of the paper, and lines with further comparisons."""

    def score(method: str, k: int, classifier: str = "T-EMO") -> np.ndarray:
        return scores[Candidate("all", method, k, classifier)]

    most = min(128, n_all)
    temo = score("IG", n_all)
    lines = [
        f"T-EMO, all classes, all landmarks: {_format_scores(temo)}.",
        f"1. Fewer landmarks classify better. T-EMO with k = {most} minus T-EMO with all "
        f"landmarks: {_difference(score('IG', most), temo)} of balanced accuracy, "
        f"{_accuracy_difference(repeats, most, n_all)} of accuracy (paired over the folds): "
        f"{_verdict(score('IG', most) - temo)}.",
        _svm_claim(scores, n_all),
    ]
    rivals = (
        "linear SVM",
        "RBF SVM",
        "logistic regression",
        "T-EMO, tuned",
        "T-EMO, one member",
        "T-EMO, randomized",
        "T-EMO, not mirrored",
        "linear SVM, standardised",
        "RBF SVM, standardised",
    )
    lines += [
        f"- All classes, all landmarks, T-EMO minus {rival}: "
        f"{_difference(temo, score('IG', n_all, rival))}."
        for rival in rivals
        if Candidate("all", "IG", n_all, rival) in scores
    ]
    if Candidate("all", "IG", 20, "T-EMO") in scores:
        lines.append(
            f"- All classes, T-EMO with k = 20 minus T-EMO with all landmarks: "
            f"{_difference(score('IG', 20), temo)}."
        )
    for emotion in ("happiness", "happy", "surprise"):
        values = scores.get(Candidate(emotion, "IG", most, "T-EMO"))
        if values is not None:
            verdict = "confirmed" if values.mean(axis=0)[0] > 0.97 else "not confirmed"
            lines.append(
                f"3. Accuracy above 97 % with k = {most}, {emotion} against the rest: "
                f"{_format_scores(values)}: {verdict}."
            )
    if n_all == mesh.N_LANDMARKS and (agreement := action_unit_agreement(repeats)):
        first, _, chance = np.mean([*agreement.values()], axis=0)
        above = sorted(emotion for emotion, shares in agreement.items() if shares[0] > shares[2])
        lines.append(
            "4. The landmarks agree with human intuition. The action units of an emotion move "
            f"{first:.0%} of the first 20 landmarks selected for it against the rest (chance "
            f"{chance:.0%}); the share is above chance for {len(above)} of {len(agreement)} "
            f"emotions ({', '.join(above)})."
        )
    for k in (5, 10, 20):
        for name in ("T-EMO", "linear SVM"):
            if Candidate("all", "random", k, name) in scores:
                random = score("random", k, name)
                lines.append(
                    f"- All classes, k = {k}, {name}, selected minus random landmarks: "
                    f"{_difference(score('IG', k, name), random)}; selected in rounds minus random "
                    f"landmarks: {_difference(score('IG progressive', k, name), random)}."
                )
    return "\n".join(lines)


def _svm_claim(scores: Scores, n_all: int) -> str:
    temo = _mean_one_vs_rest(scores, "none", n_all, "T-EMO")

    def against(variant: str) -> str:
        svms = [
            _mean_one_vs_rest(scores, "none", n_all, f"{kernel} SVM{variant}")
            for kernel in ("linear", "RBF")
        ]
        svm = max(svms, key=lambda values: values.mean(axis=0)[1])
        return (
            f"{_difference(temo, svm)} of balanced accuracy, "
            f"{100 * (temo - svm).mean(axis=0)[0]:+.1f} of accuracy"
        )

    def with_mirror_images(variant: str) -> str:
        # Only landmarks with mirror pairs have these candidates.
        is_mirrored = any(c.classifier.endswith(", mirrored") for c in scores)
        return f"; with mirror images {against(variant + ', mirrored')}" if is_mirrored else ""

    return (
        "2. T-EMO is 8 to 9 points of accuracy above SVMs. One-vs-rest, all landmarks, T-EMO: "
        f"{_format_scores(temo)}. T-EMO minus the better of two SVMs with standardised columns and "
        f"tuned C: {against(', standardised')}{with_mirror_images(', standardised')}. T-EMO minus "
        "the better of two SVMs whose search includes the displacement in x and y with one common "
        f"scale: {against('')}{with_mirror_images('')}."
    )


def _verdict(difference: np.ndarray) -> str:
    """Compare the mean difference of balanced accuracies with twice its standard error."""
    mean, error = difference[:, 1].mean(), standard_error(difference)[1]
    if np.isnan(error):
        return "not tested with one repeat"
    if mean > 2 * error:
        return "confirmed"
    return "no significant difference" if mean > -2 * error else "contradicted"


def _import_pyplot() -> Any:
    """Import pyplot with a backend that needs no screen, and with reproducible files."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "claims"
    from matplotlib import pyplot as plt

    return plt


def draw_faces(repeats: Repeats, file: Path) -> None:
    """Draw how often each landmark is among the first 20 selected for an emotion.

    Parameters
    ----------
    repeats : list of list of list of Result
    file : Path
        Picture to write.
    """
    plt = _import_pyplot()
    counts: dict[str, np.ndarray] = {}
    for result in _all_results(repeats):
        if result.problem != "all" and result.method == "IG":
            count = counts.setdefault(result.problem, np.zeros(mesh.N_LANDMARKS))
            count[list(result.kept[:20])] += 1
    names = sorted(counts)
    display = LandmarkRelevanceDisplay.from_scores(
        np.array([counts[name] for name in names]), class_names=names
    )
    display.figure_.savefig(file, dpi=80, metadata={"Software": None})
    plt.close(display.figure_)


def _draw_scores(scores: Scores, file: Path) -> None:
    """Draw balanced accuracy against k for each selection method."""
    plt = _import_pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
    for ax, classifier in zip(axes, ("linear SVM", "T-EMO"), strict=True):
        ks_of: dict[str, list[int]] = {}
        for candidate in scores:
            if candidate.problem == "all" and candidate.classifier == classifier:
                ks_of.setdefault(candidate.method, []).append(candidate.k)
        for method, ks in ks_of.items():
            ks.sort()
            values = [scores[Candidate("all", method, k, classifier)] for k in ks]
            ax.errorbar(
                ks,
                [v.mean(axis=0)[1] for v in values],
                [standard_error(v)[1] for v in values],
                label=method,
                marker="o",
                markersize=3,
                capsize=2,
            )
        ax.set(xscale="log", xlabel="landmarks", title=classifier)
        ax.set_xticks(ks, [str(k) for k in ks])
        ax.minorticks_off()
        ax.legend(fontsize="small")
    axes[0].set_ylabel("balanced accuracy, all classes")
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
