import re

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.utils import Bunch

from sklearn_temo import __version__, demo
from sklearn_temo.cli import main
from sklearn_temo.datasets import load_cremad_sample, load_london_smiles


@pytest.fixture
def small_demo(monkeypatch):
    """Two clips, 30 people, and few fits."""
    sample, smiles = load_cremad_sample(), load_london_smiles()
    some = np.isin(smiles.groups, smiles.groups[:30])
    people = Bunch(**{name: smiles[name][some] for name in ("data", "target", "groups")})
    two_clips = Bunch(data=sample.data[:2], target=sample.target[:2])
    monkeypatch.setattr(demo, "load_cremad_sample", lambda: two_clips)
    monkeypatch.setattr(demo, "load_london_smiles", lambda: people)
    monkeypatch.setattr(demo, "KS", (8,))
    monkeypatch.setattr(demo, "N_FOLDS", 2)
    monkeypatch.setattr(demo, "N_DRAWS", 1)


def test_demo_prints_clips_accuracies_regions_and_limits_and_writes_the_picture(
    small_demo, tmp_path, capsys
):
    with mpl.rc_context():
        demo.run_demo(tmp_path / "output")
    printed = capsys.readouterr().out
    assert re.search(r"^anger +67 +67 +0\.8\d$", printed, re.MULTILINE)
    assert "60 photographs of 30 people" in printed
    for name in ("all 468", "8 selected", "8 random"):
        row = re.search(
            rf"^{name} +(0\.\d\d) ± 0\.\d\d +(0\.\d\d) ± 0\.\d\d$", printed, re.MULTILINE
        )
        assert float(row[1]) > 0.6
        assert float(row[2]) > 0.6
    regions = re.findall(r"^  (\w+(?: \w+)?) +\d\.\d$", printed, re.MULTILINE)
    assert len(regions) == 10
    assert {"lips", "nose", "left eye"} <= set(regions)
    assert "asked to smile" in printed
    picture = tmp_path / "output" / "smile.png"
    assert str(picture) in printed
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"sklearn-temo {__version__}\n"


def test_demo_command_passes_the_output_folder(tmp_path, monkeypatch):
    folders = []
    monkeypatch.setattr(demo, "run_demo", folders.append)
    assert main(["demo", "--output", str(tmp_path / "here")]) == 0
    assert folders == [tmp_path / "here"]


def test_a_folder_that_cannot_hold_the_picture_is_an_error_before_the_demo_starts(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(demo, "load_cremad_sample", None)
    (tmp_path / "smile.png").mkdir()
    with mpl.rc_context(), pytest.raises(IsADirectoryError, match="smile"):
        demo.run_demo(tmp_path)


def test_a_file_in_place_of_the_folder_is_an_argument_error(tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SystemExit) as refused:
        main(["demo", "--output", str(file)])
    assert refused.value.code == 2
    assert "cannot be created (File exists); choose another one." in capsys.readouterr().err
