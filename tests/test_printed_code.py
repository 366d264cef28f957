"""The code of the README, the commands of the README and the guide, and the examples' length."""

import re
import shlex
import shutil
import sys
import textwrap
import types
from pathlib import Path
from unittest.mock import MagicMock, create_autospec

import pytest
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

from sklearn_temo import FaceLandmarkTransformer, make_temo_pipeline
from sklearn_temo.cli._main import make_parser
from sklearn_temo.datasets import (
    fetch_cremad,
    load_ckplus,
    load_clip_folder,
    load_cremad_sample,
)

CHECKOUT = Path(__file__).parents[1]
README = CHECKOUT / "README.md"
# Folders that a build of the documentation writes.
BUILT = {"_build", "auto_examples", "tutorial", "generated"}
PAGES = [
    page
    for page in sorted((CHECKOUT / "docs").rglob("*.rst"))
    if not BUILT & set(page.relative_to(CHECKOUT).parts)
]
# Pages whose blocks need a cluster or data that are not included. Their names and parameters are
# checked. The code of all other pages runs.
NEED_MORE = {"clusters", "datasets"}


def blocks_of_readme(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.M | re.S)


@pytest.mark.filterwarnings("ignore:checks of the evaluation:UserWarning")
def test_first_code_of_the_readme_runs_as_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(blocks_of_readme("python")[0], {})
    assert (tmp_path / "smile.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    (shown,) = blocks_of_readme("text")
    for line in shown.splitlines()[1:]:
        name = line[:17].rstrip()
        (found,) = [each for each in printed.splitlines() if each.startswith(name)]
        # Other processors round differently, which can change a few predictions.
        assert numbers(found) == pytest.approx(numbers(line), abs=0.03)


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"[-+]?\d\.\d+", line)]


def copy_clips(root):
    """Make a folder with two emotions of five people, one clip of each."""
    sample = load_cremad_sample()
    for emotion, path in zip(sample.target, sample.data, strict=True):
        if emotion in ("happiness", "neutral"):
            for person in ("ann", "ben", "cleo", "dan", "eve"):
                folder = root / emotion / person
                folder.mkdir(parents=True)
                shutil.copy(path, folder / "1.flv")


@pytest.mark.filterwarnings("ignore:checks of the evaluation:UserWarning")
def test_code_for_own_clips_runs_as_printed(tmp_path, monkeypatch, capsys):
    copy_clips(tmp_path / "clips")
    monkeypatch.chdir(tmp_path)
    exec(blocks_of_readme("python")[1], {})
    assert (tmp_path / "which.png").stat().st_size > 10_000
    assert "near_duplicates" in capsys.readouterr().out


def blocks_of_page(name: str) -> list[str]:
    """Code of a page that is not written as an interactive session, so that doctest skips it."""
    text = (CHECKOUT / f"docs/user_guide/{name}.rst").read_text()
    found = re.findall(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", text, re.M)
    return [textwrap.dedent(block) for block in found]


def test_all_pages_with_such_blocks_are_tested():
    pages = {page.stem for page in PAGES if ".. code-block:: python" in page.read_text()}
    assert pages == {"own_clips", "many_clips"} | NEED_MORE


@pytest.mark.filterwarnings("ignore")
def test_blocks_for_own_clips_run_as_printed(tmp_path, monkeypatch):
    copy_clips(tmp_path / "my_clips")
    monkeypatch.chdir(tmp_path)
    names = {
        "FaceLandmarkTransformer": FaceLandmarkTransformer,
        "GridSearchCV": GridSearchCV,
        "StratifiedGroupKFold": StratifiedGroupKFold,
        "load_clip_folder": load_clip_folder,
        "make_temo_pipeline": make_temo_pipeline,
    }
    extraction, progress = blocks_of_page("many_clips")
    for block in [*blocks_of_page("own_clips"), progress, extraction]:
        exec(block, names)
    assert names["search"].best_params_["select__k"] in (20, 64, 128)
    assert names["X"].shape == (10, 16 * 468 * 3)


@pytest.mark.parametrize("page", sorted(NEED_MORE))
def test_blocks_that_need_more_use_what_exists(page, monkeypatch):
    jobqueue = types.SimpleNamespace(SLURMCluster=MagicMock())
    monkeypatch.setitem(sys.modules, "dask_jobqueue", jobqueue)
    client = create_autospec(pytest.importorskip("dask.distributed").Client)
    monkeypatch.setattr("dask.distributed.Client", client)
    monkeypatch.setattr("joblib.parallel_config", MagicMock())
    names = {
        "FaceLandmarkTransformer": create_autospec(FaceLandmarkTransformer),
        "fetch_cremad": create_autospec(fetch_cremad),
        "load_ckplus": create_autospec(load_ckplus),
        "paths": [],
    }
    blocks = blocks_of_page(page)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, names)


def commands(page: Path) -> list[str]:
    """Command lines of `sklearn-temo` in the blocks of a page, with joined continuation lines."""
    lines = page.read_text().replace("\\\n", " ").splitlines()
    marked = r"\s*sklearn-temo " if page == README else r"\s*\$ sklearn-temo "
    return [line.split("#")[0].strip().lstrip("$ ") for line in lines if re.match(marked, line)]


PRINTED = [
    pytest.param(command, id=f"{page.relative_to(CHECKOUT)}: {command}")
    for page in [README, *PAGES]
    for command in commands(page)
]


def test_commands_are_found():
    assert len(PRINTED) > 10


@pytest.mark.parametrize("command", PRINTED)
def test_printed_commands_are_understood(command):
    parser, choices = make_parser()
    options, rest = parser.parse_known_args(shlex.split(command)[1:])
    assert options.command in choices
    assert not rest


@pytest.mark.parametrize("script", sorted((CHECKOUT / "examples/gallery").glob("*.py")))
def test_examples_are_short(script):
    assert 40 <= len(script.read_text().splitlines()) <= 90
