"""Command ``sklearn-temo report``."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

from ._messages import describe_exit_codes, printable, run_long, say


def add_report(commands: Any) -> None:
    """Add the command to the parser."""
    report = commands.add_parser(
        "report",
        help="evaluate a pipeline on clips, and write one page about it",
        description="Read clips, evaluate a pipeline on people that it was not fitted on, and "
        "write one page\nwith the scores, checks of the evaluation, the relevant landmarks and "
        "explained clips.\nThe page is a single HTML file; its numbers are written beside it, as "
        ".json. Both\ncontain the names of the clips and of the people, but no images.",
        epilog=describe_exit_codes(
            "report", "the report is of all clips", "the report is of the others and lists them"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    report.set_defaults(run=_report, error=report.error)
    add = report.add_argument
    text = (
        "a folder emotion/clip.mp4 or emotion/person/clip.mp4, or a .csv file with the columns "
        "path, label and, if the people are known, group"
    )
    add("clips", metavar="CLIPS", help=text)
    add("--out", required=True, metavar="FILE", help="the page, .html")
    text = "number of landmarks that the pipeline selects, or all (default: %(default)s)"
    add("--k", type=_k, default=128, metavar="K", help=text)
    text = "last step of the pipeline (default: %(default)s)"
    add("--classifier", choices=("temo", "linear-svm", "rbf-svm"), default="temo", help=text)
    text = "frames per clip, evenly spaced in time (default: %(default)s)"
    add("--n-frames", type=int, default=16, metavar="N", help=text)
    add("--title", help="title of the page")
    text = "seed of the folds and the networks (default: %(default)s)"
    add("--random-state", type=int, default=0, metavar="SEED", help=text)
    add("--n-jobs", type=int, metavar="N", help="processes; -1 takes all cores (default: 1)")
    text = "folder that caches landmarks and networks; created if missing (default: no cache)"
    add("--memory", metavar="DIR", help=text)
    add("--quiet", action="store_true", help="print no progress, only the summary")


def _k(text: str) -> int | str:
    from ..mesh import N_LANDMARKS

    if text == "all":
        return text
    if not text.isdecimal() or not 1 <= int(text) <= N_LANDMARKS:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 1 to {N_LANDMARKS}, or all; got {text!r}"
        )
    return int(text)


def _report(options: argparse.Namespace) -> int:
    import numpy as np
    from joblib import effective_n_jobs

    from ..datasets import load_clip_folder
    from ..extraction._cache import open_cache
    from ..pipeline import make_temo_pipeline
    from ..report import write_report
    from ..report._clips import NoUsableClip
    from ..report._write_report import check_path

    try:
        check_path(options.out)
        effective_n_jobs(options.n_jobs)
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: say(f"warning: {message}")
            paths, y, groups = load_clip_folder(Path(options.clips).expanduser())
        if len(np.unique(y)) < 2:
            raise ValueError(
                f"all clips of {options.clips!r} are of the class {str(y[0])!r}; a report needs "
                "two classes or more."
            )
        pipeline = make_temo_pipeline(
            k=options.k,
            classifier=_make_classifier(options.classifier),
            n_frames=options.n_frames,
            memory=options.memory,
            n_jobs=options.n_jobs,
            random_state=options.random_state,
        )
        pipeline.set_params(landmarks__on_error="skip-with-nan")
        pipeline["landmarks"].fit(paths)
        if options.memory is not None:
            open_cache(Path(options.memory).expanduser())
    except (ImportError, OSError, TypeError, ValueError) as error:
        options.error(printable(error))
    report: dict[str, Any] = {}

    def run() -> None:
        # The summary lists them.
        warnings.filterwarnings("ignore", r"\d+ of \d+ clips could not be used")
        warnings.filterwarnings("ignore", "checks of the evaluation")
        try:
            numbers = write_report(
                pipeline,
                paths,
                y,
                path=options.out,
                groups=groups,
                title=options.title,
                n_jobs=options.n_jobs,
                random_state=options.random_state,
                verbose=int(not options.quiet),
            )
        except NoUsableClip as error:
            say(f"no report was written: {error}")
        else:
            report.update(numbers)

    code = run_long(run, "report", options.memory)
    if code is not None:
        return code
    return _summarise(report, options.out) if report else 3


def _make_classifier(name: str) -> Any:
    """Last step of the pipeline; None for that of make_temo_pipeline."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    svms = {"linear-svm": SVC(kernel="linear", C=0.01), "rbf-svm": SVC(C=10)}
    return make_pipeline(StandardScaler(), svms[name]) if name in svms else None


def _summarise(report: dict[str, Any], out: str) -> int:
    """Print the summary, and choose the exit code."""
    extraction = report["data"]["extraction"]
    faces = f"{extraction['frames_with_face']} of {extraction['frames_seen']} frames"
    n_clips = f"{report['data']['n_clips']} of {extraction['n_clips']} clips"
    say(f"wrote the report of {n_clips} into {out}, a face in {faces}")
    for row in report["scores"]["rows"]:
        score = row["balanced_accuracy"]
        value, low, high = score["value"], score["low"], score["high"]
        interval = "" if low is None else f" ({low:.3f} to {high:.3f})"
        say(f"balanced accuracy of the {row['model']}: {value:.3f}{interval}")
    for check in report["checks"]:
        if check["verdict"] == "warning":
            say(f"check {check['name']}: {check['message']}")
    for clip in extraction["skipped"]:
        say(f"{clip['clip']}: {clip['reason']}")
    for clip in extraction["doubtful"]:
        say(f"doubtful: {clip['clip']}: {clip['reason']}")
    return 1 if extraction["skipped"] else 0
