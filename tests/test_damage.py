"""Truncated and damaged videos are reported; intact videos are read."""

import re
import struct

import numpy as np
import pytest

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.extraction import SkippedClipsWarning
from sklearn_temo.extraction._clips import check_clips
from sklearn_temo.extraction._reading import read_clip

N_FRAMES = 50

# Codec, pixel format, and options of the container.
VIDEOS = {
    "ffv1.mkv": ("ffv1", "bgr0", {}),
    "h264.mkv": ("libx264", "yuv420p", {}),
    "vp8.webm": ("libvpx", "yuv420p", {}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {}),
    "flash.flv": ("flv", "yuv420p", {}),
    "h264.flv": ("libx264", "yuv420p", {}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {}),
    "a.wmv": ("wmv2", "yuv420p", {}),
    "mpeg2.ts": ("mpeg2video", "yuv420p", {}),
    "h264.ts": ("libx264", "yuv420p", {}),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", {}),
    "h264.mp4": ("libx264", "yuv420p", {}),
    "mpeg4.mp4": ("mpeg4", "yuv420p", {}),
    "mjpeg.mov": ("mjpeg", "yuvj420p", {}),
    # The index is in front of the frames, so that a truncated copy can be opened.
    "faststart.mp4": ("mpeg4", "yuv420p", {"movflags": "faststart"}),
    "faststart.mov": ("mjpeg", "yuvj420p", {"movflags": "faststart"}),
}
TRUNCATABLE = [
    "ffv1.mkv",
    "h264.mkv",
    "vp8.webm",
    "flash.flv",
    "mpeg4.avi",
    "a.wmv",
    "faststart.mp4",
    "faststart.mov",
]


def noise():
    """Coarse noise, which takes about as many bytes in every frame."""
    coarse = np.random.default_rng(0).integers(0, 256, (N_FRAMES, 12, 16, 3), dtype=np.uint8)
    return list(np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2))


def encode(target, codec, pixels, options=(), seconds_of_sound=0, gop=10, **keywords):
    """Write 50 frames at 25 frames per second, and silence."""
    import av

    with av.open(target, "w", options=dict(options), **keywords) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, pixels
        stream.gop_size = gop
        sound = container.add_stream("pcm_s16le", rate=11025) if seconds_of_sound else None
        for frame in noise():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        for _ in range(seconds_of_sound):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 11025), np.int16), "s16", "mono")
            silence.sample_rate = 11025
            container.mux(sound.encode(silence))
        container.mux(stream.encode(None))


@pytest.fixture
def write(tmp_path):
    def write(name, **keywords):
        encode(str(tmp_path / name), *VIDEOS[name], **keywords)
        return tmp_path / name

    return write


def read(path, n_frames=None, window=None):
    (clip,) = check_clips([path])
    _, frames = read_clip(clip, n_frames, window)
    return list(frames)


