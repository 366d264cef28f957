"""Whose face is extracted, small faces, gaps, and MediaPipe's network, libraries and model."""

import os
import pickle
import re
import socket
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.extraction import DoubtfulClipsWarning, _mediapipe
from sklearn_temo.extraction._landmarker import open_landmarker
from sklearn_temo.extraction._tracking import PersonTracker, tiles_of
from sklearn_temo.mesh import model_path


def boxes(*places):
    """Boxes of faces, given as (x, y) or (x, y, size) of their centres."""
    faces = np.array([(*place, 100)[:3] for place in places], np.float32).reshape(-1, 3)
    centre, half = faces[:, :2], faces[:, 2:] / 2
    return np.hstack([centre - half, centre + half])


def follow(*frames):
    """Chosen face and doubt of each frame; a frame is a list of places."""
    tracker, chosen = PersonTracker(), []
    for places in frames:
        found = boxes(*places)
        chosen.append(tracker.choose(found))
        tracker.update(found, chosen[-1][0])
    return chosen


LEFT, RIGHT = (100, 100), (400, 100)


def test_the_largest_face_of_the_first_frame_with_a_face_is_followed():
    frames = [], [LEFT, (400, 100, 120)], [(400, 100, 90), (100, 100, 130)]
    assert follow(*frames) == [(None, False), (1, False), (0, False)]


def test_tiles_of_long_clips_without_a_face_are_searched_less_often():
    frame, n_searched = np.zeros((400, 400, 3), np.uint8), []
    n_appears = 100

    def detect(pixels):
        """Find a small face, from frame 100 on, in the upper left quarter only."""
        n_searched[-1] += 1
        face = np.full((1, 478, 3), 30, np.float32)
        face[0, 0] = 60
        return face[: len(n_searched) > n_appears and len(pixels) < 400]

    tracker, found = PersonTracker(), []
    for _ in range(120):
        n_searched.append(0)
        found.append(tracker.find(frame, detect)[0] is not None)
    assert sum(n_searched[:n_appears]) < 3 * n_appears
    # It is found with the next search of the tiles, and then in every frame.
    assert 0 < 120 - sum(found) - n_appears < 8
    assert all(found[n_appears + 8 :])


@pytest.mark.parametrize("step", [30, 90])
def test_a_person_who_moves_is_never_lost(step):
    path = [[(100 + step * i, 100 + step * (i % 2))] for i in range(9)]
    assert [face for face, _ in follow(*path)] == [0] * 9


def test_a_jump_is_taken_but_doubtful():
    assert follow([LEFT], [RIGHT], [RIGHT]) == [(0, False), (0, True), (0, False)]
    assert follow([LEFT], [(100, 100, 250)]) == [(0, False), (0, True)]


def test_the_face_of_another_person_is_not_taken():
    both, right = [LEFT, RIGHT], [RIGHT]
    assert follow([(100, 100, 110), RIGHT], right, right, both) == [
        (0, False),
        (None, False),
        (None, False),
        (0, False),
    ]


def test_an_old_place_of_another_person_is_doubtful():
    frames = [(100, 100, 110), RIGHT], [LEFT], [RIGHT]
    assert follow(*frames) == [(0, False), (0, False), (0, True)]


def test_people_who_move_together_are_not_exchanged():
    # Everybody moves right by 60 % of a face: the camera turns.
    frames = [(100, 100, 101), (220, 100)], [(160, 100), (280, 100)], [(220, 100), (340, 100)]
    assert [face for face, _ in follow(*frames)] == [0, 0, 0]


def test_two_equally_near_faces_are_doubtful():
    assert follow([(200, 100)], [(150, 100), (250, 100)])[1][1]
    # Two people pass each other.
    passing = [(180, 100, 101), (220, 100)], [(200, 100)], [(180, 100), (220, 100)]
    assert [doubtful for _, doubtful in follow(*passing)] == [False, True, True]


def test_a_much_larger_face_is_doubtful():
    assert follow([LEFT], [LEFT, (400, 200, 300)])[1] == (0, True)


@pytest.mark.parametrize("shape", [(1080, 1920), (640, 480), (500, 500), (301, 1000)])
def test_tiles_cover_the_frame(shape):
    covered = np.zeros(shape, int)
    for left, top, right, bottom in tiles_of(np.empty((*shape, 3), np.uint8)):
        covered[top:bottom, left:right] += 1
        assert max(right - left, bottom - top) <= (max(shape) + 1) // 2
    assert covered.min() == 1


