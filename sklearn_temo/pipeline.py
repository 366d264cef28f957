"""Pipeline from clips of faces to emotions."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline


def make_temo_pipeline(
    *,
    k: int | float | str = 128,
    classifier: Any = None,
    n_frames: int | None = None,
    rotation: str | None = "in-plane",
    reference: str | None = "first",
    landmarks: Any = None,
    memory: Any = None,
    n_jobs: int | None = None,
    random_state: int | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Build the pipeline from clips of faces to emotions.

    Parameters
    ----------
    k : int, float or "all", default=128
        Number of landmarks, or of blendshapes, that the selector keeps.
    classifier : estimator or None, default=None
        Last step, cloned. None uses :class:`~sklearn_temo.TEMOClassifier`.
    n_frames : int or None, default=None
        Frames of a clip. None extracts 16 frames, and the other steps infer the number from the
        data.
    rotation : {"in-plane", "full"} or None, default="in-plane"
        Rotation that :class:`~sklearn_temo.LandmarkAligner` removes.
    reference : {"first", "mean"} or None, default="first"
        Reference frame of :class:`~sklearn_temo.LandmarkAligner`.
    landmarks : transformer, "passthrough" or None, default=None
        First step, cloned. None uses :class:`~sklearn_temo.FaceLandmarkTransformer`. With
        "passthrough" the pipeline takes landmarks that were extracted before. With
        ``FaceLandmarkTransformer(output="blendshapes")``, or with
        :class:`~sklearn_temo.BlendshapeTransformer` for landmarks that were extracted before, the
        step `align` is "passthrough", since :term:`blendshapes <blendshape>` need no alignment;
        pass a `k` below 52.
    memory : str, path-like, joblib.Memory or None, default=None
        Folder in which the landmarks of every clip and the networks of the selector are cached. A
        search over `k` then reads each clip once and, with a `random_state`, fits the selector's
        network once per fold. None caches nothing.
    n_jobs : int or None, default=None
        Number of processes that extract landmarks.
    random_state : int or None, default=None
        Seed of the selector, and of the classifier where its own `random_state` is None.
    verbose : bool, default=False
        Print the time of each step.

    Returns
    -------
    sklearn.pipeline.Pipeline
        With the steps `landmarks`, `align`, `select` and `classify`.

    See Also
    --------
    FaceLandmarkTransformer : The first step.
    IGLandmarkSelector : Selects the landmarks.

    Examples
    --------
    >>> from sklearn_temo import make_temo_pipeline
    >>> list(make_temo_pipeline(k=64).named_steps)
    ['landmarks', 'align', 'select', 'classify']

    Without the step "landmarks", the pipeline takes rows of landmarks:

    >>> from sklearn_temo.datasets import load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=32, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True)
    >>> train = smiles.groups < "080"
    >>> pipe = pipe.fit(smiles.data[train], smiles.target[train])
    >>> accuracy = pipe.score(smiles.data[~train], smiles.target[~train])
    >>> print(f"accuracy {accuracy:.1f} with 32 of 468 landmarks")
    accuracy 0.9 with 32 of 468 landmarks
    """
    from .alignment import LandmarkAligner
    from .selection import IGLandmarkSelector

    if landmarks is None:
        from .extraction import FaceLandmarkTransformer

        landmarks = FaceLandmarkTransformer(
            n_frames=16 if n_frames is None else n_frames, memory=memory, n_jobs=n_jobs
        )
    elif landmarks != "passthrough":
        landmarks = clone(landmarks)
    if classifier is None:
        from .classification import TEMOClassifier

        classifier = TEMOClassifier()
    else:
        classifier = clone(classifier)
    if classifier.get_params(deep=False).get("random_state", 0) is None:
        classifier.set_params(random_state=random_state)
    selector = IGLandmarkSelector(
        IGLandmarkSelector.default_estimator(), k=k, memory=memory, random_state=random_state
    )
    aligner: Any = LandmarkAligner(n_frames=n_frames, rotation=rotation, reference=reference)
    from .extraction import BlendshapeTransformer

    if (
        isinstance(landmarks, BlendshapeTransformer)
        or getattr(landmarks, "output", "landmarks") == "blendshapes"
    ):
        aligner = "passthrough"
    steps = [
        ("landmarks", landmarks),
        ("align", aligner),
        ("select", selector),
        ("classify", classifier),
    ]
    return Pipeline(steps, verbose=verbose)
