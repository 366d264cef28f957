"""Image files with Pillow: single pictures, animations and stacks of pages."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._clips import UnsupportedClip, check_size
from ._time_limit import restart_time_limit
from ._video import UnreadableFile

# Without formats that Pillow recognises from few bytes (TGA), and without videos (MPEG).
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

# Their frames depend on the frames before them: all must be decoded.
_ANIMATED = ("AVIF", "GIF", "PNG", "WEBP")

# Pillow decodes 55 to 170 million pixels a second, and each frame of an animation twice, so that
# this many take about 15 s. A frame counts with its whole canvas, since Pillow copies it.
_MAX_ANIMATION_PIXELS = 2**29

# Brands of HEIF files. FFmpeg opens them as videos, but decodes only one tile of a picture.
_HEIF = {
    *("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "mif2", "msf1"),
    *("miaf", "avci", "avcs", "jpeg", "jpgs", "vvic", "vvis", "evbi", "evbs", "j2ki", "j2is"),
}
_AVIF = {"avif", "avis"}

# What follows the end of a picture in a stream of pictures, such as FFmpeg and cameras write.
_NEXT_PICTURE = {"JPEG": b"\xff\xd9\xff\xd8\xff", "PNG": b"IEND\xaeB`\x82\x89PNG"}

# Tags of TIFF files: kind of page, description, number of planes of volumes and of MetaMorph.
_SUBFILE_TYPE, _DESCRIPTION, _DEPTH, _METAMORPH = 254, 270, 32997, 33629

# Python 3.11 shares the filters of warnings between threads.
_warning = threading.Lock()


class ImageFile:
    """An image file whose kind and size were checked, open until :meth:`close`.

    Parameters
    ----------
    image : PIL.Image.Image
        As opened by Pillow.

    Attributes
    ----------
    n_frames : int
        Frames of an animation, pages of a stack, or 1.

    Raises
    ------
    UnsupportedClip
        If the file is too large, or has pictures that are not frames of a clip.
    UnreadableFile
        Here and from all methods, if Pillow cannot read the file.
    """

    def __init__(self, image: Any) -> None:
        self._image = image
        self._size: tuple[int, ...] | None = None
        check_size(*image.size)
        with _pillow_errors():
            self._numbers = _frame_numbers(image)
        self.n_frames = len(self._numbers)
        self._is_animated = image.format in _ANIMATED and self.n_frames > 1
        if self._is_animated:
            self._check_total()

    def close(self) -> None:
        """Close the file."""
        self._image.close()

    def timeline(self) -> tuple[float, list[float]]:
        """Frame rate, and times of the frames in seconds.

        NaN and the numbers of the frames, if the file does not say how long each frame but the
        last is shown.
        """
        durations = [np.nan] * self.n_frames
        if self._is_animated:
            with _pillow_errors(), _closed_by_errors(self._image):
                for i, number in enumerate(self._numbers):
                    self._image.seek(number)
                    # A frame may enlarge the canvas.
                    check_size(*self._image.size)
                    self._check_total()
                    # The durations of WebP and AVIF are known only afterwards.
                    self._image.load()
                    restart_time_limit()
                    durations[i] = self._image.info.get("duration", 0) / 1000
        if self.n_frames > 1 and min(durations[:-1]) > 0:
            times = np.cumsum([0.0, *durations[:-1]]).tolist()
            return (self.n_frames - 1) / times[-1], times
        return np.nan, [float(number) for number in range(self.n_frames)]

    def read(self, numbers: Collection[int]) -> Iterator[NDArray[np.uint8]]:
        """Frames as a viewer shows them: upright, 8 bits per colour, no transparency."""
        for number in numbers:
            with _pillow_errors():
                pixels = _read_pixels(self._image, self._numbers[number])
            self._size = self._size or pixels.shape
            if pixels.shape != self._size:
                raise UnsupportedClip(
                    f"its frame {number} has {pixels.shape[1]} x {pixels.shape[0]} pixels, but "
                    f"the frames before it have {self._size[1]} x {self._size[0]}; all frames of "
                    "a clip must have the same size."
                )
            yield pixels

    def _check_total(self) -> None:
        width, height = self._image.size
        total = self.n_frames * width * height
        if total > _MAX_ANIMATION_PIXELS:
            raise UnsupportedClip(
                f"its {self.n_frames} frames of {width} x {height} pixels are {total:,} pixels in "
                f"all, but an animation may have at most {_MAX_ANIMATION_PIXELS:,}; make the "
                "frames smaller, or convert the file to a video."
            )


def open_image(path: Path) -> ImageFile | None:
    """Open an image file; None if its content is not an image. The extension is ignored."""
    from PIL import Image, UnidentifiedImageError, features

    major, *compatible = _brands(path)
    if major in _HEIF and not _AVIF.intersection(compatible):
        raise _unsupported_heif(major)
    Image.init()
    image = None
    with _pillow_errors(), suppress(UnidentifiedImageError):
        image = Image.open(path, formats=[f for f in _FORMATS if f in Image.OPEN])
    if image is not None:
        with _closed_by_errors(image):
            return ImageFile(image)
    if major in _AVIF and features.check("avif"):
        raise UnreadableFile("its AVIF data are truncated or damaged")
    if major in _HEIF | _AVIF:
        raise _unsupported_heif(major)
    return None


def _brands(path: Path) -> list[str]:
    """Major and compatible brands of an ISO media file; one empty brand if it is none."""
    with path.open("rb") as file:
        head = file.read(256)
    if head[4:8] != b"ftyp":
        return [""]
    end = min(int.from_bytes(head[:4], "big"), len(head))
    places = [8, *range(16, end, 4)]
    return [head[place : place + 4].decode("latin-1") for place in places]


def _unsupported_heif(brand: str) -> UnsupportedClip:
    return UnsupportedClip(
        f"is a HEIF image (brand {brand!r}), which this installation reads only in part or not at "
        "all; convert it to JPEG or PNG."
    )


@contextmanager
def _closed_by_errors(image: Any) -> Iterator[None]:
    try:
        yield
    except BaseException:
        image.close()
        raise


@contextmanager
def _pillow_errors() -> Iterator[None]:
    """Raise the errors of Pillow, which have many types, as UnreadableFile.

    Its warnings, which do not name the file, are ignored: the limit of pixels is checked by
    check_size, and damaged metadata does not change the pixels.
    """
    from PIL import Image

    try:
        with _warning, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnsupportedClip:
        raise
    except Image.DecompressionBombError as error:
        n_pixels = int(re.findall(r"\d+", str(error))[0])
        raise UnsupportedClip(
            f"a frame has {n_pixels:,} pixels, more than Pillow opens "
            "(PIL.Image.MAX_IMAGE_PIXELS); make the frames smaller."
        ) from error
    except Exception as error:
        raise UnreadableFile(str(error) or type(error).__name__) from error


def _frame_numbers(image: Any) -> list[int]:
    """Pillow's numbers of the pictures of a file that are frames.

    Raises UnsupportedClip if it has other pictures, of which it is not known what they are.
    """
    n_pictures = getattr(image, "n_frames", 1)
    if image.format == "TIFF":
        _check_tiff(image, n_pictures)
    elif image.format == "MPO":
        _check_mpo(image, n_pictures)
        return [0]
    elif image.format == "PNG" and n_pictures > 1 and image.info.get("default_image"):
        # Shown only by programs that do not know animations.
        return list(range(1, n_pictures))
    elif n_pictures == 1:
        _check_no_stream(image)
    if image.format == "GIF" and not _has_end(Path(image.filename).read_bytes()):
        raise UnreadableFile("it is truncated")
    return list(range(n_pictures))


def _check_no_stream(image: Any) -> None:
    """Refuse a picture that is followed by others: Pillow opens only the first."""
    width, height = image.size
    with open(image.filename, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        if image.format == "PPM":
            row = (width + 7) // 8 if image.mode == "1" else width * len(image.getbands())
            # A sample has one byte or two.
            ends = [image.tile[0].offset + n * row * height for n in (1, 2)]
            found = any(re.match(rb"P[1-6]\s", content[end : end + 3]) for end in ends)
        else:
            # Metadata of a JPEG may contain smaller JPEGs.
            start = _scan_start(content) if image.format == "JPEG" else 0
            following = _NEXT_PICTURE.get(image.format)
            found = following is not None and content.find(following, start) >= 0
    # Multi-picture files of cameras are checked by what their index says.
    if found and "mp" not in image.info:
        raise UnsupportedClip(
            "has several pictures, one after the other; convert it to a video, or pass a tuple of "
            "files with one picture each."
        )


def _has_end(gif: bytes) -> bool:
    """Whether the blocks of a GIF are followed by its end: Pillow reads as many as there are."""

    def after_palette(place: int) -> int:
        flags = gif[place - 3] if place == 13 else gif[place - 1]
        return place + (3 << (flags & 7) + 1 if flags & 128 else 0)

    with suppress(IndexError):
        place = after_palette(13)
        while (kind := gif[place : place + 1]) != b";":
            place += 1
            if kind in (b",", b"!"):
                place = after_palette(place + 9) + 1 if kind == b"," else place + 1
                while size := gif[place]:
                    place += 1 + size
            elif not kind:
                return False
        return True
    return False


def _scan_start(content: Any) -> int:
    """Where the compressed pixels of a JPEG begin."""
    place = 2
    while content[place : place + 1] == b"\xff" and content[place + 1] != 0xDA:
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return place


def _check_mpo(image: Any, n_pictures: int) -> None:
    """Refuse pictures of several views; previews and gain maps are not frames."""
    size, mode = image.size, image.mode
    for number, entry in enumerate(image.mpinfo[0xB002]):
        kind = entry["Attribute"]["MPType"]
        is_view = kind.startswith("Multi-Frame")
        if number and not is_view:
            # The index of a file that was edited may be out of date.
            with suppress(Exception):
                image.seek(number)
                is_view = (image.size, image.mode) == (size, mode)
        if is_view:
            raise UnsupportedClip(
                f"has {n_pictures} pictures of the same kind (stereo, panorama or a series; type "
                f"{kind!r}), of which it is not known whether they are frames; save the pictures "
                "to use as single JPEG or PNG files."
            )
    image.seek(0)


def _check_tiff(image: Any, n_pages: int) -> None:
    """Refuse a TIFF whose pages are not the frames of a clip, or are not all of its frames."""
    reason = _unsupported_stack(image.tag_v2, n_pages)
    size = image.size
    for number in range(n_pages):
        image.seek(number)
        restart_time_limit()
        kind = image.tag_v2.get(_SUBFILE_TYPE, 0)
        if kind & 1:
            reason = f"its page {number} is a smaller copy of another picture (a thumbnail)"
        elif kind & 4:
            reason = f"its page {number} is a mask"
        elif image.size != size:
            reason = (
                f"its page {number} has {image.size[0]} x {image.size[1]} pixels, but page 0 has "
                f"{size[0]} x {size[1]}"
            )
        if reason:
            raise UnsupportedClip(
                f"{reason}; only a TIFF whose pages are the frames of a clip can be used. Save the "
                "frames as such a file, as a video or as PNG files."
            )
    image.seek(0)


def _unsupported_stack(tags: Any, n_pages: int) -> str | None:
    """Why the pages of a TIFF are not the frames of a stack, from the metadata of page 0."""
    description = str(tags.get(_DESCRIPTION, ""))
    if _METAMORPH in tags or tags.get(_DEPTH, 1) != 1:
        return "it has several pictures in one page"
    sizes: dict[str, int] = {}
    if description.startswith("ImageJ="):
        sizes = {key: int(n) for key, n in re.findall(r"(?m)^(\w+)=(\d+)\s*$", description)}
        n_pictures = sizes.get("images", n_pages)
    elif (pixels := re.search(r"<(?:\w+:)?Pixels\b[^>]*>", description)) is not None:
        found = dict(re.findall(r'\bSize([ZTC])="(\d+)"', pixels[0]))
        sizes = {"slices": int(found.get("Z", 1)), "frames": int(found.get("T", 1))}
        n_pictures = sizes["slices"] * sizes["frames"]
        # A colour picture may be one page of three channels.
        if n_pages % n_pictures == 0 and n_pages > n_pictures:
            sizes["channels"], n_pictures = n_pages // n_pictures, n_pages
    elif '"truncated": true' in description and (
        shape := re.search(r'"shape": \[(\d+)', description)
    ):
        n_pictures = int(shape[1])
    else:
        return None
    if n_pictures != n_pages:
        return f"it has {n_pictures} pictures by its description, but {n_pages} pages"
    axes = [name for name in ("channels", "slices", "frames") if sizes.get(name, 1) > 1]
    if "channels" in axes or len(axes) > 1:
        return f"its pages differ by {' and '.join(axes)}"
    return None


def _read_pixels(image: Any, number: int) -> NDArray[np.uint8]:
    from PIL import ExifTags, Image, ImageOps

    image.seek(number)
    image.load()
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        # Pillow clips 16 bits to 8 instead of scaling them.
        deep = np.clip(np.asarray(image), 0, 65535)
        image = Image.fromarray((deep >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are floating point numbers")
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
