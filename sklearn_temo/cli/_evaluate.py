"""Command ``sklearn-temo evaluate``."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._atomic_files import check_writable, replacing
from ._candidates import (
    add_candidate_options,
    add_folds,
    evaluate_candidates,
    make_estimator,
    make_pipeline,
)
from ._clips import GivenClips, add_labelled_clips, read_labelled_clips, summarise_extraction
from ._messages import describe_exit_codes, run_long, say
from ._parser import add_command, add_run_options, check_run_options


def add_evaluate(commands: Any) -> None:
    """Add the command to the parser."""
    command = add_command(
        commands,
        "evaluate",
        _evaluate,
        help="print the scores of a pipeline on people that it was not fitted on",
        description="Evaluate what sklearn-temo train does with the same options on people that "
        "it was not\nfitted on, and print the scores, those of simpler models, and checks of the "
        "evaluation.\nIf there are several candidates, the choice is made inside each fold.",
        example="clips/ --k 64 --classifiers temo --out scores.json --memory cache/",
        exit_codes=describe_exit_codes(
            "evaluation", "the scores are of all clips", "the scores are of the others"
        ),
    )
    add_labelled_clips(command)
    text = "the scores, the checks and the confusion matrix, .json (default: only print them)"
    command.add_argument("--out", metavar="FILE", help=text)
    add_candidate_options(command)
    add_folds(command)
    add_run_options(command, "landmarks and networks")


def _evaluate(options: argparse.Namespace) -> int:
    from ..report._clips import NoUsableClip

    try:
        if options.out is not None:
            if Path(options.out).suffix.casefold() != ".json":
                raise ValueError(f"--out {options.out!r} must end in .json.")
            check_writable(Path(options.out).expanduser())
        check_run_options(options)
        clips = read_labelled_clips(options.clips, options.output)
        pipeline = make_pipeline(options, clips)
        make_estimator(pipeline, options, clips.y, clips.groups)
    except (ImportError, OSError, TypeError, ValueError) as error:
        options.refuse(error)
    result: list[Any] = []

    def run() -> None:
        # The printed evaluation has the checks.
        warnings.filterwarnings("ignore", "checks of the evaluation")
        try:
            result.extend(_run(pipeline, clips, options))
        except NoUsableClip as error:
            say(f"no evaluation was made: {error}")

    code = run_long(run, "evaluation", options.memory)
    if code is not None:
        return code
    if not result:
        return 3
    evaluation, found = result
    print(evaluation)
    sys.stdout.flush()
    return summarise_extraction(found.extraction)


def _run(pipeline: Any, clips: GivenClips, options: argparse.Namespace) -> tuple[Any, Any]:
    """The evaluation, which is also written as JSON, and the clips."""
    from .._pipelines import without_extraction
    from ..report._write_report import describe_evaluation

    for_rows, extractor = without_extraction(pipeline)
    found = clips.extract(extractor, verbose=int(not options.quiet))
    evaluation = evaluate_candidates(for_rows, options, found)
    numbers = describe_evaluation(evaluation, found)
    # Their messages name clips by their files.
    messages = {check["name"]: check["message"] for check in numbers["checks"]}
    checks = tuple(replace(check, message=messages[check.name]) for check in evaluation.checks)
    evaluation = replace(evaluation, checks=checks)
    if options.out is not None:
        text = json.dumps(numbers, ensure_ascii=False, indent=1)
        with replacing(Path(options.out).expanduser()) as file:
            # File names that are not UTF-8 contain surrogates, which cannot be written.
            file.write(text.encode("utf-8", "backslashreplace"))
    return evaluation, found
