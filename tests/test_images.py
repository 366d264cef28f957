"""Image files are read as all their frames, or refused with the reason."""

import io
import itertools
import math
import os
import struct
import warnings
from contextlib import suppress
from importlib.metadata import version

import numpy as np
import pytest
from joblib import parallel_config
from PIL import Image, TiffImagePlugin, features

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.extraction import SkippedClipsWarning, _parallel, _time_limit
from sklearn_temo.extraction._clips import check_clips
from sklearn_temo.extraction._reading import read_clip

HEIGHT, WIDTH = 48, 64

needs_avif = pytest.mark.skipif(
    "avif" not in features.get_supported_modules(), reason="this Pillow has no AVIF"
)
ANIMATED = ["gif", "png", "webp", pytest.param("avif", marks=needs_avif)]


def grey_images(n):
    """All pixels of image i are 20 * i."""
    return [Image.new("RGB", (WIDTH, HEIGHT), (20 * i,) * 3) for i in range(n)]


def save(path, images, **options):
    images[0].save(path, save_all=True, append_images=images[1:], **options)
    return path


def read(clip, n_frames=None):
    fps, frames = read_clip(check_clips([clip])[0], n_frames)
    return fps, list(frames)


def numbers(frames):
    return [round(frame.pixels.mean() / 20) for frame in frames]


@pytest.mark.parametrize("kind", ANIMATED)
def test_each_frame_of_an_animation_has_its_own_time(tmp_path, kind):
    durations = [100, 100, 300, 40, 60, 80]
    path = save(tmp_path / f"a.{kind}", grey_images(6), duration=durations)
    fps, frames = read(path)
    assert numbers(frames) == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.1, 0.2, 0.5, 0.54, 0.6])
    assert fps == pytest.approx(5 / 0.6)
    # 0, 0.2, 0.4 and 0.6 s
    assert numbers(read(path, 4)[1]) == [0, 2, 3, 5]


@pytest.mark.parametrize("kind", ["gif", "png", "webp"])
@pytest.mark.parametrize("durations", [[0, 40, 40, 40], [40, 0, 40, 40], [40, 40, 0, 40]])
def test_times_are_unknown_if_a_frame_has_no_duration(tmp_path, kind, durations):
    fps, frames = read(save(tmp_path / f"a.{kind}", grey_images(4), duration=durations))
    assert math.isnan(fps)
    assert [frame.time for frame in frames] == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["gif", "png", "webp"])
def test_duration_of_the_last_frame_is_not_needed(tmp_path, kind):
    fps, frames = read(save(tmp_path / f"a.{kind}", grey_images(3), duration=[40, 40, 0]))
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.04, 0.08])
    assert fps == pytest.approx(25)


