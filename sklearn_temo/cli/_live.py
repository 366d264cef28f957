"""Command ``sklearn-temo live``."""

from __future__ import annotations

import argparse
from typing import Any

from ._extract import region
from ._messages import run_long, say
from ._models import read_model
from ._parser import add_command

_EXIT_CODES = """\
exit codes:
  0    the source ended, or the window was closed
  2    an argument cannot be used; no frame was read
  4    stopped by an error, such as a camera that was unplugged
  130  ended by Ctrl-C; 143 by SIGTERM

The file of --out is complete up to the last frame, however the run ends, and replaces an existing
one. It is not written if there was no frame. Predictions and errors go to stderr.
"""


def add_live(commands: Any) -> None:
    """Add the command to the parser."""
    command = add_command(
        commands,
        "live",
        _live,
        help="predict live from a camera or a video",
        description="Predict the emotion of a face from the last seconds of a camera or a video, "
        "and show\nthe landmarks and the probabilities, or write them to a file. Nothing is stored "
        "without\n--out. Keys of the window: q ends, r begins anew.",
        example="--model model.skops --source clip.mp4 --headless --out predictions.csv",
        exit_codes=_EXIT_CODES,
    )
    add = command.add_argument
    text = "a model of clips or landmarks, .skops, from sklearn-temo train or save_model"
    add("--model", required=True, metavar="MODEL", help=text)
    text = (
        "a camera (a number, /dev/video1, or video=NAME on Windows) or a video file "
        "(default: the camera %(default)s)"
    )
    add("--source", default="0", metavar="SOURCE", help=text)
    text = "seconds that a prediction looks back; the length of the training clips is best"
    add("--window", type=float, default=2.0, metavar="S", help=f"{text} (default: %(default)s)")
    text = "time constant of the smoothing of the probabilities; 0 for none (default: %(default)s)"
    add("--smoothing", type=float, default=0.5, metavar="S", help=text)
    text = (
        "the first frame of each clip that the model gets: that of the window, or the first face "
        "of the source, which must be neutral (default: %(default)s)"
    )
    add("--reference", choices=("window", "start"), default="window", help=text)
    text = "engine that finds the landmarks (default: that of the model)"
    add("--engine", choices=("mediapipe", "litert"), help=text)
    text = "search for the face only in this part of the upright frame, in pixels"
    add("--region", type=region, metavar="LEFT,TOP,RIGHT,BOTTOM", help=text)
    text = "show no window, and use every frame of a video, as fast as possible"
    add("--headless", action="store_true", help=text)
    text = "predictions of all frames, .csv, or a video of the picture with the predictions, .mp4"
    add("--out", metavar="FILE", help=f"{text} (default: write nothing)")
    add("--quiet", action="store_true", help="print only the summary")


def _live(options: argparse.Namespace) -> int:
    from ..live import LivePredictor, run_live
    from ..live._sources import check_source
    from ..live._writers import check_out

    try:
        if options.out is not None:
            check_out(options.out)
        check_source(options.source)
        model = read_model(options.model)
        given = {"window": options.window, "smoothing": options.smoothing}
        predictor = LivePredictor(model.estimator, reference=options.reference, **given)
        changes = {"engine": options.engine, "region": options.region}
        changes = {name: value for name, value in changes.items() if value is not None}
        if changes:
            extractor = predictor.extractor_.set_params(**changes)
            predictor = LivePredictor(
                model.estimator, reference=options.reference, extractor=extractor, **given
            )
    except (ImportError, OSError, TypeError, ValueError) as error:
        options.refuse(error)
    found: list[Any] = []

    def run() -> None:
        try:
            summary = run_live(
                predictor,
                options.source,
                show=not options.headless,
                out=options.out,
                verbose=int(not options.quiet),
            )
        except KeyboardInterrupt:
            say("interrupted before the first frame")
            found.append(130)
        except (OSError, ValueError) as error:
            say(f"stopped: {error}")
            found.append(4)
        else:
            say(str(summary))
            if summary.n_frames and summary.seconds < predictor.window and not summary.signal:
                say(
                    f"no prediction: the source lasts {summary.seconds:.1f} s, which is less than "
                    f"the window of {predictor.window:g} s; pass a shorter --window"
                )
            elif summary.n_frames > 1 and not summary.n_predicted:
                apart = summary.seconds / (summary.n_frames - 1)
                if apart > predictor.window / 2:
                    say(
                        f"no prediction: the frames are {apart:.2g} s apart, which is more than "
                        f"half of the window of {predictor.window:g} s; pass a longer --window"
                    )
            if options.out is not None and summary.n_frames:
                say(f"wrote {options.out}")
            found.append(128 + summary.signal if summary.signal else 0)

    code = run_long(run, "file", None)
    return found[0] if code is None else code
