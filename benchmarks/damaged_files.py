"""Video and image files of many formats, and random damage to them."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.datasets import load_cremad_sample
from sklearn_temo.extraction import save_landmarks

# H.263 allows a few sizes only; this is one of them.
_SIZE = (176, 144)
_RATE = 25

# Extension, codec and pixel format.
_VIDEOS = (
    ("mp4", "libx264", "yuv420p"),
    ("mp4", "libx265", "yuv420p"),
    ("mp4", "libsvtav1", "yuv420p"),
    ("mp4", "mpeg4", "yuv420p"),
    ("mov", "mjpeg", "yuvj420p"),
    ("mkv", "libvpx-vp9", "yuv420p"),
    ("mkv", "libx264", "yuv420p"),
    ("mkv", "ffv1", "yuv420p"),
    ("webm", "libvpx", "yuv420p"),
    ("avi", "mjpeg", "yuvj420p"),
    ("avi", "mpeg4", "yuv420p"),
    ("avi", "utvideo", "yuv420p"),
    ("flv", "flv", "yuv420p"),
    ("wmv", "wmv2", "yuv420p"),
    ("mpg", "mpeg1video", "yuv420p"),
    ("mpg", "mpeg2video", "yuv420p"),
    ("ts", "mpeg2video", "yuv420p"),
    ("ts", "libx264", "yuv420p"),
    ("ogv", "libtheora", "yuv420p"),
    ("mxf", "mpeg2video", "yuv420p"),
    ("3gp", "h263", "yuv420p"),
    ("nut", "mpeg4", "yuv420p"),
    ("y4m", "rawvideo", "yuv420p"),
    ("h264", "libx264", "yuv420p"),
)

# Encoders that can harm the process that calls them, see `_write_in_process`.
_IN_PROCESS = {"libsvtav1", "libx265"}

_ANIMATED = {"save_all": True, "duration": 40}

# Extension, kind, and options of Pillow; `save_all` writes all frames, otherwise only the first.
_IMAGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("gif", "animated", _ANIMATED),
    ("png", "animated", _ANIMATED),
    ("png", "single", {}),
    ("webp", "animated", _ANIMATED),
    ("webp", "lossy", {}),
    ("webp", "lossless", {"lossless": True}),
    ("jpg", "single", {}),
    ("bmp", "single", {}),
    ("tiff", "single", {}),
    ("tiff", "lzw", {"compression": "tiff_lzw"}),
    ("tiff", "pages", {"save_all": True}),
    ("jp2", "single", {}),
    ("avif", "single", {}),
    ("ppm", "single", {}),
)


def read_video(path: str) -> list[NDArray[np.uint8]]:
    """Frames of a video."""
    with av.open(path) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], codec: str, pixels: str = "yuv420p"
) -> Path:
    """Write a video; the same frames give the same bytes."""
    frames = list(frames)
    with av.open(str(path), "w", container_options={"fflags": "+bitexact"}) as container:
        # x265 prints its settings.
        options = (
            {"x265-params": "log-level=none:pools=none:frame-threads=1"}
            if codec == "libx265"
            else {}
        )
        stream = container.add_stream(codec, rate=_RATE, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, _RATE)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def _write_in_process(path: Path, frames: list[NDArray[np.uint8]], codec: str, pixels: str) -> None:
    """Write a video in another process, whose faults end with it.

    x265 sometimes never returns from its last frame. SVT-AV1 gives the calling thread real-time
    priority if it may, as root. Threads that were started later would have it too, and some of
    them wait by spinning: on two cores, the thread that they wait for may then never run.
    """
    for _ in range(3):
        arguments = (path, frames, codec, pixels)
        process = multiprocessing.get_context("spawn").Process(target=write_video, args=arguments)
        process.start()
        process.join(20)
        if process.exitcode == 0:
            return
        process.kill()
        process.join()
    raise OSError("the encoder hangs or crashes")


def face_frames(n_frames: int = 12) -> list[NDArray[np.uint8]]:
    """Small pictures of a face that moves, so that each frame has its own landmarks."""
    frames = read_video(load_cremad_sample().data[0])
    steps = [4 * number for number in range(n_frames)]
    crops = [
        Image.fromarray(frame).crop((60 + step, 40, 348 + step, 276))
        for frame, step in zip(frames, steps, strict=False)
    ]
    return [np.asarray(crop.resize(_SIZE)) for crop in crops]


def write_intact(folder: Path) -> dict[str, Path]:
    """Write an undamaged file of each format; print a line for each one that cannot be written.

    The keys are the names of the formats, such as ``mp4 libx264``.
    """
    # SVT-AV1 prints its settings at a higher level.
    os.environ.setdefault("SVT_LOG", "1")
    frames = face_frames()
    images = [Image.fromarray(frame) for frame in frames]
    writers: dict[str, Callable[[Path], Any]] = {}
    for extension, codec, pixels in _VIDEOS:
        write = _write_in_process if codec in _IN_PROCESS else write_video
        writers[f"{extension} {codec}"] = partial(write, frames=frames, codec=codec, pixels=pixels)
    for extension, kind, options in _IMAGES:
        further = {"append_images": images[1:]} if "save_all" in options else {}
        writers[f"{extension} {kind}"] = partial(images[0].save, **options, **further)
    # A whole recording, with sound.
    recording = Path(load_cremad_sample().data[0]).read_bytes()
    writers["flv with sound"] = lambda path: path.write_bytes(recording)
    for extension in ("npz", "parquet"):
        writers[f"{extension} table"] = lambda path: save_landmarks(
            path, FaceLandmarkTransformer(n_frames=2).extract([np.stack(frames)])
        )
    intact = {}
    for name, write in writers.items():
        path = folder / f"{name.replace(' ', '_')}.{name.split()[0]}"
        try:
            write(path)
        except (av.error.FFmpegError, OSError, KeyError, ValueError, ImportError) as error:
            print(f"{name}: not written ({error})", file=sys.stderr)
        else:
            intact[name] = path
    return intact


def _truncate(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(1, len(data))]


def _flip_bits(rng: Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 64)):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _replace_bytes(rng: Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 64)):
        changed[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(changed)


def _range(rng: Random, data: bytes) -> tuple[int, int]:
    """Random range of at most a quarter of the bytes."""
    length = rng.randint(1, max(1, len(data) // 4))
    start = rng.randrange(len(data) - length + 1)
    return start, start + length


def _fill(rng: Random, data: bytes, other: bytes) -> bytes:
    start, stop = _range(rng, data)
    return data[:start] + rng.choice((b"\0", b"\xff")) * (stop - start) + data[stop:]


def _copy_range(rng: Random, data: bytes, other: bytes) -> bytes:
    start, stop = _range(rng, data)
    to = rng.randrange(len(data))
    return data[:to] + data[start:stop] + data[to:]


def _move_range(rng: Random, data: bytes, other: bytes) -> bytes:
    start, stop = _range(rng, data)
    rest = data[:start] + data[stop:]
    to = rng.randint(0, len(rest))
    return rest[:to] + data[start:stop] + rest[to:]


def _join(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.choice((len(data), rng.randrange(1, len(data))))] + other


def _set_extreme(rng: Random, data: bytes, other: bytes) -> bytes:
    """Set a number near the start or the end, where headers and indexes are."""
    near = min(1024, len(data) - 4)
    place = rng.choice((rng.randrange(near), len(data) - 4 - rng.randrange(near)))
    extreme = rng.choice(("7fffffff", "ffffff7f", "ffffffff", "80000000", "00000000"))
    return data[:place] + bytes.fromhex(extreme) + data[place + 4 :]


DAMAGE: dict[str, Callable[[Random, bytes, bytes], bytes]] = {
    "truncated": _truncate,
    "bits flipped": _flip_bits,
    "bytes replaced": _replace_bytes,
    "range filled": _fill,
    "range copied": _copy_range,
    "range moved": _move_range,
    "joined with another file": _join,
    "number set to an extreme": _set_extreme,
}


def damage(number: int, seed: int, intact: dict[str, bytes]) -> tuple[str, str, bytes]:
    """Damage an undamaged file.

    Parameters
    ----------
    number : int
        Number of the damaged file; formats take turns.
    seed : int
    intact : dict of str to bytes
        Content of the undamaged files by format.

    Returns
    -------
    name, how : str
        Its format, and the kind of damage.
    data : bytes
    """
    names = list(intact)
    name = names[number % len(names)]
    rng = Random(f"{seed} {number}")
    how = rng.choice(list(DAMAGE))
    other = rng.choice([content for key, content in intact.items() if key != name])
    return name, how, DAMAGE[how](rng, intact[name], other)
