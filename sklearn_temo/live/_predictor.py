"""Prediction from the last seconds of a stream of frames."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, replace
from numbers import Real
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import check_is_fitted

from .._pipelines import count_columns, find_layout, fitted_steps, split_extraction
from ..blendshapes import NAMES
from ..extraction import FaceLandmarkTransformer
from ..extraction._landmarker import Landmarker, open_landmarker
from ..extraction._landmarks import FoundLandmarks, find_face
from ..extraction._reading import pick_frames
from ..extraction._tracking import PersonTracker
from ..inspection._fitted_selectors import find_relevance
from ..mesh import FULL_MESHES, model_path

# Seconds. Containers round times to milliseconds.
_ROUNDING = 1e-3

_CONSTRAINTS = {
    "window": [Interval(Real, 0, None, closed="neither")],
    "smoothing": [Interval(Real, 0, None, closed="left")],
    "reference": [StrOptions({"window", "start"})],
}


@dataclass(frozen=True, eq=False)
class LivePrediction:
    """Prediction at one frame of a stream.

    Attributes
    ----------
    time : float
        Time of the frame in seconds.
    landmarks : ndarray of float32 of shape (n_landmarks, 3)
        Landmarks of this frame in isotropic pixels; NaN without a face.
    detected : bool
        Whether a face was found in this frame.
    doubtful : bool
        Whether the face may be another person's in a frame of the window.
    probabilities : ndarray of float64 of shape (n_classes,) or None
        Smoothed probabilities of the classes; None without a prediction.
    label : object or None
        Class of the highest smoothed probability; None without a prediction.
    message : str
        Why there is no prediction; empty if there is one.

    Examples
    --------
    >>> from sklearn_temo import FaceLandmarkTransformer, LivePredictor, make_temo_pipeline
    >>> from sklearn_temo.datasets import load_cremad_sample, load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=32, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True).fit(smiles.data, smiles.target)
    >>> frames = FaceLandmarkTransformer(n_frames=8).read_frames(load_cremad_sample().data[3])
    >>> with LivePredictor(pipe, window=0.3) as live:
    ...     first, *_, last = [live.update(frame, time=i / 10) for i, frame in enumerate(frames)]
    >>> print(first.label, first.message, sep=": ")
    None: 0.0 s of a window of 0.3 s
    >>> print(last.label, last.detected)
    happiness True
    """

    time: float
    landmarks: NDArray[np.float32]
    detected: bool
    doubtful: bool = False
    probabilities: NDArray[np.float64] | None = None
    label: Any = None
    message: str = ""


class LivePredictor:
    """Predict the emotion of a face in a stream of frames.

    The last `window` seconds are treated as one clip: frames are sampled and landmarks are
    interpolated as :class:`~sklearn_temo.FaceLandmarkTransformer` does it, and the estimator
    predicts the probabilities of the classes, which are then smoothed in time.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier with `predict_proba`: a pipeline that begins with a
        :class:`~sklearn_temo.FaceLandmarkTransformer`, a search (with `refit`) over one, or an
        estimator of rows of landmarks.
    window : float, default=2.0
        Length of the window in seconds. Use the typical length of the clips that the estimator was
        fitted on. There is no prediction before the stream is that long.
    smoothing : float, default=0.5
        Time constant in seconds of the exponential smoothing of the probabilities. 0 turns it off.
    reference : {"window", "start"}, default="window"
        The first frame of the rows that the estimator gets. "window" takes the first frame of the
        window. "start" takes the first frame of the stream that has a face, which must be neutral;
        see the Notes.
    extractor : FaceLandmarkTransformer or None, default=None
        How landmarks are extracted from frames, for example with a `region` or another `engine`.
        None takes the first step of the estimator; for an estimator of rows, a transformer with the
        number of frames and landmarks of the rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes of the estimator, in the order of the probabilities.
    estimator_ : estimator
        The part of the estimator that takes rows of landmarks.
    extractor_ : FaceLandmarkTransformer
        The transformer whose parameters are used.

    Raises
    ------
    TypeError
        If the estimator cannot predict probabilities.
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If a parameter is out of range, or the number of frames of the rows is not known.

    See Also
    --------
    run_live : Reads a camera or a video, and shows or writes the predictions.
    explain_clips : Explains the prediction for a clip.

    Notes
    -----
    With ``smoothing=0`` and ``reference="window"``, the probabilities equal `predict_proba` of the
    pipeline for the frames of the window as a clip, as long as the same person is followed.

    ``LandmarkAligner(reference="first")`` expresses a clip as movement since its first frame. In a
    sliding window this frame moves along: a smile is visible while it grows inside the window, and
    decays once it is held for longer than the window. With ``reference="start"`` the displacements
    are relative to a neutral face, and a smile that is held stays. This resembles training clips
    that begin with a neutral face. It depends on the first frame: call :meth:`reset` to take
    another one.

    There is no prediction while the window is not full, if no face was found in the window, or if
    the face is missing for longer than the `max_gap` or in more frames than the `min_detected` of
    the extractor allow. After a window without any face, the largest face in the picture is
    followed, and the smoothing and the reference begin anew. So they do after a pause between two
    frames that is longer than half of the window.

    Only landmarks of the window are kept, in memory. An object is used by one thread at a time.

    Examples
    --------
    A model of photographs, and the frames of a clip of acted happiness:

    >>> from sklearn_temo import FaceLandmarkTransformer, LivePredictor, make_temo_pipeline
    >>> from sklearn_temo.datasets import load_cremad_sample, load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=32, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True).fit(smiles.data, smiles.target)
    >>> frames = FaceLandmarkTransformer(n_frames=8).read_frames(load_cremad_sample().data[3])
    >>> with LivePredictor(pipe, window=0.3) as live:
    ...     for number, frame in enumerate(frames):
    ...         prediction = live.update(frame, time=number / 10)
    ...         print(f"{prediction.time:.1f} s: {prediction.label or prediction.message}")
    0.0 s: 0.0 s of a window of 0.3 s
    0.1 s: 0.1 s of a window of 0.3 s
    0.2 s: 0.2 s of a window of 0.3 s
    0.3 s: happiness
    ...
    0.7 s: happiness
    """

    def __init__(
        self,
        estimator: Any,
        *,
        window: float = 2.0,
        smoothing: float = 0.5,
        reference: str = "window",
        extractor: FaceLandmarkTransformer | None = None,
    ) -> None:
        given = {"window": window, "smoothing": smoothing, "reference": reference}
        validate_parameter_constraints(_CONSTRAINTS, given, caller_name="LivePredictor")
        self.window = float(window)
        self.smoothing = float(smoothing)
        self.reference = reference
        self.estimator_, first = split_extraction(estimator)
        if not hasattr(self.estimator_, "classes_"):
            check_is_fitted(estimator)
        if not hasattr(self.estimator_, "predict_proba"):
            raise TypeError(
                f"{type(fitted_steps(estimator)[-1]).__name__} has no predict_proba, which live "
                "prediction needs; fit a classifier that has it, for example TEMOClassifier(), or "
                "an SVC inside CalibratedClassifierCV."
            )
        self.classes_ = self.estimator_.classes_
        self.extractor_ = extractor or first or _make_extractor(self.estimator_)
        if self.extractor_.n_frames is None:
            raise ValueError(
                "the FaceLandmarkTransformer has n_frames=None, so that rows would have as many "
                "frames as the window: pass extractor=FaceLandmarkTransformer(n_frames=...) with "
                "the number of frames of the training clips."
            )
        self.extractor_._validate_params()
        self._settings = self.extractor_._settings()
        self._postprocessing = self.extractor_._postprocessing()
        self._open = ExitStack()
        self._landmarker: Landmarker | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all frames: the next one begins a new stream."""
        self._tracker = PersonTracker()
        # Landmarks, time and doubt of each frame of the window.
        self._frames: deque[tuple[NDArray[np.float32], float, bool]] = deque()
        self._start = np.nan
        self._neutral: NDArray[np.float32] | None = None
        self._smoothed: NDArray[np.float64] | None = None
        self._smoothed_at = np.nan

    def update(self, pixels: NDArray[np.uint8], time: float) -> LivePrediction:
        """Add a frame, and predict from the window that ends with it.

        Parameters
        ----------
        pixels : ndarray of uint8 of shape (height, width, 3)
            RGB, upright. OpenCV reads BGR: reverse the channels first.
        time : float
            Time of the frame in seconds, later than that of the frame before.

        Returns
        -------
        LivePrediction

        Raises
        ------
        TypeError
            If the frame is not an RGB image.
        ValueError
            If the time is not later than that of the frame before, or the `region` of the extractor
            reaches beyond the frame.
        """
        pixels = np.asarray(pixels)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise TypeError(
                "a frame must be a non-empty RGB array of uint8 and shape (height, width, 3), got "
                f"{pixels.dtype} and {pixels.shape}."
            )
        last = self._frames[-1][1] if self._frames else -np.inf
        if not last < time < np.inf:
            raise ValueError(
                f"the time of a frame, {time!r} s, must be later than that of the frame before, "
                f"{last!r} s; call reset() to begin a new stream."
            )
        if time - last > self.window / 2 + _ROUNDING:
            self.reset()
        landmarker = self._landmarker or self._start_landmarker()
        face, doubtful = find_face(pixels, self._settings.region, self._tracker, landmarker)
        detected = not np.isnan(face[0, 0])
        if not self._frames:
            self._start = time
        self._frames.append((face, time, doubtful))
        while self._frames[0][1] < time - self.window - _ROUNDING:
            self._frames.popleft()
        if detected and self._neutral is None:
            self._neutral = face
        landmarks = face[: self.extractor_.n_landmarks]
        prediction = LivePrediction(time, landmarks, detected)
        if time - self._start < self.window - _ROUNDING:
            message = f"{time - self._start:.1f} s of a window of {self.window:g} s"
            return replace(prediction, message=message)
        try:
            row, is_doubtful = self._row(pixels.shape[1::-1])
        except ValueError as error:
            return replace(prediction, message=str(error))
        probabilities = self._smooth(self.estimator_.predict_proba(row)[0], time)
        return replace(
            prediction,
            doubtful=is_doubtful,
            probabilities=probabilities,
            label=self.classes_[probabilities.argmax()],
        )

    def _row(self, size: tuple[int, ...]) -> tuple[NDArray[np.float32], bool]:
        """Row of the window, of shape (1, n_features), and whether the person is in doubt.

        Raises ValueError if too few frames have a face.
        """
        faces, times, doubts = map(np.array, zip(*self._frames, strict=True))
        if np.isnan(faces[:, 0, 0]).all():
            # The person left: whoever comes next is another one.
            frames, start = self._frames, self._start
            self.reset()
            self._frames, self._start = frames, start
            raise ValueError("no face in the window")
        picks = pick_frames(times, self._settings.n_frames, self._settings.window)
        chosen = list(picks)
        found = FoundLandmarks(
            faces[chosen],
            times[chosen],
            np.array(list(picks.values())),
            float((len(times) - 1) / (times[-1] - times[0])),
            np.array(size),
            doubts[chosen],
        )
        values = self._values(found)
        if self._postprocessing.is_missing(found) or np.isnan(values).any():
            raise ValueError("no face in too many frames of the window")
        if self.reference == "start":
            assert self._neutral is not None
            values = values.copy()
            values[0] = self._values(_single_frame(self._neutral, found))[0]
        row = values.reshape(1, -1)
        return self.extractor_._attach_layout(row, len(values)), bool(doubts.any())

    def _values(self, found: FoundLandmarks) -> NDArray[np.float32]:
        """What the rows hold, of each frame, as the extraction gives it."""
        clip = self._postprocessing.apply(found, "the window")
        return getattr(clip, self.extractor_.output)

    def _smooth(self, probabilities: NDArray[Any], time: float) -> NDArray[np.float64]:
        """Exponential smoothing, exact for frames that are unevenly spaced."""
        probabilities = np.asarray(probabilities, np.float64)
        if self._smoothed is not None and self.smoothing:
            weight = -np.expm1((self._smoothed_at - time) / self.smoothing)
            probabilities = self._smoothed + weight * (probabilities - self._smoothed)
        self._smoothed, self._smoothed_at = probabilities, time
        return probabilities

    def _start_landmarker(self) -> Landmarker:
        settings = self._settings
        path = settings.model_path or model_path()
        lent = open_landmarker(settings.engine, path, settings.model_digest)
        self._landmarker = self._open.enter_context(lent)
        return self._landmarker

    def close(self) -> None:
        """Give the landmarker back; the next :meth:`update` takes one again."""
        self._landmarker = None
        self._open.close()

    def __enter__(self) -> LivePredictor:
        # The start takes as long as several frames, which a camera would lose.
        if self._landmarker is None:
            self._start_landmarker()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _single_frame(face: NDArray[np.float32], like: FoundLandmarks) -> FoundLandmarks:
    """A clip of one face, with the settings of another clip."""
    one = np.ones(1, int)
    return FoundLandmarks(face[None], np.zeros(1), one, like.fps, like.size, one < 1)


def _make_extractor(estimator: Any) -> FaceLandmarkTransformer:
    """Transformer to the rows that an estimator was fitted on."""
    layout = next((found.layout for found in find_relevance(estimator)), None)
    n_columns = count_columns(estimator)
    # The steps before a selector may change the layout, as from landmarks to blendshapes.
    if n_columns is not None and (layout is None or layout.n_features != n_columns):
        layout = find_layout(np.empty((0, n_columns)), estimator)
    if layout is not None and layout.names == NAMES:
        return FaceLandmarkTransformer(n_frames=layout.n_frames, output="blendshapes")
    if layout is None or layout.n_landmarks not in FULL_MESHES or layout.n_coords != 3:
        raise ValueError(
            f"the estimator takes rows of {layout or 'an unknown layout'}, which no "
            "FaceLandmarkTransformer is known to extract; pass "
            "extractor=FaceLandmarkTransformer(...) with the parameters of the training clips."
        )
    return FaceLandmarkTransformer(n_frames=layout.n_frames, n_landmarks=layout.n_landmarks)
