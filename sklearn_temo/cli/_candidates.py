"""Pipelines and searches that the options of a command choose."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._clips import GivenClips, check_extraction

if TYPE_CHECKING:
    from ..report._clips import ReportClips

_SVMS = ("linear-svm", "rbf-svm")
_CLASSIFIERS = ("temo", *_SVMS)
# Also that of make_temo_pipeline.
_N_FRAMES = 16
_K = {"landmarks": 128, "blendshapes": 20}


def add_candidate_options(command: argparse.ArgumentParser) -> None:
    """Add the options that choose the candidates."""
    add = command.add_argument
    text = "what the pipeline selects from and classifies (default: %(default)s)"
    add("--output", choices=("landmarks", "blendshapes"), default="landmarks", help=text)
    text = (
        "numbers of landmarks or blendshapes that the pipeline selects, or all; of several, "
        f"cross-validation chooses (default: {_K['landmarks']}, or {_K['blendshapes']} blendshapes)"
    )
    add("--k", type=_numbers_of_landmarks, metavar="K[,K...]", help=text)
    text = (
        "temo, linear-svm, rbf-svm, or svm for both; of several, cross-validation chooses "
        "(default: temo)"
    )
    add("--classifiers", type=_classifiers, default=["temo"], metavar="NAME[,NAME...]", help=text)
    text = "choose the fewest landmarks within one standard error of the best score"
    add("--smallest-k", action="store_true", help=text)
    text = f"frames per clip, evenly spaced in time (default: {_N_FRAMES}, or those of the table)"
    add("--n-frames", type=int, metavar="N", help=text)
    text = "seed of the folds and the networks (default: %(default)s)"
    add("--seed", type=_seed, default=0, metavar="SEED", help=text)


def add_folds(command: argparse.ArgumentParser) -> None:
    """Add the option for the number of folds."""
    text = "folds of the cross-validation (default: 5, or fewer if there are fewer people)"
    command.add_argument("--folds", type=_number_of_folds, metavar="N", help=text)


def _numbers_of_landmarks(text: str) -> list[int | str]:
    from ..mesh import N_LANDMARKS

    def read(item: str) -> int | str:
        if item == "all":
            return item
        if not item.isdecimal() or not 1 <= int(item) <= N_LANDMARKS:
            raise argparse.ArgumentTypeError(
                f"expected whole numbers from 1 to {N_LANDMARKS}, or all, such as 20,64,all; got "
                f"{item!r}"
            )
        return int(item)

    return list(dict.fromkeys(read(item.strip()) for item in text.split(",")))


def _classifiers(text: str) -> list[str]:
    names: list[str] = []
    for name in map(str.strip, text.split(",")):
        if name not in (*_CLASSIFIERS, "svm"):
            raise argparse.ArgumentTypeError(
                f"expected names from {', '.join(_CLASSIFIERS)} and svm, such as temo,svm; got "
                f"{name!r}"
            )
        names += _SVMS if name == "svm" else [name]
    return list(dict.fromkeys(names))


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 0 to {2**32 - 1}, got {text!r}"
        )
    return int(text)


def _number_of_folds(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"expected a whole number from 2, got {text!r}")
    return int(text)


def make_pipeline(options: argparse.Namespace, clips: GivenClips) -> Any:
    """The pipeline of the first candidate.

    Raises ValueError if an option does not fit the clips.
    """
    from ..blendshapes import NAMES
    from ..extraction import BlendshapeTransformer, FaceLandmarkTransformer
    from ..pipeline import make_temo_pipeline

    has_blendshapes = options.output == "blendshapes"
    if has_blendshapes and any(isinstance(k, int) and k > len(NAMES) for k in _numbers(options)):
        raise ValueError(f"--k must be at most {len(NAMES)}, the number of blendshapes.")
    n_frames = _N_FRAMES if options.n_frames is None else options.n_frames
    landmarks: Any
    if clips.table is None:
        landmarks = FaceLandmarkTransformer(
            n_frames=n_frames, output=options.output, memory=options.memory, n_jobs=options.n_jobs
        )
        check_extraction(landmarks, clips)
    else:
        if options.n_frames not in (None, clips.table.n_frames):
            raise ValueError(
                f"--n-frames is {options.n_frames}, but the clips of {clips.place!r} have "
                f"{clips.table.n_frames} frames; leave the option out."
            )
        n_frames = clips.table.n_frames
        is_computed = has_blendshapes and clips.data.layout.names != NAMES
        landmarks = BlendshapeTransformer(n_frames=n_frames) if is_computed else "passthrough"
    pipeline = make_temo_pipeline(
        k=_numbers(options)[0],
        classifier=_make_classifier(options.classifiers[0], options.seed),
        n_frames=n_frames,
        landmarks=landmarks,
        memory=options.memory,
        random_state=options.seed,
    )
    return pipeline.set_params(align="passthrough") if has_blendshapes else pipeline


def _numbers(options: argparse.Namespace) -> list[int | str]:
    """Numbers of landmarks or blendshapes of the candidates."""
    return options.k or [_K[options.output]]


def make_search(
    pipeline: Any, options: argparse.Namespace, n_folds: int, groups: Any, **parameters: Any
) -> tuple[Any, dict[str, Any]]:
    """The search over all candidates, and the classifiers in it by their names.

    The splitter keeps people apart, if there are `groups`.
    """
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold

    from ..selection import smallest_k

    classifiers = {name: _make_classifier(name, options.seed) for name in options.classifiers}
    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    search = GridSearchCV(
        pipeline,
        {"classify": list(classifiers.values()), "select__k": _numbers(options)},
        scoring="balanced_accuracy",
        cv=splitter(n_folds, shuffle=True, random_state=options.seed),
        refit=smallest_k if options.smallest_k else True,
        error_score="raise",
        **parameters,
    )
    return search, classifiers


def make_estimator(
    pipeline: Any, options: argparse.Namespace, y: NDArray[Any], groups: NDArray[Any] | None
) -> tuple[Any, int]:
    """The pipeline, or a search if there are several candidates, and the folds of its evaluation.

    Raises ValueError if there are too few people or clips.
    """
    from ..evaluation._evaluate import count_folds

    n_folds = count_folds(options.folds, y, groups)
    if len(_numbers(options)) * len(options.classifiers) == 1:
        return pipeline, n_folds
    n_units = len(y) if groups is None else len(np.unique(groups))
    # In the smallest training set, which the search splits again.
    n_training = n_units - -(-n_units // n_folds)
    if n_training < 2:
        raise ValueError(
            f"the choice between several candidates inside each fold needs 3 people, got "
            f"{n_units}; add people, or pass one number to --k and one name to --classifiers."
        )
    return make_search(pipeline, options, min(n_folds, n_training), groups)[0], n_folds


def evaluate_candidates(pipeline: Any, options: argparse.Namespace, clips: ReportClips) -> Any:
    """Evaluation of the pipeline, or of the choice between the candidates, on rows."""
    from ..evaluation import evaluate

    estimator, n_folds = make_estimator(pipeline, options, clips.y, clips.groups)
    return evaluate(
        estimator,
        clips.rows,
        clips.y,
        groups=clips.groups,
        cv=n_folds,
        n_jobs=options.n_jobs,
        random_state=options.seed,
        verbose=int(not options.quiet),
    )


def _make_classifier(name: str, seed: int) -> Any:
    """Last step of the pipeline."""
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline as chain
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    from ..classification import TEMOClassifier

    if name == "temo":
        return TEMOClassifier(random_state=seed)
    if name == "rbf-svm":
        return chain(StandardScaler(), SVC(C=10))
    # SVC alone decides between pairs of classes, which explain_clips cannot explain.
    return chain(StandardScaler(), OneVsRestClassifier(SVC(kernel="linear", C=0.01)))
