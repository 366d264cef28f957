"""What the folds of the claims say: tables, figures and which claims held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from sklearn_temo import LandmarkLayout, LandmarkRelevanceDisplay, mesh
from sklearn_temo.datasets._action_units import EMOTIONS, moving_landmarks

from .claims_folds import Record

Repeats = list[list[list[Record]]]
Key = tuple[str, str, int, str]


def write_report(repeats: Repeats, layout: LandmarkLayout, about: str, out: Path) -> str:
    """Write ``claims.md``, ``claims.svg`` and, of the full mesh, ``faces.png``.

    Parameters
    ----------
    repeats : list of list of list of Record
        Of each repeat, of each fold.
    layout : LandmarkLayout
        Of the clips.
    about : str
        What was tried on.
    out : Path
        Folder.

    Returns
    -------
    str
        The text.
    """
    scores = _scores(repeats)
    n_all = layout.n_landmarks
    text = "\n\n".join(
        [
            f"Printed by `make bench-claims`: {about}. Means over repeats of the scores of all "
            "clips of a repeat, +- their standard errors over the repeats. Landmarks and "
            "hyperparameters were chosen on the training people of each fold; T-EMO has its "
            "defaults, except where it is called tuned.",
            "## Claims",
            _claims(scores, repeats, n_all),
            "## Landmarks, ways to choose them, and classifiers",
            _table_by_k(scores),
            "## One against the rest",
            _table_one_vs_rest(scores, n_all),
            "## Cost",
            _table_cost(repeats, n_all),
            "## The chosen landmarks",
            _table_of_stability(repeats, n_all),
            *([_table_of_faces(repeats)] if n_all == mesh.N_LANDMARKS else []),
        ]
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "claims.md").write_text(text + "\n", encoding="utf-8")
    _figure(scores, out / "claims.svg")
    if n_all == mesh.N_LANDMARKS:
        _figure_of_faces(repeats, out / "faces.png")
    return text


def _scores(repeats: Repeats) -> dict[Key, np.ndarray]:
    """Accuracy and balanced accuracy of each repeat, ndarray of shape (n_repeats, 2)."""
    found: dict[Key, list[tuple[float, float]]] = {}
    for folds in repeats:
        together: dict[Key, tuple[list[str], list[str]]] = {}
        for record in (record for fold in folds for record in fold):
            key = (record.problem, record.method, record.k, record.classifier)
            truth, labels = together.setdefault(key, ([], []))
            truth.extend(record.truth)
            labels.extend(record.found)
        for key, (truth, labels) in together.items():
            pair = accuracy_score(truth, labels), balanced_accuracy_score(truth, labels)
            found.setdefault(key, []).append(pair)
    scores = {key: np.array(values) for key, values in found.items()}
    # The draws of random landmarks count as one way to choose.
    draws: dict[Key, list[np.ndarray]] = {}
    for (problem, method, k, classifier), values in list(scores.items()):
        if method.startswith("random "):
            draws.setdefault((problem, "random", k, classifier), []).append(values)
            del scores[problem, method, k, classifier]
    return scores | {key: np.mean(values, axis=0) for key, values in draws.items()}


def _error(values: np.ndarray) -> np.ndarray:
    n = len(values)
    return (
        np.std(values, axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.full(values.shape[1:], np.nan)
    )


def _within(error: float, n_digits: int) -> str:
    """A standard error, which a single repeat does not have."""
    return "" if np.isnan(error) else f" +- {error:.{n_digits}f}"


def _pair(values: np.ndarray) -> str:
    (acc, bal), (acc_error, bal_error) = values.mean(axis=0), _error(values)
    return f"{acc:.3f}{_within(acc_error, 3)} / {bal:.3f}{_within(bal_error, 3)}"


def _difference(one: np.ndarray, other: np.ndarray) -> str:
    """Points of balanced accuracy, paired over the repeats."""
    paired = 100 * (one - other)[:, 1:]
    return f"{paired.mean():+.1f}{_within(_error(paired)[0], 1)} points"


def _difference_over_folds(repeats: Repeats, k: int, other: int) -> str:
    """Points of accuracy between two numbers of landmarks, T-EMO, paired over all folds."""

    def accuracy(fold: list[Record], k: int) -> float:
        return next(
            accuracy_score(record.truth, record.found)
            for record in fold
            if (record.problem, record.method, record.k, record.classifier)
            == ("all", "IG", k, "T-EMO")
        )

    paired = np.array(
        [100 * (accuracy(fold, k) - accuracy(fold, other)) for folds in repeats for fold in folds]
    )
    return f"{paired.mean():+.1f}{_within(float(_error(paired)), 1)} points"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _table_by_k(scores: dict[Key, np.ndarray]) -> str:
    rows = sorted(
        (key for key in scores if key[0] == "all"), key=lambda key: (key[3], key[1], key[2])
    )
    return "Accuracy / balanced accuracy.\n\n" + _table(
        ("classifier", "landmarks", "k", "all classes"),
        ((c, method, str(k), _pair(scores[p, method, k, c])) for p, method, k, c in rows),
    )


def _mean_one_vs_rest(
    scores: dict[Key, np.ndarray], method: str, k: int, classifier: str
) -> np.ndarray:
    chosen = [
        values
        for (problem, *rest), values in scores.items()
        if problem != "all" and tuple(rest) == (method, k, classifier)
    ]
    return np.mean(chosen, axis=0)


def _table_one_vs_rest(scores: dict[Key, np.ndarray], n_all: int) -> str:
    problems = sorted({key[0] for key in scores} - {"all"})
    ways = list(dict.fromkeys(key[1:] for key in scores if key[0] != "all"))
    rows = [[problem, *(_pair(scores[problem, *way]) for way in ways)] for problem in problems]
    rows.append(["mean", *(_pair(_mean_one_vs_rest(scores, *way)) for way in ways)])
    names = [f"{classifier}, {'all' if k == n_all else k}" for _, k, classifier in ways]
    return "Accuracy / balanced accuracy; all landmarks, or the selector's.\n\n" + _table(
        ["", *names], rows
    )


def _table_cost(repeats: Repeats, n_all: int) -> str:
    cost: dict[tuple[str, int], list[tuple[float, float, int]]] = {}
    for record in _all_records(repeats):
        if record.problem == "all" and record.method == "IG":
            figures = record.fit_seconds, record.predict_seconds, record.n_parameters
            cost.setdefault((record.classifier, record.k), []).append(figures)
    medians = {key: np.median(values, axis=0) for key, values in cost.items()}
    base = medians["T-EMO", n_all]
    rows = [
        (
            name,
            str(k),
            f"{fit / base[0]:.2f}",
            f"{predict / base[1]:.2f}",
            f"{n_parameters:.0f}",
        )
        for (name, k), (fit, predict, n_parameters) in sorted(medians.items())
    ]
    return (
        "Medians over the folds, as multiples of T-EMO with all landmarks. Where parameters are "
        "tuned, the fit is the whole search.\n\n"
        + _table(("classifier", "k", "fit", "prediction of one clip", "parameters"), rows)
    )


def _masks(repeats: Repeats, n_all: int) -> dict[tuple[str, int], np.ndarray]:
    kept: dict[tuple[str, int], list[np.ndarray]] = {}
    for record in _all_records(repeats):
        # The draws of random landmarks are the same in all folds of a repeat.
        is_drawn = record.method.startswith("random")
        is_first = record.problem == "all" and record.classifier == "linear SVM"
        if is_first and record.k < n_all and not is_drawn:
            mask = np.isin(np.arange(n_all), record.kept)
            kept.setdefault((record.method, record.k), []).append(mask)
    return {key: np.array(masks) for key, masks in kept.items()}


def nogueira_stability(masks: np.ndarray) -> float:
    """Stability of selected sets, Nogueira, Sechidis and Brown, JMLR 18(174), 2018.

    Parameters
    ----------
    masks : ndarray of bool of shape (n_sets, n_landmarks)

    Returns
    -------
    float
        1 for equal sets, about 0 for random ones.
    """
    share = masks.mean(axis=0)
    if len(masks) < 2:
        return float("nan")
    variance = len(masks) / (len(masks) - 1) * share * (1 - share)
    mean = share.mean()
    return float(1 - variance.mean() / (mean * (1 - mean)))


def _table_of_stability(repeats: Repeats, n_all: int) -> str:
    rows = [
        (method, str(k), f"{nogueira_stability(masks):.2f}", _regions(masks))
        for (method, k), masks in sorted(_masks(repeats, n_all).items())
    ]
    return (
        "Nogueira's stability over all folds, and the share of the landmarks of each region that "
        "is kept, divided by the share of all landmarks that is (1 is chance).\n\n"
        + _table(("landmarks", "k", "stability", "regions"), rows)
    )


def _regions(masks: np.ndarray) -> str:
    if masks.shape[1] != mesh.N_LANDMARKS:
        return ""
    regions, share = mesh.regions(), masks.mean(axis=0)
    gain = {region: share[regions == region].mean() / share.mean() for region in set(regions)}
    # By name where they are equal, so that the same folds give the same text.
    best = sorted(gain, key=lambda region: (-round(gain[region], 1), region))[:4]
    return ", ".join(f"{region} {gain[region]:.1f}" for region in best if gain[region] >= 0.05)


def _all_records(repeats: Repeats) -> Iterator[Record]:
    return (record for folds in repeats for fold in folds for record in fold)


def _agreement(repeats: Repeats) -> dict[str, np.ndarray]:
    """Share of the landmarks chosen for an emotion that its action units move.

    Of each emotion that is known: of the first 20, of all that were chosen, and of all landmarks.
    """
    found: dict[str, list[tuple[float, float, float]]] = {}
    for record in _all_records(repeats):
        emotion = {"happy": "happiness"}.get(record.problem, record.problem)
        if record.method == "IG" and emotion in EMOTIONS:
            moves = moving_landmarks(emotion)
            kept = moves[list(record.kept)]
            found.setdefault(record.problem, []).append(
                (kept[:20].mean(), kept.mean(), moves.mean())
            )
    return {emotion: np.mean(shares, axis=0) for emotion, shares in found.items()}


def _table_of_faces(repeats: Repeats) -> str:
    found = _agreement(repeats)
    rows = [[emotion, *(f"{share:.2f}" for share in found[emotion])] for emotion in sorted(found)]
    rows.append(["mean", *(f"{share:.2f}" for share in np.mean([*found.values()], axis=0))])
    return (
        "Share of the landmarks chosen to tell an emotion from the rest that the emotion's action "
        "units move (EMFACS, on the canonical face): of the first 20, of all 128, and of all "
        "landmarks, which is chance.\n\n" + _table(("", "first 20", "128", "all landmarks"), rows)
    )


def _claims(scores: dict[Key, np.ndarray], repeats: Repeats, n_all: int) -> str:
    def score(method: str, k: int, classifier: str = "T-EMO") -> np.ndarray:
        return scores["all", method, k, classifier]

    def best_svm(suffix: str) -> np.ndarray:
        svms = (
            _mean_one_vs_rest(scores, "none", n_all, f"{kernel} SVM{suffix}")
            for kernel in ("linear", "RBF")
        )
        return max(svms, key=lambda values: values.mean(axis=0)[1])

    temo = _mean_one_vs_rest(scores, "none", n_all, "T-EMO")
    n_most = min(128, n_all)

    def above(suffix: str) -> str:
        return (
            f"{_difference(temo, best_svm(suffix))} of balanced accuracy, "
            f"{100 * (temo - best_svm(suffix)).mean(axis=0)[0]:+.1f} of accuracy"
        )

    def above_both(suffix: str) -> str:
        # Landmarks that are not of faces may have no mirror partners.
        is_mirrored = any(key[3].endswith(", mirrored") for key in scores)
        mirrored = f", with mirrored clips {above(suffix + ', mirrored')}" if is_mirrored else ""
        return above(suffix) + mirrored

    lines = [
        f"T-EMO, all classes, all landmarks: {_pair(score('IG', n_all))}.",
        f"1. Fewer landmarks give more: k = {n_most} against all, T-EMO "
        f"{_difference(score('IG', n_most), score('IG', n_all))} of balanced accuracy, "
        f"{_difference_over_folds(repeats, n_most, n_all)} of accuracy, paired over the folds; "
        + _verdict(score("IG", n_most) - score("IG", n_all)),
        f"2. Above SVMs by 8 to 9 points of accuracy: one against the rest, T-EMO {_pair(temo)}; "
        f"against the better of two SVMs that standardise all columns and tune C "
        f"{above_both(', standardised')}; "
        f"against the better one that may also choose the movement in x and y, on one scale, "
        f"{above_both('')}.",
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
        f"- All classes, all landmarks, T-EMO against {rival}: "
        f"{_difference(score('IG', n_all), score('IG', n_all, rival))}."
        for rival in rivals
        if ("all", "IG", n_all, rival) in scores
    ]
    if ("all", "IG", 20, "T-EMO") in scores:
        lines.append(
            f"- k = 20 against all, T-EMO: {_difference(score('IG', 20), score('IG', n_all))}."
        )
    for emotion in ("happiness", "happy", "surprise"):
        if (emotion, "IG", n_most, "T-EMO") in scores:
            values = scores[emotion, "IG", n_most, "T-EMO"]
            held = "held" if values.mean(axis=0)[0] > 0.97 else "did not hold"
            lines.append(f"3. Above 97 % at k = {n_most}, {emotion}: {_pair(values)}: {held}.")
    if n_all == mesh.N_LANDMARKS and (agreement := _agreement(repeats)):
        first, _, chance = np.mean([*agreement.values()], axis=0)
        above = [emotion for emotion, shares in agreement.items() if shares[0] > shares[2]]
        lines.append(
            "4. The landmarks agree with human intuition: of the first 20 that are chosen to tell "
            f"an emotion from the rest, {first:.0%} are moved by its action units, by chance "
            f"{chance:.0%}; more than by chance for {len(above)} of {len(agreement)} emotions "
            f"({', '.join(sorted(above))})."
        )
    for k in (5, 10, 20):
        for classifier in ("T-EMO", "linear SVM"):
            if ("all", "random", k, classifier) in scores:
                against = score("random", k, classifier)
                lines.append(
                    f"- k = {k} against random landmarks, {classifier}: "
                    f"{_difference(score('IG', k, classifier), against)}; in rounds "
                    f"{_difference(score('IG progressive', k, classifier), against)}."
                )
    return "\n".join(lines)


def _verdict(difference: np.ndarray) -> str:
    mean, error = difference[:, 1].mean(), _error(difference)[1]
    if np.isnan(error):
        return "one repeat does not tell."
    if mean > 2 * error:
        return "held."
    return "not told from chance." if mean > -2 * error else "did not hold."


def _pyplot() -> Any:
    """Pyplot, without a screen, and with the same bytes for the same figure."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "claims"
    from matplotlib import pyplot as plt

    return plt