@pytest.mark.parametrize("n_frames", [1, 4])
def test_default_image_of_an_apng_is_not_a_frame(tmp_path, n_frames):
    _, *images = grey_images(n_frames + 1)
    cover = Image.new("RGB", (WIDTH, HEIGHT), (255, 0, 0))
    path = save(tmp_path / "a.png", [cover, *images], duration=100, default_image=True)
    assert numbers(read(path)[1]) == list(range(1, n_frames + 1))


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_part_of_an_animation_is_an_error(tmp_path, kind):
    whole = save(tmp_path / f"a.{kind}", grey_images(6), duration=40).read_bytes()
    path = tmp_path / "part"
    # The last 20 bytes of a PNG are only checksums and the mark of its end.
    for length in range(60, len(whole) - (20 if kind == "png" else 0), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cannot be read|is damaged"):
            read(path)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_pages_of_a_tiff_are_frames(tmp_path, compression):
    path = save(tmp_path / "a.tif", grey_images(6), compression=compression)
    fps, frames = read(path)
    assert math.isnan(fps)
    assert [frame.time for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert numbers(frames) == [0, 1, 2, 3, 4, 5]
    assert numbers(read(path, 2)[1]) == [0, 5]


@pytest.mark.skipif(
    int(version("pillow").split(".")[0]) < 13,
    reason="Pillow before 13 cannot read a TIFF with these modes",
)
def test_pages_may_have_different_modes(tmp_path):
    _, grey, rgb, rgba, palette = grey_images(5)
    deep = Image.fromarray(np.full((HEIGHT, WIDTH), 100 * 256, np.uint16))
    pages = [grey.convert("L"), rgb, rgba.convert("RGBA"), palette.convert("P"), deep]
    _, frames = read(save(tmp_path / "a.tif", pages))
    assert numbers(frames) == [1, 2, 3, 4, 5]
    assert {frame.pixels.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}


def write_pages(path, images, *tags):
    """Write a TIFF; each page has tags of its own."""
    stored = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(stored) as writer:
        for image, page_tags in zip(images, tags, strict=True):
            image.save(writer, format="TIFF", tiffinfo=page_tags)
            writer.newFrame()
    path.write_bytes(stored.getvalue())
    return path


@pytest.mark.parametrize("orientations", [(1, 6, 3, 8), (6, 1, 1), (3, 1, 3)])
def test_each_page_is_upright(tmp_path, orientations):
    upright = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    upright[: HEIGHT // 2, : WIDTH // 2] = 250, 0, 0
    quarters = {1: 0, 3: 2, 6: 1, 8: 3}
    pages = [Image.fromarray(np.rot90(upright, quarters[o]).copy()) for o in orientations]
    path = write_pages(tmp_path / "a.tif", pages, *({274: o} for o in orientations))
    for n_frames in (None, 2):
        for frame in read(path, n_frames)[1]:
            np.testing.assert_array_equal(frame.pixels, upright)


def test_pages_that_are_not_frames_are_refused(tmp_path):
    image, other = grey_images(2)
    small = image.resize((WIDTH // 2, HEIGHT // 2))
    for second, kind, reason in [
        (small, 0, "page 1 has 32 x 24 pixels, but page 0 has 64 x 48"),
        (other, 1, "page 1 is a smaller copy"),
        (other, 4, "page 1 is a mask"),
    ]:
        path = write_pages(tmp_path / "a.tif", [image, second], {}, {254: kind})
        with pytest.raises(ValueError, match=f"^its {reason}.*; only a TIFF whose pages"):
            read(path, 1)


OME = '<?xml version="1.0"?><OME><Image><Pixels SizeC="{}" SizeT="{}" SizeZ="{}"/></Image></OME>'


@pytest.mark.parametrize(
    ("n_pages", "description", "reason"),
    [
        (1, "ImageJ=1.54f\nimages=300\nslices=300\nloop=false\n", "it has 300 pictures .* 1 page"),
        (6, "ImageJ=1.54f\nimages=6\nchannels=3\nframes=2\n", "differ by channels and frames"),
        (3, "ImageJ=1.54f\nimages=3\nchannels=3\nmode=composite\n", "differ by channels"),
        (6, "ImageJ=1.54f\nimages=6\nslices=3\nframes=2\n", "differ by slices and frames"),
        (6, OME.format(3, 2, 1), "differ by channels and frames"),
        (6, OME.format(1, 60, 1), "it has 60 pictures"),
        (1, '{"shape": [300, 48, 64], "truncated": true}', "it has 300 pictures"),
        (6, "ImageJ=1.54f\nimages=6\nslices=6\n", None),
        (6, "ImageJ=1.54f\nimages=6\nframes=6\nfinterval=0.04\n", None),
        (6, OME.format(1, 6, 1), None),
        (1, OME.format(3, 1, 1), None),
        (6, '{"shape": [6, 48, 64]}', None),
        (1, "A portrait, images=2", None),
    ],
)
def test_tiff_stacks_of_laboratory_software(tmp_path, n_pages, description, reason):
    path = save(tmp_path / "a.tif", grey_images(n_pages), tiffinfo={270: description})
    if reason is None:
        assert numbers(read(path)[1]) == list(range(n_pages))
    else:
        with pytest.raises(ValueError, match=reason):
            read(path, 1)


def mpo(path, second, kind):
    """Write a JPEG of two pictures; `kind` is the type of the second in the index."""
    save(path, [grey_images(2)[1], second], format="MPO")
    stored = bytearray(path.read_bytes())
    index = stored.index(b"MPF\0") + 4
    # Each entry has 16 bytes and begins with its type; that of the first is 0x030000.
    first = stored.index(struct.pack("<LL", 0x030000, stored.index(b"\xff\xd8", 4)), index)
    stored[first + 16 : first + 20] = struct.pack("<L", kind)
    path.write_bytes(stored)
    return path


def test_first_picture_of_a_phone_photo_is_read(tmp_path):
    image = grey_images(4)[3]
    preview, gain_map = image.resize((WIDTH // 2, HEIGHT // 2)), image.convert("L")
    for second, kind in [(preview, 0x010001), (preview, 0), (gain_map, 0)]:
        assert numbers(read(mpo(tmp_path / "a.jpg", second, kind))[1]) == [1]


@pytest.mark.parametrize("kind", [0x020001, 0x020002, 0x020003, 0])
def test_photos_of_several_views_are_refused(tmp_path, kind):
    image = grey_images(4)[3]
    if kind:
        image = image.resize((WIDTH // 2, HEIGHT // 2))
    with pytest.raises(ValueError, match=r"^has 2 pictures of the same kind"):
        read(mpo(tmp_path / "a.jpg", image, kind))


@pytest.mark.parametrize(("kind", "mode"), [("jpeg", "RGB"), ("png", "L"), ("ppm", "RGB")])
def test_several_pictures_in_one_file_are_refused(tmp_path, kind, mode):
    for name, image in zip("ab", grey_images(2), strict=True):
        image.convert(mode).save(tmp_path / name, format=kind)
    stream = tmp_path / f"stream.{kind}"
    stream.write_bytes((tmp_path / "a").read_bytes() + (tmp_path / "b").read_bytes())
    with pytest.raises(ValueError, match=r"^has several pictures, one after the other"):
        read(stream)


def test_preview_in_the_metadata_of_a_jpeg_is_no_second_picture(tmp_path):
    path = tmp_path / "a.jpg"
    grey_images(2)[1].save(
        path, exif=b"Exif\0\0II*\0\x08\0\0\0" + bytes(6) + b"\xff\xd9\xff\xd8\xff"
    )
    assert numbers(read(path)[1]) == [1]


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"msf1", b"hevc"])
def test_heic_is_refused(tmp_path, brand):
    path = tmp_path / "photo.jpg"
    path.write_bytes(struct.pack(">I4s4s4x4s4s", 24, b"ftyp", brand, b"mif1", b"heic") + bytes(500))
    with pytest.raises(ValueError, match=r"^is a HEIF image .*; convert it to JPEG or PNG\.$"):
        read(path)


@needs_avif
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_avif_is_not_taken_for_an_unsupported_format(tmp_path, share):
    path = save(tmp_path / "a.avif", grey_images(4))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="truncated or damaged"):
        read(path)


@needs_avif
def test_avif_with_a_general_brand_is_read(tmp_path):
    path = tmp_path / "a.avif"
    grey_images(4)[3].save(path)
    path.write_bytes(path.read_bytes().replace(b"ftypavif", b"ftypmif1", 1))
    assert numbers(read(path)[1]) == [3]


@pytest.mark.parametrize("kind", ["gif", "webp", "tif"])
def test_file_of_an_image_list_must_be_a_single_picture(tmp_path, kind):
    single, several = tmp_path / "a.png", save(tmp_path / f"a.{kind}", grey_images(3))
    grey_images(1)[0].save(single)
    with pytest.raises(ValueError, match=r"^frame 1 \('.*'\): has 3 pictures, but each file of a"):
        read((single, several))


@pytest.mark.parametrize("shape", [(1, 40000), (40000, 1), (2, 32767)])
def test_side_that_is_too_long_is_an_error(tmp_path, shape):
    message = "a frame has {1} x {0} pixels, but a side may have at most 32,766".format(*shape)
    good, bad = np.zeros((4, 4, 3), np.uint8), np.zeros((*shape, 3), np.uint8)
    for clip in (bad, bad[None]):
        with pytest.raises(ValueError, match=rf"^clip 1 \(.*\): {message}"):
            check_clips([good, clip])
    Image.fromarray(bad).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.png")
    with pytest.raises(ValueError, match=rf"^frame 0 .*: {message}"):
        read((tmp_path / "a.png",))


def test_longest_side_can_be_processed():
    clips = [np.zeros((1, 32766, 3), np.uint8), np.zeros((32766, 2, 3), np.uint8)]
    X = FaceLandmarkTransformer(n_frames=1, on_missing="nan").transform(clips)
    assert np.isnan(X).all()


def canvas(path, width, height, n_frames):
    """Write a GIF whose frames have one pixel each."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x21\xf9\x04\x04\x02\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    path.write_bytes(head + (frame + b"\x02\x02\x44\x01\x00") * n_frames + b";")
    return path


@pytest.mark.parametrize("kind", ["gif", "png", "tif"])
def test_picture_of_too_many_pixels_is_refused_without_a_warning(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "gif":
        canvas(path, 10000, 10000, 300)
    else:
        Image.new("1", (10000, 10000)).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"^a frame has 10000 x 10000 pixels, 100,000,000 in"):
            read(path, 1)
        with pytest.raises(ValueError, match=r"^frame 0 .*: a frame has 10000 x 10000 pixels"):
            read((path,), 1)


@pytest.mark.parametrize(("width", "height", "n_frames"), [(8000, 8000, 9), (2000, 1000, 300)])
def test_animation_of_too_many_pixels_is_refused(tmp_path, width, height, n_frames):
    path = canvas(tmp_path / "a.gif", width, height, n_frames)
    with pytest.raises(ValueError, match=rf"^its {n_frames} frames of {width} x {height} pixels"):
        read(path, 1)


def test_canvas_that_a_later_frame_enlarges_is_checked(tmp_path):
    path = canvas(tmp_path / "a.gif", 8, 8, 2)
    stored = path.read_bytes()
    last = stored.rindex(b"\x2c")
    large = struct.pack("<HHHH", 0, 0, 40000, 10)
    path.write_bytes(stored[: last + 1] + large + stored[last + 9 :])
    with pytest.raises(ValueError, match="a frame has 40000 x 10 pixels"):
        read(path, 1)


def test_named_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for clip in (tmp_path / "a.png", (tmp_path / "a.png",)):
        with pytest.raises(ValueError, match="is a folder, a device or a pipe"):
            check_clips([clip])


class BlockingFrames(np.ndarray):
    """Frames whose first one is never read."""

    def __getitem__(self, index):
        # In C, without a release of Python's lock.
        all(itertools.repeat(True))


def test_clip_that_blocks_its_process_is_lost_alone(monkeypatch, cremad_frames):
    monkeypatch.setattr(_parallel, "_TIME_LIMIT", 3.0)
    clips = [cremad_frames[0][:1], cremad_frames[1][:1].view(BlockingFrames)]
    transformer = FaceLandmarkTransformer(n_frames=1, n_jobs=2, on_error="skip-with-nan")
    with pytest.warns(SkippedClipsWarning):
        X = transformer.transform(clips)
    assert np.isnan(X[:, 0]).tolist() == [False, True]
    assert "no new frame was read for 3 s" in transformer.report_.skipped[0].reason


@pytest.fixture
def timer(monkeypatch):
    """Time at which each frame is read, in steps of 9 s, and calls of faulthandler."""
    calls = []
    clock = itertools.count(step=9)
    monkeypatch.setattr(_time_limit, "monotonic", lambda: next(clock))
    monkeypatch.setattr(
        _time_limit.faulthandler, "dump_traceback_later", lambda after, **_: calls.append(after)
    )
    monkeypatch.setattr(
        _time_limit.faulthandler, "cancel_dump_traceback_later", lambda: calls.append("cancel")
    )
    return calls


def test_time_limit_starts_again_at_new_frames(timer):
    frames = np.zeros((5, HEIGHT, WIDTH, 3), np.uint8)
    with _time_limit.time_limit(60):
        read(frames)
    # Every 6 s or more.
    assert timer == [60] * 6 + ["cancel"]
    timer.clear()
    with suppress(KeyError), _time_limit.time_limit(120):
        read(frames)
        raise KeyError
    # Every 12 s or more.
    assert timer == [120] * 3 + ["cancel"]


def test_own_process_has_no_time_limit(timer, cremad_frames):
    FaceLandmarkTransformer(n_frames=1).transform([cremad_frames[0][:1]])
    with parallel_config(backend="threading", n_jobs=2):
        FaceLandmarkTransformer(n_frames=1).transform([frames[:1] for frames in cremad_frames[:2]])
    assert not timer