def truncate(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return len(content)


def overwrite(path, start, stop, fill=bytes):
    """Overwrite a part of a file, from one share of its bytes to another."""
    content = bytearray(path.read_bytes())
    first, last = (int(share * len(content)) for share in (start, stop))
    content[first:last] = fill(last - first)
    path.write_bytes(content)


def assert_same_frames(found, expected):
    for frame, other in zip(found, expected, strict=True):
        assert (frame.time, frame.repeats) == (other.time, other.repeats)
        np.testing.assert_array_equal(frame.pixels, other.pixels)


@pytest.mark.parametrize("name", TRUNCATABLE)
@pytest.mark.parametrize("share", [0.4, 0.7, 0.9])
def test_truncated_video_is_reported(write, name, share):
    path = write(name)
    assert len(read(path)) == N_FRAMES
    truncate(path, share)
    for n_frames, window in [(None, None), (4, None), (1, (0.2, None)), (3, (-0.5, None))]:
        with pytest.raises(ValueError, match=r"^ends at .* s, but its .*copy or download"):
            read(path, n_frames, window)


def test_error_tells_last_time_and_stated_time(write):
    path = write("ffv1.mkv")
    truncate(path, 0.5)
    with pytest.raises(ValueError, match=r"ends at (0.9|1.0)\d\d s, but its header states 2.000"):
        read(path, 4)


@pytest.mark.parametrize("name", TRUNCATABLE)
def test_window_before_the_truncation_is_read(write, name):
    path = write(name)
    expected = read(path, 3, (0.0, 0.2))
    truncate(path, 0.7)
    assert_same_frames(read(path, 3, (0.0, 0.2)), expected)
    # The missing frames may be inside this window.
    with pytest.raises(ValueError, match="ends at"):
        read(path, 3, (0.0, 1.9))


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
@pytest.mark.parametrize("name", ["ffv1.mkv", "vp8.webm", "flash.flv", "mpeg4.avi", "a.wmv"])
def test_interrupted_copy_of_full_size_is_reported(write, name, filler):
    path = write(name)
    n_bytes = truncate(path, 0.6)
    path.write_bytes(path.read_bytes().ljust(n_bytes, filler))
    with pytest.raises(ValueError, match="ends at"):
        read(path, 4)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_recordings_are_reported(tmp_path, cremad_paths, share):
    assert all(len(read(path, 4)) == 4 for path in cremad_paths)
    for path in cremad_paths:
        copy = tmp_path / "copy.flv"
        with open(path, "rb") as file:
            copy.write_bytes(file.read())
        truncate(copy, share)
        with pytest.raises(ValueError, match="ends at"):
            read(copy, 4)


def test_truncated_clip_can_be_skipped(tmp_path, cremad_paths):
    cut = tmp_path / "cut.flv"
    with open(cremad_paths[0], "rb") as file:
        cut.write_bytes(file.read()[:60000])
    skipping = FaceLandmarkTransformer(n_frames=2, on_error="skip-with-nan", memory=tmp_path)
    for _ in range(2):
        with pytest.warns(SkippedClipsWarning, match=r"clip 0 \('.*cut.flv'\): ends at"):
            X = skipping.transform([cut, cremad_paths[0]])
        assert np.isnan(X).all(axis=1).tolist() == [True, False]


def set_duration(path, seconds):
    """Change the duration in the header of a video."""
    stored = bytearray(path.read_bytes())
    if path.suffix == ".avi":
        # Number of frames in the header of the stream.
        start, value = stored.index(b"strh") + 40, struct.pack("<I", round(25 * seconds))
    elif path.suffix in (".mp4", ".mov"):
        start = stored.index(b"mdhd") + 20
        (scale,) = struct.unpack(">I", stored[start - 4 : start])
        value = struct.pack(">I", round(scale * seconds))
    elif path.suffix == ".flv":
        start, value = stored.index(b"duration\0") + 9, struct.pack(">d", seconds)
    else:
        start, value = stored.index(b"\x44\x89\x88") + 3, struct.pack(">d", 1000 * seconds)
    assert stored[start : start + len(value)] != value
    stored[start : start + len(value)] = value
    path.write_bytes(stored)


@pytest.mark.parametrize("seconds", [0.01, 1.9, 2.1, 3.0, 1e5])
@pytest.mark.parametrize("name", [name for name in TRUNCATABLE if name != "a.wmv"])
def test_wrong_duration_in_the_header_is_ignored(write, name, seconds):
    path = write(name)
    set_duration(path, seconds)
    assert len(read(path)) == N_FRAMES
    assert len(read(path, 4)) == 4
    assert len(read(path, None, (-0.19, None))) == 5


@pytest.mark.parametrize(
    ("container", "codec", "pixels"),
    [
        ("matroska", "ffv1", "bgr0"),
        ("matroska", "mpeg2video", "yuv420p"),
        ("webm", "libvpx", "yuv420p"),
        ("flv", "flv", "yuv420p"),
        ("avi", "mpeg4", "yuv420p"),
        ("asf", "wmv2", "yuv420p"),
        ("mpegts", "mpeg2video", "yuv420p"),
    ],
)
def test_stream_of_unknown_length_is_read_to_its_end(tmp_path, container, codec, pixels):
    path = tmp_path / "live.bin"
    with path.open("wb") as file:

        class Pipe:
            """A file without `seek`, so that no length can be filled in afterwards."""

            write = file.write

        encode(Pipe(), codec, pixels, format=container)
    assert len(read(path, 4)) == 4
    if container in ("matroska", "webm", "mpegts"):
        # As when a recorder was switched off.
        n_all = len(read(path))
        truncate(path, 0.7)
        assert 0 < len(read(path)) < n_all


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.mov"])
def test_longer_sound_is_not_a_truncation(tmp_path, name):
    encode(str(tmp_path / name), "mjpeg", "yuvj420p", seconds_of_sound=4)
    assert len(read(tmp_path / name)) == N_FRAMES


@pytest.fixture
def write_with_sound(tmp_path):
    """Write a file whose packets of the video and of the sound alternate."""
    import av

    def write(name, codec, pixels):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 128, 96, pixels
            sound = container.add_stream("pcm_s16le", rate=25000)
            for frame in noise():
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
                loud = np.random.default_rng(0).integers(-99, 99, (1, 1000)).astype(np.int16)
                samples = av.AudioFrame.from_ndarray(loud, "s16", "mono")
                samples.sample_rate = 25000
                container.mux(sound.encode(samples))
            container.mux(stream.encode(None))
        return tmp_path / name

    return write


WITH_SOUND = [
    ("a.avi", "mjpeg", "yuvj420p"),
    ("a.mkv", "mpeg4", "yuv420p"),
    ("a.nut", "mpeg4", "yuv420p"),
]


# NUT files have no duration at their start.
@pytest.mark.parametrize("name", WITH_SOUND[:2], ids=lambda name: name[0])
@pytest.mark.parametrize("share", [0.3, 0.42, 0.5, 0.61, 0.7])
def test_truncation_inside_the_sound_is_reported(write_with_sound, name, share):
    path = write_with_sound(*name)
    assert len(read(path)) == N_FRAMES
    truncate(path, share)
    with pytest.raises(ValueError, match="ends at"):
        read(path)


@pytest.mark.parametrize("name", WITH_SOUND, ids=lambda name: name[0])
def test_zeros_between_video_and_sound_are_reported(write_with_sound, name):
    path = write_with_sound(*name)
    overwrite(path, 0.4, 0.6)
    with pytest.raises(ValueError, match=r"damaged"):
        read(path)


def test_element_of_length_zero_ends_the_search(write):
    path = write("a.wmv")
    content = path.read_bytes()
    index = content.rindex(b"\x90\x08\x00\x33")
    path.write_bytes(content[:index] + b"\x36\x26\xb2\x75" + bytes(12 + 8) + b"\x01" * 100000)
    assert len(read(path)) == N_FRAMES


def test_truncated_index_is_not_a_truncation(write):
    path = write("mpeg4.avi")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"idx1") + 20])
    assert len(read(path)) == N_FRAMES


