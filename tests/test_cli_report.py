"""Command line ``sklearn-temo report``."""

import json
import shutil
from pathlib import Path

import pytest

import sklearn_temo.report._write_report
from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.cli import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def folder(here, cremad_paths):
    """Twelve copies of the six clips, in the folders of two classes and twelve people."""
    for i, path in enumerate(cremad_paths * 2):
        place = here / "clips" / ("calm", "lively")[i % 2] / f"person{i}"
        place.mkdir(parents=True)
        shutil.copy(path, place / f"clip{Path(path).suffix}")
    return "clips"


@pytest.fixture
def calls(monkeypatch):
    """Replace the work by a small report; list the calls."""
    calls = []

    def write(estimator, X, y, **options):
        calls.append((estimator, list(X), list(y), options))
        print("progress")
        score = {"accuracy": {}, "balanced_accuracy": {"value": 0.8, "low": 0.7, "high": 0.9}}
        extraction = {"n_clips": 2, "frames_seen": 4, "frames_with_face": 3}
        return {
            "data": {"n_clips": 2, "extraction": {**extraction, "skipped": [], "doubtful": []}},
            "scores": {"rows": [{"model": "estimator", **score}]},
            "checks": [{"name": "identity", "verdict": "warning", "message": "look at it."}],
        }

    monkeypatch.setattr(sklearn_temo.report, "write_report", write, raising=False)
    return calls


def plant(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"clip")


def test_report_of_a_folder_with_a_damaged_clip(folder, here, capfd):
    plant("clips/calm/person0/broken.mp4")
    options = ["--n-frames", "2", "--k", "32", "--classifiers", "linear-svm", "--memory", "cache"]
    assert main(["report", folder, "--out", "r.html", *options]) == 1
    output, errors = capfd.readouterr()
    assert output == ""
    assert "[write_report] 5 of 5 parts" in errors
    lines = errors.splitlines()
    summary = "wrote the report of 12 of 13 clips into r.html and r.json, a face in 24 of 24 frames"
    assert summary in lines
    assert lines[-1].startswith("clips/calm/person0/broken.mp4: ")
    assert "clips could not be used" not in errors
    report = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert report["data"]["n_people"] == 12
    assert {each["name"] for each in report["data"]["classes"]} == {"calm", "lively"}
    assert report["relevance"]["k"] == 32
    assert "SVC(C=0.01," in report["estimator"]
    assert sorted(path.name for path in here.iterdir()) == ["cache", "clips", "r.html", "r.json"]


def test_labels_and_people_come_from_the_folders(calls, here, capfd):
    names = ["clips/anger/ann/1.mp4", "clips/anger/bob/3.mp4", "clips/fear/bob/2.mp4"]
    plant(*names)
    assert main(["report", "clips", "--out", "r.html", "--title", "Mine", "--quiet"]) == 0
    ((estimator, paths, y, options),) = calls
    assert paths == names
    assert y == ["anger", "anger", "fear"]
    assert options["groups"].tolist() == ["ann", "bob", "bob"]
    assert options["title"] == "Mine"
    assert options["verbose"] == 0
    assert estimator["select"].k == 128
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.splitlines()[1:] == [
        "wrote the report of 2 of 2 clips into r.html and r.json, a face in 3 of 4 frames",
        "balanced accuracy of the estimator: 0.800 (0.700 to 0.900)",
        "check identity: look at it.",
    ]


def test_options_reach_the_pipeline(calls, here):
    plant("clips/anger/1.mp4", "clips/anger/2.mp4", "clips/fear/3.mp4")
    options = ["--k", "all", "--n-frames", "8", "--classifiers", "rbf-svm", "--n-jobs", "2"]
    options += ["--seed", "3", "--memory", "cache"]
    assert main(["report", "clips", "--out", "r.html", *options]) == 0
    estimator, *_, given = calls[0]
    found = estimator.get_params()
    assert found["select__k"] == "all"
    assert found["landmarks__n_frames"] == 8
    assert found["landmarks__memory"] == found["select__memory"] == "cache"
    assert found["classify__svc__kernel"] == "rbf"
    assert (given["n_jobs"], given["random_state"]) == (2, 3)
    assert given["groups"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("clips", "the following arguments are required: --out"),
        ("clips --out r.htm", "'r.htm', must end in .html"),
        ("clips --out gone/r.html", "gone/r.html' cannot be written (No such file or directory)"),
        ("gone --out r.html", "'gone'"),
        ("same --out r.html", "all clips of 'same' are of the class 'anger'"),
        (
            "clips --out r.html --k 469",
            "from 1 to 468, or all, such as 20,64,all; got '469'",
        ),
        ("clips --out r.html --n-frames 0", "The 'n_frames' parameter of FaceLandmarkTransformer"),
        (
            "clips --out r.html --classifiers tree",
            "from temo, linear-svm, rbf-svm and svm",
        ),
        ("clips --out r.html --n-jobs 0", "must not be 0"),
        ("clips --out r.html --memory clips/anger/1.mp4", "cannot be created ("),
    ],
)
def test_invalid_arguments_exit_with_2_before_any_clip_is_read(
    calls, here, capfd, arguments, message
):
    plant("clips/anger/1.mp4", "clips/anger/2.mp4", "clips/fear/2.mp4")
    plant("same/anger/1.mp4", "same/anger/2.mp4")
    with pytest.raises(SystemExit) as refused:
        main(["report", *arguments.split()])
    assert refused.value.code == 2
    output, errors = capfd.readouterr()
    assert output == ""
    (last,) = errors.splitlines()
    assert last.startswith("sklearn-temo report: error: ")
    assert message in last
    assert not calls


def test_no_usable_clip_exits_with_3(here, capfd):
    plant("clips/anger/1.mp4", "clips/anger/2.mp4", "clips/fear/3.mp4")
    Path("r.html").write_text("old")
    assert main(["report", "clips", "--out", "r.html", "--quiet"]) == 3
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("no report was written: none of the 3 clips could be used; the first, ")
    assert Path("r.html").read_text() == "old"


def test_interrupt_leaves_no_file(folder, here, capfd, monkeypatch):
    def interrupt(self, clips):
        raise KeyboardInterrupt

    monkeypatch.setattr(FaceLandmarkTransformer, "extract", interrupt)
    assert main(["report", folder, "--out", "r.html"]) == 130
    message = "interrupted: no report was written; with --memory DIR a run continues"
    assert message in capfd.readouterr().err
    assert [path.name for path in here.iterdir()] == ["clips"]


def test_too_few_clips_are_an_argument_error(calls, here, capfd):
    plant("clips/calm/1.mp4", "clips/lively/2.mp4")
    with pytest.raises(SystemExit, match="2"):
        main(["report", "clips", "--out", "r.html"])
    assert "2 folds need as many people" in capfd.readouterr().err
    assert not calls


def test_help_lists_the_exit_codes(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["report", "--help"])
    text = capsys.readouterr().out
    for code in ("0", "1", "2", "3", "4", "130"):
        assert f"\n  {code:4} " in text
