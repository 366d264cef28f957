"""Landmarks and probabilities drawn on frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inspection._fitted_selectors import find_relevance, mean_relevance
from ._predictor import LivePrediction, LivePredictor

# Classes whose bars are drawn; with more classes, the most probable ones.
_MAX_BARS = 8
# Radii of landmarks, as a share of the width of the face: without and with the highest relevance.
_RADII = 0.006, 0.02
# From no relevance to the highest one: white to a colour of Okabe and Ito.
_COLOURS = np.array([[255, 255, 255], [230, 159, 0]])
_TEXT = 255, 255, 255
_BAR = 86, 180, 233
_SHADE = 0, 0, 0, 150


class Overlay:
    """Draws predictions on frames: the selected landmarks, and a bar for each class.

    The size and the colour of a landmark show its relevance for the predicted class. Without a
    landmark selector, all landmarks are drawn alike.

    Parameters
    ----------
    predictor : LivePredictor
    """

    def __init__(self, predictor: LivePredictor) -> None:
        self._classes = predictor.classes_
        n_landmarks = predictor.extractor_.n_landmarks
        self._kept = np.arange(n_landmarks)
        # Relevance of each kept landmark, from 0 to 1; of each class, or of all classes together.
        self._relevance: dict[Any, NDArray[Any]] = {}
        self._overall = np.zeros(n_landmarks)
        found = find_relevance(predictor.estimator_)
        # Selectors of other columns than landmarks have no places on the face.
        if found and all(each.support.shape[-1] == n_landmarks for each in found):
            scores, kept, titles = mean_relevance(found, self._classes, per_class=True)
            self._kept = np.flatnonzero(kept)
            scores = np.atleast_2d(scores)[:, self._kept]
            scores = scores / np.maximum(scores.max(axis=1, keepdims=True), np.finfo(float).tiny)
            self._overall = scores.mean(axis=0)
            self._relevance = dict(zip(() if titles is None else titles, scores, strict=False))

    def draw(
        self, pixels: NDArray[np.uint8], prediction: LivePrediction, note: str = ""
    ) -> NDArray[np.uint8]:
        """Copy of a frame with its prediction.

        Parameters
        ----------
        pixels : ndarray of uint8 of shape (height, width, 3)
            RGB.
        prediction : LivePrediction
        note : str, default=""
            Text in the lower left corner, after the message of the prediction.

        Returns
        -------
        ndarray of uint8 of shape (height, width, 3)
        """
        from PIL import Image, ImageDraw, ImageFont

        image = Image.fromarray(pixels)
        canvas = ImageDraw.Draw(image, "RGBA")
        size = max(pixels.shape[0] // 28, 10)
        font = ImageFont.load_default(size)
        if prediction.detected:
            self._draw_landmarks(canvas, prediction)
        if prediction.probabilities is not None:
            self._draw_bars(canvas, prediction.probabilities, size, font)
        doubt = "the face may be another person's" if prediction.doubtful else ""
        text = "; ".join(filter(None, (prediction.message, doubt, note)))
        if text:
            top = pixels.shape[0] - 1.6 * size
            canvas.rectangle((0, top, pixels.shape[1], pixels.shape[0]), _SHADE)
            canvas.text((0.4 * size, top + 0.2 * size), text, _TEXT, font)
        return np.asarray(image)

    def _draw_landmarks(self, canvas: Any, prediction: LivePrediction) -> None:
        places = prediction.landmarks[:, :2]
        width = np.ptp(places[:, 0])
        relevance = self._relevance.get(prediction.label, self._overall)
        radii = np.maximum(width * np.interp(relevance, [0, 1], _RADII), 0.7)
        colours = _COLOURS[0] + relevance[:, None] * (_COLOURS[1] - _COLOURS[0])
        # The most relevant landmarks are drawn last, on top of the others.
        for i in relevance.argsort(kind="stable"):
            (x, y), radius = places[self._kept[i]].tolist(), radii[i]
            box = (x - radius, y - radius, x + radius, y + radius)
            canvas.ellipse(box, fill=tuple(colours[i].astype(int).tolist()))

    def _draw_bars(
        self, canvas: Any, probabilities: NDArray[np.float64], size: int, font: Any
    ) -> None:
        shown = np.arange(len(probabilities))
        if len(shown) > _MAX_BARS:
            shown = np.sort(probabilities.argsort()[-_MAX_BARS:])
        names = [str(self._classes[i]) for i in shown]
        label = max(font.getlength(name) for name in names)
        row, bar = 1.4 * size, 6 * size
        right = label + bar + 4.5 * size
        canvas.rectangle((0, 0, right, row * len(shown) + 0.4 * size), _SHADE)
        for place, (i, name) in enumerate(zip(shown, names, strict=True)):
            top, left = place * row + 0.2 * size, label + size
            is_predicted = i == probabilities.argmax()
            canvas.text((0.4 * size, top), name, _TEXT, font)
            end = left + bar * float(probabilities[i])
            colour = tuple(_COLOURS[1].tolist()) if is_predicted else _BAR
            canvas.rectangle((left, top + 0.15 * size, end, top + 1.05 * size), colour)
            canvas.text((left + bar + 0.4 * size, top), f"{probabilities[i]:.2f}", _TEXT, font)
