"""The steps, put together."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline


def make_temo_pipeline(
    *,
    k: int | float | str = 128,
    classifier: Any = None,
    n_frames: int = 16,
    pose: str | None = "in-plane",
    reference: str | None = "first",
    landmarks: Any = None,
    memory: Any = None,
    n_jobs: int | None = None,
    random_state: int | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Pipeline from clips of faces to emotions, with one layout throughout.

    Parameters
    ----------
    k : int, float or "all", default=128
        Landmarks that the selector keeps.
    classifier : estimator or None, default=None
        The last step, cloned; None for :class:`~sklearn_temo.TEMOClassifier`. Where it has a
        parameter `n_frames`, that is set. One that a grid search puts in its place must be given
        `n_frames` itself.
    n_frames : int, default=16
        Frames of a clip.
    pose : {"in-plane", "head"} or None, default="in-plane"
        Rotation that :class:`~sklearn_temo.LandmarkAligner` removes.
    reference : {"first", "mean"} or None, default="first"
        What the aligner compares frames with.
    landmarks : transformer, "passthrough" or None, default=None
        The first step, cloned; None for :class:`~sklearn_temo.FaceLandmarkTransformer`. Where it
        has a parameter `n_frames`, that is set; `memory` and `n_jobs` are its own. With
        "passthrough" the pipeline starts from landmarks that were extracted before.
    memory : str, path, joblib.Memory or None, default=None
        Where the landmarks of every clip are kept, and the selector's trained network and the
        relevance: a search reads each clip once, and, given `random_state`, trains one network a
        fold, whatever the number of `k`. None keeps nothing.
    n_jobs : int or None, default=None
        Processes that read clips.
    random_state : int or None, default=None
        Of the selector, and of the classifier where it has such a parameter that is None.
    verbose : bool, default=False
        Print the time of each step.

    Returns
    -------
    sklearn.pipeline.Pipeline
        With the steps `landmarks`, `align`, `select` and `classify`.

    Examples
    --------
    >>> from sklearn_temo import make_temo_pipeline
    >>> list(make_temo_pipeline(k=64).named_steps)
    ['landmarks', 'align', 'select', 'classify']
    """
    from .alignment import LandmarkAligner
    from .selection import IGLandmarkSelector

    if landmarks is None:
        from .extraction import FaceLandmarkTransformer

        landmarks = FaceLandmarkTransformer(n_frames=n_frames, memory=memory, n_jobs=n_jobs)
    elif hasattr(landmarks, "get_params"):
        landmarks = clone(landmarks)
        if "n_frames" in landmarks.get_params(deep=False):
            landmarks.set_params(n_frames=n_frames)
    if classifier is None:
        from .classification import TEMOClassifier

        classifier = TEMOClassifier()
    classifier = clone(classifier)
    own = classifier.get_params(deep=False)
    settings: dict[str, Any] = {"n_frames": n_frames} if "n_frames" in own else {}
    if "random_state" in own and own["random_state"] is None:
        settings["random_state"] = random_state
    select = IGLandmarkSelector(k=k, memory=memory, n_frames=n_frames, random_state=random_state)
    return Pipeline(
        [
            ("landmarks", landmarks),
            ("align", LandmarkAligner(n_frames=n_frames, pose=pose, reference=reference)),
            ("select", select),
            ("classify", classifier.set_params(**settings)),
        ],
        verbose=verbose,
    )
