"""Scores of the benchmark of the claims, with intervals over the subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .claims_folds import Result, numbers_of_landmarks
from .pipeline_figures import standard_error

TRAINED, RANDOMIZED = "T-EMO, trained", "T-EMO, randomized"
TUNED, STANDARD = "linear SVM, tuned", "linear SVM, standard"
N_RESAMPLES = 2000
# Landmarks of an emotion that are compared with its action units, and drawn.
N_FIRST = 20

# Results of each fold of each repeat.
Repeats = list[list[list[Result]]]


class Candidate(NamedTuple):
    """A problem, a selection method, a number of landmarks and a classifier."""

    problem: str
    method: str
    k: int
    classifier: str


@dataclass(frozen=True)
class Score:
    """A score in percent, or the difference of two scores in points.

    Parameters
    ----------
    repeats : ndarray of shape (n_repeats,)
        Score of each repeat, over all its clips.
    resampled : ndarray of shape (N_RESAMPLES,)
        Mean over the repeats, for subjects drawn with replacement.
    """

    repeats: np.ndarray
    resampled: np.ndarray

    def __sub__(self, other: Score) -> Score:
        return Score(self.repeats - other.repeats, self.resampled - other.resampled)

    @property
    def mean(self) -> float:
        """Mean over the repeats."""
        return float(self.repeats.mean())

    @property
    def error(self) -> float:
        """Standard error over the repeats, NaN for a single one."""
        return float(standard_error(self.repeats))

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % bootstrap interval over the subjects."""
        low, high = np.quantile(self.resampled, [0.025, 0.975])
        return float(low), float(high)

    def __str__(self) -> str:
        error = "" if np.isnan(self.error) else f" ± {self.error:.1f}"
        return f"{self.mean:.1f}{error}"

    @property
    def as_difference(self) -> str:
        """Text of a difference with its standard error and its interval."""
        error = "" if np.isnan(self.error) else f" ± {self.error:.1f}"
        low, high = map(signed, self.interval)
        return f"{signed(self.mean)}{error} ({low} to {high})"


def signed(value: float) -> str:
    """Format a number with its sign and one digit after the point."""
    return f"{value:+.1f}".replace("-", "−").replace("−0.0", "+0.0")


def mean_score(scores: list[Score]) -> Score:
    """Mean of several scores, such as those of the emotions."""
    return Score(
        np.mean([score.repeats for score in scores], axis=0),
        np.mean([score.resampled for score in scores], axis=0),
    )


class Evaluation:
    """Scores of all candidates.

    Parameters
    ----------
    repeats : list of list of list of Result
        Results of each fold of each repeat.
    groups : ndarray of shape (n_clips,)
        Subject of each clip.
    n_landmarks : int
        Number of all landmarks.
    """

    def __init__(self, repeats: Repeats, groups: np.ndarray, n_landmarks: int) -> None:
        self.n_all = n_landmarks
        self.ks, self.many, self.few = numbers_of_landmarks(n_landmarks)
        self.results = [result for folds in repeats for fold in folds for result in fold]
        clips = np.unique([clip for fold in repeats[0] for clip in fold[0].clips])
        labels: dict[str, np.ndarray] = {}
        self._hits: dict[Candidate, np.ndarray] = {}
        for number, folds in enumerate(repeats):
            for result in (result for fold in folds for result in fold):
                of_problem = labels.setdefault(result.problem, np.empty(len(clips), dtype=object))
                candidate = Candidate(result.problem, result.method, result.k, result.classifier)
                hits = self._hits.setdefault(candidate, np.zeros((len(repeats), len(clips))))
                rows = np.searchsorted(clips, result.clips)
                of_problem[rows] = result.truth
                hits[number, rows] = np.array(result.truth) == np.array(result.predicted)
        self.emotions = sorted(set(labels) - {"all"})
        # How often each clip is drawn: once in the sample itself, which is the first row.
        _, subject = np.unique(groups[clips], return_inverse=True)
        n_subjects = subject.max() + 1
        rng = np.random.default_rng(0)
        drawn = rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), N_RESAMPLES)
        counts = np.vstack([np.ones(len(clips)), drawn[:, subject]])
        self._weights = {}
        for problem, of_problem in labels.items():
            balanced = counts.copy()
            for label in set(of_problem):
                total = counts[:, of_problem == label].sum(axis=1, keepdims=True)
                balanced[:, of_problem == label] /= np.maximum(total, 1)
            for measure, weights in (("accuracy", counts), ("balanced accuracy", balanced)):
                self._weights[problem, measure] = weights / weights.sum(axis=1, keepdims=True)

    @property
    def candidates(self) -> list[Candidate]:
        """Everything that was evaluated."""
        return list(self._hits)

    def score(
        self,
        method: str,
        k: int,
        classifier: str,
        *,
        problem: str = "all",
        measure: str = "balanced accuracy",
    ) -> Score:
        """Score of a candidate."""
        weights = self._weights[problem, measure]
        hits = 100 * self._hits[Candidate(problem, method, k, classifier)]
        return Score(hits @ weights[0], weights[1:] @ hits.mean(axis=0))

    def one_vs_rest(
        self, method: str, k: int, classifier: str, measure: str = "balanced accuracy"
    ) -> Score:
        """Mean score over the emotions, each against the rest."""
        return mean_score(
            [
                self.score(method, k, classifier, problem=emotion, measure=measure)
                for emotion in self.emotions
            ]
        )

    def difference(self, first: tuple[str, int, str], second: tuple[str, int, str]) -> Score:
        """Difference of the balanced accuracies of two candidates, all classes."""
        return self.score(*first) - self.score(*second)
