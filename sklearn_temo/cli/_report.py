"""Command ``sklearn-temo report``."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

from ._candidates import add_candidate_options, make_estimator, make_pipeline
from ._clips import add_labelled_clips, read_labelled_clips, summarise_extraction
from ._messages import describe_exit_codes, run_long, say
from ._parser import add_command, add_run_options, check_run_options


def add_report(commands: Any) -> None:
    """Add the command to the parser."""
    report = add_command(
        commands,
        "report",
        _report,
        help="evaluate a pipeline on clips, and write one page about it",
        description="Read clips, evaluate a pipeline on people that it was not fitted on, and "
        "write one page\nwith the scores, checks of the evaluation, the relevant landmarks and "
        "explained clips.\nThe page is a single HTML file; its numbers are written beside it, as "
        ".json. Both\ncontain the names of the clips and of the people, but no images.",
        example="clips/ --out report.html --n-jobs -1 --memory cache/",
        exit_codes=describe_exit_codes(
            "report", "the report is of all clips", "the report is of the others and lists them"
        ),
    )
    add_labelled_clips(report)
    report.add_argument("--out", required=True, metavar="FILE", help="the page, .html")
    add_candidate_options(report)
    report.set_defaults(folds=None)
    report.add_argument("--title", help="title of the page")
    add_run_options(report, "landmarks and networks")


def _report(options: argparse.Namespace) -> int:
    from ..report import write_report
    from ..report._clips import NoUsableClip
    from ..report._write_report import check_path

    try:
        check_path(options.out)
        check_run_options(options)
        clips = read_labelled_clips(options.clips, options.output)
        pipeline = make_pipeline(options, clips)
        estimator, _ = make_estimator(pipeline, options, clips.y, clips.groups)
    except (ImportError, OSError, TypeError, ValueError) as error:
        options.refuse(error)
    report: dict[str, Any] = {}

    def run() -> None:
        # The summary lists them.
        warnings.filterwarnings("ignore", r"\d+ of \d+ clips could not be used")
        warnings.filterwarnings("ignore", "checks of the evaluation")
        rows, y, groups = clips.data, clips.y, clips.groups
        try:
            if clips.table is not None:
                found = clips.extract(None, verbose=0)
                rows, y, groups = found.rows, found.y, found.groups
                report["extraction"] = found.extraction
            numbers = write_report(
                estimator,
                rows,
                y,
                path=options.out,
                groups=groups,
                title=options.title,
                n_jobs=options.n_jobs,
                random_state=options.seed,
                verbose=int(not options.quiet),
            )
        except NoUsableClip as error:
            say(f"no report was written: {error}")
        else:
            report.update(numbers)

    code = run_long(run, "report", options.memory)
    if code is not None:
        return code
    return _summarise(report, options.out) if "scores" in report else 3


def _summarise(report: dict[str, Any], out: str) -> int:
    """Print the summary, and choose the exit code."""
    extraction = report["data"]["extraction"] or report["extraction"]
    faces = f"{extraction['frames_with_face']} of {extraction['frames_seen']} frames"
    n_clips = f"{report['data']['n_clips']} of {extraction['n_clips']} clips"
    numbers = Path(out).with_suffix(".json").name
    say(f"wrote the report of {n_clips} into {out} and {numbers}, a face in {faces}")
    for row in report["scores"]["rows"]:
        score = row["balanced_accuracy"]
        value, low, high = score["value"], score["low"], score["high"]
        interval = "" if low is None else f" ({low:.3f} to {high:.3f})"
        say(f"balanced accuracy of the {row['model']}: {value:.3f}{interval}")
    for check in report["checks"]:
        if check["verdict"] == "warning":
            say(f"check {check['name']}: {check['message']}")
    return summarise_extraction(extraction)