def _figure_of_faces(repeats: Repeats, file: Path) -> None:
    """How often each landmark was among the first 20 that tell an emotion from the rest."""
    plt = _pyplot()
    counts: dict[str, np.ndarray] = {}
    for record in _all_records(repeats):
        if record.problem != "all" and record.method == "IG":
            of_problem = counts.setdefault(record.problem, np.zeros(mesh.N_LANDMARKS))
            of_problem[list(record.kept[:20])] += 1
    names = sorted(counts)
    display = LandmarkRelevanceDisplay.from_scores(
        np.array([counts[name] for name in names]), class_names=names
    )
    display.figure_.savefig(file, dpi=80, metadata={"Software": None})
    plt.close(display.figure_)


def _figure(scores: dict[Key, np.ndarray], file: Path) -> None:
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
    for ax, classifier in zip(axes, ("linear SVM", "T-EMO"), strict=True):
        methods = dict.fromkeys(
            key[1] for key in scores if key[0] == "all" and key[3] == classifier
        )
        for method in methods:
            ks = sorted(
                key[2] for key in scores if key[:2] == ("all", method) and key[3] == classifier
            )
            series: list[np.ndarray] = [scores["all", method, k, classifier] for k in ks]
            ax.errorbar(
                ks,
                [v.mean(axis=0)[1] for v in series],
                [_error(v)[1] for v in series],
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
