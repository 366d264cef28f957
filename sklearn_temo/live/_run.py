"""Live prediction from a source into a window or a file."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from ._overlay import Overlay
from ._predictor import LivePrediction, LivePredictor
from ._sources import Stream, is_camera
from ._window import LiveWindow
from ._writers import check_out, open_writer


@dataclass(frozen=True)
class LiveSummary:
    """Counts of a live prediction.

    Attributes
    ----------
    n_frames : int
        Frames that were used.
    n_dropped : int
        Frames that were read but not used, because a newer one had arrived.
    n_detected : int
        Used frames in which a face was found.
    n_predicted : int
        Used frames with a prediction.
    seconds : float
        Time from the first to the last used frame of the source.
    duration : float
        Seconds that the run took.
    signal : int
        Number of the signal that ended the run, such as 2 for Ctrl-C; 0 if none did.

    Examples
    --------
    >>> from sklearn_temo import LivePredictor, make_temo_pipeline, run_live
    >>> from sklearn_temo.datasets import load_cremad_sample, load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=32, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True).fit(smiles.data, smiles.target)
    >>> video = load_cremad_sample().data[3]
    >>> summary = run_live(LivePredictor(pipe, window=0.2), video, show=False)
    >>> print(summary)
    56 frames in ... s (... frames/s), 0 dropped, a face in 56, a prediction for 50
    """

    n_frames: int
    n_dropped: int
    n_detected: int
    n_predicted: int
    seconds: float
    duration: float
    signal: int = 0

    def __str__(self) -> str:
        rate = self.n_frames / self.duration if self.duration else 0.0
        return (
            f"{self.n_frames} frames in {self.duration:.1f} s ({rate:.0f} frames/s), "
            f"{self.n_dropped} dropped, a face in {self.n_detected}, a prediction for "
            f"{self.n_predicted}"
        )


def run_live(
    predictor: LivePredictor,
    source: int | str | os.PathLike[str] | Iterable[Any] = 0,
    *,
    show: bool = True,
    out: str | os.PathLike[str] | None = None,
    newest: bool | None = None,
    verbose: int = 0,
) -> LiveSummary:
    """Predict live from a camera or a video, and show or write the predictions.

    Parameters
    ----------
    predictor : LivePredictor
        It is reset first, and closed at the end.
    source : int, str, path-like or iterable of (pixels, time), default=0
        A camera: its number, its name, such as "/dev/video1", or "video=NAME" on Windows. Or a
        video file; a file with the name of a number needs a folder in front ("./0"). Or frames and
        their times in seconds, in the form of :meth:`LivePredictor.update`.
    show : bool, default=True
        Show a window with the frames, the selected landmarks and the probabilities. The keys q and
        Escape end it, r begins anew with another first frame.
    out : str, path-like or None, default=None
        A .csv file with the predictions of all frames, or an .mp4 video of what a window shows,
        without sound. An existing file is replaced when the run ends. None writes nothing.
    newest : bool or None, default=None
        Whether a frame is dropped if the next one arrives before it can be used. A video is then
        read at its own speed. None does so for cameras, and for videos that are shown. With False
        all frames are used, as fast as possible.
    verbose : int, default=0
        1 prints the prediction, or why there is none, about once for each second of the source.

    Returns
    -------
    LiveSummary

    Raises
    ------
    OSError
        If a camera, a file or `out` cannot be opened, read or written, or no window can be opened.
    ValueError
        If a file is not a video or is damaged, or `out` has another extension.

    See Also
    --------
    LivePredictor : Predicts from the frames.

    Notes
    -----
    In the main thread, Ctrl-C (SIGINT) and SIGTERM end the run after the current frame, and `out`
    is completed; a signal before the first frame raises KeyboardInterrupt for Ctrl-C. `out` is also
    completed, with the frames so far, if the source fails. Once the run ends, a signal has its
    usual effect again.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo import LivePredictor, make_temo_pipeline, run_live
    >>> from sklearn_temo.datasets import load_cremad_sample, load_london_smiles
    >>> smiles = load_london_smiles()
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=32, random_state=0)
    >>> pipe = pipe.set_params(classify__randomized=True).fit(smiles.data, smiles.target)
    >>> video = load_cremad_sample().data[3]
    >>> with TemporaryDirectory() as folder:
    ...     out = Path(folder, "predictions.csv")
    ...     summary = run_live(LivePredictor(pipe, window=0.2), video, show=False, out=out)
    ...     header, *lines = out.read_text().splitlines()
    >>> print(header)
    time,detected,doubtful,label,probability_happiness,probability_neutral
    >>> print(lines[-1].split(",")[3])
    happiness
    """
    place = None if out is None else check_out(out)
    if newest is None:
        newest = is_camera(source) or (show and isinstance(source, str | os.PathLike))
    predictor.reset()
    stop, received = threading.Event(), [0]
    n_frames = n_detected = n_predicted = 0
    first = last = 0.0
    # Closed in the opposite order, also after an error or KeyboardInterrupt.
    printed = -np.inf
    stream = Stream(source, newest, stop)
    with ExitStack() as stack:
        window = writer = None
        if show:
            overlay = Overlay(predictor)
            window = LiveWindow("sklearn-temo live", stop.set, predictor.reset)
            stack.callback(window.close)
            stream.idle = window.update
        stack.enter_context(predictor)
        frames = stack.enter_context(closing(iter(stream)))
        start = perf_counter()
        for pixels, time in frames:
            prediction = predictor.update(pixels, time)
            if not n_frames:
                first = time
                # From now on there is something to complete.
                stack.enter_context(_ending_signals(stop, received))
                if place is not None:
                    writer = open_writer(place, predictor)
                    stack.callback(writer.close)
            if writer is not None:
                writer.write(pixels, prediction)
            if window is not None:
                note = f"{stream.n_dropped} frames dropped" if stream.n_dropped else ""
                window.show(overlay.draw(pixels, prediction, note))
            if verbose and time - printed >= 1:
                printed = time
                print(_describe(prediction), flush=True)
            n_frames, last = n_frames + 1, time
            n_detected += prediction.detected
            n_predicted += prediction.probabilities is not None
        duration = perf_counter() - start
    if not n_frames and not stop.is_set():
        raise ValueError(f"the source {source!r} has no frames; check that it plays.")
    return LiveSummary(
        n_frames,
        stream.n_dropped,
        n_detected,
        n_predicted,
        last - first,
        duration,
        received[-1],
    )


def _describe(prediction: LivePrediction) -> str:
    text = prediction.message
    if prediction.probabilities is not None:
        text = f"{prediction.label} {prediction.probabilities.max():.2f}"
        if prediction.doubtful:
            text += ", but the face may be another person's"
    return f"{prediction.time:.1f} s: {text}"


@contextmanager
def _ending_signals(stop: threading.Event, received: list[int]) -> Iterator[None]:
    """Let SIGINT and SIGTERM set an event instead of interrupting a frame that is written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        received.append(number)
        stop.set()

    originals = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, original in originals.items():
            signal.signal(number, original)
