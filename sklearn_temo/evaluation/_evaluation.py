"""Result of an evaluation."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_WIDTH = 100


class ScoreInterval(NamedTuple):
    """A score, or a difference of two scores, with its confidence interval.

    Attributes
    ----------
    value : float
    low, high : float
        Ends of the interval; NaN if there are fewer than two people, or clips without groups.

    Examples
    --------
    >>> from sklearn_temo.evaluation import ScoreInterval
    >>> score = ScoreInterval(0.82, 0.75, 0.88)
    >>> print(score)
    0.820 (0.750 to 0.880)
    >>> score.low > 0.5
    True

    :func:`~sklearn_temo.evaluate` returns such scores:

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_temo import LandmarkAligner, evaluate
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_pipeline(LandmarkAligner(), SVC(C=100))
    >>> result = evaluate(
    ...     pipe, smiles.data, smiles.target, groups=smiles.groups, cv=3, random_state=0
    ... )
    >>> print(result.scores["estimator"]["accuracy"])
    0.897 (0.858 to 0.936)
    >>> print(result.differences["best SVM"]["accuracy"])
    -0.005 (-0.039 to 0.029)
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class Check:
    """Result of one check of an evaluation.

    Attributes
    ----------
    name : str
        One of :data:`~sklearn_temo.evaluation.EVALUATION_CHECKS`.
    verdict : {"passed", "warning", "not run", "ignored"}
    message : str
        What was found; for a warning also what to do.
    numbers : dict of str to float or int
        The numbers behind the verdict.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_temo import LandmarkAligner, evaluate
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_pipeline(LandmarkAligner(), SVC(C=100))
    >>> result = evaluate(
    ...     pipe, smiles.data, smiles.target, groups=smiles.groups, cv=3, random_state=0
    ... )
    >>> for check in result.checks[:2]:
    ...     print(check.verdict, check, sep=" | ")
    passed | no_groups: 102 people.
    passed | shared_people: no person is on both sides of a split.
    """

    name: str
    verdict: str
    message: str
    numbers: dict[str, float]

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of an estimator on clips that it was not fitted on, and of simpler models.

    Made by :func:`~sklearn_temo.evaluate`. Printing it gives a table of the scores, the confusion
    matrix and the checks.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Labels, sorted.
    scores : dict of str to dict of str to ScoreInterval
        By the name of the model, "estimator", "majority class", "random landmarks" (if the
        estimator has a landmark selector) or "best SVM"; then by the name of the metric, "accuracy"
        or "balanced_accuracy".
    differences : dict of str to dict of str to ScoreInterval
        Score of the estimator minus that of each other model, by model and metric. The intervals
        are paired: both scores are computed on the same resampled people.
    confidence_level : float
        Level of all intervals.
    confusion : ndarray of int of shape (n_classes, n_classes)
        Number of clips of each class (rows) that were given each label (columns).
    predictions : ndarray of shape (n_clips,)
        Label that each clip was given by the estimator of the fold in which it was tested. None for
        clips that were not tested.
    probabilities : ndarray of float of shape (n_clips, n_classes) or None
        Probabilities of the classes; NaN for clips that were not tested. None if the estimator has
        no `predict_proba`.
    folds : ndarray of int of shape (n_clips,)
        Fold in which each clip was tested; -1 for clips that were not tested.
    people : dict of str to tuple of (int, float) or None
        Number of tested clips and accuracy of each person. None without groups.
    estimators : list of estimators
        The fitted estimator of each fold.
    checks : tuple of Check
        In the order of :data:`~sklearn_temo.evaluation.EVALUATION_CHECKS`.

    See Also
    --------
    sklearn_temo.evaluate : Computes the scores and the checks.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_temo import LandmarkAligner, evaluate
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_pipeline(LandmarkAligner(), SVC(C=100))
    >>> result = evaluate(
    ...     pipe, smiles.data, smiles.target, groups=smiles.groups, cv=3, random_state=0
    ... )
    >>> print(result)
    204 tested clips of 102 people, 2 classes, 3 folds
    <BLANKLINE>
                    accuracy                balanced accuracy       estimator better by
    estimator       0.897 (0.858 to 0.936)  0.897 (0.858 to 0.936)
    majority class  0.500 (0.500 to 0.500)  0.500 (0.500 to 0.500)  +0.397 (+0.358 to +0.436)
    best SVM        0.902 (0.863 to 0.941)  0.902 (0.863 to 0.941)  -0.005 (-0.039 to +0.029)
    ...
    Clips by true class (rows) and predicted class
    true class  happiness  neutral  recall
    happiness   88         14       0.863
    neutral     7          95       0.931
    <BLANKLINE>
    Checks: 8 passed, 2 not run
    ...
    """

    classes: NDArray[Any]
    scores: dict[str, dict[str, ScoreInterval]]
    differences: dict[str, dict[str, ScoreInterval]]
    confidence_level: float
    confusion: NDArray[np.intp]
    predictions: NDArray[Any]
    probabilities: NDArray[np.float64] | None
    folds: NDArray[np.intp]
    people: dict[Any, tuple[int, float]] | None
    estimators: list[Any]
    checks: tuple[Check, ...]

    def __str__(self) -> str:
        return "\n\n".join([self._summary(), self._confusion_table(), self._list_of_checks()])

    def _summary(self) -> str:
        n_tested = int(self.confusion.sum())
        of_people = "" if self.people is None else f" of {len(self.people)} people"
        rows: list[tuple[str, ...]] = [("", "accuracy", "balanced accuracy", "estimator better by")]
        for model, scores in self.scores.items():
            difference = self.differences.get(model, {}).get("balanced_accuracy")
            better_by = "" if difference is None else _signed(difference)
            rows.append((model, *(str(score) for score in scores.values()), better_by))
        resampled = "clips" if self.people is None else "people"
        notes = (
            f"In brackets: {100 * self.confidence_level:g} % intervals, from a bootstrap over "
            f"{resampled}. The last column is the difference of the balanced accuracies."
        )
        return "\n".join(
            [
                f"{n_tested} tested clips{of_people}, {len(self.classes)} classes, "
                f"{len(self.estimators)} folds",
                "",
                *text_table(rows),
                textwrap.fill(notes, _WIDTH),
            ]
        )

    def _confusion_table(self) -> str:
        names = [str(label) for label in self.classes]
        rows = [("true class", *names, "recall")]
        for name, counts in zip(names, self.confusion, strict=True):
            recall = f"{counts[names.index(name)] / counts.sum():.3f}" if counts.sum() else ""
            rows.append((name, *map(str, counts), recall))
        return "\n".join(["Clips by true class (rows) and predicted class", *text_table(rows)])

    def _list_of_checks(self) -> str:
        verdicts = Counter(check.verdict for check in self.checks)
        counts = ", ".join(
            f"{verdicts[verdict]} {verdict}"
            for verdict in ("warning", "passed", "not run", "ignored")
            if verdicts[verdict]
        )
        lines = [f"Checks: {counts}"]
        for check in sorted(self.checks, key=lambda check: check.verdict != "warning"):
            line = f"{check.verdict:<8} {check}"
            lines += textwrap.wrap(line, _WIDTH, initial_indent="  ", subsequent_indent=" " * 11)
        return "\n".join(lines)


def _signed(difference: ScoreInterval) -> str:
    value, low, high = difference
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def text_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table with left-aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
