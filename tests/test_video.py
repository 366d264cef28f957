"""A video is shown as a player shows it, read whole, or refused with the reason."""

import os
import shutil
import threading
from fractions import Fraction

import numpy as np
import pytest

from sklearn_temo.extraction._clips import Clip, check_clips
from sklearn_temo.extraction._reading import read_clip

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def corner():
    """A blue image whose top left quarter is red, and whose top right quarter is green."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[..., 2] = 250
    picture[: HEIGHT // 2, : WIDTH // 2] = 250, 0, 0
    picture[: HEIGHT // 2, WIDTH // 2 :] = 0, 250, 0
    return picture


def read(path, n_frames=None, window=None):
    (clip,) = check_clips([path])
    _, frames = read_clip(clip, n_frames, window)
    return list(frames)


def frame_rate(path):
    return read_clip(check_clips([path])[0], None)[0]


def encode(path, streams, n_frames=10, format=None):
    """Write streams of (codec, pixel format, width, height), each of noise."""
    import av

    noise = np.random.default_rng(0).integers(0, 256, (n_frames, 6, 8, 3), np.uint8)
    with av.open(str(path), "w", format=format) as container:
        opened = []
        for codec, pixels, width, height in streams:
            stream = container.add_stream(codec, rate=25)
            stream.pix_fmt, stream.width, stream.height = pixels, width, height
            opened.append(stream)
        for stream in opened:
            for frame in noise:
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture = picture.reformat(stream.width, stream.height, stream.pix_fmt)
                container.mux(stream.encode(picture))
        for stream in opened:
            container.mux(stream.encode(None))
    return path


H264 = ("libx264", "yuv420p", WIDTH, HEIGHT)


@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("x_sign", [1, -1])
@pytest.mark.parametrize("y_sign", [1, -1])
def test_display_matrix_is_applied(write_video, corner, is_turned, x_sign, y_sign):
    # The inverse of what the matrix asks for.
    stored = corner[::y_sign, ::x_sign]
    stored = np.ascontiguousarray(stored.swapaxes(0, 1) if is_turned else stored)
    path = write_video([stored] * 3, "clip.mp4", codec="libx264", pixels="yuv444p")
    matrix = [[x_sign, 0], [0, y_sign]] if not is_turned else [[0, y_sign], [x_sign, 0]]
    full = np.zeros((3, 3), np.int64)
    full[:2, :2], full[2, 2] = np.array(matrix) * 2**16, 2**30
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 44
    content[start : start + 36] = full.astype(">i4").tobytes()
    path.write_bytes(content)
    (frame,) = read(path, 1)
    assert frame.pixels.shape == corner.shape
    assert np.abs(frame.pixels.astype(int) - corner).mean() < 10


def test_several_videos_in_a_file_are_refused(tmp_path):
    path = encode(tmp_path / "two.mkv", [H264, H264])
    with pytest.raises(ValueError, match=r"it has 2 video streams.*-map 0:v:1 -c copy"):
        read(path)


@pytest.mark.parametrize("has_video", [True, False])
def test_cover_picture_is_not_the_video(tmp_path, has_video):
    import av
    from av.stream import Disposition

    path = tmp_path / "cover.mp4"
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 32, 32, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    (cover,) = encoder.encode(av.VideoFrame(32, 32, "yuvj420p")) or encoder.encode(None)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mjpeg", rate=25)
        picture.width, picture.height, picture.pix_fmt = 32, 32, "yuvj420p"
        picture.disposition = Disposition.attached_pic
        if has_video:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        else:
            sound = container.add_stream("aac", rate=8000)
        container.start_encoding()
        cover.stream = picture
        container.mux(cover)
        if has_video:
            for _ in range(5):
                frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        else:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate = 8000
            container.mux(sound.encode(silence))
            container.mux(sound.encode(None))
    if has_video:
        assert [frame.pixels.shape for frame in read(path)] == [(HEIGHT, WIDTH, 3)] * 5
    else:
        with pytest.raises(ValueError, match="it has a cover picture but no video"):
            read(path)


def join(tmp_path, *sizes):
    """A transport stream whose parts have different sizes, the second one at later times."""
    import av

    parts = [
        encode(tmp_path / f"{i}.ts", [("mpeg2video", "yuv420p", *s)]) for i, s in enumerate(sizes)
    ]
    path = tmp_path / "both.ts"
    with av.open(str(parts[1])) as source, av.open(str(tmp_path / "late.ts"), "w") as target:
        (stream,) = source.streams.video
        written = target.add_stream_from_template(stream)
        for packet in [packet for packet in source.demux(stream) if packet.size]:
            packet.stream = written
            packet.pts, packet.dts = packet.pts + 36000, packet.dts + 36000
            target.mux(packet)
    path.write_bytes(parts[0].read_bytes() + (tmp_path / "late.ts").read_bytes())
    return path


@pytest.mark.parametrize(("width", "height"), [(2 * WIDTH, 2 * HEIGHT), (WIDTH // 2, HEIGHT // 2)])
def test_video_that_changes_its_size_has_the_first_size(tmp_path, width, height):
    frames = read(join(tmp_path, (WIDTH, HEIGHT), (width, height)))
    assert {frame.pixels.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    assert len(frames) >= 18


def test_video_that_changes_its_shape_is_refused(tmp_path):
    path = join(tmp_path, (WIDTH, HEIGHT), (HEIGHT, WIDTH))
    with pytest.raises(ValueError, match=r"changes its shape or orientation at \d\.\d+ s"):
        read(path)


def test_joined_recordings_whose_times_begin_again_are_read_in_order(tmp_path):
    part = encode(tmp_path / "a.ts", [("mpeg2video", "yuv420p", WIDTH, HEIGHT)], 30).read_bytes()
    (tmp_path / "b.ts").write_bytes(part + part)
    frames = read(tmp_path / "b.ts")
    assert len(frames) == 59
    assert (np.diff([frame.time for frame in frames]) > 0).all()
    assert frame_rate(tmp_path / "b.ts") == 25
    np.testing.assert_array_equal(frames[5].pixels, read(tmp_path / "a.ts")[5].pixels)
    assert [frame.time for frame in read(tmp_path / "b.ts", 2)] == [
        frames[0].time,
        frames[-1].time,
    ]


def test_frame_rate_is_the_mean_rate(write_video, tmp_path):
    frames = [np.full((HEIGHT, WIDTH, 3), 20 * i, np.uint8) for i in range(10)]
    ticks = [0, 10, 20, 30, 130, 140, 240, 340, 440, 540]
    for name in ("a.mkv", "a.mp4"):
        path = write_video(frames, name, ticks, "libx264", "yuv420p")
        assert frame_rate(path) == pytest.approx(9 / 0.54, rel=1e-2)
    assert frame_rate(encode(tmp_path / "a.dv", [("dvvideo", "yuv420p", 720, 576)], 5)) == 25
    assert np.isnan(frame_rate(write_video(frames[:1])))


@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile clip.mkv\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nclip.mkv\n#EXT-X-ENDLIST\n",
    ],
)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.ffconcat"])
def test_playlist_is_refused(write_video, tmp_path, content, name):
    write_video([np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 3)
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=r"it is a playlist, or in a format without video"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["12:30:05.mkv", "concat:a|b.mkv", "-x.mkv", "f%03d.mkv"])
def test_file_name_is_not_a_protocol_or_a_pattern(write_video, tmp_path, monkeypatch, name):
    shutil.move(write_video([np.full((HEIGHT, WIDTH, 3), 40, np.uint8)] * 3), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read(name)) == 3


def test_file_without_permission(write_video):
    path = write_video([np.zeros((HEIGHT, WIDTH, 3), np.uint8)])
    path.chmod(0)
    user = os.geteuid()
    if not user:
        os.seteuid(65534)  # root may read all files
    try:
        with pytest.raises(PermissionError):
            read_clip(Clip(path, str(path), "clip 0"), None)
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("name", ["h264.mp4", "mpeg4.avi", "mpeg2.mkv", "hevc.mkv"])
def test_decoder_reports_damage_inside_a_frame(tmp_path, name):
    import av

    codecs = {"h264": "libx264", "mpeg4": "mpeg4", "mpeg2": "mpeg2video", "hevc": "libx265"}
    codec = codecs[name.split(".")[0]]
    if codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no encoder {codec}")
    path = encode(tmp_path / name, [(codec, "yuv420p", 256, 192)])
    assert len(read(path)) == 10
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        start, size = packets[4].pos, packets[4].size
    content = bytearray(path.read_bytes())
    middle = start + size // 2
    content[middle : middle + size // 4] = b"\xff" * (size // 4)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged"):
        read(path)


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_recording_that_begins_and_ends_anywhere_is_read(tmp_path, codec):
    path = encode(tmp_path / "a.ts", [(codec, "yuv420p", WIDTH, HEIGHT)], n_frames=60)
    content = path.read_bytes()
    n = len(content) // 188
    path.write_bytes(content[188 * (n // 4) : 188 * (n // 4 * 3)])
    assert 5 < len(read(path)) < 60


def test_log_settings_are_restored_and_messages_stay_with_their_clip(tmp_path):
    import av.logging

    good = encode(tmp_path / "good.mp4", [H264], n_frames=40)
    bad = tmp_path / "bad.mp4"
    content = bytearray(good.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    bad.write_bytes(content)
    before = av.logging.get_level(), av.logging.get_skip_repeated()
    outcomes = {}

    def run(number):
        try:
            outcomes[number] = len(read(bad if number % 2 else good))
        except ValueError as error:
            outcomes[number] = str(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (av.logging.get_level(), av.logging.get_skip_repeated()) == before
    assert all(outcomes[number] == 40 for number in (0, 2, 4, 6))
    assert all("damaged" in outcomes[number] for number in (1, 3, 5, 7))
