"""Videos that are damaged in the middle are named, and those that pause are not."""

import re

import numpy as np
import pytest

from sklearn_temo.extraction._clips import check_clips
from sklearn_temo.extraction._damage import find_unseen
from sklearn_temo.extraction._media import read_clip

N_FRAMES = 60

HAVE_A_FIXED_RATE = ("a.avi", "a.mpg", "mpeg2.ts")

# Container, codec, pixels.
VIDEOS = {
    "vp8.webm": ("libvpx", "yuv420p"),
    "vp9.webm": ("libvpx-vp9", "yuv420p"),
    "h264.mkv": ("libx264", "yuv420p"),
    "ffv1.mkv": ("ffv1", "bgr0"),
    "a.wmv": ("wmv2", "yuv420p"),
    "a.avi": ("mpeg4", "yuv420p"),
    "a.flv": ("flv", "yuv420p"),
    "h264.flv": ("libx264", "yuv420p"),
    "mpeg2.ts": ("mpeg2video", "yuv420p"),
    "h264.ts": ("libx264", "yuv420p"),
    "a.mpg": ("mpeg2video", "yuv420p"),
    "h264.mp4": ("libx264", "yuv420p"),
    "mpeg4.mp4": ("mpeg4", "yuv420p"),
    "a.mov": ("mjpeg", "yuvj420p"),
}


def moving_noise():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (N_FRAMES, 12, 16, 3), dtype=np.uint8)
    return list(np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2))


@pytest.fixture
def write(tmp_path):
    """Write one of the videos, at 25 frames a second."""
    import av

    def write(name):
        codec, pixels = VIDEOS[name]
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 128, 96, pixels
            for frame in moving_noise():
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode(None))
        return tmp_path / name

    return write


@pytest.fixture(params=VIDEOS)
def video(request, write):
    return write(request.param)


def read(path, n_frames=None, window=None):
    (clip,) = check_clips([path])
    return list(read_clip(clip, n_frames, window).frames)


def zero(path, start, stop):
    """Fill a part of a file with zeros."""
    content = bytearray(path.read_bytes())
    first, last = (int(share * len(content)) for share in (start, stop))
    content[first:last] = bytes(last - first)
    path.write_bytes(content)


@pytest.mark.parametrize(("start", "stop"), [(0.3, 0.7), (0.5, 0.8)])
def test_a_video_that_is_damaged_in_the_middle_is_named(video, start, stop):
    assert len(read(video)) == N_FRAMES
    zero(video, start, stop)
    for n_frames in (None, 16):
        with pytest.raises(ValueError, match=rf"clip 0 \('.*{video.name}'\): "):
            read(video, n_frames)


@pytest.mark.parametrize("name", ["vp8.webm", "ffv1.mkv", "h264.flv", "mpeg2.ts"])
def test_the_damaged_part_is_told(write, name):
    path = write(name)
    zero(path, 0.3, 0.7)
    with pytest.raises(ValueError, match=r"damaged from \d\.\d+ s to \d\.\d+ s, where \d+ bytes"):
        read(path, 4)


@pytest.mark.parametrize("name", ["vp8.webm", "ffv1.mkv", "h264.mkv", "a.avi", "a.flv", "mpeg2.ts"])
@pytest.mark.parametrize(("start", "stop"), [(0.3, 0.7), (0.6, 0.9)])
def test_damage_may_be_anything(write, name, start, stop):
    path = write(name)
    content = bytearray(path.read_bytes())
    first, last = (int(share * len(content)) for share in (start, stop))
    content[first:last] = np.random.default_rng(0).bytes(last - first)
    path.write_bytes(content)
    for n_frames in (None, 16):
        with pytest.raises(ValueError, match=rf"clip 0 \('.*{name}'\): "):
            read(path, n_frames)


@pytest.mark.parametrize(("first", "behind"), [(1, 2), (2, 5), (3, -1)])
def test_fragments_that_are_gone_are_missed(tmp_path, first, behind):
    import av

    path = tmp_path / "fragments.mp4"
    options = {"movflags": "frag_keyframe+empty_moov"}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 128, 96, "yuv420p", 8
        for frame in moving_noise():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    assert len(read(path)) == N_FRAMES
    content = bytearray(path.read_bytes())
    starts = [found.start() - 4 for found in re.finditer(b"moof", content)]
    content[starts[first] : starts[behind]] = bytes(starts[behind] - starts[first])
    path.write_bytes(content)
    for n_frames in (None, 16):
        with pytest.raises(ValueError, match=r"is damaged from \d\.\d+ s on, where"):
            read(path, n_frames)


@pytest.mark.parametrize("name", ["ffv1.mkv", "h264.flv", "mpeg2.ts", "a.flv"])
def test_a_window_before_the_damage_is_what_it_was(write, name):
    path = write(name)
    expected = read(path, 3, (0.0, 0.2))
    zero(path, 0.5, 0.8)
    for frame, whole in zip(read(path, 3, (0.0, 0.2)), expected, strict=True):
        assert (frame.time, frame.repeats) == (whole.time, whole.repeats)
        np.testing.assert_array_equal(frame.pixels, whole.pixels)


@pytest.mark.parametrize("name", [name for name in VIDEOS if name not in HAVE_A_FIXED_RATE])
def test_a_video_that_pauses_is_whole(write_video, name):
    ticks = [40 * i + (3000 if i >= 20 else 0) + (400 if i >= 33 else 0) for i in range(N_FRAMES)]
    path = write_video(moving_noise(), name, ticks, *VIDEOS[name])
    assert len(read(path)) == N_FRAMES
    frames = read(path, 16)
    assert sum(frame.repeats for frame in frames) == 16


def test_padding_takes_no_time(write_video):
    path = write_video(moving_noise(), "ffv1.mkv")
    content = path.read_bytes()
    # An element that Matroska has for this, of 65 kB of zeros, behind the frames of the first
    # cluster, as an editor leaves it.
    place = content.index(b"\x1f\x43\xb6\x75", content.index(b"\x1f\x43\xb6\x75") + 4)
    void = b"\xec\x10\x01\x00\x00" + bytes(65536)
    path.write_bytes(content[:place] + void + content[place:])
    assert len(read(path)) == N_FRAMES


def test_few_packets_without_a_frame_are_none():
    packets = [0.04 * i for i in range(100)]
    assert find_unseen(packets, packets) is None
    # Halves of interlaced pictures, and pictures in front of the first keyframe.
    assert find_unseen(packets, packets[::2]) is None
    assert find_unseen(packets, packets[50:]) is None
    hole = find_unseen(packets, packets[:20] + packets[40:])
    assert (hole.last, hole.until) == (packets[19], packets[40])
    assert find_unseen(packets, packets[:60]).last == packets[59]
