"""Saving of a fitted estimator with its model card."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from platform import python_version
from types import NoneType
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .._atomic_files import check_writable, replacing
from .._data_hash import add_labels, rows_sha256
from ..evaluation import Evaluation
from ._contents import objects_in, remove_baselines, remove_local
from ._load_model import FACTS, PACKAGES, SUFFIX, construct, unknown_types
from ._model_card import check_texts, render_card
from ._trusted_types import names_of

# Rows on which the predictions of the saved model are compared.
_N_COMPARED = 100


def save_model(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    X: Any = None,
    y: Any = None,
    groups: Any = None,
    evaluation: Any = None,
    card: Mapping[str, str] | None = None,
    baselines: bool = True,
    trusted: Iterable[str | type] = (),
) -> Path:
    """Save a fitted estimator to a file from which no code runs, with a model card.

    The file is written by `skops <https://skops.readthedocs.io>`_. It holds arrays, numbers, texts
    and names of types; :func:`load_model` refuses types that are neither known to be safe nor
    trusted by the user. The model card is written beside it, as Markdown in the form of Hugging
    Face: the training data, the scores with their intervals, the landmarks that are kept, the
    licences, and uses that the law forbids.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline, search or other estimator, with or without the extraction of landmarks.
        It is not changed.
    path : str or path-like
        File that ends in ``.skops``. The card has the same name and ends in ``.md``. Existing files
        are replaced once both are complete.
    X : list of clips, or array-like of shape (n_clips, n_features), default=None
        Training data, for the checksum in the card; needs `y`. If these are rows, the saved model
        is also compared with `estimator` on the first 100 of them. They are not saved.
    y : array-like of shape (n_clips,) or (n_clips, n_outputs), default=None
        Labels or numbers of the training data, for the numbers of clips in the card.
    groups : array-like of shape (n_clips,), default=None
        Subjects of the training data, for their number in the card; needs `y`.
    evaluation : Evaluation or None, default=None
        Result of :func:`evaluate`, for the scores in the card.
    card : dict of str to str or None, default=None
        Texts for the card: "title", "description", "data" (the source of the training data),
        "data_licence", "licence" (of the model), "intended_use", "limits" and "contact". The card
        says of those that are missing that they are not stated.
    baselines : bool, default=True
        Save the baselines of landmark selectors, which :func:`explain_clips` needs by default. They
        are landmarks of training clips, and show people. False leaves them out: predictions stay
        the same, and :func:`explain_clips` needs its parameter `baselines`.
    trusted : iterable of str or type, default=()
        Types and functions of your own that the estimator contains, or their full names.
        :func:`load_model` needs the same.

    Returns
    -------
    Path
        The file of the model.

    Raises
    ------
    ValueError
        If `path` does not end in ``.skops``, or the estimator contains types that are not trusted;
        the message names them.
    TypeError
        If the estimator cannot be saved without a pickle, such as a skorch net, or another argument
        has a wrong type.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    load_model : Loads the estimator.
    evaluate : Computes scores for the card.
    export_onnx : Writes a graph that needs no Python.

    Notes
    -----
    These are not saved: folders in `memory`, callbacks of scikit-learn, and the `report_` of the
    extraction, which names the clips. An own `model_path` of the extraction stays a path.

    Without baselines, the file may still hold clips of people: support vector machines keep some of
    the training rows, and nearest neighbours all of them. The card says which. ``mean_clip_`` of
    :class:`TEMOClassifier` is a mean over all training clips, and stays.

    The checksum of rows is that of :func:`write_report`. That of clips is the SHA-256 of the
    content of the clips, followed by the same JSON text.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo import load_model, make_temo_pipeline, save_model
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=42, n_frames=2, random_state=0)
    >>> pipe = make_temo_pipeline(landmarks="passthrough", k=64, random_state=0)
    >>> pipe = pipe.set_params(classify__max_epochs=5).fit(clips.data, clips.target)
    >>> with TemporaryDirectory() as folder:
    ...     path = save_model(pipe, Path(folder, "model.skops"), baselines=False)
    ...     model = load_model(path)
    >>> bool((model.predict_proba(clips.data) == pipe.predict_proba(clips.data)).all())
    True
    """
    path = _check_path(path)
    check_scalar(card, "card", (Mapping, NoneType))
    check_scalar(evaluation, "evaluation", (Evaluation, NoneType))
    check_scalar(baselines, "baselines", bool)
    texts = check_texts(card)
    check_is_fitted(estimator)
    _refuse_nets(estimator)
    data = _describe_data(X, y, groups)
    names = names_of(trusted)
    saved = deepcopy(estimator)
    remove_local(saved)
    if not baselines:
        remove_baselines(saved)
    facts = _describe(saved, data)
    content = _dump(saved, facts)
    unknown = unknown_types(content, names)
    if unknown:
        raise ValueError(
            f"{type(estimator).__name__} contains types that load_model does not trust: "
            f"{unknown}. Use other steps or parameters, or save the part that predicts, such as "
            "best_estimator_ of a search. If you know that the types are safe, pass them as "
            "trusted, to save_model and to load_model."
        )
    _check_predictions(estimator, construct(content, names), X)
    text = render_card(saved, facts, texts, evaluation, path.name)
    with replacing(path) as file, replacing(path.with_suffix(".md")) as card_file:
        file.write(content)
        card_file.write(text.encode("utf-8", "backslashreplace"))
    return path


def _check_path(path: str | os.PathLike[str]) -> Path:
    file = Path(path).expanduser().resolve()
    if file.suffix != SUFFIX:
        raise ValueError(f"the file of the model, {str(path)!r}, must end in {SUFFIX}.")
    check_writable(file)
    check_writable(file.with_suffix(".md"))
    return file


def _refuse_nets(estimator: Any) -> None:
    """Raise TypeError if there are skorch nets, whose state contains a pickle."""
    skorch = sys.modules.get("skorch")
    if skorch is None:
        return
    from ..classification._training import ClipNet

    for each in objects_in(estimator):
        if isinstance(each, skorch.NeuralNet) and not isinstance(each, ClipNet):
            raise TypeError(
                f"the estimator contains a {type(each).__name__} of skorch, which can only be "
                "saved as a pickle, and a pickle can run any code when it is loaded. Use "
                "TEMOClassifier or TEMORegressor as the network, or joblib.dump for a file that "
                "only you can write to."
            )


def _dump(estimator: Any, facts: dict[str, Any]) -> bytes:
    import skops.io

    try:
        content = skops.io.dumps(estimator, compression=ZIP_DEFLATED)
    except RecursionError as error:
        raise TypeError(
            f"{type(estimator).__name__} cannot be saved, since it contains itself somewhere, as a "
            "distribution of scipy.stats does. Save the part that predicts, such as "
            "best_estimator_ of a search."
        ) from error
    except TypeError as error:
        raise TypeError(
            f"{type(estimator).__name__} cannot be saved: {error}. Remove the part that the "
            "message is about, or save the part that predicts, such as best_estimator_ of a search."
        ) from error
    buffer = BytesIO(content)
    with ZipFile(buffer, "a", compression=ZIP_DEFLATED) as archive:
        archive.writestr(FACTS, json.dumps(facts, indent=1))
    return buffer.getvalue()


def _describe(estimator: Any, data: dict[str, Any]) -> dict[str, Any]:
    """What the file records of the estimator."""
    layouts = (vars(each).get("layout_") for each in objects_in(estimator))
    layout = next((layout for layout in layouts if layout is not None), None)
    classes = getattr(estimator, "classes_", None)
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": python_version(), **{name: version(name) for name in PACKAGES}},
        "layout": None
        if layout is None
        else {
            "n_frames": layout.n_frames,
            "n_landmarks": layout.n_landmarks,
            "n_coords": layout.n_coords,
            "n_features": layout.n_features,
            "names": layout.names,
            "text": str(layout),
        },
        "classes": None if classes is None else [str(label) for label in classes],
        "data": data,
    }


def _describe_data(X: Any, y: Any, groups: Any) -> dict[str, Any]:
    """Numbers and checksum of the training data; None where they are not known."""
    facts: dict[str, Any] = dict.fromkeys(("n_clips", "n_people", "n_clips_per_class", "sha256"))
    if y is None:
        if X is not None or groups is not None:
            raise ValueError("X and groups describe the training data together with y: pass y.")
        return facts
    y = np.asarray(y)
    check_consistent_length(*(each for each in (X, y, groups) if each is not None))
    facts["n_clips"] = len(y)
    if groups is not None:
        facts["n_people"] = len(np.unique(np.asarray(groups)))
    if y.ndim == 1 and y.dtype.kind not in "fc":
        labels, counts = np.unique(y.astype(str), return_counts=True)
        facts["n_clips_per_class"] = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    if X is not None:
        facts["sha256"] = rows_sha256(X, y, groups) if _is_rows(X) else _clips_sha256(X, y, groups)
    return facts


def _is_rows(X: Any) -> bool:
    return getattr(X, "ndim", 0) == 2 and np.asarray(X).dtype.kind in "fiu"


def _clips_sha256(clips: Any, y: Any, groups: Any) -> str:
    from ..extraction._cache import add_content
    from ..extraction._clips import check_clips

    digest = hashlib.sha256()
    for clip in check_clips(clips):
        add_content(digest, clip)
    return add_labels(digest, y, groups)


def _check_predictions(estimator: Any, loaded: Any, X: Any) -> None:
    """Raise RuntimeError if the saved model predicts something else for rows."""
    methods = ("predict_proba", "decision_function", "predict")
    method = next((name for name in methods if hasattr(estimator, name)), None)
    if method is None or not _is_rows(X):
        return
    with warnings.catch_warnings():
        # The user has seen the warnings of predictions before.
        warnings.simplefilter("ignore")
        rows = X[:_N_COMPARED]
        expected, found = (np.asarray(getattr(each, method)(rows)) for each in (estimator, loaded))
    # Arrays that are laid out anew in memory, such as those of PCA, give other rounding errors.
    is_equal = (
        np.allclose(expected, found, rtol=1e-6, atol=1e-3 * np.ptp(expected))
        if expected.dtype.kind == "f"
        else np.array_equal(expected, found)
    )
    if not is_equal:
        raise RuntimeError(
            f"the saved {type(estimator).__name__} predicts something else than the original, so "
            "that nothing was written: please report it, with the estimator."
        )
