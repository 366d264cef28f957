"""The engine LiteRT, compared with MediaPipe."""

import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from itertools import pairwise
from shutil import copyfile
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.cli import main
from sklearn_temo.extraction import _landmarker, load_landmarks
from sklearn_temo.extraction._landmarker import open_landmarker
from sklearn_temo.mesh import model_path


@pytest.fixture
def landmarkers():
    """MediaPipe's and LiteRT's, from the idle ones."""
    with (
        open_landmarker("mediapipe", model_path(), "bundled") as mediapipe,
        open_landmarker("litert", model_path(), "bundled") as litert,
    ):
        yield mediapipe, litert


@pytest.fixture(scope="module")
def faces(cremad_frames):
    """One frame of each clip."""
    return [frames[len(frames) // 2] for frames in cremad_frames]


def distances(landmarkers, pictures):
    """Distances of all landmarks in three dimensions; the faces, from the left, must be the same.

    The order of faces whose confidences are almost equal may differ.
    """
    found = []
    for picture in pictures:
        expected, actual = (
            faces[faces[:, 1, 0].argsort()]
            for faces in (landmarker.detect(picture) for landmarker in landmarkers)
        )
        assert actual.dtype == expected.dtype == np.float32
        assert actual.shape == expected.shape
        found.append(np.linalg.norm(actual - expected, axis=-1).ravel())
    return np.concatenate(found)


def test_landmarks_are_those_of_mediapipe(landmarkers, cremad_frames):
    distance = distances(landmarkers, [frame for clip in cremad_frames for frame in clip[::12]])
    assert np.median(distance) < 0.1
    assert np.percentile(distance, 99) < 1


def turn(degrees):
    return lambda face: np.asarray(Image.fromarray(face).rotate(degrees, Image.Resampling.BILINEAR))


ALTERED = {
    "turned by 25 degrees": turn(25),
    "turned by -60 degrees": turn(-60),
    "upright picture": np.rot90,
    "small": lambda face: np.asarray(Image.fromarray(face).resize((160, 120))),
    "large": lambda face: np.asarray(Image.fromarray(face).resize((1440, 1080))),
    "small part of the picture": lambda face: np.pad(face, ((0, 200), (200, 0), (0, 0))),
    "cut on the left": lambda face: face[:, 180:],
    "cut on the right": lambda face: face[:, :300],
    "cut above": lambda face: face[110:],
    "cut below": lambda face: face[:230],
    "grey": lambda face: np.repeat(face[..., 1:2], 3, axis=2),
    "dark": lambda face: face // 6,
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED.keys())
def test_landmarks_of_difficult_faces_are_those_of_mediapipe(alter, landmarkers, faces):
    distance = distances(landmarkers, [alter(face) for face in faces[:3]])
    assert len(distance) >= 2 * 478
    assert np.median(distance) < 0.3
    assert np.percentile(distance, 99) < 1


def test_several_faces_are_those_of_mediapipe(landmarkers, faces):
    pictures = [np.hstack(two) for two in pairwise(faces)]
    distance = distances(landmarkers, pictures)
    assert len(distance) > 478 * len(pictures)
    assert np.percentile(distance, 99) < 1


@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 32766), (32766, 2), (64, 64), (3000, 3000)], ids=lambda shape: str(shape)
)
def test_pictures_without_a_face(shape, landmarkers):
    assert len(distances(landmarkers, [np.zeros((*shape, 3), np.uint8)])) == 0


def test_clips_are_extracted_as_with_mediapipe(cremad_frames):
    # The face of the second clip is so small that it is searched in parts of the frame.
    small = np.full((2, 900, 1600, 3), 110, np.uint8)
    small[:, 300:780, 800:1440] = Image.fromarray(cremad_frames[3][0]).resize((640, 480))
    clips = [cremad_frames[0], small]
    expected = FaceLandmarkTransformer(n_frames=2, n_landmarks=478).transform(clips)
    transformer = FaceLandmarkTransformer(n_frames=2, n_landmarks=478, engine="litert")
    actual = transformer.transform(clips)
    assert np.abs(actual - expected).max() < 2
    np.testing.assert_array_equal(transformer.set_params(n_jobs=2).transform(clips), actual)


def test_threads_do_not_share_a_landmarker(cremad_frames):
    transformer = FaceLandmarkTransformer(n_frames=6, engine="litert")
    expected = transformer.transform(cremad_frames[:4])
    with ThreadPoolExecutor(4) as pool:
        actual = pool.map(lambda clip: transformer.transform([clip])[0], cremad_frames[:4])
        np.testing.assert_array_equal(list(actual), expected)


