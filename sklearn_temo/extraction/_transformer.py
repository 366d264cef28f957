"""The transformer from clips to rows of landmarks."""

from __future__ import annotations

import os
from numbers import Integral
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.callback import CallbackContext, CallbackSupportMixin
from sklearn.utils._param_validation import Interval, Options, StrOptions

from ..layout import LandmarkLayout
from ..mesh import N_LANDMARKS, N_LANDMARKS_WITH_IRISES, model_path
from ._clip_landmarks import ClipLandmarks, extract_clip
from ._landmarker import FaceLandmarker
from ._media import Clip, check_clips


class FaceLandmarkTransformer(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Turn clips of faces into rows of landmarks.

    Each clip is sampled at frames that are evenly spaced in time, and MediaPipe's face mesh is
    found in each of them by itself; of several faces the largest is taken. The transformer is
    stateless: `transform` works without `fit`, and nothing is learned from the clips.

    Parameters
    ----------
    n_frames : int or None, default=16
        Frames of a clip, the first and the last among them (1 takes the first). A clip with fewer
        frames, or a picture, repeats some. None takes all frames: `transform` then needs clips of
        equal length, :meth:`extract` does not.
    n_landmarks : {468, 478}, default=468
        478 keeps the ten landmarks of the irises.
    on_missing : {"interpolate", "nan", "raise"}, default="interpolate"
        What becomes of frames without a face. "interpolate" fills them linearly in time, with the
        nearest at the ends, and raises where no frame of a clip has a face; "nan" leaves NaN;
        "raise" raises at the first.
    model_path : str or path-like, default=None
        A Face Landmarker ``.task`` file. None takes the bundled one.
    verbose : int, default=0
        1 prints a line for each clip.

    See Also
    --------
    sklearn_temo.LandmarkAligner : The next step; takes out pose, position and size of the head.

    Notes
    -----
    MediaPipe normalises x by the width of the picture, y by its height and z by its width. Here
    they are multiplied back, so that a pixel is as long along every axis and shapes are those of
    the face, not those of the video format. Videos are turned upright and stretched to square
    pixels first, as a player shows them.

    Pictures and landmarks stay on the machine and nothing is written to disk. MediaPipe itself,
    however, sends Google statistics of its own performance and use, and has no setting against it;
    its notice asks for the consent of the users of a program. Where nothing may be sent, run it
    without access to the network: results are the same.

    References
    ----------
    .. [1] Y. Kartynnik, A. Ablavatski, I. Grishchenko, M. Grundmann, "Real-time Facial Surface
       Geometry from Monocular Video on Mobile GPUs", CVPR Workshop on Computer Vision for
       Augmented and Virtual Reality, 2019, arXiv:1907.06724.

    Examples
    --------
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> clips = load_cremad_sample().data[:2]
    >>> transformer = FaceLandmarkTransformer(n_frames=4)
    >>> transformer.fit_transform(clips).shape
    (2, 5616)
    >>> transformer.extract(clips)[0].detected
    array([ True,  True,  True,  True])
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left"), None],
        "n_landmarks": [Options(Integral, {N_LANDMARKS, N_LANDMARKS_WITH_IRISES})],
        "on_missing": [StrOptions({"interpolate", "nan", "raise"})],
        "model_path": [str, os.PathLike, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_frames: int | None = 16,
        n_landmarks: int = N_LANDMARKS,
        on_missing: Literal["interpolate", "nan", "raise"] = "interpolate",
        model_path: str | os.PathLike[str] | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_frames = n_frames
        self.n_landmarks = n_landmarks
        self.on_missing = on_missing
        self.model_path = model_path
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> FaceLandmarkTransformer:
        """Check the parameters and the clips; no frame is read.

        Parameters
        ----------
        X : list of clips
            As in :meth:`transform`.
        y : None
            Ignored.

        Returns
        -------
        FaceLandmarkTransformer
            Itself.
        """
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        check_clips(X)
        self._model()
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None) -> NDArray[np.float32]:
        """Fit and transform; callbacks are told of every clip.

        Parameters
        ----------
        X : list of clips
            As in :meth:`transform`.
        y : None
            Ignored.

        Returns
        -------
        ndarray of float32 of shape (n_clips, n_frames * n_landmarks * 3)
        """
        clips = check_clips(X)
        context = self._init_callback_context(max_subtasks=len(clips))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        rows = self._rows(self._extract(clips, context))
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return rows

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Landmarks of clips as rows.

        Parameters
        ----------
        X : list of clips
            Each a path of a video or an image file, or a uint8 RGB array of shape
            (height, width, 3) or (n_frames, height, width, 3). Also an array of paths, an object
            array, or a uint8 array of shape (n_clips, n_frames, height, width, 3).

        Returns
        -------
        ndarray of float32 of shape (n_clips, n_frames * n_landmarks * 3)
            In isotropic pixels, in the order of :class:`sklearn_temo.LandmarkLayout`.

        Raises
        ------
        TypeError, ValueError, FileNotFoundError
            Naming the clip that cannot be used, and why. All that can be seen without decoding is
            seen before the first clip is read.
        """
        return self._rows(self.extract(X))

    def extract(self, clips: Any) -> list[ClipLandmarks]:
        """Landmarks of clips one by one, with the times and sizes of their frames.

        Parameters
        ----------
        clips : list of clips
            As in :meth:`transform`.

        Returns
        -------
        list of ClipLandmarks
        """
        self._validate_params()
        return self._extract(check_clips(clips))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Names of the columns, ``f{frame:03d}_p{landmark:03d}_{x|y|z}``.

        Parameters
        ----------
        input_features : None
            Ignored: clips have no columns.

        Returns
        -------
        ndarray of str of shape (n_frames * n_landmarks * 3,)
        """
        if self.n_frames is None:
            raise ValueError(
                "the columns have no names with n_frames=None, which leaves their number to the "
                "clips: pass n_frames."
            )
        return LandmarkLayout(self.n_frames, self.n_landmarks, 3).feature_names()

    def _model(self) -> Path:
        if self.model_path is None:
            return model_path()
        path = Path(self.model_path)
        if not path.is_file():
            raise FileNotFoundError(
                f"model_path={self.model_path!r}: no such file; None takes the bundled model."
            )
        return path

    def _extract(
        self, clips: list[Clip], context: CallbackContext | None = None
    ) -> list[ClipLandmarks]:
        results = []
        with FaceLandmarker(self._model()) as landmarker:
            for number, clip in enumerate(clips, start=1):
                task = context.subcontext(task_name="extract-clip") if context else None
                if task:
                    task.call_on_fit_task_begin(estimator=self)
                start = perf_counter()
                results.append(
                    extract_clip(
                        clip,
                        landmarker,
                        n_frames=self.n_frames,
                        n_landmarks=self.n_landmarks,
                        on_missing=self.on_missing,
                    )
                )
                if self.verbose:
                    print(
                        f"[{type(self).__name__}] clip {number}/{len(clips)} {clip.source!r}, "
                        f"faces in {results[-1].detected.mean():.0%} of the frames, "
                        f"{perf_counter() - start:.1f} s"
                    )
                if task:
                    task.call_on_fit_task_end(estimator=self)
        return results

    def _rows(self, results: list[ClipLandmarks]) -> NDArray[np.float32]:
        lengths = {len(result.times): result.source for result in results}
        if len(lengths) > 1:
            (one, first), (other, second), *_ = lengths.items()
            raise ValueError(
                f"with n_frames=None the clips must have equally many frames, but {first!r} has "
                f"{one} and {second!r} has {other}: pass n_frames, or use extract."
            )
        return np.stack([result.landmarks.ravel() for result in results])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
