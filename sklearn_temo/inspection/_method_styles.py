"""Names of methods in words, and one colour, marker and line for each method in all pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR

from .._pipelines import is_search

_KERNELS = {"linear": "linear SVM", "rbf": "RBF SVM", "poly": "polynomial SVM"}
_WORDS = {
    "DummyClassifier": "dummy classifier",
    "LinearDiscriminantAnalysis": "linear discriminant analysis",
    "LogisticRegression": "logistic regression",
    "LogisticRegressionCV": "logistic regression",
    "RandomForestClassifier": "random forest",
    "KNeighborsClassifier": "nearest neighbours",
}


@dataclass(frozen=True)
class MethodStyle:
    """How a method is drawn.

    Parameters
    ----------
    slot : int
        Number of the style; a report finds its colours for light and dark pages by this number.
    colour : str
    marker : str
    line : str or tuple
        Line style of matplotlib.
    filled : bool
        Whether the marker is filled.
    """

    slot: int
    colour: str
    marker: str
    line: Any
    filled: bool = True

    @property
    def markers(self) -> dict[str, Any]:
        """Arguments of :meth:`matplotlib.axes.Axes.plot` for the markers."""
        face = self.colour if self.filled else "none"
        return {"color": self.colour, "marker": self.marker, "markerfacecolor": face}

    @property
    def curve(self) -> dict[str, Any]:
        """Arguments of :meth:`matplotlib.axes.Axes.plot` for a line with markers."""
        return self.markers | {"linestyle": self.line}


# Okabe and Ito's colours that are visible on white and on black.
_TRAINED = MethodStyle(0, "#0072B2", "o", "-")
_RANDOMIZED = MethodStyle(1, "#D55E00", "D", "--")
_LINEAR = MethodStyle(2, "#009E73", "s", "-.")
_RBF = MethodStyle(3, "#CC79A7", "^", ":")
_RANDOM = MethodStyle(4, "#7F7F7F", "x", (0, (6, 3)))
# SVMs with standard preprocessing, beside tuned ones: the same colour, other markers.
_LINEAR_STANDARD = MethodStyle(2, "#009E73", "s", (0, (1, 1.5)), filled=False)
_RBF_STANDARD = MethodStyle(3, "#CC79A7", "^", (0, (1, 1.5)), filled=False)
_FAMILIES = (
    (re.compile(r"\brandom\b(?! forest)"), _RANDOM),
    (re.compile(r"^T-EMO, randomized\b"), _RANDOMIZED),
    (re.compile(r"^T-EMO\b|^$"), _TRAINED),
    (re.compile(r"^linear SVM, standard\b"), _LINEAR_STANDARD),
    (re.compile(r"^RBF SVM, standard\b"), _RBF_STANDARD),
    (re.compile(r"^linear SVM\b"), _LINEAR),
    (re.compile(r"^RBF SVM\b"), _RBF),
)
# Other methods: first the colours that no method above has, then those that a picture leaves free.
_COLOURS = ("#E69F00", "#56B4E9", "#0072B2", "#D55E00", "#009E73", "#CC79A7")
_MARKERS = ("v", "P", "X", "*", "<", ">", "p")
_LINES = ("-", "--", "-.", ":")
FIRST_OTHER = 5


def method_styles(names: Sequence[str]) -> list[MethodStyle]:
    """Style of each method of a picture; methods that are known look the same in all pictures.

    A second method of the same kind, such as an RBF SVM with another C, and methods that are not
    known get colours that are not used, and markers of their own.
    """
    styles: dict[int, MethodStyle] = {}
    for i, name in enumerate(names):
        style = next((style for words, style in _FAMILIES if words.search(name)), None)
        if style is not None and style not in styles.values():
            styles[i] = style
    used = {style.colour for style in styles.values()}
    colours = sorted(_COLOURS, key=lambda colour: colour in used)
    others = [i for i in range(len(names)) if i not in styles]
    for n, i in enumerate(others):
        colour, marker = colours[n % len(colours)], _MARKERS[n % len(_MARKERS)]
        line = _LINES[(n // len(colours)) % len(_LINES)]
        styles[i] = MethodStyle(FIRST_OTHER + n, colour, marker, line)
    return [styles[i] for i in range(len(names))]


def method_name(estimator: Any) -> str:
    """Name of a method in words, such as "T-EMO, randomized" or "RBF SVM"; or that of its class."""
    core, suffix = core_and_suffix(estimator)
    return core_name(core) + suffix if hasattr(core, "get_params") else ""


def core_and_suffix(estimator: Any) -> tuple[Any, str]:
    """The classifier inside pipelines, searches and one-vs-rest models; words for the latter."""
    suffix = ""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif is_search(estimator):
            suffix += ", tuned"
            estimator = estimator.estimator
        elif type(estimator).__name__ == "OneVsRestClassifier":
            suffix += ", one against the rest"
            estimator = estimator.estimator
        else:
            return estimator, suffix


def core_name(estimator: Any) -> str:
    """Name of a classifier that is not inside another one."""
    kind = type(estimator).__name__
    if kind in ("TEMOClassifier", "TEMORegressor"):
        return "T-EMO, randomized" if estimator.randomized else "T-EMO, trained"
    if isinstance(estimator, SVC | NuSVC | SVR | NuSVR):
        kernel = estimator.kernel
        return _KERNELS.get(kernel, kind) if isinstance(kernel, str) else kind
    if isinstance(estimator, LinearSVC | LinearSVR):
        return "linear SVM"
    return _WORDS.get(kind, kind)


def named_parameters(estimator: Any) -> tuple[str, ...]:
    """Parameters that the name of a classifier tells."""
    name = core_name(estimator)
    if name.startswith("T-EMO"):
        return ("randomized",)
    return ("kernel",) if name in _KERNELS.values() else ()