def test_engines_have_their_own_cache_entries(tmp_path, cremad_frames):
    clips = [cremad_frames[0][:1]]
    for engine, n_cached in (("mediapipe", 0), ("litert", 0), ("mediapipe", 1), ("litert", 1)):
        transformer = FaceLandmarkTransformer(n_frames=1, engine=engine, memory=tmp_path)
        transformer.transform(clips)
        assert transformer.report_.n_cached == n_cached


# Ends this process when it or a thread or a child that it starts opens a socket.
SOCKETS_FORBIDDEN = """
import ctypes, platform, struct
NUMBERS = {"x86_64": 41, "aarch64": 198}
def instruction(code, if_true, if_false, value):
    return struct.pack("HBBI", code, if_true, if_false, value)
LOAD, EQUAL, RETURN, KILL, ALLOW = 0x20, 0x15, 0x06, 0x80000000, 0x7FFF0000
program = ctypes.create_string_buffer(
    instruction(LOAD, 0, 0, 0)
    + instruction(EQUAL, 0, 1, NUMBERS[platform.machine()])
    + instruction(RETURN, 0, 0, KILL)
    + instruction(RETURN, 0, 0, ALLOW)
)
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]
prctl = ctypes.CDLL(None, use_errno=True).prctl
prctl.argtypes = [ctypes.c_int] + 4 * [ctypes.c_ulong]
NO_NEW_PRIVILEGES, SECCOMP, MODE_FILTER = 38, 22, 2
assert prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
filter = Filter(4, ctypes.addressof(program))
assert prctl(SECCOMP, MODE_FILTER, ctypes.addressof(filter), 0, 0) == 0, ctypes.get_errno()
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="seccomp filters belong to Linux, and numbers of system calls to the machine",
)
@pytest.mark.parametrize("engine", ["litert", "mediapipe"])
def test_litert_opens_no_socket_prints_nothing_and_does_not_load_mediapipe(engine, cremad_paths):
    code = (
        f"{SOCKETS_FORBIDDEN}\n"
        "import sys\n"
        "from sklearn_temo import FaceLandmarkTransformer\n"
        f"transformer = FaceLandmarkTransformer(n_frames=2, engine={engine!r})\n"
        f"assert transformer.extract([{cremad_paths[0]!r}])[0].detected.all()\n"
        "assert 'mediapipe' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if engine == "litert":
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    else:
        # MediaPipe opens sockets, which shows that the filter works.
        assert done.returncode < 0


def test_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, cremad_frames):
    def missing(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(_landmarker, "version", missing)
    with pytest.raises(ImportError, match=r"ai-edge-litert.*pip install 'sklearn-temo\[litert\]'"):
        FaceLandmarkTransformer(engine="litert").fit([cremad_frames[0]])


@pytest.mark.parametrize("module", ["ai_edge_litert.interpreter", "cv2"])
def test_module_that_cannot_be_loaded_is_named(module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with (
        pytest.raises(ImportError, match=rf"{module}.*pip install 'sklearn-temo\[litert\]'"),
        open_landmarker("litert", model_path(), f"without {module}"),
    ):
        pass


def test_model_file_of_the_user(tmp_path, cremad_frames):
    copyfile(model_path(), tmp_path / "модель.task")
    clips = [cremad_frames[0][:1]]
    own, bundled = (
        FaceLandmarkTransformer(n_frames=1, engine="litert", model_path=path).transform(clips)
        for path in (tmp_path / "модель.task", None)
    )
    np.testing.assert_array_equal(own, bundled)


def test_unusable_model_files_are_named(tmp_path):
    with ZipFile(model_path()) as bundle:
        networks = {name: bundle.read(name) for name in bundle.namelist()}
    detector, landmarks = "face_detector.tflite", "face_landmarks_detector.tflite"
    unusable = {
        "text": None,
        "empty": {},
        "half": {detector: networks[detector]},
        "swapped": {detector: networks[landmarks], landmarks: networks[detector]},
        "damaged": networks | {landmarks: networks[landmarks][:1000]},
    }
    for name, content in unusable.items():
        path = tmp_path / f"{name}.task"
        path.write_bytes(b"not a zip file")
        if content is not None:
            with ZipFile(path, "w") as bundle:
                for member, data in content.items():
                    bundle.writestr(member, data)
        with (
            pytest.raises(ValueError, match=rf"LiteRT cannot use the model file .*{name}\.task"),
            open_landmarker("litert", path, name),
        ):
            pass


def test_command_line_takes_the_engine(tmp_path, cremad_paths):
    table = tmp_path / "landmarks.npz"
    options = ["--n-frames", "2", "--engine", "litert", "--quiet"]
    assert main(["extract", cremad_paths[0], "--out", str(table), *options]) == 0
    (expected,) = FaceLandmarkTransformer(n_frames=2, engine="litert").extract(cremad_paths[:1])
    np.testing.assert_array_equal(load_landmarks(table).data[0], expected.landmarks.ravel())
