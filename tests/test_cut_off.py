"""Videos whose end is missing are not taken for shorter ones, and whole ones not for cut ones."""

import struct

import numpy as np
import pytest

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.extraction import SkippedClipsWarning
from sklearn_temo.extraction._clips import check_clips
from sklearn_temo.extraction._media import read_clip

N_FRAMES = 50

# Container, codec, pixels, and options of the container.
VIDEOS = {
    "a.mkv": ("ffv1", "bgr0", {}),
    "h264.mkv": ("libx264", "yuv420p", {}),
    "a.webm": ("libvpx", "yuv420p", {}),
    "a.flv": ("flv", "yuv420p", {}),
    "a.avi": ("mpeg4", "yuv420p", {}),
    "a.wmv": ("wmv2", "yuv420p", {}),
    "faststart.mp4": ("mpeg4", "yuv420p", {"movflags": "faststart"}),
    "faststart.mov": ("mjpeg", "yuvj420p", {"movflags": "faststart"}),
}


def write(target, codec="ffv1", pixels="bgr0", options=(), seconds_of_sound=0, **keywords):
    """Write noise, which takes as much room in every frame, at 25 frames a second."""
    import av

    rng = np.random.default_rng(0)
    with av.open(target, "w", options=dict(options), **keywords) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        stream.gop_size = 10
        sound = container.add_stream("pcm_s16le", rate=8000) if seconds_of_sound else None
        for second in range(max(N_FRAMES // 25, seconds_of_sound)):
            for _ in range(25 if second < N_FRAMES // 25 else 0):
                noise = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
            if sound is not None:
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
                silence.sample_rate = 8000
                container.mux(sound.encode(silence))
        container.mux(stream.encode(None))
    return target


@pytest.fixture(params=VIDEOS)
def video(request, tmp_path):
    codec, pixels, options = VIDEOS[request.param]
    path = tmp_path / request.param
    write(str(path), codec, pixels, options)
    return path


def keep(path, share):
    """Cut a file off."""
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return content


def read(path, n_frames=None, window=None):
    (clip,) = check_clips([path])
    return list(read_clip(clip, n_frames, window).frames)


@pytest.mark.parametrize("share", [0.4, 0.7, 0.9])
def test_a_video_that_breaks_off_is_named(video, share):
    whole = read(video)
    assert len(whole) == N_FRAMES
    keep(video, share)
    message = rf"clip 0 \('.*{video.name}'\): breaks off at .* s, but its .*copy or download"
    for n_frames, window in [(None, None), (4, None), (1, (0.2, None)), (3, (-0.5, None))]:
        with pytest.raises(ValueError, match=message):
            read(video, n_frames, window)


def test_both_times_are_told(tmp_path):
    path = tmp_path / "a.mkv"
    write(str(path))
    keep(path, 0.5)
    message = r"breaks off at (0.9|1.0)\d\d s, but its header promises 2.000 s"
    with pytest.raises(ValueError, match=message):
        read(path, 4)


def test_a_window_before_the_cut_is_what_it_was(video):
    expected = read(video, 3, (0.0, 0.4))
    keep(video, 0.7)
    for frame, whole in zip(read(video, 3, (0.0, 0.4)), expected, strict=True):
        assert (frame.time, frame.repeats) == (whole.time, whole.repeats)
        np.testing.assert_array_equal(frame.pixels, whole.pixels)
    # Frames behind the cut may have been inside.
    with pytest.raises(ValueError, match="breaks off"):
        read(video, 3, (0.0, 1.9))


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.flv", "a.avi", "a.wmv"])
def test_room_that_was_never_filled_is_no_end(tmp_path, name):
    path = tmp_path / name
    write(str(path), *VIDEOS[name])
    n_bytes = len(keep(path, 0.6))
    path.write_bytes(path.read_bytes().ljust(n_bytes, b"\0"))
    with pytest.raises(ValueError, match="breaks off"):
        read(path, 4)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_the_real_clips_cut_off(tmp_path, cremad_paths, share):
    assert all(len(read(path, 4)) == 4 for path in cremad_paths)
    for path in cremad_paths:
        copy = tmp_path / "copy.flv"
        with open(path, "rb") as file:
            copy.write_bytes(file.read())
        keep(copy, share)
        with pytest.raises(ValueError, match="breaks off"):
            read(copy, 4)


def test_a_cut_clip_is_skipped_where_that_was_asked_for(tmp_path, cremad_paths):
    cut = tmp_path / "cut.flv"
    with open(cremad_paths[0], "rb") as file:
        cut.write_bytes(file.read()[:60000])
    skipping = FaceLandmarkTransformer(n_frames=2, on_error="skip-with-nan", memory=tmp_path)
    for _ in range(2):
        with pytest.warns(SkippedClipsWarning, match="breaks off"):
            X = skipping.transform([cut, cremad_paths[0]])
        assert np.isnan(X).all(axis=1).tolist() == [True, False]


def duration_of(path, seconds):
    """Have a header say another length."""
    stored = bytearray(path.read_bytes())
    if path.suffix == ".avi":
        # How many frames there are, in the header of the stream.
        start, value = stored.index(b"strh") + 40, struct.pack("<I", round(25 * seconds))
    elif path.suffix in (".mp4", ".mov"):
        start = stored.index(b"mdhd") + 20
        (scale,) = struct.unpack(">I", stored[start - 4 : start])
        value = struct.pack(">I", round(scale * seconds))
    elif path.suffix == ".flv":
        start, value = stored.index(b"duration\0") + 9, struct.pack(">d", seconds)
    else:
        start, value = stored.index(b"\x44\x89\x88") + 3, struct.pack(">d", 1000 * seconds)
    stored[start : start + len(value)] = value
    path.write_bytes(stored)


@pytest.mark.parametrize("seconds", [0.01, 1.9, 2.1, 3.0, 1e5])
@pytest.mark.parametrize("name", [name for name in VIDEOS if name != "a.wmv"])
def test_a_whole_video_is_read_whatever_its_header_says(tmp_path, name, seconds):
    path = tmp_path / name
    write(str(path), *VIDEOS[name])
    before = path.read_bytes()
    duration_of(path, seconds)
    assert path.read_bytes() != before
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
def test_what_was_recorded_live_knows_no_end(tmp_path, container, codec, pixels):
    path = tmp_path / "live.bin"
    with path.open("wb") as file:

        class Pipe:
            """What can be written to, but not wound back to fill in a length."""

            write = file.write

        write(Pipe(), codec, pixels, format=container)
    assert len(read(path, 4)) == 4
    if container in ("matroska", "webm", "mpegts"):
        # Where a length was never promised, a recorder that was switched off left all it had.
        n_all = len(read(path))
        keep(path, 0.7)
        assert 0 < len(read(path)) < n_all


def test_sound_that_lasts_longer_is_no_missing_end(tmp_path):
    for name in ("a.mkv", "a.avi", "a.mov"):
        write(str(tmp_path / name), "mjpeg", "yuvj420p", seconds_of_sound=4)
        assert len(read(tmp_path / name)) == N_FRAMES


def test_a_missing_index_is_no_missing_end(tmp_path):
    path = tmp_path / "a.avi"
    write(str(path), "mpeg4", "yuv420p")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"idx1") + 20])
    assert len(read(path)) == N_FRAMES


def test_pictures_in_an_unknown_code_are_named(tmp_path):
    path = tmp_path / "a.mov"
    write(str(path), "mjpeg", "yuvj420p")
    path.write_bytes(path.read_bytes().replace(b"jpeg", b"zzzz"))
    with pytest.raises(ValueError, match=r"a.mov'\): .*coded in a way that is not known"):
        read(path)


@pytest.mark.parametrize("name", [name for name in VIDEOS if name not in ("a.wmv", "h264.mkv")])
def test_one_frame_may_be_missing_and_two_may_not_in_every_container(tmp_path, name):
    import av

    path = tmp_path / name
    write(str(path), *VIDEOS[name])
    with av.open(str(path)) as container:
        positions = sorted(packet.pos for packet in container.demux(video=0) if packet.size)
    content = path.read_bytes()
    path.write_bytes(content[: positions[-1] + 20])
    assert len(read(path)) == N_FRAMES - 1
    path.write_bytes(content[: positions[-2] + 20])
    with pytest.raises(ValueError, match="breaks off"):
        read(path)