@pytest.mark.parametrize(
    "name", [name for name in TRUNCATABLE if name not in ("a.wmv", "h264.mkv")]
)
def test_one_missing_frame_is_tolerated_and_two_are_not(write, name):
    import av

    path = write(name)
    with av.open(str(path)) as container:
        positions = sorted(packet.pos for packet in container.demux(video=0) if packet.size)
    content = path.read_bytes()
    path.write_bytes(content[: positions[-1] + 20])
    assert len(read(path)) == N_FRAMES - 1
    path.write_bytes(content[: positions[-2] + 20])
    with pytest.raises(ValueError, match="ends at"):
        read(path)


@pytest.mark.parametrize("name", VIDEOS)
@pytest.mark.parametrize(("start", "stop"), [(0.3, 0.7), (0.5, 0.8)])
def test_zeros_in_the_middle_are_reported(write, name, start, stop):
    path = write(name)
    assert len(read(path)) == N_FRAMES
    overwrite(path, start, stop)
    for n_frames in (None, 16):
        with pytest.raises(ValueError, match=r"damaged|cannot be read|ends at"):
            read(path, n_frames)


@pytest.mark.parametrize("name", ["vp8.webm", "ffv1.mkv", "h264.flv", "mpeg2.ts"])
def test_error_tells_the_damaged_time(write, name):
    path = write(name)
    overwrite(path, 0.3, 0.7)
    with pytest.raises(ValueError, match=r"is damaged (from|at) 0\.[2-7]\d+ s"):
        read(path, 4)


