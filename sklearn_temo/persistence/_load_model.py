"""Loading of a saved estimator, without running code from the file."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from sklearn.exceptions import InconsistentVersionWarning

from .._warnings import warn_user
from ._contents import remove_local
from ._trusted_types import names_of, trusted_types

SUFFIX = ".skops"
# Member of the file with what it records of the estimator; skops ignores it.
FACTS = "sklearn_temo.json"
# Packages whose versions are recorded and compared: predictions may depend on them.
PACKAGES = ("sklearn-temo", "scikit-learn", "numpy", "torch", "mediapipe", "skops")


def load_model(path: str | os.PathLike[str], *, trusted: Iterable[str | type] = ()) -> Any:
    """Load an estimator that :func:`~sklearn_temo.save_model` saved.

    No code of the file runs. The types and functions that the file names are compared with a list
    of safe ones before anything is built: those of skops, which has the estimators of scikit-learn
    and the types of NumPy and SciPy, and those of this package.

    Parameters
    ----------
    path : str or path-like
        File of :func:`~sklearn_temo.save_model`.
    trusted : iterable of str or type, default=()
        Further types and functions to trust, or their full names. They are imported, and instances
        of them are built from the file: pass only types that you know. Never pass
        `functools.partial`, with which a file can call any trusted function or method.

    Returns
    -------
    estimator
        The fitted estimator. It caches nothing; set its `memory` to use a cache.

    Raises
    ------
    ValueError
        If the file contains types that are not trusted, is damaged, or is no saved model.
    OSError
        If the file cannot be read.

    Warns
    -----
    UserWarning
        If the model was saved with other versions of the packages that it needs.

    See Also
    --------
    save_model : Saves an estimator.

    Notes
    -----
    Forests and other trees need ``trusted=["sklearn.tree._tree.Tree"]``: a crafted tree runs no
    code, but can crash the process.

    A file of people whom you do not trust may still predict anything, and may be as large as the
    memory.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_temo import TEMOClassifier, load_model, save_model
    >>> from sklearn_temo.datasets import make_expression_clips
    >>> clips = make_expression_clips(n_clips=42, n_frames=2, random_state=0)
    >>> temo = TEMOClassifier(randomized=True, random_state=0).fit(clips.data, clips.target)
    >>> with TemporaryDirectory() as folder:
    ...     path = save_model(temo, Path(folder, "temo.skops"))
    ...     load_model(path)
    TEMOClassifier(random_state=0, randomized=True)
    """
    file = Path(path).expanduser()
    content = file.read_bytes()
    names = names_of(trusted)
    try:
        recorded = _recorded_versions(content)
        unknown = unknown_types(content, names)
    except Exception as error:  # A damaged or crafted file can cause any error.
        raise ValueError(
            f"{str(path)!r} is no file of save_model, or is damaged "
            f"({type(error).__name__}: {error}). Files of pickle and joblib are not loaded, since "
            "they can run any code."
        ) from error
    if unknown:
        raise ValueError(
            f"{str(path)!r} contains types that are not trusted: {unknown}. Nothing was loaded. If "
            "you know who made the file and that these types are safe, pass them as trusted."
        )
    try:
        estimator = construct(content, names)
    except Exception as error:  # As above, and types that the user trusts are imported.
        raise ValueError(
            f"{str(path)!r} cannot be loaded ({type(error).__name__}: {error}). It is damaged, or "
            f"was saved with versions that do not fit: {recorded}."
        ) from error
    _warn_of_versions(path, recorded)
    return estimator


def unknown_types(content: bytes, trusted: set[str]) -> list[str]:
    """Names of the types and functions in a file that are not trusted; nothing is built."""
    import skops.io

    found = {*skops.io.get_untrusted_types(data=content), *_partial_functions(content)}
    return sorted(found - trusted_types() - trusted)


def _partial_functions(content: bytes) -> set[str]:
    """Name of the type of partial functions, if a file has any.

    skops calls whatever has their loader a partial function, but checks the name of the type that
    the file gives. A crafted file could name a trusted type, and have a method called on load.
    """
    found = set()

    def check(node: dict[str, Any]) -> None:
        if node.get("__loader__") == "PartialNode":
            found.add("functools.partial")

    with ZipFile(BytesIO(content)) as archive:
        json.loads(archive.read("schema.json"), object_hook=check)
    return found


def construct(content: bytes, trusted: set[str]) -> Any:
    """Build the estimator of a file. skops raises TypeError if a type is not trusted."""
    import skops.io

    with warnings.catch_warnings():
        # One warning names all versions.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        estimator = skops.io.loads(content, trusted=[*trusted_types(), *trusted])
    # A cache of the selector is a folder of pickles, which a crafted file could name.
    remove_local(estimator)
    return estimator


def _recorded_versions(content: bytes) -> dict[str, str]:
    """Versions that a file was saved with, by package."""
    with ZipFile(BytesIO(content)) as archive:
        facts = json.loads(archive.read(FACTS))
    return {name: str(facts["versions"][name]) for name in PACKAGES if name in facts["versions"]}


def _warn_of_versions(path: Any, recorded: dict[str, str]) -> None:
    installed = {name: version(name) for name in recorded}
    differing = [
        f"{name} {recorded[name]} (here {installed[name]})"
        for name in recorded
        if recorded[name] != installed[name]
    ]
    if differing:
        warn_user(
            f"{str(path)!r} was saved with {', '.join(differing)}: its predictions may differ. "
            "Compare them with known ones, or install the versions of the file."
        )
