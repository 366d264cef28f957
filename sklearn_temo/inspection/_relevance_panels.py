"""Validation of the parameters of a relevance display, and the values of its panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from .. import mesh
from ._face_drawing import face_positions

Labels = tuple[NDArray[np.float64], list[str]]


@dataclass(frozen=True, eq=False)
class Panels:
    """Content of the panels.

    Parameters
    ----------
    values : ndarray of shape (n_panels, n_landmarks)
    support : ndarray of bool of shape (n_panels, n_landmarks) or None
    titles : list of str of length n_panels
    points : ndarray of shape (n_panels, n_landmarks, 2)
    movement : ndarray of shape (n_panels, n_landmarks, 2) or None
    """

    values: NDArray[np.float64]
    support: Any
    titles: list[str]
    points: NDArray[np.float64]
    movement: Any

    def labels(self, annotate: str | None, n_annotated: int) -> list[Labels] | None:
        """Position and text of the labels of each panel."""
        if annotate is None:
            return None
        if annotate == "numbers":
            top = np.argsort(-np.abs(self.values), axis=1, kind="stable")[:, :n_annotated]
            return [
                (points[numbers], list(map(str, numbers)))
                for points, numbers in zip(self.points, top, strict=True)
            ]
        if annotate != "regions":
            raise ValueError(f'annotate must be "numbers", "regions" or None, got {annotate!r}.')
        n_landmarks = self.points.shape[1]
        if not mesh.is_full_mesh(n_landmarks):
            raise ValueError(
                f'annotate="regions" needs the full mesh of a face, got {n_landmarks} landmarks; '
                'use annotate="numbers".'
            )
        regions = mesh.regions(n_landmarks)
        names = np.unique(regions).tolist()
        return [
            (np.array([points[regions == name].mean(axis=0) for name in names]), names)
            for points in self.points
        ]


def relevance_panels(display: Any, per_class: bool, contrast: bool, arrows: Any) -> Panels:
    """Validate the parameters of a LandmarkRelevanceDisplay and make its panels."""
    scores = check_array(display.scores, ensure_2d=False, dtype=np.float64, input_name="scores")
    if scores.min() < 0:
        raise ValueError(
            f"scores must not be negative, got a minimum of {scores.min():.3g}; pass the "
            "absolute values of signed attributions."
        )
    has_classes = scores.ndim > 1
    scores = np.atleast_2d(scores)
    support, titles = _support(display.support, scores.shape), display.class_names
    if titles is None:
        titles = [f"class {i}" for i in range(len(scores))] if has_classes else [""]
    titles = [str(name) for name in np.atleast_1d(titles)]
    if len(titles) != len(scores):
        raise ValueError(
            f"class_names has {len(titles)} names, but scores has {len(scores)} classes."
        )
    if display.names is not None and display.positions is None:
        # Bars have no positions.
        points = np.zeros((*scores.shape, 2))
    else:
        points = _points(display.positions, scores.shape)
    movement = None
    if arrows and display.names is None:
        if display.movement is None:
            raise ValueError(
                "arrows need a movement: pass movement, or X with two or more frames to "
                "from_estimator."
            )
        movement = _coordinates(display.movement, "movement", scores.shape)
    values = scores
    if display.normalize:
        mean = scores.mean(axis=1, keepdims=True)
        values = np.divide(scores, mean, out=np.zeros_like(scores), where=mean > 0)
    if contrast:
        if len(scores) < 2 or not per_class:
            raise ValueError(
                "contrast=True compares classes, but there is one panel; pass the scores of two or "
                "more classes, and per_class=True."
            )
        values = values - values.mean(axis=0)
    if has_classes and not per_class:
        titles = [""]
        values, points = (each.mean(axis=0, keepdims=True) for each in (values, points))
        support = None if support is None else support.any(axis=0, keepdims=True)
        movement = None if movement is None else movement.mean(axis=0, keepdims=True)
    return Panels(values, support, titles, points, movement)


def _support(support: Any, shape: tuple[int, ...]) -> Any:
    if support is None:
        return None
    support = np.asarray(support, dtype=bool)
    if support.shape not in (shape, shape[1:]):
        raise ValueError(f"support must have shape {shape[1:]} or {shape}, got {support.shape}.")
    return np.broadcast_to(support, shape)


def _points(positions: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Positions of the landmarks, ndarray of shape (n_panels, n_landmarks, 2)."""
    n_landmarks = shape[1]
    if positions is not None:
        return _coordinates(positions, "positions", shape)
    if not mesh.is_full_mesh(n_landmarks):
        raise ValueError(
            f"scores has {n_landmarks} landmarks, but the face mesh has 468 (478 with the "
            "irises); pass positions of shape (n_landmarks, 2), with y up, to draw other "
            "landmarks, or their names to draw bars."
        )
    return np.broadcast_to(face_positions(n_landmarks), (*shape, 2))


def _coordinates(values: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Coordinates of each panel, ndarray of shape (n_panels, n_landmarks, 2)."""
    values = check_array(values, dtype=np.float64, allow_nd=True, input_name=name)
    one, each = (shape[1], 2), (*shape, 2)
    if values.shape not in (one, each):
        raise ValueError(
            f"{name} must have shape (n_landmarks, 2) = {one}, or (n_classes, n_landmarks, 2) = "
            f"{each}, got {values.shape}."
        )
    return np.broadcast_to(values, each)
