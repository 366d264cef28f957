"""Transformer from clips to rows of landmarks or blendshapes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
from joblib import Memory
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.callback import CallbackContext, CallbackSupportMixin, with_callbacks
from sklearn.utils._param_validation import Interval, Options, RealNotInt, StrOptions

from .._cache_folder import CachingEstimator
from .._progress import Progress
from .._warnings import warn_user
from ..blendshapes import NAMES
from ..layout import LandmarkLayout
from ..mesh import MODEL_SHA256, N_LANDMARKS, N_LANDMARKS_WITH_IRISES
from ._clips import Clip, add_label, check_clips
from ._extraction_report import (
    DoubtfulClipsWarning,
    ExtractionReport,
    ReportedClip,
    SkippedClipsWarning,
)
from ._landmarker import ENGINES
from ._landmarks import ClipLandmarks, ExtractionSettings
from ._parallel import extract_clips
from ._postprocessing import Postprocessing
from ._reading import check_window, read_clip


class FaceLandmarkTransformer(CallbackSupportMixin, TransformerMixin, CachingEstimator):
    """Turn clips of faces into rows of landmarks or blendshapes.

    Each clip is sampled at frames that are evenly spaced in time, and the networks of MediaPipe
    find the faces in each frame. One person is followed: the one with the largest face in the first
    frame that has a face. The transformer is stateless: `transform` works without `fit`, and
    nothing is learned from the clips.

    Parameters
    ----------
    n_frames : int or None, default=16
        Number of frames per clip, including the first and the last (1 takes the first). Frames
        of shorter clips and of images are repeated. None takes all frames: `transform` then
        needs clips of equal length, :meth:`extract` does not.
    n_landmarks : {468, 478}, default=468
        478 includes the ten landmarks of the irises. Blendshapes, the head pose and the gaze are
        computed from all 478 in any case.
    output : {"landmarks", "blendshapes"}, default="landmarks"
        Columns of the rows of :meth:`transform`. "blendshapes" gives the 52 facial actions of
        MediaPipe in each frame, such as ``mouthSmileLeft``, from 0 to 1. Both use the same entries
        of the cache.
    engine : {"mediapipe", "litert"}, default="mediapipe"
        What runs the networks. "litert" runs them directly, without MediaPipe: it opens no network
        connection, needs fewer system libraries and takes less time; its landmarks differ from
        MediaPipe's by a small part of a pixel. It needs ``pip install 'sklearn-temo[litert]'``. The
        :ref:`user guide <engines>` compares the two.
    on_missing : {"interpolate", "nan", "raise"}, default="interpolate"
        How frames without the face are handled. "interpolate" fills them linearly in time, and
        with the nearest face at the ends; a clip without any face is an error. "nan" leaves NaN.
        "raise" raises an error at the first such frame.
    max_gap : float, int or None, default=1.0
        Longest gap that ``on_missing="interpolate"`` fills without a warning. A float is in
        seconds, from the last frame with the face to the next one (or to the end of the sample);
        it does not apply to arrays and image files, which have no times. An int is a number of
        consecutive frames that were searched. None sets no limit.
    min_detected : float, default=0.5
        Least share of the frames that were searched in which the face must be found, from 0 to 1;
        ``on_missing="interpolate"`` warns below it.
    sampling : {"uniform", "all"} or tuple of (start, stop), default="uniform"
        How `n_frames` are taken from a clip. "uniform" uses frames that are evenly spaced in time.
        A window (start, stop) in seconds does so between its ends; None leaves an end open, and
        negative numbers count from the end of the clip: ``(-1.0, None)`` is its last second. "all"
        uses every frame, and interpolates the landmarks linearly at evenly spaced times: it takes
        longer, but fills frames without a face from their nearest neighbors. The times of a
        :class:`~sklearn_temo.extraction.ClipWindow` take the place of (start, stop).
    region : tuple of int (left, top, right, bottom), default=None
        The part of the frames that is searched, in pixels from the upper left corner of the
        upright frame, `right` and `bottom` exclusive; for example the tile of one person in a
        recorded video call. Landmarks stay in the coordinates of the whole frame. None searches
        the whole frame.
    smooth : float, int or None, default=None
        Window of a filter that reduces the jitter of the landmarks from frame to frame: each frame
        becomes the value of the parabola that fits the frames of the window best, as in the filter
        of Savitzky and Golay, which has no delay. A float is the length of the window in seconds,
        in which at least 5 frames must lie; an int is an odd number of frames from 5, also for
        arrays and image files, which have no times. Frames before and after a gap of more than half
        a window, or a possible change of the person, are not mixed. Needs neighbouring frames:
        ``sampling="all"``, or ``n_frames=None``. None does not smooth.
    on_error : {"raise", "skip-with-nan"}, default="raise"
        How clips that cannot be used are handled. "raise" raises the error of the first;
        "skip-with-nan" makes their rows NaN, and warns once at the end with all of them in
        `report_`.
    memory : str, path-like or joblib.Memory, default=None
        Folder in which the landmarks of every clip are cached as soon as they are found: an
        interrupted run continues where it stopped, and several processes may share the folder.
        Entries are identified by the content of the files; a damaged entry is extracted again,
        with a warning. If an entry cannot be written, for example because the disk is full or the
        folder is read-only, the run continues, with one warning. New folders and entries may be
        used by their owner only. A relative path is resolved when the parameter is set; if the
        transformer is unpickled where the path means another folder, `memory` becomes None, with a
        warning. None writes nothing. Only the `location` of a Memory is used; its `clear` does not
        remove landmarks.
    n_jobs : int, default=None
        Number of processes, as in joblib: None means 1 unless in a
        :func:`joblib.parallel_config` context; -1 uses all processors.
    model_path : str or path-like, default=None
        A Face Landmarker ``.task`` file; warns if its content is not that of the bundled model.
        None uses the bundled model.
    verbose : int, default=0
        1 shows the progress and the estimated time left: as a bar if rich is installed, in a
        terminal or a notebook with ipywidgets, otherwise as a line at most once a second. 2 also
        prints a line per clip.

    Attributes
    ----------
    report_ : ExtractionReport
        Results of the last run, clip by clip. Replaced by every call of :meth:`fit_transform`,
        :meth:`transform` and :meth:`extract`, unless the call raises an error before the last clip
        is done: then the report of the previous run stays.

    See Also
    --------
    sklearn_temo.LandmarkAligner : The next step; removes pose, position and size of the head.
    sklearn_temo.BlendshapeTransformer : Computes blendshapes from rows of landmarks.

    Notes
    -----
    A path may begin with ``~``, the home folder.

    MediaPipe normalizes x by the width of the image, y by its height and z by its width. These
    factors are multiplied back, so that all axes have the same unit (a pixel) and shapes do not
    depend on the video format. Videos are rotated upright and scaled to square pixels first, as a
    video player does.

    MediaPipe rarely finds faces narrower than 9 % of the frame. Where the person is not found in
    the whole frame, the last place of the face is searched again, enlarged; while no face was
    found or the last face was small, so are overlapping squares of half the longer side. Smaller
    faces need `region`.

    Faces are told apart by their places only. If a face is far from the last place of the face
    (by more than its size), if its size has more than doubled or halved, if two faces are about
    equally near, or if another face is more than twice as large, the clip is listed as doubtful.

    Images and landmarks stay on the machine, and nothing is written to disk except to `memory`.
    MediaPipe would send Google a report about its performance and use whenever a landmarker is
    closed or has been in use for 60 seconds, and has no setting to turn this off. It is kept from
    doing so: no host is contacted, and no name is looked up. A landmarker is closed at the end of
    the process, and replaced by a new one if it is used 40 seconds after its start. For the
    moment of closing, the environment variable ``https_proxy`` is replaced by a proxy that cannot
    be used. ``engine="litert"`` opens no socket, and changes nothing in the environment.

    References
    ----------
    .. [1] Y. Kartynnik, A. Ablavatski, I. Grishchenko, M. Grundmann, "Real-time Facial Surface
       Geometry from Monocular Video on Mobile GPUs", CVPR Workshop on Computer Vision for
       Augmented and Virtual Reality, 2019, arXiv:1907.06724.

    Examples
    --------
    >>> from sklearn_temo import FaceLandmarkTransformer
    >>> from sklearn_temo.datasets import load_cremad_sample
    >>> sample = load_cremad_sample()
    >>> transformer = FaceLandmarkTransformer(n_frames=4)
    >>> X = transformer.fit_transform(sample.data[:2])
    >>> transformer.get_feature_names_out()[:3]
    array(['f000_p000_x', 'f000_p000_y', 'f000_p000_z'], dtype=object)
    >>> print(transformer.report_)
    2 of 2 clips extracted, 0 from the cache, a face in 8 of 8 frames

    The strongest smile in each clip, as a blendshape:

    >>> transformer = FaceLandmarkTransformer(n_frames=4, output="blendshapes")
    >>> X = transformer.fit_transform(sample.data[2:5])
    >>> smile = [name.endswith("mouthSmileLeft") for name in transformer.get_feature_names_out()]
    >>> for emotion, values in zip(sample.target[2:5], X[:, smile]):
    ...     print(emotion, values.max().round(1))
    fear 0.6
    happiness 0.9
    neutral 0.3
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_frames": [Interval(Integral, 1, None, closed="left"), None],
        "n_landmarks": [Options(Integral, {N_LANDMARKS, N_LANDMARKS_WITH_IRISES})],
        "output": [StrOptions({"landmarks", "blendshapes"})],
        "engine": [StrOptions(set(ENGINES))],
        "on_missing": [StrOptions({"interpolate", "nan", "raise"})],
        "max_gap": [
            Interval(Integral, 0, None, closed="left"),
            Interval(RealNotInt, 0, None, closed="both"),
            None,
        ],
        "min_detected": [Interval(Real, 0, 1, closed="both")],
        "sampling": [StrOptions({"uniform", "all"}), tuple, list],
        "region": [tuple, list, None],
        "smooth": [
            Interval(Integral, 5, None, closed="left"),
            Interval(RealNotInt, 0, None, closed="neither"),
            None,
        ],
        "on_error": [StrOptions({"raise", "skip-with-nan"})],
        "memory": [str, os.PathLike, Memory, None],
        "n_jobs": [Integral, None],
        "model_path": [str, os.PathLike, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_frames: int | None = 16,
        n_landmarks: int = N_LANDMARKS,
        output: Literal["landmarks", "blendshapes"] = "landmarks",
        engine: Literal["mediapipe", "litert"] = "mediapipe",
        on_missing: Literal["interpolate", "nan", "raise"] = "interpolate",
        max_gap: float | None = 1.0,
        min_detected: float = 0.5,
        sampling: str | Sequence[float | None] = "uniform",
        region: tuple[int, int, int, int] | None = None,
        smooth: float | None = None,
        on_error: Literal["raise", "skip-with-nan"] = "raise",
        memory: Any = None,
        n_jobs: int | None = None,
        model_path: str | os.PathLike[str] | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_frames = n_frames
        self.n_landmarks = n_landmarks
        self.output = output
        self.engine = engine
        self.on_missing = on_missing
        self.max_gap = max_gap
        self.min_detected = min_detected
        self.sampling = sampling
        self.region = region
        self.smooth = smooth
        self.on_error = on_error
        self.memory = memory
        self.n_jobs = n_jobs
        self.model_path = model_path
        self.verbose = verbose

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> FaceLandmarkTransformer:
        """Validate the parameters and the clips; no frame is read.

        Parameters
        ----------
        X : list of clips
            As in :meth:`transform`.
        y : None
            Ignored.

        Returns
        -------
        FaceLandmarkTransformer
            The fitted transformer.
        """
        self._check(X)
        self._settings()
        self._cache_folder()
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    @with_callbacks
    def fit_transform(self, X: Any, y: Any = None) -> NDArray[np.float32]:
        """Fit and transform; callbacks are informed of every clip.

        Parameters
        ----------
        X : list of clips
            As in :meth:`transform`.
        y : None
            Ignored.

        Returns
        -------
        ndarray of float32 of shape (n_clips, n_features)
            As in :meth:`transform`.
        """
        clips = self._check(X)
        context = self._init_callback_context(max_subtasks=len(clips))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        rows = self._rows(clips, context)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return rows

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Extract clips as rows of landmarks or blendshapes.

        Parameters
        ----------
        X : list of clips
            Each clip is a path of a video or an image file, a
            :class:`~sklearn_temo.extraction.ClipWindow` (a part of a file), a tuple or list of
            paths of images (its frames, in order), or a uint8 RGB array of shape
            (height, width, 3) or (n_frames, height, width, 3). Also an array of paths, an object
            array, or a uint8 array of shape (n_clips, n_frames, height, width, 3).
            OpenCV reads BGR: reverse the channels first, since BGR cannot be detected.

        Returns
        -------
        ndarray of float32 of shape (n_clips, n_features)
            In the order of :class:`sklearn_temo.LandmarkLayout`. Landmarks, ``n_frames *
            n_landmarks * 3`` columns, are in isotropic pixels. Blendshapes, ``n_frames * 52``
            columns, are from 0 to 1, and carry their layout to the next step.

        Raises
        ------
        TypeError, ValueError, FileNotFoundError
            If a clip cannot be used; the message names the clip and the reason. Everything that
            is visible without decoding is checked before the first clip is read.

        Warns
        -----
        SkippedClipsWarning
            With ``on_error="skip-with-nan"``, if clips could not be used.
        DoubtfulClipsWarning
            If the landmarks of clips may be those of several persons, are interpolated over more
            than `max_gap` or in too many frames, could not be smoothed, or are shorter than the
            window of `smooth`.
        """
        return self._rows(self._check(X))

    def extract(self, clips: Any) -> list[ClipLandmarks]:
        """Extract the landmarks, blendshapes, head pose and gaze of each clip.

        Parameters
        ----------
        clips : list of clips
            As in :meth:`transform`.

        Returns
        -------
        list of ClipLandmarks
            With the times and the size of the frames. Skipped clips have an `error`.
        """
        results = dict(self._run(self._check(clips), ("blendshapes", "head_pose", "gaze")))
        return [results[index] for index in range(len(results))]

    def read_frames(self, clip: Any) -> NDArray[np.uint8]:
        """Read the images of the frames that landmarks are extracted from, to draw on them.

        Parameters
        ----------
        clip : clip
            One clip, in one of the forms of :meth:`transform`.

        Returns
        -------
        ndarray of uint8 of shape (n_frames, height, width, 3)
            RGB, upright and with square pixels: the landmarks of :meth:`extract` are positions in
            these images. Frames that the sample repeats are repeated. With ``sampling="all"``,
            whose landmarks are interpolated, the frame nearest to each time.

        Raises
        ------
        TypeError, ValueError, FileNotFoundError
            If the clip cannot be read.

        See Also
        --------
        extract : Returns the landmarks of these frames.

        Examples
        --------
        >>> from sklearn_temo import FaceLandmarkTransformer
        >>> from sklearn_temo.datasets import load_cremad_sample
        >>> frames = FaceLandmarkTransformer(n_frames=4).read_frames(load_cremad_sample().data[0])
        >>> n_frames, height, width, n_channels = frames.shape
        >>> print(f"{n_frames} frames of {width} x {height} pixels")
        4 frames of 480 x 360 pixels
        """
        self._validate_params()
        (checked,) = check_clips([clip])
        window = None if isinstance(self.sampling, str) else check_window(self.sampling)
        try:
            _, frames = read_clip(checked, self.n_frames, window)
            return np.stack([frame.pixels for frame in frames for _ in range(frame.repeats)])
        except (OSError, ValueError) as error:
            raise add_label(checked.label, error) from error

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Names of the columns, such as ``f000_p468_x`` or ``f000_mouthSmileLeft``.

        Parameters
        ----------
        input_features : None
            Ignored: clips have no columns.

        Returns
        -------
        ndarray of str of shape (n_features,)
            In the order of :class:`sklearn_temo.LandmarkLayout`.
        """
        if self.n_frames is None:
            raise ValueError(
                "with n_frames=None the number of columns depends on the clips, so they have no "
                "names: pass n_frames."
            )
        return self._layout(self.n_frames).feature_names()

    def _layout(self, n_frames: int) -> LandmarkLayout:
        if self.output == "blendshapes":
            return LandmarkLayout(n_frames, len(NAMES), 1, NAMES)
        return LandmarkLayout(n_frames, self.n_landmarks, 3)

    def _check(self, clips: Any) -> list[Clip]:
        """Validate the parameters and the clips."""
        self._validate_params()
        if isinstance(self.smooth, Integral) and self.smooth % 2 == 0:
            raise ValueError(
                f"smooth={self.smooth!r} must be odd, since the window has its frame in the "
                "middle; pass an odd number of frames, or a float, which is in seconds."
            )
        if self.smooth is not None and self.sampling != "all" and self.n_frames is not None:
            raise ValueError(
                f"smooth={self.smooth!r} needs neighbouring frames, but sampling="
                f"{self.sampling!r} reads only n_frames={self.n_frames} of each clip; pass "
                'sampling="all", or n_frames=None.'
            )
        return check_clips(clips, skip_bad=self.on_error != "raise")

    def _settings(self) -> ExtractionSettings:
        path = None if self.model_path is None else Path(self.model_path).expanduser()
        digest = MODEL_SHA256
        if path is not None:
            try:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                raise type(error)(
                    f"model_path={str(path)!r} cannot be read ({error.strerror}); pass the path of "
                    "a Face Landmarker .task file, or None for the bundled model."
                ) from error
        if digest != MODEL_SHA256:
            warn_user(
                f"model_path={str(path)!r} is an unknown model (SHA-256 {digest}): the file may be "
                "damaged, and its landmarks may differ from those of the bundled model, which "
                "model_path=None takes."
            )
        return ExtractionSettings(
            None if self.sampling == "all" or self.n_frames is None else int(self.n_frames),
            None if isinstance(self.sampling, str) else check_window(self.sampling),
            digest,
            path,
            region=self.region,
            engine=self.engine,
        )

    def _postprocessing(self, computed: tuple[str, ...] | None = None) -> Postprocessing:
        """Postprocessing that computes fields of :class:`ClipLandmarks`; None for those of rows."""
        if computed is None:
            computed = () if self.output == "landmarks" else (self.output,)
        return Postprocessing(
            self.n_frames,
            self.n_landmarks,
            self.on_missing,
            self.sampling == "all",
            self.max_gap,
            self.min_detected,
            self.smooth,
            computed,
        )

    def _run(
        self,
        clips: list[Clip],
        computed: tuple[str, ...] | None = None,
        context: CallbackContext | None = None,
    ) -> Generator[tuple[int, ClipLandmarks]]:
        """Yield the index and the landmarks of each clip, in any order, and set `report_`.

        `computed` names fields of :class:`ClipLandmarks` that are computed from the landmarks; None
        for those of rows.
        """
        with Progress("FaceLandmarkTransformer", len(clips), "clips", self.verbose) as progress:
            yield from self._results(clips, self._postprocessing(computed), context, progress)

    def _results(
        self,
        clips: list[Clip],
        postprocessing: Postprocessing,
        context: CallbackContext | None,
        progress: Progress,
    ) -> Iterator[tuple[int, ClipLandmarks]]:
        folder = self._cache_folder()
        cache = None if folder is None else folder / "face_landmarks"
        skipped: dict[int, ReportedClip] = {}
        doubtful: dict[int, ReportedClip] = {}
        n_cached, n_seen, n_with_face = 0, [0] * len(clips), [0] * len(clips)
        noise: list[NDArray[np.float32]] = []
        is_cache_writable = True
        for result in extract_clips(
            clips, self._settings(), cache, self.n_jobs, progress.advance_within
        ):
            index, clip, error = result.index, clips[result.index], result.error
            if result.write_error is not None and is_cache_writable:
                # Once for a run: it would be the same for each clip on a full disk.
                is_cache_writable = False
                warn_user(
                    f"{clip.label}: its landmarks are not cached: {result.write_error} The run "
                    "continues; clips that are not cached are extracted again by the next run."
                )
            if result.found is not None:
                n_seen[index] = len(result.found.detected)
                n_with_face[index] = int(result.found.detected.sum())
                if (estimate := result.found.noise()) is not None:
                    noise.append(estimate[: self.n_landmarks])
                try:
                    landmarks = postprocessing.apply(result.found, clip.source)
                    if (doubt := postprocessing.doubts(result.found)) is not None:
                        doubtful[index] = ReportedClip(index, clip.name, f"{clip.label}: {doubt}")
                except ValueError as no_face:
                    error = no_face
            if error is not None:
                error = add_label(clip.label, error)
                if self.on_error == "raise":
                    if len(clips) > 1:
                        error.add_note(
                            'Pass on_error="skip-with-nan" to get the other clips, and a row of '
                            "NaN for each clip that cannot be used."
                        )
                    raise error
                landmarks = postprocessing.skipped(clip.source, error)
                skipped[index] = ReportedClip(index, clip.name, str(error))
            if clip.span is not None:
                landmarks = replace(landmarks, onset=clip.span.onset, offset=clip.span.offset)
            if context is not None:
                task = context.subcontext(task_name="extract-clip")
                task.call_on_fit_task_begin(estimator=self)
                task.call_on_fit_task_end(estimator=self)
            n_cached += result.cached and error is None
            if self.verbose > 1:
                faces = f"faces in {landmarks.detected.sum()} of {len(landmarks.times)} frames"
                print(f"{clip.name!r}: {landmarks.error or faces}", flush=True)
            progress.advance(cached=result.cached or result.found is None)
            yield index, landmarks
        self.report_ = ExtractionReport(
            len(clips),
            n_cached,
            tuple(skipped[index] for index in sorted(skipped)),
            tuple(n_seen),
            tuple(n_with_face),
            tuple(doubtful[index] for index in sorted(doubtful)),
            np.median(noise or np.full((1, self.n_landmarks), np.float32(np.nan)), axis=0),
        )
        if skipped:
            warn_user(SkippedClipsWarning(self.report_))
        if doubtful:
            warn_user(DoubtfulClipsWarning(self.report_))

    def _rows(
        self, clips: list[Clip], context: CallbackContext | None = None
    ) -> NDArray[np.float32]:
        """Extract clips, and write each to its row of the result as soon as it is done."""
        rows = None
        # An error must end the progress at once.
        with closing(self._run(clips, context=context)) as results:
            for index, result in results:
                values = getattr(result, self.output)
                if not values.size:  # skipped, with n_frames=None
                    continue
                if rows is None:
                    n_frames = len(values)
                    rows = np.full((len(clips), values.size), np.nan, np.float32)
                if values.size != rows.shape[1]:
                    raise ValueError(
                        "with n_frames=None all clips must have the same number of frames, but "
                        f"{result.name!r} has {len(values)} and another clip has {n_frames}: "
                        "pass n_frames, or use extract."
                    )
                rows[index] = values.ravel()
        if rows is None:
            raise ValueError("with n_frames=None at least one clip must be usable; see report_.")
        return self._attach_layout(rows, n_frames)

    def _attach_layout(self, rows: NDArray[np.float32], n_frames: int) -> NDArray[np.float32]:
        """Rows that tell the next step their layout."""
        # The number of columns tells the layout of landmarks.
        return rows if self.output == "landmarks" else self._layout(n_frames).attach(rows)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
