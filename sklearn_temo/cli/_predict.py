"""Command ``sklearn-temo predict``."""

from __future__ import annotations

import argparse
import csv
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._atomic_files import check_writable, replacing
from ._clips import find_unlabelled_clips, summarise_extraction
from ._messages import describe_exit_codes, run_long, say
from ._models import read_model
from ._parser import add_command, add_run_options, check_run_options

if TYPE_CHECKING:
    from ..report._clips import ReportClips


def add_predict(commands: Any) -> None:
    """Add the command to the parser."""
    command = add_command(
        commands,
        "predict",
        _predict,
        help="predict the emotions of clips with a saved model",
        description="Predict clips, a list of clips, or the rows of a table of landmarks, with a "
        "saved model,\nand write the label and, if the model gives them, the probability of each "
        "class.",
        example="model.skops clips/ --out predictions.csv",
        exit_codes=describe_exit_codes(
            "table", "all clips are predicted", "the others are predicted"
        ),
    )
    add = command.add_argument
    add("model", metavar="MODEL", help="the model, .skops, from sklearn-temo train or save_model")
    text = (
        "video and image files, folders of numbered images and other folders, which are searched "
        "at any depth; or a table of landmarks (.parquet, .npz, .csv)"
    )
    add("clips", nargs="+", metavar="CLIPS", help=text)
    add("--out", metavar="FILE", help="the predictions, .csv (default: print them)")
    add_run_options(command, "the landmarks of each clip")


def _predict(options: argparse.Namespace) -> int:
    from ..extraction._table_files import write_csv
    from ..report._clips import NoUsableClip

    try:
        if options.out is not None:
            if Path(options.out).suffix.casefold() != ".csv":
                raise ValueError(f"--out {options.out!r} must end in .csv.")
            check_writable(Path(options.out).expanduser())
        check_run_options(options)
        model = read_model(options.model)
        clips = model.take_clips(find_unlabelled_clips(options.clips))
    except (ImportError, OSError, TypeError, ValueError) as error:
        options.refuse(error)
    extractor = model.extractor
    if extractor is not None:
        extractor.set_params(memory=options.memory, n_jobs=options.n_jobs)
    rows: list[list[str]] = []
    extraction: dict[str, Any] = {}

    def run() -> None:
        try:
            found = clips.extract(extractor, verbose=int(not options.quiet))
        except NoUsableClip as error:
            say(f"no table was written: {error}")
            return
        rows.extend(_predictions(model.for_rows, found))
        assert found.extraction is not None
        extraction.update(found.extraction)
        if options.out is not None:
            with replacing(Path(options.out).expanduser()) as file:
                write_csv(file, rows)

    code = run_long(run, "table", options.memory)
    if code is not None:
        return code
    if not rows:
        return 3
    if options.out is None:
        # File names that are not UTF-8 contain surrogates, which cannot be written.
        lines = StringIO()
        csv.writer(lines, lineterminator="\n").writerows(rows)
        print(lines.getvalue().encode("utf-8", "backslashreplace").decode(), end="", flush=True)
    place = "" if options.out is None else f" into {options.out}"
    say(f"predicted {len(rows) - 1} of {extraction['n_clips']} clips{place}")
    return summarise_extraction(extraction)


def _predictions(model: Any, found: ReportClips) -> list[list[str]]:
    """Header and rows of the table."""
    from ..extraction._table_files import protect_text

    header, cells = ["source", "label"], [[] for _ in found.names]  # type: list[str], list[list[str]]
    if hasattr(model, "predict_proba"):
        header += [f"probability_{label}" for label in model.classes_]
        cells = [[f"{value:.6f}" for value in row] for row in model.predict_proba(found.rows)]
    labels = model.predict(found.rows)
    return [header] + [
        [protect_text(name), protect_text(str(label)), *values]
        for name, label, values in zip(found.names, labels, cells, strict=True)
    ]
