"""Drawing of signed shares, and of the face of a clip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import mesh
from ._face_drawing import draw_face, ink, lightness
from ._landmark_drawing import signed_cmap

# Side of the square around a face, relative to the larger side of its landmarks.
_MARGIN = 1.15
# Height and width of the picture of a face in pixels.
_SIDE = 128


def as_text(value: float, form: str) -> str:
    """Format a number with the minus sign that matplotlib uses on axes; 0 has no sign."""
    text = format(value, form)
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "\N{MINUS SIGN}")


def share_colours(axes: Any) -> tuple[Any, Any]:
    """Colours of shares against and for the target, on the background of an Axes."""
    against, supporting = signed_cmap(axes)([0.2, 0.8])
    return against, supporting


def sum_regions(shares: NDArray[Any], regions: Any = None) -> tuple[NDArray[np.float64], list[str]]:
    """Sum shares of shape (..., n_landmarks) over regions, from the forehead down.

    Parameters
    ----------
    shares : ndarray of shape (..., n_landmarks)
    regions : array-like of str of shape (n_landmarks,) or None
        Region of each landmark; None for those of a full mesh.

    Returns
    -------
    sums : ndarray of shape (..., n_regions)
    names : list of str of length n_regions
        Other names than those of a full mesh are last, in the order of the landmarks.
    """
    n_landmarks = shares.shape[-1]
    if regions is None:
        if not mesh.is_full_mesh(n_landmarks):
            raise ValueError(
                f"the explanation has {n_landmarks} landmarks, which are not a full mesh (468 or "
                "478): pass regions, the name of the region of each landmark."
            )
        regions = mesh.regions(n_landmarks)
    regions = np.asarray(regions)
    if regions.shape != (n_landmarks,):
        raise ValueError(
            f"regions must hold one name for each of the {n_landmarks} landmarks, got an array of "
            f"shape {regions.shape}."
        )
    place = {name: i for i, name in enumerate(mesh.REGIONS)}
    names = sorted(dict.fromkeys(regions.tolist()), key=lambda name: place.get(name, len(place)))
    return np.stack([shares[..., regions == name].sum(axis=-1) for name in names], axis=-1), names


def find_images(explanation: Any, clip: int, images: str | None) -> NDArray[np.uint8] | None:
    """Frames of a clip if `images` asks for them and the explanation has them."""
    if images not in ("auto", "frames", "drawn"):
        raise ValueError(f'images={images!r} must be "auto", "frames" or "drawn".')
    if images == "drawn":
        return None
    frames = explanation.images(clip)
    if frames is None and images == "frames":
        raise ValueError(
            'images="frames" needs the clips, but the explanation was computed from rows of '
            'landmarks: explain the clips themselves, or pass images="drawn".'
        )
    return frames


def face_pictures(images: NDArray[np.uint8], points: NDArray[Any]) -> NDArray[np.uint8]:
    """Cut the faces out of the frames of a clip.

    Parameters
    ----------
    images : ndarray of uint8 of shape (n_frames, height, width, 3)
    points : ndarray of shape (n_frames, n_landmarks, 2)
        Positions in the images, in pixels.

    Returns
    -------
    ndarray of uint8 of shape (n_frames, 128, 128, 3)
        Squares of the same size in the images; black where a square reaches beyond the image.
    """
    from PIL import Image

    centres, half = _face_squares(points)
    corners = np.hstack([centres - half, centres + half]).round().astype(int).tolist()
    pictures = [
        Image.fromarray(image).crop(box).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        for image, box in zip(images, corners, strict=True)
    ]
    return np.stack([np.asarray(picture) for picture in pictures])


def draw_frame(axes: Any, points: NDArray[Any], image: NDArray[np.uint8] | None = None) -> None:
    """Draw the face in one frame: its image in pale grey, or a drawing if there is no image.

    Parameters
    ----------
    axes : matplotlib Axes
        Its limits become a square around the face.
    points : ndarray of shape (n_landmarks, 2)
        Positions with y down; in pixels of the image, if there is one.
    image : ndarray of uint8 of shape (height, width, 3) or None
    """
    points = points * [1, -1]
    if image is not None:
        height, width = image.shape[:2]
        style = {"cmap": "gray", "vmin": 0, "vmax": 255, "extent": (0, width, -height, 0)}
        # Pale, so that the colours of the shares stand out.
        axes.imshow(lightness(image), alpha=0.6, zorder=0, **style)
    elif mesh.is_full_mesh(len(points)):
        draw_face(axes, points)
    else:
        axes.scatter(*points.T, s=3, color=[ink(axes, 0.4)], linewidths=0, zorder=1)
    (centre,), half = _face_squares(points[None])
    axes.set_xlim(centre[0] - half, centre[0] + half)
    axes.set_ylim(centre[1] - half, centre[1] + half)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _face_squares(points: NDArray[Any]) -> tuple[NDArray[np.float64], float]:
    """Centre of the face in each frame, and half the side of a square around the largest."""
    low, high = points.min(axis=1), points.max(axis=1)
    return (low + high) / 2, float(_MARGIN * (high - low).max() / 2)
