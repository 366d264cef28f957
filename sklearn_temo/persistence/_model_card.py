"""Text of a model card, in the form of Hugging Face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import mesh
from ..inspection._fitted_selectors import Relevance, find_relevance
from ._contents import count_rows_of_people, objects_in

# Texts that only the user knows, and what stands in the card without them.
_DEFAULT_TEXTS = {
    "title": "Model of facial expressions",
    "description": "",
    "data": "The source of the training data is not stated.",
    "data_licence": "not stated",
    "licence": "not stated",
    "intended_use": "Not stated. Without a statement, the model is for research only.",
    "limits": "",
    "contact": "",
}


def check_texts(card: Mapping[str, str] | None) -> dict[str, str]:
    """Texts of the user, and defaults for the others; ValueError if a name is unknown."""
    card = {} if card is None else dict(card)
    unknown = sorted(card.keys() - _DEFAULT_TEXTS)
    if unknown:
        raise ValueError(f"card has {unknown}, but may only have {list(_DEFAULT_TEXTS)}.")
    return _DEFAULT_TEXTS | {name: str(text).strip() for name, text in card.items()}


def render_card(
    estimator: Any, facts: Mapping[str, Any], texts: dict[str, str], evaluation: Any, file: str
) -> str:
    """Model card as Markdown.

    Parameters
    ----------
    estimator : estimator
        The fitted estimator, as it is saved.
    facts : dict
        What the file records of the estimator.
    texts : dict
        Output of :func:`check_texts`.
    evaluation : Evaluation or None
    file : str
        Name of the file of the model.
    """
    template = resources.files(__package__) / "_model_card.md"
    limits = texts["limits"]
    return Template(template.read_text(encoding="utf-8")).substitute(
        texts | {"description": f"{texts['description']}\n\n" if texts["description"] else ""},
        front_matter=_front_matter(texts, evaluation, file),
        file=file,
        input=_describe_input(estimator, facts),
        output=_describe_output(facts),
        versions=", ".join(f"{name} {number}" for name, number in facts["versions"].items()),
        data_table=_data_table(facts["data"]),
        scores=_describe_scores(evaluation),
        landmarks=_describe_landmarks(estimator),
        limits=f"\n{limits}\n" if limits else "",
        contact=f"\n{texts['contact']}\n" if texts["contact"] else "",
        personal_data=_describe_personal_data(estimator),
        estimator=repr(estimator),
    )


def _front_matter(texts: dict[str, str], evaluation: Any, file: str) -> str:
    """Lines of YAML; every text is written as JSON, which is also YAML."""
    lines = ["library_name: sklearn-temo", "model_format: skops", f"model_file: {_quoted(file)}"]
    if texts["licence"] != _DEFAULT_TEXTS["licence"]:
        lines.append(f"license: {_quoted(texts['licence'])}")
    lines += ["tags:", "- sklearn", "- skops", "- facial-expressions", "- face-landmarks"]
    if evaluation is not None:
        is_stated = texts["data"] != _DEFAULT_TEXTS["data"]
        data = _quoted(texts["data"] if is_stated else "not stated")
        lines += [
            "model-index:",
            f"- name: {_quoted(texts['title'])}",
            "  results:",
            "  - task: {type: video-classification}",
            f"    dataset: {{type: clips, name: {data}}}",
            "    metrics:",
        ]
        for metric, score in evaluation.scores["estimator"].items():
            lines.append(f"    - {{type: {metric}, value: {score.value:.4f}}}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    # YAML would read an escaped emoji as two halves of a character.
    return json.dumps(text, ensure_ascii=False)


def _describe_input(estimator: Any, facts: Mapping[str, Any]) -> str:
    if any(hasattr(type(each), "extract") for each in objects_in(estimator)):
        return "clips: paths of videos or images"
    layout = facts["layout"]
    if layout is None:
        return "rows of numbers"
    return f"rows of {layout['n_features']} numbers: {layout['text']}"


def _describe_output(facts: Mapping[str, Any]) -> str:
    if facts["classes"] is None:
        return " It predicts numbers."
    return f" It predicts one of the classes {', '.join(facts['classes'])}."


def _data_table(data: Mapping[str, Any]) -> str:
    rows = [
        ("clips", data["n_clips"]),
        ("people", data["n_people"]),
        *((f"clips of {label}", n) for label, n in (data["n_clips_per_class"] or {}).items()),
        ("SHA-256 of clips, labels and people", data["sha256"]),
    ]
    return "\n".join(
        f"| {_cell(name)} | {'not recorded' if value is None else _cell(value)} |"
        for name, value in rows
    )


def _describe_scores(evaluation: Any) -> str:
    if evaluation is None:
        return "Not evaluated."
    n_clips = int(evaluation.confusion.sum())
    people = "" if evaluation.people is None else f" of {len(evaluation.people)} people"
    metrics = list(evaluation.scores["estimator"])
    lines = [
        f"On {n_clips} clips{people}, in {len(evaluation.estimators)} folds; no clip was predicted "
        "by a model that was fitted on it. In brackets: "
        f"{100 * evaluation.confidence_level:g} % intervals.",
        "",
        f"| | {' | '.join(metric.replace('_', ' ') for metric in metrics)} |",
        f"|---{'|---' * len(metrics)}|",
    ]
    for model, scores in evaluation.scores.items():
        lines.append(f"| {model} | {' | '.join(str(scores[metric]) for metric in metrics)} |")
    problems = [str(check) for check in evaluation.checks if check.verdict == "warning"]
    if problems:
        lines += ["", "Checks that found problems:", "", *(f"- {problem}" for problem in problems)]
    return "\n".join(lines)


def _describe_landmarks(estimator: Any) -> str:
    found = find_relevance(estimator)
    if not found:
        return "All landmarks are used: the model has no landmark selector."
    return "\n\n".join(_describe_selection(relevance) for relevance in found)


def _describe_selection(relevance: Relevance) -> str:
    supports = np.atleast_2d(relevance.support)
    titles = [f"{label}: " for label in relevance.classes] if len(supports) > 1 else [""]
    names = None if relevance.layout is None else relevance.layout.names
    lines = []
    for title, support in zip(titles, supports, strict=True):
        noun = "landmark" if relevance.layout is None else relevance.layout.noun
        lines.append(f"{title}{support.sum()} of {len(support)} {noun}s are kept.")
        lines += ["", *_kept_by_region(support, names), ""]
    return "\n".join(lines).rstrip()


def _kept_by_region(support: NDArray[np.bool_], names: tuple[str, ...] | None) -> list[str]:
    kept = np.flatnonzero(support)
    if names is not None:
        return [", ".join(names[i] for i in kept)]
    if not mesh.is_full_mesh(len(support)):
        return [", ".join(map(str, kept))]
    regions = mesh.regions(len(support))[kept]
    return [
        f"- {region} ({len(of_region)}): {', '.join(map(str, of_region))}"
        for region in mesh.REGIONS
        if len(of_region := kept[regions == region])
    ]


def _describe_personal_data(estimator: Any) -> str:
    counts = count_rows_of_people(estimator)
    rest = "All other numbers are computed from all training clips together."
    if not counts:
        return f"The file holds no clip of a person. {rest}"
    held = ", ".join(f"{n} {text}" for text, n in counts.items())
    return (
        f"The file holds rows of single clips: {held}. They are landmarks of people, and biometric "
        f"data: share the file only with those who may have the clips. {rest}"
    )


def _cell(value: Any) -> str:
    """Text in a table of Markdown."""
    return str(value).replace("|", "\\|")
