"""Clips of every kind are validated, and read as the frames that a viewer shows."""

import math
import os
import re
import struct
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.utils import Bunch

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.extraction._clips import add_label, check_clips
from sklearn_temo.extraction._reading import check_window, pick_frames, read_clip

HEIGHT, WIDTH = 48, 64


def grey_frames(n):
    """All pixels of frame i are 20 * i."""
    return [np.full((HEIGHT, WIDTH, 3), 20 * i, np.uint8) for i in range(n)]


def read(clip, n_frames=None, window=None):
    (checked,) = check_clips([clip])
    _, frames = read_clip(checked, n_frames, window)
    return list(frames)


def numbers(frames):
    """Numbers of the grey frames that were read, with repeats."""
    return [round(frame.pixels.mean() / 20) for frame in frames for _ in range(frame.repeats)]


@pytest.fixture
def corner():
    """A blue image whose top left quarter is red."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[..., 2] = 250
    picture[: HEIGHT // 2, : WIDTH // 2] = 250, 0, 0
    return picture


def test_frames_are_sampled_by_their_times(write_video):
    # Frame 3 lasts a second, so that the third of four even times is nearest to frame 4.
    path = write_video(grey_frames(7), ticks=[0, 40, 80, 120, 1120, 1160, 1200])
    assert numbers(read(path, 3)) == [0, 3, 6]
    assert numbers(read(path, 4)) == [0, 3, 4, 6]
    assert [frame.time for frame in read(path, 2)] == [0.0, 1.2]


def test_first_and_last_are_included(write_video):
    path = write_video(grey_frames(10))
    for n_frames in range(2, 12):
        sample = numbers(read(path, n_frames))
        assert len(sample) == n_frames
        assert sample[0] == 0
        assert sample[-1] == 9
        assert sample == sorted(sample)


def test_sample_of_one_frame_is_the_first(write_video):
    assert numbers(read(write_video(grey_frames(5)), 1)) == [0]


def test_short_clip_repeats_frames(write_video):
    frames = read(write_video(grey_frames(3)), 7)
    assert numbers(frames) == [0, 0, 1, 1, 1, 2, 2]
    assert len(frames) == 3


def test_none_reads_every_frame(write_video):
    path = write_video(grey_frames(9), ticks=[0, 10, 20, 30, 500, 510, 520, 530, 999])
    frames = read(path)
    assert numbers(frames) == list(range(9))
    assert frames[4].time == 0.5


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov", "clip.avi"])
def test_reordered_packets_and_other_containers(write_video, name):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = write_video(grey_frames(10), name, codec=codec, pixels="yuv420p")
    assert numbers(read(path, 4)) == [0, 3, 6, 9]


def test_stream_without_times(write_video):
    path = write_video(grey_frames(10), "clip.h264", codec="libx264", pixels="yuv420p")
    assert numbers(read(path, 4)) == [0, 3, 6, 9]
    assert numbers(read(path)) == list(range(10))


def test_only_the_sample_is_in_memory(write_video):
    import tracemalloc

    frames = [np.zeros((480, 640, 3), np.uint8)] * 200
    path = write_video(frames)
    tracemalloc.start()
    read(path, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * frames[0].nbytes


@pytest.mark.parametrize("n_frames", [None, 1, 5, 7, 9, 16, 25])
def test_file_and_array_of_its_frames_give_the_same_sample(cremad_paths, cremad_frames, n_frames):
    for path, array in zip(cremad_paths[:2], cremad_frames[:2], strict=True):
        for mine, theirs in zip(read(path, n_frames), read(array, n_frames), strict=True):
            assert mine.repeats == theirs.repeats
            np.testing.assert_array_equal(mine.pixels, theirs.pixels)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_rotated_video_is_upright(write_video, corner, quarters):
    stored_frames = [np.ascontiguousarray(np.rot90(corner, -quarters))] * 3
    path = write_video(stored_frames, "clip.mp4", codec="libx264", pixels="yuv444p")
    cos, sin = round(math.cos(quarters * math.pi / 2)), round(math.sin(quarters * math.pi / 2))
    # The display matrix in the track header.
    matrix = np.array([cos, -sin, 0, sin, cos, 0, 0, 0, 2**14]) * 2**16
    stored = bytearray(path.read_bytes())
    start = stored.index(b"tkhd") + 44
    stored[start : start + 36] = matrix.astype(">i4").tobytes()
    path.write_bytes(stored)
    (frame,) = read(path, 1)
    assert frame.pixels.shape == corner.shape
    assert np.abs(frame.pixels.astype(int) - corner).mean() < 10


def test_pixels_are_made_square(tmp_path):
    import av

    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.sample_aspect_ratio = 2
        picture = av.VideoFrame.from_ndarray(grey_frames(1)[0], format="rgb24")
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert read(path, 1)[0].pixels.shape == (HEIGHT, 2 * WIDTH, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, corner, orientation):
    transpose = Image.Transpose
    # A camera stores the inverse of what a viewer applies.
    stored = {
        2: [transpose.FLIP_LEFT_RIGHT],
        3: [transpose.ROTATE_180],
        4: [transpose.FLIP_TOP_BOTTOM],
        5: [transpose.TRANSPOSE],
        6: [transpose.ROTATE_90],
        7: [transpose.TRANSVERSE],
        8: [transpose.ROTATE_270],
    }
    image = Image.fromarray(corner)
    for step in stored.get(orientation, []):
        image = image.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    (frame,) = read(tmp_path / "photo.jpg")
    assert frame.pixels.shape == corner.shape
    assert np.abs(frame.pixels.astype(int) - corner).mean() < 10


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK"])
def test_every_kind_of_image_becomes_rgb(tmp_path, mode):
    name = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    white[:, : WIDTH // 2] = 0
    Image.fromarray(white).convert(mode).save(name)
    (frame,) = read(name, 16)
    assert frame.repeats == 16
    assert frame.pixels.dtype == np.uint8
    assert np.abs(frame.pixels.astype(int) - white).max() < 10


def test_16_bit_grey_is_scaled_to_8_bits(tmp_path):
    shades = np.linspace(0, 65535, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    Image.fromarray(shades).save(tmp_path / "deep.png")
    (frame,) = read(tmp_path / "deep.png")
    np.testing.assert_array_equal(frame.pixels[..., 0], shades >> 8)
    Image.fromarray(shades).save(tmp_path / "deep.tif")
    np.testing.assert_array_equal(read(tmp_path / "deep.tif")[0].pixels, frame.pixels)


@pytest.mark.parametrize(
    ("codec", "pixels"), [("png", "rgb48be"), ("png", "rgba64be"), ("tiff", "rgb48le")]
)
def test_16_bit_colours_are_scaled_to_8_bits(tmp_path, corner, codec, pixels):
    import av

    deep = av.VideoFrame.from_ndarray(corner.astype(np.uint16) * 257, format="rgb48le")
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, pixels
    encoder.time_base = Fraction(1, 25)
    packets = encoder.encode(deep.reformat(format=pixels)) + encoder.encode(None)
    (tmp_path / "deep.image").write_bytes(b"".join(bytes(packet) for packet in packets))
    (frame,) = read(tmp_path / "deep.image")
    np.testing.assert_array_equal(frame.pixels, corner)


def test_floating_point_image_is_an_error(tmp_path):
    Image.new("F", (WIDTH, HEIGHT), 0.5).save(tmp_path / "depth.tif")
    with pytest.raises(ValueError, match="its pixels are floating point"):
        read(tmp_path / "depth.tif")


@pytest.mark.filterwarnings("error")
def test_8k_image_is_read(tmp_path):
    Image.new("L", (7680, 4320), 40).save(tmp_path / "8k.png", compress_level=1)
    (frame,) = read(tmp_path / "8k.png")
    assert frame.pixels.shape == (4320, 7680, 3)
    assert (frame.pixels[::100, ::100] == 40).all()


def test_size_of_a_huge_image_is_in_the_error(tmp_path):
    Image.new("1", (40000, 30000)).save(tmp_path / "huge.png", compress_level=1)
    with pytest.raises(ValueError, match=r"^a frame has 1,200,000,000 pixels, more than"):
        read(tmp_path / "huge.png")


def test_file_names_that_are_not_utf8(tmp_path, write_video):
    for path in (write_video(grey_frames(2)), tmp_path / "a.png"):
        if path.suffix == ".png":
            Image.fromarray(grey_frames(1)[0]).save(path)
        named = os.fsdecode(os.fsencode(path.parent) + b"/\xe9" + os.fsencode(path.suffix))
        path.rename(named)
        assert numbers(read(named))[0] == 0


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("grey.mkv", "ffv1", "gray"),
        ("deep grey.mkv", "ffv1", "gray10le"),
        ("deep.mkv", "ffv1", "yuv420p10le"),
        ("deeper.mkv", "ffv1", "gbrp12le"),
        ("see-through.mkv", "ffv1", "bgra"),
        ("see-through too.mkv", "ffv1", "yuva444p"),
        ("see-through.mov", "png", "rgba"),
        ("five bits.avi", "rawvideo", "rgb555le"),
    ],
)
def test_every_kind_of_video_becomes_rgb(write_video, name, codec, pixels):
    frames = read(write_video(grey_frames(12), name, codec=codec, pixels=pixels), 4)
    for frame, level in zip(frames, [0, 80, 140, 220], strict=True):
        assert frame.pixels.shape == (HEIGHT, WIDTH, 3)
        assert frame.pixels.dtype == np.uint8
        assert np.abs(frame.pixels.astype(int) - level).max() <= 12


def test_transparency_is_ignored(tmp_path):
    import av

    half = np.full((HEIGHT, WIDTH, 4), (200, 100, 50, 10), np.uint8)
    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgra"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(half, format="rgba")))
        container.mux(stream.encode(None))
    Image.fromarray(half).save(tmp_path / "image.png")
    for name in ("clip.mkv", "image.png"):
        assert (read(tmp_path / name)[0].pixels == (200, 100, 50)).all()


@pytest.mark.parametrize(("height", "width"), [(47, 63), (1, 1), (33, 2), (255, 17)])
def test_odd_sizes(write_video, tmp_path, height, width):
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    for path in (write_video([picture] * 2), tmp_path / "picture.png", picture):
        pixels = read(path)[0].pixels
        np.testing.assert_array_equal(pixels, picture)
        assert pixels.flags.c_contiguous


def test_video_of_one_frame(write_video):
    path = write_video(grey_frames(3)[2:], "clip.mp4", codec="mpeg4", pixels="yuv420p")
    assert numbers(read(path)) == [2]
    for window in (None, (-1.0, None), (0, 0.5)):
        (frame,) = read(path, 7, window)
        assert (frame.repeats, frame.time) == (7, 0.0)


def test_window_of_every_kind_of_clip(write_video, tmp_path):
    frames = grey_frames(11)
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=40)
    # Windows are counted from the first frame.
    late = write_video(frames, "late.mkv", ticks=range(3000, 3440, 40))
    for clip in (write_video(frames), late, tmp_path / "a.gif"):
        assert numbers(read(clip, None, (0.08, 0.2))) == [2, 3, 4, 5]
        assert numbers(read(clip, 3, (-0.16, None))) == [6, 8, 10]
        with pytest.raises(ValueError, match=r"^no frame lies inside sampling=\(1.0, None\)"):
            read(clip, 3, (1.0, None))
    array = np.stack(frames)
    assert numbers(read(array, None, (2, 5))) == [2, 3, 4, 5]
    assert numbers(read(array, 3, (-4, None))) == [6, 8, 10]
    with pytest.raises(ValueError, match=r"no frame lies inside sampling=\(11, 12\)"):
        read(array, 3, (11, 12))


def test_animated_image_is_a_clip(tmp_path):
    images = [Image.fromarray(frame) for frame in grey_frames(5)]
    durations = [100, 100, 700, 100, 100]
    images[0].save(
        tmp_path / "moving.gif", save_all=True, append_images=images[1:], duration=durations
    )
    frames = read(tmp_path / "moving.gif")
    assert numbers(frames) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.1, 0.2, 0.9, 1.0])
    assert numbers(read(tmp_path / "moving.gif", 3)) == [0, 2, 4]


def test_animation_without_durations_has_no_frame_rate(tmp_path):
    images = [Image.fromarray(frame) for frame in grey_frames(5)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=0)
    fps, frames = read_clip(check_clips([tmp_path / "a.gif"])[0], None)
    assert math.isnan(fps)
    assert [frame.time for frame in frames] == [0, 1, 2, 3, 4]


def test_file_type_is_found_from_the_content(tmp_path, write_video):
    video = write_video(grey_frames(3)).rename(tmp_path / "video.png")
    Image.fromarray(grey_frames(2)[1]).save(tmp_path / "image.mp4", format="png")
    assert numbers(read(video)) == [0, 1, 2]
    assert numbers(read(tmp_path / "image.mp4")) == [1]


def test_unicode_paths(tmp_path, write_video):
    path = write_video(grey_frames(2), "лицо 笑顔 é.mkv")
    assert numbers(read(str(path))) == [0, 1]
    Image.fromarray(grey_frames(2)[1]).save(tmp_path / "улыбка.png")
    assert numbers(read(tmp_path / "улыбка.png")) == [1]


def damaged(tmp_path, kind) -> Path:
    path = tmp_path / f"{kind}.mp4"
    if kind == "text":
        path.write_text("this is not a video\n" * 20)
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(4096))
    elif kind == "sound":
        import av

        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=8000)
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            sound.sample_rate = 8000
            container.mux(stream.encode(sound))
            container.mux(stream.encode(None))
    elif kind == "half a picture":
        noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path, format="png")
        path.write_bytes(path.read_bytes()[:60000])
    elif kind == "playlist":
        path.write_text(
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"
            "#EXT-X-ENDLIST\n"
        )
    return path


@pytest.mark.parametrize("kind", ["text", "noise", "sound", "half a picture", "playlist"])
@pytest.mark.parametrize("n_frames", [None, 4])
def test_file_that_cannot_be_decoded_is_an_error(tmp_path, kind, n_frames):
    expected = r"^(cannot be read as a video or an image \(.*\); |it is a playlist)"
    with pytest.raises(ValueError, match=expected):
        read(damaged(tmp_path, kind), n_frames)


def test_errors_name_the_clip(tmp_path, frame_files):
    extract = FaceLandmarkTransformer(n_frames=2).extract
    text = damaged(tmp_path, "text")
    with pytest.raises(ValueError, match=r"^clip 0 \('.*text.mp4'\): cannot be read as a video"):
        extract([text])
    frame_files[9].write_bytes(b"no image")
    message = r"^clip 0 \('.*00.png ... 09.png'\): frame 9 \('.*09.png'\): cannot be read .* image"
    with pytest.raises(ValueError, match=message):
        extract([tuple(frame_files)])
    with pytest.raises(ValueError, match=r"^clip 0 \(array of shape .*\): no frame lies inside"):
        FaceLandmarkTransformer(n_frames=2, sampling=(9, 10)).extract([np.stack(grey_frames(3))])


@pytest.mark.parametrize("kind", [ValueError, TypeError, FileNotFoundError, OSError])
def test_labelled_errors_keep_their_type(kind):
    error = add_label("clip 0", kind("is bad"))
    assert type(error) is kind
    assert str(error) == "clip 0: is bad"
    undecodable = UnicodeDecodeError("utf-8", b"", 0, 1, "is bad")
    assert type(add_label("clip 0", undecodable)) is ValueError


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.ppm", "a.mp4", "a.flv"])
def test_damaged_header_raises_only_value_error(tmp_path, write_video, name):
    path = tmp_path / name
    if name.endswith(("mp4", "flv")):
        codec = "flv" if name.endswith("flv") else "mpeg4"
        write_video(grey_frames(3), name, codec=codec, pixels="yuv420p")
    else:
        first, *rest = (Image.fromarray(frame) for frame in noise(3))
        several = {} if name.endswith("ppm") else {"save_all": True, "append_images": rest}
        first.save(path, **several)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(min(len(whole), 400), size=3):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        with suppress(ValueError):
            read(path, 3)


def test_metadata_may_be_in_any_encoding(write_video):
    path = write_video(grey_frames(3), "a.mp4", codec="mpeg4", pixels="yuv420p")
    path.write_bytes(path.read_bytes().replace(b"VideoHandler", b"Vid\xe9oHandler"))
    assert numbers(read(path)) == [0, 1, 2]


def noise(n):
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (n, HEIGHT, WIDTH, 3), dtype=np.uint8))


def test_video_truncated_before_its_index_is_an_error(write_video):
    path = write_video(noise(9), "half.mp4", codec="libx264", pixels="yuv420p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"cannot be read .* check that it is complete"):
        read(path, 4)


@pytest.mark.parametrize("lie", [0.01, 1e4])
def test_sample_does_not_depend_on_the_duration_in_the_header(write_video, lie):
    matroska = write_video(grey_frames(10))
    flash = write_video(grey_frames(10), "clip.flv", codec="flv", pixels="yuv420p")
    for path, name in ((matroska, b"\x44\x89\x88"), (flash, b"duration\x00")):
        stored = bytearray(path.read_bytes())
        start = stored.index(name) + len(name)
        stored[start : start + 8] = struct.pack(">d", lie)
        path.write_bytes(stored)
        assert numbers(read(path, 4)) == [0, 3, 6, 9]
        assert len(read(path)) == 10
        assert len(read(path, None, (-0.08, None))) == 3


@pytest.mark.parametrize(
    ("clip", "error", "message"),
    [
        ("nowhere.mp4", FileNotFoundError, r"clip 1 \('nowhere.mp4'\): no such file"),
        ("", ValueError, r"clip 1 \(.*\): the path is empty"),
        (Path(), ValueError, r"clip 1 \('.'\): is a folder"),
        (None, TypeError, "clip 1: expected a path, .* got a NoneType"),
        (3, TypeError, "clip 1: expected a path, .* got a int"),
        ([np.zeros((4, 4, 3), np.uint8)], TypeError, "clip 1: .* got a list; np.stack"),
        ((), TypeError, "clip 1: expected a path, .* got a tuple"),
        ((__file__, None), TypeError, "clip 1: frame 1: expected an image path, got None"),
        (math.nan, TypeError, "clip 1: .* got a float; .* missing must be dropped"),
        (b"a.mp4", TypeError, "clip 1: .* got a bytes"),
        ("a\0.mp4", ValueError, "clip 1 .*cannot be opened"),
        ("a" * 5000, ValueError, "clip 1 .*cannot be opened .*too long"),
        (os.devnull, ValueError, "clip 1 .*is a folder, a device or a pipe"),
        (np.zeros((4, 4, 3)), TypeError, r"clip 1 .*float64, expected uint8.*\(255.0 \* clip\)"),
        (np.zeros((4, 4, 3), np.uint16), TypeError, "clip 1 .*uint16, expected .*clip >> 8"),
        (np.zeros((4, 4, 3), np.int64), TypeError, "clip 1 .*int64, expected uint8"),
        (np.zeros((4, 4), np.uint8), ValueError, r"clip 1 .*shape \(4, 4\).*grey"),
        (np.zeros((9, 4, 4), np.uint8), ValueError, r"clip 1 .*grey of .*\(n_frames, height, w"),
        (np.zeros((3, 4, 5), np.uint8), ValueError, "clip 1 .*np.moveaxis"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"clip 1 .*clip\[..., :3\] removes alpha"),
        (np.zeros((9, 4, 4, 1), np.uint8), ValueError, "clip 1 .*RGB"),
        (np.zeros((0, 4, 4, 3), np.uint8), ValueError, "clip 1 .*non-empty"),
    ],
)
def test_bad_clip_is_named(clip, error, message):
    good = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(error, match=message):
        check_clips([good, clip])
    first, bad, last = check_clips([good, clip, good], skip_bad=True)
    assert first.error is None
    assert last.error is None
    assert last.label == "clip 2 (array of shape (4, 4, 3))"
    assert bad.source == (str(clip) if isinstance(clip, (str, Path)) else "clip 1")
    with pytest.raises(error, match=message):
        raise add_label(bad.label, bad.error)


def test_empty_file_is_an_error(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(ValueError, match=r"clip 0 .*empty \(0 bytes\)"):
        check_clips([tmp_path / "a.mp4"])


@pytest.mark.parametrize(
    ("clips", "error", "message"),
    [
        ("a.mp4", TypeError, r"got a str; pass \[path\]"),
        (Path("a.mp4"), TypeError, "for a single clip"),
        (None, TypeError, "got a NoneType"),
        (7, TypeError, "got a int"),
        ({"a.mp4": "anger"}, TypeError, "got a dict"),
        (Bunch(data=["a.mp4"]), TypeError, "got a Bunch; pass its attribute data"),
        ([], ValueError, "clips is empty"),
        (np.zeros((2, 4, 4, 3), np.uint8), ValueError, r"pass \[frames\] for a single clip"),
        (np.zeros((3, 2)), ValueError, r"shape \(3, 2\)"),
    ],
)
def test_clips_must_be_a_list(clips, error, message):
    for skip_bad in (False, True):
        with pytest.raises(error, match=message):
            check_clips(clips, skip_bad)


def test_bad_clips_can_be_skipped(cremad_paths):
    checked = check_clips([cremad_paths[0], "nowhere.mp4", None, cremad_paths[1]], skip_bad=True)
    assert [clip.source for clip in checked] == [
        cremad_paths[0],
        "nowhere.mp4",
        "clip 2",
        cremad_paths[1],
    ]
    assert [clip.error is None for clip in checked] == [True, False, False, True]
    assert checked[0] == check_clips(cremad_paths)[0]
    # A traceback would keep the clips in memory.
    assert checked[1].error.__traceback__ is None
    checked = check_clips(np.zeros((2, 3, 4, 4, 3)), skip_bad=True)
    assert all(clip.error is not None for clip in checked)


def test_containers_of_paths_and_arrays(cremad_paths):
    import pandas as pd

    for clips in (
        tuple(cremad_paths),
        [Path(path) for path in cremad_paths],
        np.array(cremad_paths),
        np.array(cremad_paths, dtype=object),
        np.array(cremad_paths)[:, None],
        pd.Series(cremad_paths, index=range(10, 16)),
        pd.DataFrame({"path": cremad_paths}),
    ):
        assert [clip.source for clip in check_clips(clips)] == cremad_paths
    batch = np.zeros((2, 3, 4, 5, 3), np.uint8)
    assert [clip.content.shape for clip in check_clips(batch)] == [(3, 4, 5, 3)] * 2
    arrays = np.empty(2, dtype=object)
    arrays[:] = list(batch)
    assert [clip.label for clip in check_clips(arrays)] == [
        "clip 0 (array of shape (3, 4, 5, 3))",
        "clip 1 (array of shape (3, 4, 5, 3))",
    ]


@pytest.fixture
def frame_files(tmp_path):
    """Ten image files; all pixels of image i are 20 * i."""
    folder = tmp_path / "S005" / "001"
    folder.mkdir(parents=True)
    files = [folder / f"{i:02d}.png" for i in range(10)]
    for file, pixels in zip(files, grey_frames(10), strict=True):
        Image.fromarray(pixels).save(file)
    return files


@pytest.mark.parametrize("kind", [tuple, list])
def test_image_files_as_the_frames_of_a_clip(frame_files, kind):
    clip = kind([str(frame_files[3]), *frame_files[:3]])
    frames = read(clip)
    assert numbers(frames) == [3, 0, 1, 2]
    assert [frame.time for frame in frames] == [0.0, 1.0, 2.0, 3.0]
    assert numbers(read(clip, 6)) == [3, 0, 0, 1, 1, 2]
    assert numbers(read(clip, None, (1, -1))) == [0, 1]
    fps, _ = read_clip(check_clips([clip])[0], None)
    assert math.isnan(fps)
    assert numbers(read(kind(frame_files[4:5]), 2)) == [4, 4]


def test_only_the_sampled_image_files_are_decoded(frame_files):
    for i in (1, 4, 7):
        frame_files[i].write_bytes(b"no image")
    assert numbers(read(tuple(frame_files), 2)) == [0, 9]
    assert numbers(read(tuple(frame_files), None, (2, 3))) == [2, 3]
    message = r"^frame 1 \('.*01.png'\): cannot be read .*it is not an image"
    with pytest.raises(ValueError, match=message):
        read(tuple(frame_files))


def test_list_of_paths_is_a_list_of_clips(frame_files):
    assert len(check_clips(frame_files)) == 10
    assert len(check_clips(tuple(map(str, frame_files)))) == 10
    clips = check_clips([tuple(frame_files), str(frame_files[0]), frame_files[:3]])
    assert [clip.source for clip in clips] == [
        f"{frame_files[0]} ... 09.png",
        str(frame_files[0]),
        f"{frame_files[0]} ... 02.png",
    ]


def test_source_of_a_clip_of_image_files(frame_files, tmp_path):
    apart = tmp_path / "apart.png"
    apart.write_bytes(frame_files[0].read_bytes())
    assert check_clips([(apart, frame_files[0])])[0].source == f"{apart} ... {frame_files[0]}"
    assert check_clips([[apart]])[0].source == str(apart)


def test_sources_of_different_clips_differ(frame_files):
    a, b, c, d = frame_files[:4]
    gone = a.with_name("gone.png")
    clips = [(a, b, d), (a, c, d), (str(a), str(b), str(d)), (a, gone, d), (a, b)]
    sources = [clip.source for clip in check_clips(clips, skip_bad=True)]
    assert sources[0] == sources[2] == f"{a} ... 03.png"
    assert sources[1] == f"{a} ... 03.png (clip 1)"
    assert len(set(sources)) == 4


def test_missing_image_file_is_named(frame_files):
    frame_files[2].unlink()
    message = r"clip 1 \(.*001.* \.\.\. 09.png'\): frame 2 \(.*02.png'\): no such file"
    with pytest.raises(FileNotFoundError, match=message):
        check_clips([frame_files[0], tuple(frame_files)])
    _, bad = check_clips([frame_files[0], tuple(frame_files)], skip_bad=True)
    assert bad.source == f"{frame_files[0]} ... 09.png"


def test_image_file_of_another_size_is_named(frame_files):
    Image.new("RGB", (8, 6)).save(frame_files[5])
    with pytest.raises(ValueError, match=r"^frame 5 .*: has 8 x 6 pixels.* have 64 x 48"):
        read(tuple(frame_files))


def test_damaged_image_file_is_named(frame_files):
    whole = frame_files[9].read_bytes()
    frame_files[9].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"^frame 9 .*09.png'\): cannot be read"):
        read(tuple(frame_files))


AT_25_FPS = np.arange(51) / 25


def picked(*arguments):
    """Numbers of the chosen frames, with repeats."""
    return [n for n, repeats in pick_frames(*arguments).items() for _ in range(repeats)]


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
    assert picked(AT_25_FPS, None, window) == list(range(first, last + 1))
    sample = picked(AT_25_FPS + 7, 4, window)
    assert (sample[0], sample[-1], len(sample)) == (first, last, 4)


@pytest.mark.parametrize("rate", [24, 25, 29.97, 30, 50, 59.94, 120])
@pytest.mark.parametrize("tick", [1e-3, 1 / 90000, 1e-9])
def test_rounded_times_do_not_change_the_frames_in_a_window(rate, tick):
    times = np.round((0.027 + np.arange(90) / rate) / tick) * tick
    for start, stop in [(3, 30), (7, 7.5), (11, 80)]:
        expected = list(range(start, int(stop) + 1))
        assert picked(times, None, (start / rate, stop / rate)) == expected
        back = ((start - 89) / rate, (stop - 89) / rate)
        assert picked(times, None, back) == expected


def test_sample_of_a_window_is_even_in_time():
    # Frame 4 is in the middle of frames 2 to 6, but not in the middle of their times.
    assert picked([0, 1, 2, 3, 3.2, 3.4, 6, 7, 8], 3, (2, 6)) == [2, 5, 6]
    assert picked([0, 1, 2, 3, 6, 6.2, 6.4, 7], 3, (2, 6.4)) == [2, 3, 6]


@pytest.mark.parametrize("window", [(2.5, None), (None, -2.5), (1.5, -1.5), (0.61, 0.63)])
def test_window_without_a_frame_is_an_error(window):
    message = r"no frame lies inside sampling=\(.*; the clip has 51 frames from 0 to 2 .*0.04 apart"
    with pytest.raises(ValueError, match=message):
        pick_frames(AT_25_FPS, 4, window)
    with pytest.raises(ValueError, match=r"the clip has 1 frame\.$"):
        pick_frames([0.0], 4, (1.0, None))


@pytest.mark.parametrize(
    "window", [(None, None), [0, 1], (0, -1), (-1, 0), (np.float32(0.5), 1), (-2, -1)]
)
def test_valid_windows(window):
    assert check_window(window) == tuple(window)


@pytest.mark.parametrize(
    "window",
    [
        3,
        (1, 2, 3),
        "ab",
        (0, "x"),
        (float("nan"), None),
        (0, float("inf")),
        (2, 1),
        (1.0, 1.0),
        (-1, -2),
    ],
)
def test_invalid_windows(window):
    message = re.escape(f"sampling={window!r} must be a pair (start, stop) of finite numbers")
    with pytest.raises(ValueError, match=message):
        check_window(window)


def moving(number, height=48, width=64):
    """A gradient that moves, so that frames differ and are predicted well from each other."""
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


def make(folder, name, n_frames=300):
    import av

    options = VIDEOS[name]
    if options.get("codec", "libx264") not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no encoder {options['codec']}")
    path = encode(folder / name, n_frames, **options)
    return without_the_first_packet(path) if name.startswith("headless") else path


def without_the_first_packet(path):
    """Make a recording that begins between keyframes: its first packets have no frames."""
    import av

    copy = path.with_stem("copy")
    with av.open(str(path)) as source, av.open(str(copy), "w") as target:
        (stream,) = source.streams.video
        written = target.add_stream_from_template(stream)
        for packet in [packet for packet in source.demux(stream) if packet.size][1:]:
            packet.stream = written
            target.mux(packet)
    return copy


def decode_all(path):
    """Times and pixels of all frames, decoded without this package."""
    import av

    with av.open(str(path), options={"fflags": "+discardcorrupt"}) as container:
        frames = list(container.decode(video=0))
        times = [n / 25 if frame.time is None else frame.time for n, frame in enumerate(frames)]
        return times, [frame.to_ndarray(format="rgb24") for frame in frames]


@pytest.mark.parametrize("name", VIDEOS)
def test_sample_equals_that_of_all_decoded_frames(tmp_path, name):
    path = make(tmp_path, name)
    times, pixels = decode_all(path)
    assert (len(times) == 300) != name.startswith("headless")
    for window in WINDOWS:
        for n_frames in (None, 1, 5, 31):
            expected = list(pick_frames(times, n_frames, window).items())
            sample = read(path, n_frames, window)
            assert [frame.time for frame in sample] == [times[number] for number, _ in expected]
            assert [frame.repeats for frame in sample] == [repeats for _, repeats in expected]
            for frame, (number, _) in zip(sample, expected, strict=True):
                np.testing.assert_array_equal(frame.pixels, pixels[number])


@pytest.fixture
def count_decoded(monkeypatch):
    """Timestamps of all frames that are decoded."""
    import av

    decoded = []

    class CountingPacket:
        def __init__(self, packet):
            self.packet = packet

        def __getattr__(self, name):
            return getattr(self.packet, name)

        def decode(self):
            frames = self.packet.decode()
            decoded.extend(frame.pts for frame in frames)
            return frames

    class Counting:
        def __init__(self, container):
            self.container = container

        def __getattr__(self, name):
            return getattr(self.container, name)

        def demux(self, *streams):
            return map(CountingPacket, self.container.demux(*streams))

    opened = av.open

    def count(path, mode="r", **options):
        container = opened(path, mode, **options)
        return Counting(container) if mode == "r" else container

    monkeypatch.setattr(av, "open", count)
    return decoded


def test_few_frames_are_decoded_for_a_small_sample(tmp_path, count_decoded):
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
def test_every_kind_of_keyframe_can_be_sought(tmp_path, count_decoded, name):
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
def test_nothing_is_decoded_three_times_after_a_failed_seek(tmp_path, count_decoded, name):
    path = make(tmp_path, name)
    count_decoded.clear()
    read(path, 31)
    assert len(count_decoded) <= 2 * 300 + 31
