"""Report of an evaluation: collects its numbers, and writes the HTML page and the JSON file."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .._atomic_files import check_writable, replacing
from .._column_names import noun_of
from .._pipelines import groups_for_fit, without_extraction
from .._progress import Progress
from ..inspection import selection_stability
from ..inspection._fitted_selectors import find_relevance, landmark_names
from ._clips import ReportClips, read_clips
from ._explanations import can_explain, describe_clips, describe_timeline
from ._relevance import describe_relevance
from ._score_against_k import describe_score_against_k

_PACKAGES = ("sklearn-temo", "scikit-learn", "torch", "skorch", "mediapipe", "numpy")
# Reading, evaluation, fit, score against k, the other sections.
_N_PARTS = 5


def write_report(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    path: str | os.PathLike[str],
    groups: ArrayLike | None = None,
    evaluation: Any = None,
    title: str | None = None,
    n_jobs: int | None = None,
    random_state: int | None = None,
    verbose: int = 0,
) -> dict[str, Any]:
    """Write one page about an estimator: scores, checks, landmarks and explained clips.

    The estimator is evaluated with :func:`evaluate`, so that no person is on both sides of a split,
    and fitted to all clips, which gives the relevance of the landmarks. The page needs no network
    and no other file; its numbers are also written as JSON.

    Parameters
    ----------
    estimator : classifier
        A pipeline, a search or another classifier. If it is not fitted, a clone is fitted to all
        clips. If it is fitted, it is used as it is for the relevance of the landmarks; the
        evaluation fits clones in both cases. The scores of a fitted search over `k` are drawn
        against `k`.
    X : list of clips, or array-like of shape (n_clips, n_features)
        The clips as the estimator takes them: paths or images if its first step is a
        :class:`FaceLandmarkTransformer`, otherwise rows. Paths and images are read once. Those that
        cannot be used are listed and left out, whatever the `on_error` of the transformer.
    y : array-like of shape (n_clips,)
        Labels.
    path : str or path-like
        The page. Ends in ``.html``; the numbers are written beside it, in ``.json``. Existing files
        are replaced when both new ones are complete.
    groups : array-like of shape (n_clips,), default=None
        The person in each clip. None if the people are not known.
    evaluation : Evaluation, default=None
        Result of :func:`evaluate` for the same clips, to save its time or to choose its parameters.
        None evaluates the estimator.
    title : str, default=None
        Title of the page. None names the classifier and the number of clips.
    n_jobs : int, default=None
        Number of processes for the folds, as in joblib: None means 1 unless in a
        :func:`joblib.parallel_config` context; -1 uses all processors.
    random_state : int, default=None
        Seed of the folds and the bootstrap of the evaluation.
    verbose : int, default=0
        If positive, show the progress and the estimated time left.

    Returns
    -------
    report : dict
        The numbers, as in the JSON file, with a short `repr`. Sections that do not apply are None.

    Raises
    ------
    ValueError
        If `path` does not end in ``.html``, no clip can be used, lengths differ, a value of `y` or
        `groups` is missing, or `evaluation` belongs to other clips.
    TypeError
        If `estimator` is not a classifier, or the values of `y` or `groups` cannot be sorted.
    OSError
        If the files cannot be written. This is checked before the clips are read.

    Warns
    -----
    UserWarning
        If clips could not be used, or checks of the evaluation found problems.

    See Also
    --------
    evaluate : Computes the scores and the checks.
    explain_clips : Explains the clips.
    selection_stability : Computes the stability of the selected landmarks.

    Notes
    -----
    **Privacy.** The report contains the names of the clips and the groups as they were passed, and
    the positions of the landmarks of up to 20 clips, but no images. Landmarks are biometric data:
    rename clips and groups before you share a report if they identify people.

    Everything about single clips is computed by the estimator of the fold that tested them, which
    was not trained on them. The clips that are shown are the ten most surely right and the ten most
    surely wrong, by the probability of the predicted class, or by its logit if the estimator gives
    no probabilities. The timeline is the mean of the signed shares in the logit of the true class.

    For the score against `k` without a fitted search, the ranking of each fold's selector is used:
    the steps after the selector are fitted to the first `k` landmarks of the training clips.

    The relevance of an unfitted estimator, and the faces on which it is drawn, are computed from
    all clips; no score depends on them. Estimators without a landmark selector have no relevance,
    and those that :func:`explain_clips` rejects, such as a support vector machine with a kernel, or
    a linear model without a scaler or a selector, have no explanations.

    ``data_sha256`` identifies the data. It is the SHA-256 of the rows, as little-endian float32 in
    C order, followed by the JSON text, as written by :func:`json.dumps`, of the list
    ``[labels, groups]`` of strings; `groups` is null if it is None. Clips that were left out do not
    count.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo import TEMOClassifier, make_temo_pipeline, write_report
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=42, n_frames=2, random_state=0)
    >>> pipe = make_temo_pipeline(
    ...     landmarks="passthrough",
    ...     k=64,
    ...     classifier=TEMOClassifier(randomized=True),
    ...     random_state=0,
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     report = write_report(
    ...         pipe,
    ...         clips.data,
    ...         clips.target,
    ...         groups=clips.groups,
    ...         path=Path(folder, "report.html"),
    ...         random_state=0,
    ...     )
    ...     print(*sorted(file.name for file in Path(folder).iterdir()))
    report.html report.json
    >>> report["data"]["n_clips"], report["relevance"]["k"]
    (42, 64)
    """
    from ..evaluation import evaluate
    from ..evaluation._arguments import check_labels

    page = check_path(path)
    if not is_classifier(estimator):
        raise TypeError(
            f"write_report needs a classifier, got {type(estimator).__name__}; pass a pipeline or "
            "a search that ends with one."
        )
    check_consistent_length(X, y, groups)
    y, groups = check_labels(y, groups)
    is_given = evaluation is not None
    with Progress("write_report", _N_PARTS, "parts", verbose) as progress:
        for_rows, extractor = without_extraction(estimator)
        clips = read_clips(extractor, X, y, groups, verbose)
        progress.advance()
        if evaluation is None:
            evaluation = evaluate(
                for_rows,
                clips.rows,
                clips.y,
                groups=clips.groups,
                n_jobs=n_jobs,
                random_state=random_state,
                verbose=verbose,
            )
        elif (n_clips := len(evaluation.predictions)) != len(y):
            raise ValueError(
                f"evaluation is of {n_clips} clips, but X has {len(y)}: evaluate the same clips."
            )
        else:
            evaluation = _take_clips(evaluation, clips.indices)
        progress.advance()
        fitted = _fit(estimator, for_rows, clips)
        progress.advance()
        score_against_k = describe_score_against_k(estimator, evaluation, clips, n_jobs, verbose)
        progress.advance()
        is_explained = can_explain(evaluation, clips)
        report = {
            "title": title or _default_title(estimator, clips),
            "created": datetime.now().astimezone().isoformat(timespec="seconds"),
            "estimator": repr(estimator),
            "versions": {"python": python_version(), **{name: version(name) for name in _PACKAGES}},
            "data_sha256": clips.sha256(),
            **_describe_evaluation(evaluation, clips, fitted, is_given),
            "score_against_k": score_against_k,
            "relevance": describe_relevance(fitted, clips),
            "timeline": describe_timeline(evaluation, clips) if is_explained else None,
            "clips": describe_clips(evaluation, clips) if is_explained else None,
            "stability": _describe_stability(evaluation),
        }
        report = _Numbers(_plain(report))
        _write(page, report)
        progress.advance()
    return report


def describe_evaluation(evaluation: Any, clips: ReportClips) -> dict[str, Any]:
    """The sections of a report that are only about an evaluation of these clips."""
    return _plain(_describe_evaluation(evaluation, clips, evaluation.estimators[0], False))


def _describe_evaluation(
    evaluation: Any, clips: ReportClips, fitted: Any, is_given: bool
) -> dict[str, Any]:
    return {
        "data": _describe_data(clips, fitted),
        "scores": _describe_scores(evaluation),
        "checks": _describe_checks(evaluation, clips, is_given),
        "confusion": {
            "classes": [str(label) for label in evaluation.classes],
            "counts": evaluation.confusion,
        },
        "people": _describe_people(evaluation),
    }


class _Numbers(dict[str, Any]):
    """Numbers of a report. In a notebook, all of them would fill many pages."""

    def __repr__(self) -> str:
        return f"<numbers of the report {self['title']!r}: {', '.join(self)}>"


def check_path(path: str | os.PathLike[str]) -> Path:
    """Path of the page, if it can be written; raises ValueError or OSError if not."""
    page = Path(path).expanduser().resolve()
    if page.suffix.casefold() != ".html":
        raise ValueError(f"the file of the report, {str(path)!r}, must end in .html.")
    check_writable(page)
    check_writable(page.with_suffix(".json"))
    return page


def _fit(estimator: Any, for_rows: Any, clips: ReportClips) -> Any:
    """The estimator, fitted to all clips if it is not fitted."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        groups = groups_for_fit(for_rows, clips.groups)
        return clone(for_rows).fit(clips.rows, clips.y, **groups)
    return estimator


def _take_clips(evaluation: Any, indices: Any) -> Any:
    """Evaluation of all clips, without the results of those that could not be used."""
    probabilities = evaluation.probabilities
    return replace(
        evaluation,
        predictions=evaluation.predictions[indices],
        probabilities=None if probabilities is None else probabilities[indices],
        folds=evaluation.folds[indices],
    )


def _default_title(estimator: Any, clips: ReportClips) -> str:
    last = getattr(estimator, "estimator", estimator)
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    people = "" if clips.groups is None else f" of {len(np.unique(clips.groups))} people"
    return f"{type(last).__name__} on {len(clips)} clips{people}"


def _describe_data(clips: ReportClips, estimator: Any) -> dict[str, Any]:
    layout, groups = clips.layout(estimator), clips.groups
    return {
        "n_clips": len(clips),
        "n_people": None if groups is None else len(np.unique(groups)),
        "n_frames": None if layout is None else layout.n_frames,
        "n_landmarks": None if layout is None else layout.n_landmarks,
        "noun": noun_of(landmark_names([estimator]) or (layout and layout.names)),
        "classes": [
            {
                "name": str(label),
                "n_clips": int((clips.y == label).sum()),
                "n_people": None if groups is None else len(np.unique(groups[clips.y == label])),
            }
            for label in np.unique(clips.y)
        ],
        "extraction": clips.extraction,
    }


def _describe_scores(evaluation: Any) -> dict[str, Any]:
    return {
        "level": evaluation.confidence_level,
        "rows": [
            {"model": model, **{metric: score._asdict() for metric, score in scores.items()}}
            for model, scores in evaluation.scores.items()
        ],
    }


def _describe_checks(evaluation: Any, clips: ReportClips, is_given: bool) -> list[dict[str, Any]]:
    """The checks, with the names of the clips that they mention by their indices."""
    indices = clips.indices if is_given else np.arange(len(clips))
    names = dict(zip(indices.tolist(), clips.names, strict=True))
    checks = [asdict(check) for check in evaluation.checks]
    for check in checks:
        if clips.extraction is not None and "training_clip" in check["numbers"]:
            test, train = check["numbers"].pop("test_clip"), check["numbers"].pop("training_clip")
            check["message"] = check["message"].replace(
                f"clip {test} and clip {train} (counted from 0)",
                f"{names[test]} and {names[train]}",
            )
    return checks


def _describe_people(evaluation: Any) -> list[dict[str, Any]] | None:
    if evaluation.people is None:
        return None
    return [
        {"name": str(name), "n_clips": n_clips, "accuracy": accuracy}
        for name, (n_clips, accuracy) in evaluation.people.items()
    ]


def _describe_stability(evaluation: Any) -> dict[str, Any] | None:
    """Stability of the landmarks that the folds selected; None without selectors or one fold."""
    if len(evaluation.estimators) < 2:
        return None
    if not all(find_relevance(estimator) for estimator in evaluation.estimators):
        return None
    result = selection_stability(evaluation.estimators)
    low, high = result.confidence_interval
    return {
        "value": result.stability,
        "low": low,
        "high": high,
        "frequencies": result.frequencies,
        "n_selections": len(result.supports),
    }


def _plain(value: Any) -> Any:
    """Objects of JSON: numbers with six digits, None for those that are not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _write(page: Path, report: dict[str, Any]) -> None:
    from ._page import render_page

    html = render_page(report)
    numbers = json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1)
    with replacing(page) as page_file, replacing(page.with_suffix(".json")) as json_file:
        # File names that are not UTF-8 contain surrogates, which cannot be written.
        page_file.write(html.encode("utf-8", "backslashreplace"))
        json_file.write(numbers.encode("utf-8", "backslashreplace"))
