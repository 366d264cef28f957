"""The code of the README, the commands of the README and the guide, and the examples' length."""

import re
import shlex
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from sklearn_temo.cli._main import make_parser
from sklearn_temo.datasets import load_cremad_sample

CHECKOUT = Path(__file__).parents[1]
README = CHECKOUT / "README.md"
PAGES = sorted((CHECKOUT / "docs").rglob("*.rst"))
# Folders that a build of the documentation writes.
BUILT = {"_build", "auto_examples", "tutorial", "generated"}


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


@pytest.mark.filterwarnings("ignore:checks of the evaluation:UserWarning")
def test_code_for_own_clips_runs_as_printed(tmp_path, monkeypatch, capsys):
    sample = load_cremad_sample()
    for emotion, path in zip(sample.target, sample.data, strict=True):
        if emotion in ("happiness", "neutral"):
            # One clip each of five people; the file names make the landmarks of each be extracted.
            for person in ("ann", "ben", "cleo", "dan", "eve"):
                folder = tmp_path / "clips" / emotion / person
                folder.mkdir(parents=True)
                shutil.copy(path, folder / "1.flv")
    monkeypatch.chdir(tmp_path)
    exec(blocks_of_readme("python")[1], {})
    plt.close("all")
    assert (tmp_path / "why.png").stat().st_size > 10_000
    assert (tmp_path / "which.png").stat().st_size > 10_000
    assert "near_duplicates" in capsys.readouterr().out


def commands(page: Path) -> list[str]:
    """Command lines of `sklearn-temo` in the blocks of a page, with joined continuation lines."""
    lines = page.read_text().replace("\\\n", " ").splitlines()
    marked = r"\s*sklearn-temo " if page == README else r"\s*\$ sklearn-temo "
    return [line.split("#")[0].strip().lstrip("$ ") for line in lines if re.match(marked, line)]


PRINTED = [
    pytest.param(command, id=f"{page.relative_to(CHECKOUT)}: {command}")
    for page in [README, *PAGES]
    if not BUILT & set(page.relative_to(CHECKOUT).parts)
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
