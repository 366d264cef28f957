"""Only the frames that are needed are decoded, and they are those of the whole clip."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sklearn_temo.extraction._clips import check_clips
from sklearn_temo.extraction._media import read_clip
from sklearn_temo.extraction._sampling import check_window, pick_frames

AT_25_FPS = np.arange(51) / 25


def numbers(*arguments):
    return [number for number, repeats in pick_frames(*arguments) for _ in range(repeats)]


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [
        (None, 0, 50),
        ((None, None), 0, 50),
        ((0, None), 0, 50),
        ((1.0, None), 25, 50),
        ((None, 1.0), 0, 25),
        ((0.2, 0.6), 5, 15),
        ((-1.0, None), 25, 50),
        ((-0.6, -0.2), 35, 45),
        ((1, -0.04), 25, 49),
        ((-0.04, 2), 49, 50),
        ((None, 0), 0, 0),
        ((-9, 9), 0, 50),
        ((0.21, 0.25), 6, 6),
    ],
)
def test_both_ends_of_a_window_are_inside(window, first, last):
    assert numbers(AT_25_FPS, None, window) == list(range(first, last + 1))
    sample = numbers(AT_25_FPS + 7, 4, window)
    assert (sample[0], sample[-1], len(sample)) == (first, last, 4)


@pytest.mark.parametrize("rate", [24, 25, 29.97, 30, 50, 59.94, 120])
@pytest.mark.parametrize("tick", [1e-3, 1 / 90000, 1e-9])
def test_ticks_of_a_clock_move_no_frame_out_of_a_window(rate, tick):
    times = np.round((0.027 + np.arange(90) / rate) / tick) * tick
    for start, stop in [(3, 30), (7, 7.5), (11, 80)]:
        expected = list(range(start, int(stop) + 1))
        assert numbers(times, None, (start / rate, stop / rate)) == expected
        back = ((start - 89) / rate, (stop - 89) / rate)
        assert numbers(times, None, back) == expected


def test_a_sample_of_a_window_is_even_in_its_time():
    # By number the middle of frames 2 to 6 is frame 4.
    assert numbers([0, 1, 2, 3, 3.2, 3.4, 6, 7, 8], 3, (2, 6)) == [2, 5, 6]
    assert numbers([0, 1, 2, 3, 6, 6.2, 6.4, 7], 3, (2, 6.4)) == [2, 3, 6]


@pytest.mark.parametrize("window", [(2.5, None), (None, -2.5), (1.5, -1.5)])
def test_a_window_without_a_frame_says_how_long_the_clip_is(window):
    with pytest.raises(ValueError, match=r"no frame lies inside sampling=\(.*clip lasts 2 "):
        pick_frames(AT_25_FPS, 4, window)


@pytest.mark.parametrize(
    "window", [None, (None, None), [0, 1], (0, -1), (-1, 0), (np.float32(0.5), 1), (-2, -1)]
)
def test_windows_that_may_be_asked_for(window):
    check_window(window)


@pytest.mark.parametrize(
    ("window", "error", "message"),
    [
        (3, TypeError, "must be a pair .* got 3"),
        ((1, 2, 3), TypeError, r"pair .* got \(1, 2, 3\)"),
        ("ab", TypeError, "pair .* got 'ab'"),
        (("0", 1), TypeError, "the start of .* got a str"),
        ((0, True), TypeError, "the stop of .* got a bool"),
        ((float("nan"), None), ValueError, "the start of .* must be finite"),
        ((0, float("inf")), ValueError, "the stop of .* must be finite"),
        ((2, 1), ValueError, r"sampling=\(2, 1\) must start before it stops"),
        ((1.0, 1.0), ValueError, "must start before"),
        ((-1, -2), ValueError, "must start before"),
    ],
)
def test_what_is_no_window(window, error, message):
    with pytest.raises(error, match=message):
        check_window(window)
    (clip,) = check_clips([np.zeros((4, 4, 3), np.uint8)])
    with pytest.raises(error, match=message):
        read_clip(clip, 2, window)


def moving(number, height=48, width=64):
    """A picture whose every frame is another, and easy to predict from the one before."""
    y, x = np.mgrid[:height, :width]
    return np.stack([2 * x + number, 3 * y + number, x + y + 2 * number], axis=-1).astype(np.uint8)


def encode(path, n_frames=300, codec="libx264", pixels="yuv420p", gop=40, ticks=None, **options):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        stream.gop_size = gop
        if ticks is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(n_frames):
            picture = av.VideoFrame.from_ndarray(moving(number), format="rgb24")
            if ticks is not None:
                picture.pts, picture.time_base = int(ticks[number]), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


UNEVEN = np.cumsum(np.random.default_rng(0).choice([10, 20, 30, 100], 300, p=[0.3, 0.3, 0.2, 0.2]))

VIDEOS: dict[str, dict[str, Any]] = {
    "headless.mkv": {"codec": "mpeg2video"},
    "b-frames.mp4": {"bf": "3", "b_adapt": "0"},
    "b-pyramid.mkv": {"bf": "4", "b_pyramid": "normal"},
    "open-gop.mkv": {"x264-params": "open-gop=1:bframes=3:scenecut=0"},
    "open-gop.mp4": {"x264-params": "open-gop=1:bframes=3:scenecut=0"},
    "open-gop.ts": {"x264-params": "open-gop=1:bframes=3:scenecut=0"},
    "refresh.mkv": {"x264-params": "intra-refresh=1:bframes=0:scenecut=0"},
    "refresh.mp4": {"x264-params": "intra-refresh=1:bframes=0:scenecut=0"},
    "refresh.ts": {"x264-params": "intra-refresh=1:bframes=0:scenecut=0"},
    "one-gop.mp4": {"gop": 1000},
    "short-gops.mp4": {"gop": 2, "bf": "1"},
    "uneven.mp4": {"ticks": UNEVEN, "bf": "2"},
    "uneven.mkv": {"ticks": UNEVEN, "codec": "mpeg4", "gop": 25},
    "late.mkv": {"ticks": 5000 + 40 * np.arange(300)},
    "mpeg4.avi": {"codec": "mpeg4", "gop": 30, "bf": "2"},
    "mpeg4.mp4": {"codec": "mpeg4", "gop": 30, "bf": "2"},
    "mpeg2.ts": {"codec": "mpeg2video", "gop": 30, "bf": "2"},
    "mpeg2.mpg": {"codec": "mpeg2video", "gop": 30, "bf": "2"},
    "all-keys.mkv": {"codec": "ffv1", "pixels": "bgr0", "gop": 1},
    "ffv1.mkv": {"codec": "ffv1", "pixels": "bgr0", "gop": 30},
    "flash.flv": {"codec": "flv", "gop": 30},
    "h264.flv": {"bf": "2"},
    "hevc.mp4": dict(codec="libx265", **{"x265-params": "log-level=none:open-gop=1:keyint=40"}),
    "vp8.webm": {"codec": "libvpx", "auto-alt-ref": "1", "lag-in-frames": "16"},
    "vp9.webm": {"codec": "libvpx-vp9", "lag-in-frames": "16", "deadline": "realtime"},
    "raw.h264": {"bf": "2"},
    "pictures.mov": {"codec": "mjpeg", "pixels": "yuvj420p"},
}
WINDOWS = [None, (3.0, 5.0), (-1.0, None), (None, -9.0), (-7.0, 9.0)]


def read(path, *arguments, **options):
    (clip,) = check_clips([path])
    return list(read_clip(clip, *arguments, **options).frames)


def make(folder, name, n_frames=300):
    import av

    options = VIDEOS[name]
    if options.get("codec", "libx264") not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no {options['codec']}, with which the video is made")
    path = encode(folder / name, n_frames, **options)
    return without_the_first_packet(path) if name.startswith("headless") else path


def without_the_first_packet(path):
    """A recording that begins between keyframes: its first packets become no frames."""
    import av

    copy = path.with_stem("copy")
    with av.open(str(path)) as source, av.open(str(copy), "w") as target:
        (stream,) = source.streams.video
        written = target.add_stream_from_template(stream)
        for packet in [packet for packet in source.demux(stream) if packet.size][1:]:
            packet.stream = written
            target.mux(packet)
    return copy


@pytest.mark.parametrize("name", VIDEOS)
def test_a_sample_is_what_decoding_everything_would_give(tmp_path, name):
    path = make(tmp_path, name)
    whole = read(path, None)
    times = [frame.time for frame in whole]
    assert (len(whole) == 300) != name.startswith("headless")
    for window in WINDOWS:
        for n_frames in (None, 1, 5, 31):
            expected = pick_frames(times, n_frames, window)
            sample = read(path, n_frames, window, n_threads=1 + (n_frames == 5))
            assert [frame.time for frame in sample] == [times[number] for number, _ in expected]
            assert [frame.repeats for frame in sample] == [repeats for _, repeats in expected]
            for frame, (number, _) in zip(sample, expected, strict=True):
                np.testing.assert_array_equal(frame.pixels, whole[number].pixels)


@pytest.fixture
def count_decoded(monkeypatch):
    """A list that grows by each frame that a decoder gives."""
    import av

    decoded = []

    class Counting:
        def __init__(self, container):
            self.container = container

        def __getattr__(self, name):
            return getattr(self.container, name)

        def decode(self, **streams):
            for frame in self.container.decode(**streams):
                decoded.append(frame.pts)
                yield frame

    opened = av.open

    def count(path, mode="r", **options):
        container = opened(path, mode, **options)
        return Counting(container) if mode == "r" else container

    monkeypatch.setattr(av, "open", count)
    return decoded


def test_few_frames_are_decoded_for_few(tmp_path, count_decoded):
    path = encode(tmp_path / "long.mp4", n_frames=2000, gop=50, bf="2")
    sample = read(path, 4)
    assert len(sample) == 4
    assert len(count_decoded) <= 4 * (50 + 3)
    count_decoded.clear()
    assert len(read(path, None, (-1.0, None))) == 26
    assert len(count_decoded) <= 50 + 26 + 4


@pytest.mark.parametrize(
    "name", ["b-pyramid.mkv", "open-gop.mkv", "open-gop.mp4", "mpeg4.avi", "ffv1.mkv", "flash.flv"]
)
def test_every_kind_of_keyframe_is_jumped_to(tmp_path, count_decoded, name):
    path = make(tmp_path, name)
    count_decoded.clear()
    read(path, 2)
    assert len(count_decoded) <= 1 + 40 + 4


@pytest.mark.parametrize("name", ["one-gop.mp4", "short-gops.mp4"])
def test_no_frame_is_decoded_twice(tmp_path, count_decoded, name):
    path = make(tmp_path, name, 100)
    count_decoded.clear()
    read(path, 10)
    assert len(count_decoded) <= 100


@pytest.mark.parametrize("name", ["refresh.mp4", "mpeg2.mpg", "open-gop.ts", "raw.h264"])
def test_where_jumps_lead_astray_nothing_is_decoded_thrice(tmp_path, count_decoded, name):
    path = make(tmp_path, name)
    count_decoded.clear()
    read(path, 31)
    assert len(count_decoded) <= 2 * 300 + 31


def test_a_window_between_two_frames_says_so():
    times = [10.0, 10.5, 11.0]
    with pytest.raises(ValueError, match=r"narrower than the distance .* shown at 0.5 and 1 \("):
        pick_frames(times, 4, window=(0.6, 0.9))
    # One that lies outside, or ends before it starts, is none of these.
    for window in [(3.0, None), (-0.2, 0.4)]:
        with pytest.raises(ValueError, match="choose a window inside that"):
            pick_frames(times, 4, window=window)
