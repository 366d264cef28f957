"""The transformer from clips to rows of landmarks."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.callback import CallbackContext, CallbackSupportMixin
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions

from ..layout import LandmarkLayout
from ..mesh import N_LANDMARKS, N_LANDMARKS_WITH_IRISES
from ._clip_landmarks import ClipLandmarks, Finish
from ._clips import BadClip, Clip, check_clips
from ._reading import check_window
from ._run import ExtractionRun
from ._store import store_folder
from ._work import ClipWork


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
    sampling : {"uniform", "all"} or tuple of (start, stop), default="uniform"
        How a clip becomes `n_frames`. "uniform" looks at frames evenly spaced in time, and at no
        others. A window (start, stop) in seconds does so between its ends; None leaves an end
        open, and what is negative counts from the end of the clip: ``(-1.0, None)`` is its last
        second. "all" looks at every frame, and interpolates the landmarks linearly at even times:
        it takes longer, but bridges frames without a face by the nearest that have one.
    on_error : {"raise", "skip-with-nan"}, default="raise"
        What becomes of a clip that cannot be used. "raise" raises at the first; "skip-with-nan"
        makes its row NaN, goes on, and warns once in the end, with all of them in `report_`.
    memory : str, path-like or joblib.Memory, default=None
        A folder in which the landmarks of every clip are kept as soon as they are found, so that
        no clip is ever done twice, in whatever process and after whatever interruption. Entries go
        by the content of the files. None writes nothing. Of a Memory its `location` is taken; its
        `clear` leaves the landmarks alone.
    n_jobs : int, default=None
        Processes, as in joblib: None is 1, or what :func:`joblib.parallel_config` says; -1 takes
        all cores.
    model_path : str or path-like, default=None
        A Face Landmarker ``.task`` file. None takes the bundled one.
    verbose : int, default=0
        1 prints how far the work is and how long the rest will take, at most once a second; 2 also
        prints a line for each clip.

    Attributes
    ----------
    report_ : ExtractionReport
        What became of the clips of the last run. Only after one: the transformer needs no `fit`.

    See Also
    --------
    sklearn_temo.LandmarkAligner : The next step; takes out pose, position and size of the head.

    Notes
    -----
    In paths ``~`` is the home folder, as in a shell.

    MediaPipe normalises x by the width of the picture, y by its height and z by its width. Here
    they are multiplied back, so that a pixel is as long along every axis and shapes are those of
    the face, not those of the video format. Videos are turned upright and stretched to square
    pixels first, as a player shows them.

    Pictures and landmarks stay on the machine, and nothing is written to disk but to `memory`.
    MediaPipe itself, however, sends Google statistics of its own performance and use, and has no
    setting against it; its notice asks for the consent of the users of a program. Where nothing
    may be sent, run it without access to the network: results are the same.

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
        "sampling": [StrOptions({"uniform", "all"}), tuple, list],
        "on_error": [StrOptions({"raise", "skip-with-nan"})],
        "memory": [str, os.PathLike, HasMethods(["cache"]), None],
        "n_jobs": [Integral, None],
        "model_path": [str, os.PathLike, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_frames: int | None = 16,
        n_landmarks: int = N_LANDMARKS,
        on_missing: Literal["interpolate", "nan", "raise"] = "interpolate",
        sampling: str | Sequence[float | None] = "uniform",
        on_error: Literal["raise", "skip-with-nan"] = "raise",
        memory: Any = None,
        n_jobs: int | None = None,
        model_path: str | os.PathLike[str] | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_frames = n_frames
        self.n_landmarks = n_landmarks
        self.on_missing = on_missing
        self.sampling = sampling
        self.on_error = on_error
        self.memory = memory
        self.n_jobs = n_jobs
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
        self._look_at(X)
        self._work()
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
        clips = self._look_at(X)
        context = self._init_callback_context(max_subtasks=len(clips))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        rows = self._rows(clips, context)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return rows

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Landmarks of clips as rows.

        Parameters
        ----------
        X : list of clips
            Each a path of a video or an image file, a tuple or a list of paths of images (its
            frames, in order), or a uint8 RGB array of shape (height, width, 3) or
            (n_frames, height, width, 3). Also an array of paths, an object array, or a uint8 array
            of shape (n_clips, n_frames, height, width, 3).
            What OpenCV reads is BGR: turn it around first, since nothing tells it from RGB.

        Returns
        -------
        ndarray of float32 of shape (n_clips, n_frames * n_landmarks * 3)
            In isotropic pixels, in the order of :class:`sklearn_temo.LandmarkLayout`.

        Raises
        ------
        TypeError, ValueError, FileNotFoundError
            Naming the clip that cannot be used, and why. All that can be seen without decoding is
            seen before the first clip is read.

        Warns
        -----
        SkippedClipsWarning
            With ``on_error="skip-with-nan"``, where clips could not be used.
        """
        self._validate_params()
        return self._rows(self._look_at(X))

    def extract(self, clips: Any) -> list[ClipLandmarks]:
        """Landmarks of clips one by one, with the times and sizes of their frames.

        Parameters
        ----------
        clips : list of clips
            As in :meth:`transform`.

        Returns
        -------
        list of ClipLandmarks
            Those of skipped clips have an `error`.
        """
        self._validate_params()
        looked_at = self._look_at(clips)
        found: list[Any] = [None] * len(looked_at)
        with closing(self._results(looked_at)) as results:
            for index, result in results:
                found[index] = result
        return found

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

    def _look_at(self, clips: Any) -> list[Clip | BadClip]:
        return check_clips(clips, skip_bad=self.on_error != "raise")

    def _work(self) -> ClipWork:
        """What the processes must know; raises where a parameter cannot be used."""
        model = None if self.model_path is None else Path(self.model_path).expanduser()
        if model is not None and not model.is_file():
            raise FileNotFoundError(
                f"model_path={self.model_path!r}: no such file; None takes the bundled model."
            )
        window = None
        if not isinstance(self.sampling, str):
            check_window(self.sampling)
            start, stop = self.sampling
            # Numbers of Python's own, whatever a search over a numpy array passed.
            window = (
                None if start is None else float(start),
                None if stop is None else float(stop),
            )
        n_frames = None if self.sampling == "all" or self.n_frames is None else int(self.n_frames)
        return ClipWork(model, n_frames, window, store_folder(self.memory))

    def _results(
        self, clips: list[Clip | BadClip], context: CallbackContext | None = None
    ) -> Generator[tuple[int, ClipLandmarks]]:
        # What is there from another run says nothing of one that fails.
        self.__dict__.pop("report_", None)
        run = ExtractionRun(
            self._work(),
            Finish(self.n_frames, self.n_landmarks, self.on_missing, self.sampling == "all"),
            skips=self.on_error == "skip-with-nan",
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        with closing(run.results(clips, lambda: self._task(context))) as results:
            yield from results
        self.report_ = run.report

    @contextmanager
    def _task(self, context: CallbackContext | None) -> Iterator[None]:
        """Tell the callbacks of one clip."""
        if context is None:
            yield
            return
        task = context.subcontext(task_name="extract-clip")
        task.call_on_fit_task_begin(estimator=self)
        yield
        task.call_on_fit_task_end(estimator=self)

    def _rows(
        self, clips: list[Clip | BadClip], context: CallbackContext | None = None
    ) -> NDArray[np.float32]:
        """Fill the array that is returned as the clips come, so that they are nowhere twice."""
        rows: NDArray[np.float32] | None = None
        with closing(self._results(clips, context)) as results:
            for index, result in results:
                if result.error is not None:
                    continue
                if rows is None:
                    first = result
                    rows = np.full((len(clips), result.landmarks.size), np.nan, dtype=np.float32)
                if len(result.times) != len(first.times):
                    raise ValueError(
                        "with n_frames=None the clips must have equally many frames, but "
                        f"{first.source!r} has {len(first.times)} and {result.source!r} has "
                        f"{len(result.times)}: pass n_frames, or use extract."
                    )
                rows[index] = result.landmarks.ravel()
        if rows is None:
            if self.n_frames is None:
                raise ValueError(
                    "with n_frames=None a clip that can be used must say how many frames there "
                    "are, but none can; pass n_frames, or see report_."
                )
            rows = np.full((len(clips), self.n_frames * self.n_landmarks * 3), np.nan, np.float32)
        return rows

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
