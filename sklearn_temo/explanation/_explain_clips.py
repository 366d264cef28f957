"""Explanation of the predictions for single clips."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from .._pipelines import extracted_rows
from .._progress import Progress
from .._threads import one_thread
from .._warnings import warn_user
from ._chain_explanation import explain_chain, prepare
from ._clip_explanation import ClipExplanation
from ._explained_function import FittedChain

# Largest relative completeness gap without a warning.
_TOL = 1e-3


@dataclass(frozen=True)
class _Input:
    """Clips as rows for the steps after the extraction, and what is known of them."""

    rows: Any
    names: list[str]
    times: Any = None
    clips: list[Any] | None = None
    extractor: Any = None


@one_thread()
def explain_clips(
    estimator: Any,
    clips: Any,
    *,
    target: ArrayLike | None = None,
    baselines: Any = "typical",
    verbose: int = 0,
) -> ClipExplanation:
    r"""Explain the predictions for single clips.

    The logit of a class is attributed to each landmark in each frame by Integrated Gradients
    [1]_, averaged over several baselines. The function that is attributed is the one that
    `predict_proba` computes, with all steps after the preparation of the clips and, for T-EMO, the
    mean over a clip and its mirror image.

    Parameters
    ----------
    estimator : estimator
        A fitted Pipeline or search (with `refit`), or the predictor itself. The last step is a
        :class:`~sklearn_temo.TEMOClassifier` or :class:`~sklearn_temo.TEMORegressor`, a skorch
        net, a linear model of scikit-learn, or a OneVsRestClassifier of these or of pipelines that
        end with them. Between a landmark selector and the last step there may be other selectors,
        scalers and principal components.
    clips : list of clips, or array-like of shape (n_clips, n_features)
        The clips as the estimator takes them: paths or images if its first step is a
        :class:`~sklearn_temo.FaceLandmarkTransformer`, otherwise rows. An array of rows
        is also accepted in place of paths.
    target : array-like of shape (n_clips,), or label, default=None
        Class to explain, for each clip or for all. None explains the predicted class. For a
        regressor with several outputs, the index of the output.
    baselines : {"typical", "still"}, array-like or list of clips, default="typical"
        Clips that shares are relative to.

        - "typical": `baselines_` of the first landmark selector, which are typical training clips.
          Without a selector, the mean of the training clips of T-EMO, or of the scaler in front of
          another model. The shares say why a clip has another logit than typical clips; a landmark
          that does not move, but usually does, has a share, too.
        - "still": the first frames of these clips, without any movement. A landmark that does not
          move has no share in the movement. It needs a reference frame, as after
          ``LandmarkAligner(reference="first")``, and clips of two frames or more.
        - Clips in the form of `clips`, such as neutral faces of your own.
    verbose : int, default=0
        If positive, show the progress and the estimated time left.

    Returns
    -------
    ClipExplanation
        Signed shares of shape (n_clips, n_frames, n_landmarks), in the numbering of the landmarks
        before the selection, and what they add up to.

    Raises
    ------
    TypeError
        If the last step has neither a network nor is linear, or a step after the selection of
        landmarks is not affine. The message says what to pass.
    ValueError
        If `target` is not a class, a clip cannot be used, or the baselines are not known.
    NotFittedError
        If the estimator is not fitted.

    Warns
    -----
    ConvergenceWarning
        If the shares of a clip do not add up to its logit, as for a network with kinks.

    See Also
    --------
    ClipExplanationDisplay : Draws the shares on the face of the clip.
    RelevanceTimelineDisplay : Draws the shares over time.
    IGLandmarkSelector : Relevance of the landmarks for all clips together.

    Notes
    -----
    With more than two classes, the logit is the output of the network for the class. With two
    classes, it is the logarithm of the odds of the class, and so it is for each class of a
    OneVsRestClassifier. This is `decision_function`, with the opposite sign for the first of two
    classes. Of a network that gives probabilities, as for the default loss of skorch, the logit is
    the logarithm of the probability.

    For a linear model with coefficients :math:`w`, the share of a column is
    :math:`w_i (x_i - b_i)` with the mean baseline :math:`b`, which is exact. The shares of T-EMO
    are exact up to rounding, too, since its integral has a closed form; they are computed in double
    precision. For other networks, `completeness_gap` tells how exact they are.

    The shares belong to the clips after the steps in front of the landmark selector, such as
    :class:`~sklearn_temo.LandmarkAligner`: a head that turns has no share.

    A share says how the network uses a landmark, not what caused the emotion. Neighbouring
    landmarks move together, and a network may divide a share among them in many ways: regions are
    more reliable than single landmarks. The same holds for blendshapes that rise together, such as
    ``mouthSmileLeft`` and ``mouthSmileRight``.

    References
    ----------
    .. [1] Sundararajan, M., Taly, A., Yan, Q. (2017). Axiomatic attribution for deep networks.
       ICML. arXiv 1703.01365.

    Examples
    --------
    >>> from sklearn_temo import explain_clips, make_temo_pipeline
    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=32, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True).fit(smiles.data, smiles.target)
    >>> explanation = explain_clips(pipe, smiles.data[:1])
    >>> print(explanation[0])
    clip 0: target neutral
        logit 3.17, at the baselines 0.276: +2.89
        for: left cheek +1.19, left brow +0.81, lips +0.748
        against: right cheek -0.31, chin -0.299, right brow -0.00657
        most telling frame: 0, share +2.89

    The shares sum up to the difference of the logits:

    >>> shares = explanation.attributions.sum(axis=(1, 2))
    >>> bool(abs(shares - (explanation.logit - explanation.base_logit)).max() < 1e-3)
    True
    """
    chain, extractor = FittedChain.of(estimator), None
    if chain.steps and hasattr(chain.steps[0], "extract"):
        extractor = chain.steps[0]
        chain = replace(chain, steps=chain.steps[1:])
    elif isinstance(chain.final, OneVsRestClassifier):
        chain, extractor = _without_extraction(chain)
    given = _read(clips, extractor, "clips", verbose)
    if baselines is None or (isinstance(baselines, str) and baselines not in ("typical", "still")):
        raise ValueError(
            f'baselines must be "typical", "still" or a list of clips, got {baselines!r}.'
        )
    if not isinstance(baselines, str):
        baselines = _read(baselines, extractor, "baselines", verbose).rows
    rows = prepare(chain, given.rows, given.names)
    labels, outputs = _find_targets(chain, rows, len(given.names), target)
    progress = Progress("explain_clips", len(outputs), "clips", verbose)
    if isinstance(chain.final, OneVsRestClassifier):
        indices = [np.flatnonzero(outputs == index) for index in np.unique(outputs)]
        parts = []
        for of_class in indices:
            binary, output = chain.of_class(outputs[of_class[0]])
            clips_of_class = _safe_indexing(given.rows, of_class)
            rows = prepare(binary, clips_of_class, [given.names[i] for i in of_class])
            targets = np.full(len(of_class), output)
            with progress:
                parts.append(
                    explain_chain(binary, clips_of_class, rows, targets, baselines, progress)
                )
    else:
        indices = [np.arange(len(outputs))]
        with progress:
            parts = [explain_chain(chain, given.rows, rows, outputs, baselines, progress)]
    order = np.argsort(np.concatenate(indices))

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])[order]

    gap = joined("gap")
    if (gap > _TOL).any():
        worst = int(gap.argmax())
        warn_user(
            f"the shares of {(gap > _TOL).sum()} of {len(gap)} clips do not add up to the logit: "
            f"the largest relative completeness gap is {gap[worst]:.2g}, of {given.names[worst]}, "
            f"above {_TOL:g}. A network with kinks (ReLU, max pooling) has larger gaps than one "
            "with smooth activations.",
            ConvergenceWarning,
        )
    attributions = joined("shares")
    times = given.times
    return ClipExplanation(
        attributions=attributions,
        target=labels,
        logit=joined("logit"),
        base_logit=joined("base_logit"),
        completeness_gap=gap,
        times=np.full(attributions.shape[:2], np.nan) if times is None else times,
        landmarks=joined("landmarks"),
        support=joined("support"),
        has_reference_frame=parts[0].has_reference_frame,
        landmark_names=parts[0].landmark_names,
        names=given.names,
        clips=given.clips,
        extractor=given.extractor,
    )


def _without_extraction(chain: FittedChain) -> tuple[FittedChain, Any]:
    """Leave out the first step of the pipelines of a OneVsRestClassifier if it extracts landmarks.

    Returns the extractor too, which is the same for all classes; None if there is none.
    """
    binaries = chain.final.estimators_
    if not all(isinstance(each, Pipeline) and hasattr(each[0], "extract") for each in binaries):
        return chain, None
    final = copy(chain.final)
    final.estimators_ = [each[1:] for each in binaries]
    return replace(chain, final=final), binaries[0][0]


def _read(clips: Any, extractor: Any, name: str, verbose: int) -> _Input:
    """Rows of clips, extracted where they are paths or images."""
    is_rows = getattr(clips, "ndim", 0) == 2 and np.asarray(clips).dtype.kind in "fiu"
    if extractor is None and not is_rows:
        clips = np.asanyarray(clips)
        if clips.size == 0:
            raise ValueError(f"{name} is empty: at least one clip is needed.")
        is_number = clips.dtype.kind in "fiu"
        if clips.ndim != 2 or not is_number:
            advice = (
                "Pass [row] for a single clip."
                if clips.ndim == 1 and is_number
                else "Extract the landmarks of paths or images first."
            )
            raise ValueError(
                f"{name} must be rows of landmarks of shape (n_clips, n_features), since the first "
                f"step of the estimator is no FaceLandmarkTransformer; got shape {clips.shape} and "
                f"dtype {clips.dtype}. {advice}"
            )
    if extractor is None or is_rows:
        return _Input(clips, [f"clip {i}" for i in range(len(clips))])
    if isinstance(clips, Iterator):
        clips = list(clips)
    shown = extractor
    if verbose > extractor.verbose:
        shown = copy(extractor).set_params(verbose=verbose)
    found = shown.extract(clips)
    if getattr(clips, "ndim", 1) == 2:
        # A table with one column of paths.
        clips = np.asarray(clips)[:, 0]
    for i, clip in enumerate(found):
        if clip.error is not None:
            raise ValueError(f"{name}[{i}] ({clip.name}) cannot be used: {clip.error}")
    lengths = sorted({len(clip.landmarks) for clip in found})
    if len(lengths) > 1:
        raise ValueError(
            f"{name} have {lengths[0]} to {lengths[-1]} frames, but must have equally many: pass "
            "n_frames to the FaceLandmarkTransformer."
        )
    rows = extracted_rows(extractor, found)
    # Arrays and images have numbers in place of times, and no frame rate.
    times = np.stack(
        [clip.times if np.isfinite(clip.fps) else clip.times * np.nan for clip in found]
    )
    return _Input(rows, [clip.name for clip in found], times, list(clips), extractor)


def _find_targets(
    chain: FittedChain, rows: Any, n_clips: int, target: Any
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Label of the class to explain of each prepared clip, and the index of its output."""
    if chain.classes is None:
        target = np.asarray(0 if target is None else target)
        if target.dtype.kind not in "iu" or target.shape not in ((), (n_clips,)):
            raise ValueError(
                f"target must be the index of an output of the regressor, or {n_clips} of them, "
                f"got {target!r}."
            )
        outputs = np.broadcast_to(target, n_clips).astype(np.intp)
        return outputs, outputs
    if target is None:
        target = chain.final.predict(chain.reduce(rows))
    target = np.asarray(target)
    if target.shape not in ((), (n_clips,)):
        raise ValueError(
            f"target must be one label, or one for each of the {n_clips} clips; got an array of "
            f"shape {target.shape}."
        )
    outputs = chain.class_indices(np.broadcast_to(target, n_clips), "target")
    # Labels as the estimator has them: 1 and True are equal.
    return chain.classes[outputs], outputs