def resized(frame, width):
    return np.asarray(Image.fromarray(frame).resize((width, frame.shape[0] * width // 480)))


@pytest.fixture(scope="module")
def small(cremad_frames):
    """A face that is narrower than 9 % of the frame, twice, and once alone."""
    person = resized(cremad_frames[3][0], 640)
    clip = np.full((2, 900, 1600, 3), 110, np.uint8)
    clip[0, 300 : 300 + len(person), 800:1440] = person
    clip[1, 310 : 310 + len(person), 780:1420] = person
    return clip, person


def test_one_person_is_followed_while_another_comes_nearer(cremad_frames):
    clip = np.full((4, 480, 960, 3), 60, np.uint8)
    for i in range(4):
        for frames, x, size in ((3, 10, 460 - 25 * i), (5, 490, 380 + 25 * i)):
            square = Image.fromarray(cremad_frames[frames][i][50:290, 100:340])
            clip[i, 10 : 10 + size, x : x + size] = np.asarray(square.resize((size, size)))
    transformer = FaceLandmarkTransformer(n_frames=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nose = transformer.transform([clip]).reshape(4, 468, 3)[:, 1, 0]
    assert nose.max() < 480
    # A region selects the other person.
    other = transformer.set_params(region=(480, 0, 960, 480)).transform([clip])
    assert other.reshape(4, 468, 3)[:, 1, 0].min() > 480


def test_small_faces_are_found_in_the_coordinates_of_the_frame(small):
    clip, person = small
    (found,) = FaceLandmarkTransformer(n_frames=2).extract([clip])
    (alone,) = FaceLandmarkTransformer(n_frames=1).extract([person])
    assert found.detected.all()
    size = np.ptp(alone.landmarks[0], axis=0).max()
    for landmarks, place in zip(found.landmarks, ((800, 300, 0), (780, 310, 0)), strict=True):
        assert np.abs(landmarks - place - alone.landmarks[0]).max() < 0.1 * size
    # A region of the same pixels gives the landmarks of the cut-out picture.
    region = (800, 300, 1440, 300 + len(person))
    (cut,) = FaceLandmarkTransformer(n_frames=1, region=region).extract([clip[:1]])
    np.testing.assert_allclose(cut.landmarks - [800, 300, 0], alone.landmarks, atol=1e-3)


@pytest.mark.parametrize(
    "region", [(0, 0, 0, 10), (5, 8, 4, 9), (-1, 0, 5, 5), (0, 0, 1), (0.5, 0, 1, 1)]
)
def test_invalid_region(region, cremad_paths):
    with pytest.raises(ValueError, match=r"region=.* must be"):
        FaceLandmarkTransformer(region=region).fit(cremad_paths)


@pytest.mark.parametrize("region", [(0, 0, 481, 360), (500, 0, 600, 100)])
def test_region_outside_the_frame(region, cremad_frames):
    with pytest.raises(ValueError, match=r"clip 0 .* reaches beyond the frame of 480 x 360 pixels"):
        FaceLandmarkTransformer(n_frames=1, region=region).transform([cremad_frames[0]])


def test_region_is_part_of_the_cache_key(tmp_path, cremad_frames):
    clips, region = [cremad_frames[0][:1]], (40, 0, 480, 360)
    for value, n_cached in ((None, 0), (region, 0), ([np.int64(edge) for edge in region], 1)):
        transformer = FaceLandmarkTransformer(n_frames=1, region=value, memory=tmp_path)
        transformer.transform(clips)
        assert transformer.report_.n_cached == n_cached


def with_faces(frames, found):
    """Clip of 6 frames that has a face in those of `found` only."""
    clip = np.zeros_like(frames[:6])
    clip[found] = frames[found]
    return clip


@pytest.mark.parametrize(
    ("found", "settings", "text"),
    [
        ([3], {}, "a face was found in 1 of 6 searched frames.*from time 0"),
        ([0, 4, 5], {"max_gap": 2}, "3 consecutive frames from time 1 to time 3"),
        ([2, 3, 4, 5], {"max_gap": 1}, "2 consecutive frames from time 0 to time 1"),
        ([0, 1, 2, 3], {"max_gap": 1}, "2 consecutive frames from time 4 to time 5"),
        ([0, 4, 5], {"max_gap": 3}, None),
        ([0, 4, 5], {}, None),  # arrays have no seconds
        ([3], {"min_detected": 0}, None),
        ([3], {"on_missing": "nan"}, None),
    ],
)
def test_gaps_beyond_the_limits_are_reported(cremad_frames, found, settings, text):
    transformer = FaceLandmarkTransformer(n_frames=6, **settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        transformer.transform([with_faces(cremad_frames[0], found)])
    assert len(caught) == len(transformer.report_.doubtful) == (text is not None)
    if text is not None:
        assert caught[0].category is DoubtfulClipsWarning
        assert caught[0].filename == __file__
        (doubtful,) = transformer.report_.doubtful
        assert doubtful.reason.startswith("clip 0 (array of shape")
        assert re.search(text, doubtful.reason)


def test_gaps_in_seconds(write_video, cremad_frames):
    clip = with_faces(cremad_frames[0], [0, 1, 4, 5])
    path = write_video(clip, ticks=[0, 100, 200, 300, 1200, 1300])
    transformer = FaceLandmarkTransformer(n_frames=None)
    with pytest.warns(DoubtfulClipsWarning, match=r"2 consecutive frames from 0.200 s to 0.300 s"):
        transformer.transform([path])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transformer.set_params(max_gap=1.2).transform([path])


def test_doubtful_clips_give_one_warning_per_run_also_from_the_cache(tmp_path, cremad_frames):
    face = cremad_frames[0][0]
    jump = np.zeros((2, 360, 960, 3), np.uint8)
    jump[0, :, :480], jump[1, :, 480:] = face, face
    transformer = FaceLandmarkTransformer(n_frames=2, memory=tmp_path)
    for _ in range(2):
        with pytest.warns(DoubtfulClipsWarning, match="2 of 3 clips.*clip 1 .*time 1 may") as got:
            transformer.transform([cremad_frames[0][:2], jump, jump[::-1]])
        assert len(got) == 1
        report = transformer.report_
        assert got[0].message.report is report
        assert [clip.index for clip in report.doubtful] == [1, 2]
        assert str(report).count("doubtful: clip ") == 2
        assert str(pickle.loads(pickle.dumps(got[0].message))) == str(got[0].message)
    assert report.n_cached == 3


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_mediapipe_does_not_use_the_network(n_jobs):
    # MediaPipe would send its report through the user's proxy.
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        code = (
            "import atexit, os, numpy as np\n"
            "from sklearn_temo import FaceLandmarkTransformer\n"
            "black = np.zeros((64, 64, 3), np.uint8)\n"
            f"t = FaceLandmarkTransformer(n_frames=1, n_jobs={n_jobs}, on_missing='nan')\n"
            "atexit.register(lambda: print(os.environ['https_proxy'], os.environ['no_proxy']))\n"
            "t.transform([black, black])\n"
        )
        environment = os.environ | dict.fromkeys(names, url) | {"no_proxy": "example.org"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [url, "example.org"]
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_mediapipe_is_replaced_before_its_report_of_a_minute_is_due(monkeypatch, cremad_frames):
    from mediapipe.tasks.python import vision

    create, close = vision.FaceLandmarker.create_from_options, vision.FaceLandmarker.close
    events = []

    def recorded_create(options):
        events.append("open")
        return create(options)

    def recorded_close(landmarker):
        if landmarker._handle:  # what is deleted is closed again
            events.append(f"close with proxy {os.environ.get('https_proxy')}")
        close(landmarker)

    monkeypatch.setattr(vision.FaceLandmarker, "create_from_options", recorded_create)
    monkeypatch.setattr(vision.FaceLandmarker, "close", recorded_close)
    clock = iter([0, 0, 0, 30, 59, 59, 59, 60, 119, 119, 119])
    monkeypatch.setattr(_mediapipe, "monotonic", lambda: next(clock))
    with open_landmarker("mediapipe", model_path(), "of this test") as landmarker:
        first, *others = [landmarker.detect(cremad_frames[0][0]) for _ in range(5)]
    replaced = ["close with proxy none://", "open"]
    assert events == ["open", *replaced, *replaced]
    for landmarks in others:
        np.testing.assert_array_equal(landmarks, first)


@pytest.mark.parametrize("library", ["libEGL.so.1", "libGLESv2.so.2"])
def test_missing_system_library_is_named_with_its_package(library):
    code = (
        "import ctypes, numpy as np\n"
        "from sklearn_temo import FaceLandmarkTransformer\n"
        "def refuse(*args, **options):\n"
        f"    raise OSError('{library}: cannot open shared object file')\n"
        "ctypes.CDLL = refuse\n"
        "try:\n"
        "    FaceLandmarkTransformer().transform([np.zeros((64, 64, 3), np.uint8)])\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    for word in ("MediaPipe", library, "apt install libegl1 libgles2"):
        assert word in done.stdout, done.stderr


def test_unknown_model_warns_once_per_call(tmp_path, cremad_frames):
    model = tmp_path / "mine.task"
    model.write_bytes(model_path().read_bytes() + b"x")
    transformer = FaceLandmarkTransformer(n_frames=1, model_path=model)
    with pytest.warns(UserWarning, match=r"'.*mine.task' is an unknown model \(SHA-256 ") as caught:
        transformer.fit([cremad_frames[0]])
    assert len(caught) == 1
    assert caught[0].filename == __file__
