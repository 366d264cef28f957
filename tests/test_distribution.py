"""What people install: the wheel, built from the source archive and used outside the checkout."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "sklearn_temo"

DATA = {
    "sklearn_temo/py.typed",
    "sklearn_temo/models/README.md",
    "sklearn_temo/models/LICENSE",
    "sklearn_temo/models/face_landmarker.task",
    "sklearn_temo/models/face_geometry.json",
    "sklearn_temo/models/face_blendshapes.npz",
    "sklearn_temo/persistence/_model_card.md",
    *(f"sklearn_temo/datasets/descr/{name}.txt" for name in ("ckplus", "ravdess", "synthetic")),
    "sklearn_temo/datasets/cremad/README.md",
    "sklearn_temo/datasets/cremad/LICENSE.txt",
    *(
        f"sklearn_temo/datasets/cremad/1001_DFA_{emotion}_XX.flv"
        for emotion in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    ),
    *(
        f"sklearn_temo/datasets/london_smiles/{name}"
        for name in ("README.md", "LICENSE.txt", "landmarks.npz")
    ),
    *(
        f"sklearn_temo/datasets/sign_digits/{name}"
        for name in ("README.md", "LICENSE", "landmarks.npz")
    ),
    *(
        f"sklearn_temo/report/assets/{name}"
        for name in (
            "template.html",
            "report.css",
            "charts.js",
            "face.js",
            "landmarks.js",
            "names.js",
            "explanations.js",
            "scores.js",
            "report.js",
            "three.min.js",
            "three.LICENSE.txt",
        )
    ),
}

DIST_INFO = f"sklearn_temo-{version('sklearn-temo')}.dist-info"

LICENCES = {
    f"{DIST_INFO}/licenses/{name}"
    for name in (
        "LICENSE",
        "THIRD_PARTY_NOTICES.md",
        "sklearn_temo/models/LICENSE",
        "sklearn_temo/datasets/cremad/LICENSE.txt",
        "sklearn_temo/datasets/london_smiles/LICENSE.txt",
        "sklearn_temo/datasets/sign_digits/LICENSE",
        "sklearn_temo/report/assets/three.LICENSE.txt",
    )
}

USE = """
import sys
from pathlib import Path

import sklearn_temo
assert Path(sklearn_temo.__file__).is_relative_to(sys.argv[1]), sklearn_temo.__file__
assert not {"torch", "mediapipe", "matplotlib"} & sys.modules.keys(), "import is not light"

from sklearn_temo import mesh
from sklearn_temo.datasets import load_cremad_sample, load_london_smiles, load_sign_digits
assert all(Path(clip).is_file() for clip in load_cremad_sample().data)
assert len(load_london_smiles().data) == 204
assert len(load_sign_digits().data) == 2062
assert mesh.contours().keys() >= {"lips", "nose"}
print(mesh.model_path())
"""


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> Path:
    """Folder with the source archive and the wheel that was built from it.

    They are built from a copy: setuptools leaves folders where it builds, and takes stale files
    from those of earlier builds.
    """
    room = tmp_path_factory.mktemp("distribution")
    made = (".?*", "*.egg-info", "__pycache__", "build", "dist", "demo_output", "_build")
    shutil.copytree(CHECKOUT, room / "checkout", ignore=shutil.ignore_patterns(*made))
    shutil.copy(CHECKOUT / ".pre-commit-config.yaml", room / "checkout")
    build = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", room, room / "checkout"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return room


@pytest.fixture(scope="module")
def wheel(archives) -> Path:
    (path,) = archives.glob("*.whl")
    return path


def test_metadata_and_readme_are_valid(archives):
    check = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *archives.glob("sklearn_temo-*.*")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr


def files_of(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_every_module_and_its_data(wheel):
    modules = {path.relative_to(CHECKOUT).as_posix() for path in PACKAGE.rglob("*.py")}
    missing = (modules | DATA | LICENCES) - files_of(wheel)
    assert not missing


def test_wheel_holds_nothing_else(wheel):
    files = files_of(wheel)
    assert {name.split("/")[0] for name in files} == {"sklearn_temo", DIST_INFO}
    others = {name for name in files if name.startswith("sklearn_temo/")} - DATA
    assert {Path(name).suffix for name in others} == {".py"}
    assert not {name for name in others if "test" in name}


def test_wheel_works_outside_the_checkout(wheel, tmp_path):
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run = subprocess.run(
        [sys.executable, "-c", USE, unpacked],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).is_relative_to(unpacked)


def test_source_archive_can_be_tested_and_names_nobody(archives):
    (path,) = archives.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    names = {member.name.partition("/")[2] for member in members}
    assert {"Makefile", "constraints.txt", "tests/conftest.py", "CITATION.cff"} <= names
    assert {(member.uname, member.gname) for member in members} == {("root", "root")}


def test_citations_name_this_version():
    assert f"\nversion: {version('sklearn-temo')}\n" in (CHECKOUT / "CITATION.cff").read_text()
    page = (CHECKOUT / "docs/project/citing.rst").read_text()
    assert f"version = {{{version('sklearn-temo')}}}" in page
