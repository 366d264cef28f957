"""Command ``sklearn-temo explain``."""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._atomic_files import check_writable, replacing
from ._clips import GivenClips, find_unlabelled_clips
from ._messages import describe_exit_codes, run_long, say
from ._models import GivenModel, read_model
from ._parser import add_command

_PICTURES = (".png", ".svg", ".pdf")


def add_explain(commands: Any) -> None:
    """Add the command to the parser."""
    command = add_command(
        commands,
        "explain",
        _explain,
        help="show which landmarks decided the prediction for a clip",
        description="Attribute the prediction for one clip to its landmarks, print the regions of "
        "the face\nthat spoke for and against it, and draw them.",
        example="model.skops clips/happiness/ann/1.mp4 --out page.html",
        exit_codes=describe_exit_codes("explanation", "the clip is explained", None),
    )
    add = command.add_argument
    add("model", metavar="MODEL", help="the model, .skops, from sklearn-temo train or save_model")
    text = "a video or image file, a folder of numbered images, or a table of landmarks"
    add("clip", metavar="CLIP", help=text)
    add("--source", metavar="NAME", help="the clip of the table, as in its column source")
    text = "class to explain (default: the predicted class)"
    add("--target", metavar="LABEL", help=text)
    text = (
        "a picture, .png, .svg or .pdf, or a page with pictures and numbers, .html (default: only "
        "print the text)"
    )
    add("--out", metavar="FILE", help=text)
    text = "draw a face from the landmarks instead of the frame of the clip"
    add("--no-photo", action="store_true", help=text)
    add("--quiet", action="store_true", help="print no progress, only the explanation")


def _explain(options: argparse.Namespace) -> int:
    try:
        if options.out is not None:
            if Path(options.out).suffix.casefold() not in (*_PICTURES, ".html"):
                raise ValueError(
                    f"--out {options.out!r} must end in .png, .svg, .pdf (pictures) or .html."
                )
            check_writable(Path(options.out).expanduser())
        model = read_model(options.model)
        clips = model.take_clips(find_unlabelled_clips([options.clip]))
        clips = _choose_clip(clips, options.source)
        target = _find_target(options.target, model)
    except (ImportError, OSError, TypeError, ValueError) as error:
        options.refuse(error)
    explanations: list[Any] = []

    def run() -> None:
        try:
            explanation = _explain_clip(model, clips, target, verbose=int(not options.quiet))
        except TypeError as error:
            # The model cannot be explained, which is no fault of the program.
            raise ValueError(
                f"{options.model!r}: {error} With sklearn-temo train, choose --classifiers "
                "temo,linear-svm."
            ) from error
        if explanation is not None:
            explanations.append(explanation)
            if options.out is not None:
                images = "drawn" if options.no_photo else "auto"
                _draw(explanation, Path(options.out).expanduser(), images)

    code = run_long(run, "explanation", None)
    if code is not None:
        return code
    if not explanations:
        return 3
    print(explanations[0])
    sys.stdout.flush()
    if options.out is not None:
        say(f"wrote {options.out}")
    return 0


def _choose_clip(clips: GivenClips, source: str | None) -> GivenClips:
    """The only clip, or the one of a table that is named."""
    from sklearn.utils import Bunch

    if clips.table is None:
        if source is not None:
            raise ValueError(f"--source is for tables; {clips.place!r} is none: pass the clip.")
        if len(clips.data) != 1:
            first = clips.data[0]
            one = repr(first) if isinstance(first, str) else "a list with one of its rows"
            raise ValueError(
                f"{clips.place!r} has {len(clips.data)} clips: pass one of them, such as {one}."
            )
        return clips
    names = clips.table.sources.tolist()
    found = [i for i, name in enumerate(names) if source in (None, name)]
    if len(found) != 1:
        raise ValueError(
            f"{clips.place!r} has {len(names)} clips, of which --source must name one, such as "
            f"{names[0]!r}; got {source!r}."
        )
    table = Bunch(sources=clips.table.sources[found], times=clips.table.times[found])
    return GivenClips(clips.place, clips.data[found], table=table)


def _find_target(label: str | None, model: GivenModel) -> Any:
    """The class whose name is `label`."""
    if label is None:
        return None
    classes = getattr(model.for_rows, "classes_", [])
    for each in classes:
        if str(each) == label:
            return each
    raise ValueError(
        f"--target {label!r} is no class of {model.place!r}; the classes are "
        f"{', '.join(map(str, classes))}."
    )


def _explain_clip(model: GivenModel, clips: GivenClips, target: Any, verbose: int) -> Any:
    """Explanation of the clip; None, with a message, if it cannot be used."""
    import numpy as np

    from .._pipelines import extracted_rows
    from ..explanation import explain_clips
    from ..extraction import DoubtfulClipsWarning, SkippedClipsWarning
    from ..extraction._extraction_report import bare_reason

    if clips.table is not None:
        explanation = explain_clips(model.for_rows, clips.data, target=target, verbose=verbose)
        return replace(explanation, names=clips.table.sources.tolist(), times=clips.table.times)
    extractor = model.extractor.set_params(on_error="skip-with-nan", verbose=verbose)
    with warnings.catch_warnings():
        for category in (DoubtfulClipsWarning, SkippedClipsWarning):
            warnings.simplefilter("ignore", category)
        found = extractor.extract(clips.data)
    if extractor.report_.skipped:
        (clip,) = extractor.report_.skipped
        say(f"{clip.source}: {bare_reason(clip)}")
        return None
    for clip in extractor.report_.doubtful:
        say(f"doubtful: {clip.source}: {bare_reason(clip)}")
    rows = extracted_rows(extractor, found)
    explanation = explain_clips(model.for_rows, rows, target=target, verbose=verbose)
    return replace(
        explanation,
        names=[found[0].name],
        # Images have numbers in place of times, and no frame rate.
        times=found[0].times[None] * (1.0 if np.isfinite(found[0].fps) else np.nan),
        clips=list(clips.data),
        extractor=extractor,
    )


def _draw(explanation: Any, place: Path, images: str) -> None:
    from ._clip_page import draw_clip, render_clip_page

    kind = place.suffix.casefold().lstrip(".")
    if kind == "html":
        content = render_clip_page(explanation, images).encode("utf-8", "backslashreplace")
    else:
        content = draw_clip(explanation, images, kind)
    with replacing(place) as file:
        file.write(content)