@pytest.mark.parametrize("name", ["vp8.webm", "ffv1.mkv", "h264.mkv", "mpeg4.avi", "flash.flv"])
@pytest.mark.parametrize(("start", "stop"), [(0.3, 0.7), (0.6, 0.9)])
def test_random_bytes_are_reported(write, name, start, stop):
    path = write(name)
    overwrite(path, start, stop, np.random.default_rng(0).bytes)
    for n_frames in (None, 16):
        with pytest.raises(ValueError, match=r"damaged|cannot be read|ends at"):
            read(path, n_frames)


def test_streams_that_appear_late(write, monkeypatch):
    import av

    path = write("flash.flv")
    av_open = av.open

    class LateStream:
        """As PyAV behaves at the end of a file whose damage looks like another stream."""

        def __init__(self, container):
            self._container = container

        def __getattr__(self, name):
            return getattr(self._container, name)

        def demux(self, *streams):
            yield from self._container.demux(*streams)
            if not streams:
                raise IndexError("list index out of range")

    monkeypatch.setattr(av, "open", lambda *args, **kwargs: LateStream(av_open(*args, **kwargs)))
    assert len(read(path)) == N_FRAMES


@pytest.mark.parametrize(("first", "after"), [(1, 2), (2, 5), (3, -1)])
def test_missing_fragments_are_reported(tmp_path, first, after):
    path = tmp_path / "fragments.mp4"
    options = {"movflags": "frag_keyframe+empty_moov"}
    encode(str(path), "libx264", "yuv420p", options, gop=8)
    assert len(read(path)) == N_FRAMES
    content = bytearray(path.read_bytes())
    starts = [found.start() - 4 for found in re.finditer(b"moof", content)]
    content[starts[first] : starts[after]] = bytes(starts[after] - starts[first])
    path.write_bytes(content)
    for n_frames in (None, 16):
        with pytest.raises(ValueError, match=r"is damaged from \d\.\d+ s, with"):
            read(path, n_frames)


@pytest.mark.parametrize("name", ["ffv1.mkv", "h264.flv", "mpeg2.ts", "flash.flv"])
def test_window_before_the_damage_is_read(write, name):
    path = write(name)
    expected = read(path, 3, (0.0, 0.2))
    overwrite(path, 0.5, 0.8)
    assert_same_frames(read(path, 3, (0.0, 0.2)), expected)


@pytest.mark.parametrize(
    "name", [name for name in VIDEOS if name not in ("mpeg4.avi", "mpeg2.mpg", "mpeg2.ts")]
)
def test_pause_is_not_damage(write_video, name):
    ticks = [40 * i + (3000 if i >= 20 else 0) + (400 if i >= 33 else 0) for i in range(N_FRAMES)]
    path = write_video(noise(), name, ticks, *VIDEOS[name][:2])
    assert len(read(path)) == N_FRAMES
    assert sum(frame.repeats for frame in read(path, 16)) == 16


@pytest.mark.parametrize("step", [200, 1000])
def test_padding_of_asf_packets_is_not_damage(write_video, step):
    path = write_video(noise(), "a.wmv", range(0, N_FRAMES * step, step), "libx264", "yuv420p")
    assert len(read(path)) == N_FRAMES


def test_padding_is_not_damage(write):
    path = write("ffv1.mkv")
    content = path.read_bytes()
    # A Void element of 65 kB of zeros in front of the second cluster, as editors leave it.
    place = content.index(b"\x1f\x43\xb6\x75", content.index(b"\x1f\x43\xb6\x75") + 4)
    void = b"\xec\x10\x01\x00\x00" + bytes(65536)
    path.write_bytes(content[:place] + void + content[place:])
    assert len(read(path)) == N_FRAMES
