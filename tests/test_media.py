"""Clips of every kind are read as the frames that a person would see."""

import math
import os
import struct
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sklearn_temo.extraction._clips import BadClip, Clip, check_clips, look_at_clips
from sklearn_temo.extraction._media import read_clip

HEIGHT, WIDTH = 48, 64


def grey_frames(n):
    """Frame i is all 20 * i."""
    return [np.full((HEIGHT, WIDTH, 3), 20 * i, np.uint8) for i in range(n)]


def read(clip, n_frames=None, window=None):
    (checked,) = check_clips([clip])
    return list(read_clip(checked, n_frames, window).frames)


def numbers(frames):
    """Which of the grey frames were read, with repeats."""
    return [round(frame.pixels.mean() / 20) for frame in frames for _ in range(frame.repeats)]


@pytest.fixture
def corner():
    """A picture whose top left quarter is red, the rest blue."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[..., 2] = 250
    picture[: HEIGHT // 2, : WIDTH // 2] = 250, 0, 0
    return picture


def test_frames_are_sampled_by_their_times(write_video):
    # Frame 3 stays for a second: by index the middle of seven frames would be frame 3 as well,
    # but the third of four is frame 4.
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


def test_one_frame_is_the_first(write_video):
    assert numbers(read(write_video(grey_frames(5)), 1)) == [0]


def test_a_short_clip_repeats_frames(write_video):
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


def test_a_stream_without_times(write_video):
    path = write_video(grey_frames(10), "clip.h264", codec="libx264", pixels="yuv420p")
    assert numbers(read(path, 4)) == [0, 3, 6, 9]
    assert numbers(read(path)) == list(range(10))


def test_only_the_sample_is_kept(write_video):
    import tracemalloc

    frames = [np.zeros((480, 640, 3), np.uint8)] * 200
    path = write_video(frames)
    tracemalloc.start()
    read(path, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * frames[0].nbytes


@pytest.mark.parametrize("n_frames", [None, 1, 5, 7, 9, 16, 25])
def test_a_path_and_its_decoded_array_give_the_same_frames(cremad_paths, cremad_frames, n_frames):
    for path, array in zip(cremad_paths[:2], cremad_frames[:2], strict=True):
        for mine, theirs in zip(read(path, n_frames), read(array, n_frames), strict=True):
            assert mine.repeats == theirs.repeats
            np.testing.assert_array_equal(mine.pixels, theirs.pixels)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_video_is_upright(write_video, corner, quarters):
    stored_frames = [np.ascontiguousarray(np.rot90(corner, -quarters))] * 3
    path = write_video(stored_frames, "clip.mp4", codec="libx264", pixels="yuv444p")
    cos, sin = round(math.cos(quarters * math.pi / 2)), round(math.sin(quarters * math.pi / 2))
    # The matrix of the track header, which says how to turn the stored picture for display.
    matrix = np.array([cos, -sin, 0, sin, cos, 0, 0, 0, 2**14]) * 2**16
    stored = bytearray(path.read_bytes())
    start = stored.index(b"tkhd") + 44
    stored[start : start + 36] = matrix.astype(">i4").tobytes()
    path.write_bytes(stored)
    (frame,) = read(path, 1)
    assert frame.pixels.shape == corner.shape
    assert np.abs(frame.pixels.astype(int) - corner).mean() < 10


def test_pixels_that_are_not_square_are_made_so(tmp_path):
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
def test_exif_orientation_is_undone(tmp_path, corner, orientation):
    transpose = Image.Transpose
    # How a camera held so stores the picture: the inverse of what a viewer does to it.
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


def test_sixteen_bits_keep_their_shades(tmp_path):
    shades = np.linspace(0, 65535, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    Image.fromarray(shades).save(tmp_path / "deep.png")
    (frame,) = read(tmp_path / "deep.png")
    np.testing.assert_array_equal(frame.pixels[..., 0], shades >> 8)
    Image.fromarray(shades).save(tmp_path / "deep.tif")
    np.testing.assert_array_equal(read(tmp_path / "deep.tif")[0].pixels, frame.pixels)


@pytest.mark.parametrize(
    ("codec", "pixels"), [("png", "rgb48be"), ("png", "rgba64be"), ("tiff", "rgb48le")]
)
def test_colours_of_sixteen_bits_keep_their_shades(tmp_path, corner, codec, pixels):
    import av

    deep = av.VideoFrame.from_ndarray(corner.astype(np.uint16) * 257, format="rgb48le")
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, pixels
    encoder.time_base = Fraction(1, 25)
    packets = encoder.encode(deep.reformat(format=pixels)) + encoder.encode(None)
    (tmp_path / "deep.image").write_bytes(b"".join(bytes(packet) for packet in packets))
    (frame,) = read(tmp_path / "deep.image")
    np.testing.assert_array_equal(frame.pixels, corner)


def test_floating_point_images_are_refused(tmp_path):
    Image.new("F", (WIDTH, HEIGHT), 0.5).save(tmp_path / "depth.tif")
    with pytest.raises(ValueError, match=r"depth.tif.*its pixels are floating point"):
        read(tmp_path / "depth.tif")


@pytest.mark.filterwarnings("error")
def test_large_images_are_no_bombs(tmp_path):
    Image.new("L", (7680, 4320), 40).save(tmp_path / "8k.png", compress_level=1)
    (frame,) = read(tmp_path / "8k.png")
    assert frame.pixels.shape == (4320, 7680, 3)
    assert (frame.pixels[::100, ::100] == 40).all()


@pytest.mark.filterwarnings("error")
def test_photographs_of_a_hundred_million_pixels_are_read(tmp_path):
    limit = Image.MAX_IMAGE_PIXELS
    # A page of one bit a pixel is as large and quickly made.
    Image.new("1", (11648, 8736)).save(tmp_path / "large.png", compress_level=1)
    (frame,) = read(tmp_path / "large.png")
    assert frame.pixels.shape == (8736, 11648, 3)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_an_absurd_size_is_told(tmp_path):
    Image.new("1", (40000, 30000)).save(tmp_path / "huge.png", compress_level=1)
    message = r"clip 0 \('.*huge.png'\): is 40000 x 30000 pixels large, more than the 200 million"
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "huge.png")


def test_names_that_are_not_text_are_opened(tmp_path, write_video):
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


def test_what_is_seen_through_keeps_its_colour(tmp_path):
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


def test_a_video_of_one_frame(write_video):
    path = write_video(grey_frames(3)[2:], "clip.mp4", codec="mpeg4", pixels="yuv420p")
    assert numbers(read(path)) == [2]
    for window in (None, (-1.0, None), (0, 0.5)):
        (frame,) = read(path, 7, window)
        assert (frame.repeats, frame.time) == (7, 0.0)


def test_windows_of_every_kind_of_clip(write_video, tmp_path):
    frames = grey_frames(11)
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=40)
    # The first frame is at 0 whatever the clock of the file says.
    late = write_video(frames, "late.mkv", ticks=range(3000, 3440, 40))
    for clip in (write_video(frames), late, tmp_path / "a.gif"):
        assert numbers(read(clip, None, (0.08, 0.2))) == [2, 3, 4, 5]
        assert numbers(read(clip, 3, (-0.16, None))) == [6, 8, 10]
        with pytest.raises(ValueError, match=rf"clip 0 \('.*{clip.name}'\): no frame lies inside"):
            read(clip, 3, (1.0, None))
    array = np.stack(frames)
    assert numbers(read(array, None, (2, 5))) == [2, 3, 4, 5]
    assert numbers(read(array, 3, (-4, None))) == [6, 8, 10]
    with pytest.raises(
        ValueError, match=r"clip 0 \(array .*no frame lies inside sampling=\(11, 12\)"
    ):
        read(array, 3, (11, 12))


def test_an_animation_is_a_clip(tmp_path):
    images = [Image.fromarray(frame) for frame in grey_frames(5)]
    durations = [100, 100, 700, 100, 100]
    images[0].save(
        tmp_path / "moving.gif", save_all=True, append_images=images[1:], duration=durations
    )
    frames = read(tmp_path / "moving.gif")
    assert numbers(frames) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.1, 0.2, 0.9, 1.0])
    assert numbers(read(tmp_path / "moving.gif", 3)) == [0, 2, 4]


def test_the_content_says_what_a_file_is(tmp_path, write_video):
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
def test_what_cannot_be_decoded_is_named(tmp_path, kind, n_frames):
    with pytest.raises(ValueError, match=rf"clip 0 \('.*{kind}\.mp4'\): cannot be read as a video"):
        read(damaged(tmp_path, kind), n_frames)


class ClipNamed(Exception): ...


@contextmanager
def _naming(path):
    try:
        yield
    except ValueError as error:
        if str(error).startswith(f"clip 0 ({str(path)!r}): "):
            raise ClipNamed from error
        raise


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.ppm", "a.mp4", "a.flv"])
def test_whatever_is_damaged_the_clip_is_named(tmp_path, write_video, name):
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
        # Some bytes say nothing that matters.
        with suppress(ClipNamed), _naming(path):
            read(path, 3)


def test_titles_may_be_in_any_encoding(write_video):
    path = write_video(grey_frames(3), "a.mp4", codec="mpeg4", pixels="yuv420p")
    path.write_bytes(path.read_bytes().replace(b"VideoHandler", b"Vid\xe9oHandler"))
    assert numbers(read(path)) == [0, 1, 2]


def noise(n):
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (n, HEIGHT, WIDTH, 3), dtype=np.uint8))


def test_a_file_that_breaks_off_before_its_index_is_named(write_video):
    path = write_video(noise(9), "half.mp4", codec="libx264", pixels="yuv420p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"half.mp4'\): cannot be read .* check that it is whole"):
        read(path, 4)


@pytest.mark.parametrize("lie", [0.01, 1e4])
def test_what_a_header_says_of_the_length_is_not_believed(write_video, lie):
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
        (Path(), ValueError, r"clip 1 \('.'\): is a folder"),
        (None, TypeError, "clip 1 is a NoneType: expected a path"),
        (3, TypeError, "clip 1 is a int"),
        ([np.zeros((4, 4, 3), np.uint8)], TypeError, "clip 1 is a list: .*np.stack"),
        ((), ValueError, "clip 1 is an empty tuple: expected the paths"),
        ([], ValueError, "clip 1 is an empty list: expected the paths"),
        ((__file__, None), TypeError, "clip 1, frame 1 is a NoneType: expected the path"),
        (math.nan, TypeError, "clip 1 is a float: expected a path.* missing are best dropped"),
        (b"a.mp4", TypeError, "clip 1 is a bytes: expected a path"),
        ("a\0.mp4", ValueError, "clip 1 .*cannot be opened"),
        ("a" * 5000, ValueError, "clip 1 .*cannot be opened .*too long"),
        (os.devnull, ValueError, "clip 1 .*is a device"),
        (np.zeros((4, 4, 3)), TypeError, r"clip 1 .*float64, expected uint8.*\(255.0 \* clip\)"),
        (np.full((4, 4, 3), np.nan), TypeError, "clip 1 .*float64.* are NaN"),
        (np.zeros((4, 4, 3), np.uint16), TypeError, "clip 1 .*uint16, expected .*clip >> 8"),
        (np.zeros((4, 4, 3), np.int64), TypeError, "clip 1 .*int64, expected uint8"),
        (np.zeros((4, 4), np.uint8), ValueError, r"clip 1 .*shape \(4, 4\).*grey"),
        (np.zeros((9, 4, 4), np.uint8), ValueError, r"clip 1 .*grey of .*\(n_frames, height, w"),
        (np.zeros((3, 4, 5), np.uint8), ValueError, "clip 1 .*np.moveaxis"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"clip 1 .*RGB .*clip\[..., :3\] drops alpha"),
        (np.zeros((9, 4, 4, 1), np.uint8), ValueError, "clip 1 .*RGB"),
        (np.zeros((0, 4, 4, 3), np.uint8), ValueError, "clip 1 .*not empty"),
    ],
)
def test_a_bad_clip_is_named_before_anything_is_read(clip, error, message):
    good = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(error, match=message):
        check_clips([good, clip])
    first, bad, last = look_at_clips([good, clip, good])
    assert isinstance(first, Clip)
    assert last.label == "clip 2 (array of shape (4, 4, 3))"
    assert isinstance(bad, BadClip)
    assert bad.source == (str(clip) if isinstance(clip, (str, Path)) else "clip 1")
    with pytest.raises(error, match=message):
        raise bad.error


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(ValueError, match=r"clip 0 .*empty \(0 bytes\)"):
        check_clips([tmp_path / "a.mp4"])


@pytest.mark.parametrize(
    ("clips", "error", "message"),
    [
        ("a.mp4", TypeError, r"single path 'a.mp4': pass \[path\]"),
        (Path("a.mp4"), TypeError, "single path"),
        (None, TypeError, "got None"),
        (7, TypeError, "got int"),
        ({"a.mp4": "anger"}, TypeError, "got dict"),
        ([], ValueError, "clips is empty"),
        (np.zeros((2, 4, 4, 3), np.uint8), ValueError, r"pass \[frames\] for a single clip"),
        (np.zeros((3, 2)), ValueError, r"shape \(3, 2\)"),
    ],
)
def test_what_is_no_list_of_clips(clips, error, message):
    for look in (check_clips, look_at_clips):
        with pytest.raises(error, match=message):
            look(clips)


def test_looking_goes_on_after_bad_clips(cremad_paths):
    looked = look_at_clips([cremad_paths[0], "nowhere.mp4", None, cremad_paths[1]])
    assert [clip.source for clip in looked] == [
        cremad_paths[0],
        "nowhere.mp4",
        "clip 2",
        cremad_paths[1],
    ]
    assert [isinstance(clip, BadClip) for clip in looked] == [False, True, True, False]
    assert looked[0] == check_clips(cremad_paths)[0]
    # Else a bad clip in memory would stay there as long as its error.
    assert looked[1].error.__traceback__ is None
    assert all(isinstance(clip, BadClip) for clip in look_at_clips(np.zeros((2, 3, 4, 4, 3))))


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
    """Ten image files, frame i of which is all 20 * i."""
    folder = tmp_path / "S005" / "001"
    folder.mkdir(parents=True)
    files = [folder / f"{i:02d}.png" for i in range(10)]
    for file, pixels in zip(files, grey_frames(10), strict=True):
        Image.fromarray(pixels).save(file)
    return files


@pytest.mark.parametrize("kind", [tuple, list])
def test_image_files_can_be_the_frames_of_a_clip(frame_files, kind):
    clip = kind([str(frame_files[3]), *frame_files[:3]])
    frames = read(clip)
    assert numbers(frames) == [3, 0, 1, 2]
    assert [frame.time for frame in frames] == [0.0, 1.0, 2.0, 3.0]
    assert numbers(read(clip, 6)) == [3, 0, 0, 1, 1, 2]
    assert numbers(read(clip, None, (1, -1))) == [0, 1]
    assert math.isnan(read_clip(check_clips([clip])[0], None).fps)
    assert numbers(read(kind(frame_files[4:5]), 2)) == [4, 4]


def test_only_the_images_that_are_needed_are_decoded(frame_files):
    for i in (1, 4, 7):
        frame_files[i].write_bytes(b"no image")
    assert numbers(read(tuple(frame_files), 2)) == [0, 9]
    assert numbers(read(tuple(frame_files), None, (2, 3))) == [2, 3]
    message = r"clip 0 \(.*09.png'\), frame 1 \(.*01.png'\): .* no image"
    with pytest.raises(ValueError, match=message):
        read(tuple(frame_files))


def test_a_list_of_paths_stays_a_list_of_clips(frame_files):
    assert len(check_clips(frame_files)) == 10
    assert len(check_clips(tuple(map(str, frame_files)))) == 10
    clips = check_clips([tuple(frame_files), str(frame_files[0]), frame_files[:3]])
    assert [clip.source for clip in clips] == [
        f"{frame_files[0]} ... 09.png",
        str(frame_files[0]),
        f"{frame_files[0]} ... 02.png",
    ]


def test_a_clip_of_images_is_called_after_the_first_and_the_last(frame_files, tmp_path):
    apart = tmp_path / "apart.png"
    apart.write_bytes(frame_files[0].read_bytes())
    assert check_clips([(apart, frame_files[0])])[0].source == f"{apart} ... {frame_files[0]}"
    assert check_clips([[apart]])[0].source == str(apart)


def test_clips_of_other_images_have_other_names(frame_files):
    a, b, c, d = frame_files[:4]
    gone = a.with_name("gone.png")
    clips = [(a, b, d), (a, c, d), (str(a), str(b), str(d)), (a, gone, d), (a, b)]
    sources = [clip.source for clip in look_at_clips(clips)]
    assert sources[0] == sources[2] == f"{a} ... 03.png"
    assert sources[1] == f"{a} ... 03.png (clip 1)"
    assert len(set(sources)) == 4


def test_an_image_that_is_missing_is_named(frame_files):
    frame_files[2].unlink()
    message = r"clip 1 \(.*001.* \.\.\. 09.png'\), frame 2 \(.*02.png'\): no such file"
    with pytest.raises(FileNotFoundError, match=message):
        check_clips([frame_files[0], tuple(frame_files)])
    _, bad = look_at_clips([frame_files[0], tuple(frame_files)])
    assert bad.source == f"{frame_files[0]} ... 09.png"


def test_a_frame_of_another_size_is_named(frame_files):
    Image.new("RGB", (8, 6)).save(frame_files[5])
    with pytest.raises(ValueError, match=r"frame 5 .*: is 8 x 6 pixels large.* are 64 x 48"):
        read(tuple(frame_files))


def test_a_damaged_frame_is_named(frame_files):
    whole = frame_files[9].read_bytes()
    frame_files[9].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"frame 9 .*09.png'\): cannot be read"):
        read(tuple(frame_files))
