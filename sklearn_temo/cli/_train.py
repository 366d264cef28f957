"""Command ``sklearn-temo train``."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from .._atomic_files import check_writable
from .._progress import Progress
from ._candidates import (
    add_candidate_options,
    add_folds,
    evaluate_candidates,
    make_estimator,
    make_pipeline,
    make_search,
)
from ._clips import (
    GivenClips,
    add_labelled_clips,
    check_people,
    read_labelled_clips,
    summarise_extraction,
)
from ._messages import describe_exit_codes, run_long, say
from ._parser import add_command, add_run_options, check_run_options

# In the card.
_NO_GROUPS = (
    "- The cross-validation did not keep the people in the training clips apart: its scores may be "
    "too high for other people."
)


def add_train(commands: Any) -> None:
    """Add the command to the parser."""
    train = add_command(
        commands,
        "train",
        _train,
        help="choose a pipeline by cross-validation, fit it to all clips, and save it",
        description="Compare numbers of landmarks and classifiers by a cross-validation that keeps "
        "people\napart, print their scores, fit the chosen pipeline to all clips, and save it with "
        "a\nmodel card beside it. A model of clips predicts clips, a model of a table predicts "
        "tables.",
        example="clips/ --k 20,64,128 --classifiers temo,svm --out model.skops --memory cache/",
        exit_codes=describe_exit_codes(
            "model", "the model is of all clips", "the model is of the others"
        ),
    )
    add_labelled_clips(train)
    add = train.add_argument
    add(
        "--out",
        required=True,
        metavar="FILE",
        help="the model, .skops; its card, .md, is written beside it",
    )
    add_candidate_options(train)
    add_folds(train)
    text = (
        "whether no person is in the training and in the test clips of a fold; --no-groups "
        "allows it, for clips whose people are not known (default: --groups)"
    )
    add("--groups", action=argparse.BooleanOptionalAction, default=True, help=text)
    text = (
        "also evaluate the whole procedure, with the choice inside each fold, and write the scores "
        "into the card; takes about as many times longer as there are folds"
    )
    add("--evaluate", action="store_true", help=text)
    text = (
        "leave out the baselines, which are landmarks of training clips and show people; explain "
        "cannot be used with such a model"
    )
    add("--no-baselines", dest="baselines", action="store_false", help=text)
    text = (
        "JSON file with texts of the model card, such as data, data_licence, licence, intended_use "
        "and contact: see save_model"
    )
    add("--card", metavar="FILE", help=text)
    add_run_options(train, "landmarks and networks")


def _train(options: argparse.Namespace) -> int:
    from ..evaluation._evaluate import count_folds
    from ..report._clips import NoUsableClip

    try:
        _check_place(options.out)
        check_run_options(options)
        texts = _read_texts(options.card)
        clips = read_labelled_clips(options.clips, options.output)
        if options.groups:
            check_people(clips, "pass --no-groups, which may test on people of the training clips")
        groups = clips.groups if options.groups else None
        clips = GivenClips(clips.place, clips.data, clips.y, groups, clips.table)
        pipeline = make_pipeline(options, clips)
        count_folds(options.folds, clips.y, groups)
        if options.evaluate:
            make_estimator(pipeline, options, clips.y, groups)
    except (ImportError, OSError, TypeError, ValueError) as error:
        options.refuse(error)
    result: dict[str, Any] = {}

    def run() -> None:
        try:
            result.update(_fit_and_save(pipeline, clips, texts, options))
        except NoUsableClip as error:
            say(f"no model was written: {error}")

    code = run_long(run, "model", options.memory)
    if code is not None:
        return code
    if not result:
        return 3
    print(result["scores"])
    sys.stdout.flush()
    say(f"wrote {options.out} and its card {Path(options.out).with_suffix('.md')}")
    return summarise_extraction(result["extraction"])


def _check_place(out: str) -> None:
    model = Path(out).expanduser()
    if model.suffix.casefold() != ".skops":
        raise ValueError(f"the file of the model, {out!r}, must end in .skops.")
    check_writable(model)
    check_writable(model.with_suffix(".md"))


def _read_texts(file: str | None) -> dict[str, str]:
    """Texts of the user for the card."""
    from ..persistence._model_card import check_texts

    if file is None:
        return {}
    try:
        texts = json.loads(Path(file).expanduser().read_text(encoding="utf-8"))
        check_texts(texts)
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(
            f"--card {file!r} is no JSON object of texts such as "
            f'{{"data_licence": "CC BY 4.0"}}: {error}'
        ) from error
    return texts


def _fit_and_save(
    pipeline: Any, clips: GivenClips, texts: dict[str, str], options: argparse.Namespace
) -> dict[str, Any]:
    from .._pipelines import add_extraction, without_extraction
    from ..evaluation._evaluate import count_folds
    from ..persistence import save_model

    for_rows, extractor = without_extraction(pipeline)
    found = clips.extract(extractor, verbose=int(not options.quiet))
    n_folds = count_folds(options.folds, found.y, found.groups)
    search, classifiers = make_search(for_rows, options, n_folds, found.groups)
    search.set_params(n_jobs=options.n_jobs)
    if not options.quiet:
        _show_progress(search, n_folds)
    search.fit(found.rows, found.y, groups=found.groups)
    evaluation = None
    if options.evaluate:
        evaluation = evaluate_candidates(for_rows, options, found)
    model = search.best_estimator_
    if extractor is not None:
        add_extraction(model, extractor)
    scores = _describe_scores(search, classifiers, found.groups is not None)
    save_model(
        model,
        options.out,
        X=found.rows if extractor is None else [clips.data[i] for i in found.indices],
        y=found.y,
        groups=found.groups,
        evaluation=evaluation,
        card={
            "description": f"Chosen by a cross-validation:\n\n```\n{scores}\n```",
            "limits": "" if options.groups else _NO_GROUPS,
            **texts,
        },
        baselines=options.baselines,
    )
    return {
        "scores": scores if evaluation is None else f"{scores}\n\n{evaluation}",
        "extraction": found.extraction,
    }


def _show_progress(search: Any, n_folds: int) -> None:
    from joblib import effective_n_jobs

    n_candidates = len(search.param_grid["classify"]) * len(search.param_grid["select__k"])
    say(f"comparing candidates: {n_candidates}, each in {n_folds} folds")
    if sys.stderr.isatty():
        from sklearn.callback import ProgressBar

        with suppress(ImportError):  # rich is optional
            search.set_callbacks(ProgressBar())
            return
    if effective_n_jobs(search.n_jobs) == 1:
        search.set_callbacks(_FitCounter())
    else:
        # A callback in another process would print on its stdout.
        search.set_params(verbose=1)


class _FitCounter:
    """Callback of scikit-learn that prints the progress of a search."""

    max_propagation_depth = 0

    def setup(self, estimator: Any, context: Any) -> None:
        self._open = ExitStack()

    def teardown(self, estimator: Any, context: Any) -> None:
        self._open.close()

    def on_fit_task_begin(self, estimator: Any, context: Any, **_: Any) -> None:
        if context.task_name == "search":
            shown = Progress("train", context.max_subtasks, "fits", 1)
            self._progress = self._open.enter_context(shown)

    def on_fit_task_end(self, estimator: Any, context: Any, **_: Any) -> None:
        if context.task_name == "candidate-split-evaluation":
            self._progress.advance()


def _describe_scores(search: Any, classifiers: dict[str, Any], has_people: bool) -> str:
    """Table of the scores of all candidates."""
    from .._search_results import read_search, standard_errors
    from ..evaluation._evaluation import text_table

    results = read_search(search.cv_results_, None, "select__k")
    errors = standard_errors(results.scores)
    rows = [("classifier", "k", "balanced accuracy", "standard error", "")]
    for i, params in enumerate(results.params):
        (name,) = (name for name, each in classifiers.items() if each is params["classify"])
        mean, error = results.scores[i].mean(), errors[i]
        chosen = "chosen" if i == search.best_index_ else ""
        rows.append((name, str(results.k[i]), f"{mean:.3f}", f"{error:.3f}", chosen))
    apart = "people" if has_people else "clips, perhaps of the same people,"
    lines = text_table(rows)
    lines.append(
        f"Mean and standard error over {results.scores.shape[1]} folds, which keep {apart} apart."
    )
    if len(results.params) > 1:
        lines.append(
            "The score of the best of several is too high: sklearn-temo evaluate, or --evaluate,\n"
            "measures the choice on other people."
        )
    return "\n".join(lines)
