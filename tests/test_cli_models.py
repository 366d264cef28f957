"""Commands ``train``, ``evaluate``, ``predict`` and ``explain``."""

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.cli import main
from sklearn_temo.extraction import ClipLandmarks, load_landmarks, save_landmarks
from sklearn_temo.persistence import load_model


@pytest.fixture(scope="module")
def session(cremad_paths, tmp_path_factory):
    """A folder with clips of two classes and twelve people, a cache, and a model of the clips."""
    home = tmp_path_factory.mktemp("session")
    for i, path in enumerate(cremad_paths * 2):
        place = home / "clips" / ("calm", "lively")[i % 2] / f"person{i}"
        place.mkdir(parents=True)
        shutil.copy(path, place / f"clip{Path(path).suffix}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        options = ["--k", "20,40", "--classifiers", "temo,linear-svm", "--folds", "2"]
        options += ["--n-frames", "2", "--memory", "cache", "--quiet"]
        assert main(["train", "clips", "--out", "model.skops", *options]) == 0
    return home


@pytest.fixture
def here(session, tmp_path, monkeypatch):
    """A folder of its own for each test, with links to the clips, the cache and the model."""
    for name in ("clips", "cache", "model.skops"):
        (tmp_path / name).symlink_to(session / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names_in(folder):
    return {path.name for path in folder.iterdir()} - {"clips", "cache", "model.skops"}


def refusal(capfd, *arguments):
    """The error of a command that must refuse its arguments, which must be one line."""
    with pytest.raises(SystemExit) as refused:
        main(list(arguments))
    assert refused.value.code == 2
    output, errors = capfd.readouterr()
    assert output == ""
    (line,) = errors.splitlines()
    assert line.startswith(f"sklearn-temo {arguments[0]}: error: ")
    return line


def plant(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"clip")


def train(*options):
    return main(["train", "clips", "--n-frames", "2", "--memory", "cache", "--quiet", *options])


def test_train_prints_all_candidates_and_saves_the_chosen_one(here, capfd):
    options = ["--k", "20,all", "--classifiers", "svm", "--folds", "3", "--smallest-k"]
    assert train("--out", "own.skops", *options) == 0
    output, errors = capfd.readouterr()
    lines = output.splitlines()
    candidates = [line.split()[:2] for line in lines[1:5]]
    assert sorted(candidates) == [
        [svm, k] for svm in ("linear-svm", "rbf-svm") for k in ("20", "all")
    ]
    (chosen,) = (line for line in lines if line.endswith("chosen"))
    assert errors.splitlines() == ["wrote own.skops and its card own.md"]
    assert names_in(here) == {"own.skops", "own.md"}
    model = load_model("own.skops")
    classifier, k, *_ = chosen.split()
    assert str(model["select"].k) == k
    assert ("svc" in model["classify"].named_steps) == (classifier == "rbf-svm")
    assert model["landmarks"].n_frames == 2
    assert model["landmarks"].memory is None
    assert chosen.strip() in Path("own.md").read_text()


def test_train_is_repeatable(here, session, capfd):
    options = ["--k", "20,40", "--classifiers", "temo,linear-svm", "--folds", "2"]
    assert train("--out", "again.skops", *options) == 0
    clips = sorted(map(str, Path("clips").rglob("*.flv")))
    first, second = load_model("model.skops"), load_model("again.skops")
    X = first[0].transform(clips)
    np.testing.assert_array_equal(first[1:].predict(X), second[1:].predict(X))
    np.testing.assert_array_equal(first["select"].ranking_, second["select"].ranking_)


def test_train_keeps_people_apart(here, monkeypatch):
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

    seen = []

    def fit(self, X, y, groups):
        for training, test in self.cv.split(X, y, groups):
            seen.append(set(groups[training]) & set(groups[test]))
        assert isinstance(self.cv, StratifiedGroupKFold)
        raise ValueError("enough")

    monkeypatch.setattr(GridSearchCV, "fit", fit)
    assert train("--out", "m.skops") == 4
    assert seen == [set()] * 5


def test_train_without_people_needs_an_explicit_choice(here, capfd):
    for i, path in enumerate(sorted(Path("clips").rglob("*.flv"))[:8]):
        place = Path("data/unknown", ("calm", "lively")[i % 2], f"{i}.flv")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    arguments = ["data/unknown", "--out", "m.skops", "--n-frames", "2", "--memory", "cache"]
    line = refusal(capfd, "train", *arguments)
    assert "emotion/person/clip.mp4" in line
    assert "--no-groups" in line
    options = ["--no-groups", "--classifiers", "linear-svm", "--k", "20", "--folds", "2", "--quiet"]
    assert main(["train", *arguments, *options]) == 0
    assert "perhaps of the same people" in capfd.readouterr().out
    assert "did not keep the people" in Path("m.md").read_text()


def test_train_with_an_evaluation_writes_its_scores_into_the_card(here, capfd):
    options = ["--evaluate", "--classifiers", "linear-svm", "--k", "20", "--folds", "2"]
    assert train("--out", "m.skops", *options) == 0
    output = capfd.readouterr().out
    assert "majority class" in output
    assert "majority class" in Path("m.md").read_text()


def test_train_leaves_out_clips_that_cannot_be_used(here, capfd):
    shutil.copytree("clips", "more")
    plant("more/calm/person0/broken.mp4")
    options = ["--classifiers", "linear-svm", "--k", "20", "--folds", "2", "--memory", "cache"]
    options += ["--n-frames", "2", "--quiet"]
    assert main(["train", "more", "--out", "m.skops", *options]) == 1
    assert capfd.readouterr().err.splitlines()[-1].startswith("more/calm/person0/broken.mp4: ")
    assert load_model("m.skops").predict(["more/calm/person0/clip.flv"]).shape == (1,)


def test_progress_of_a_search_counts_its_fits(here, capfd):
    options = ["--classifiers", "linear-svm", "--k", "20,40", "--folds", "2", "--memory", "cache"]
    assert main(["train", "clips", "--out", "m.skops", "--n-frames", "2", *options]) == 0
    errors = capfd.readouterr().err
    assert "comparing candidates: 2, each in 2 folds\n" in errors
    assert "[train] 0 of 4 fits" in errors
    assert "[train] 4 of 4 fits" in errors
    assert not getattr(load_model("m.skops"), "_skl_callbacks", None)


def test_interrupted_training_leaves_the_old_model(here, capfd, monkeypatch):
    from sklearn.model_selection import GridSearchCV

    def interrupt(self, X, y, groups):
        raise KeyboardInterrupt

    monkeypatch.setattr(GridSearchCV, "fit", interrupt)
    Path("m.skops").write_text("old")
    assert train("--out", "m.skops") == 130
    assert capfd.readouterr().err.startswith("interrupted: no model was written; the same command")
    assert Path("m.skops").read_text() == "old"
    assert names_in(here) == {"m.skops"}


def test_evaluate_prints_and_writes_the_scores(here, capfd):
    options = ["--classifiers", "linear-svm", "--k", "20", "--folds", "2", "--n-frames", "2"]
    options += ["--memory", "cache", "--quiet", "--out", "scores.json"]
    assert main(["evaluate", "clips", *options]) == 0
    output, errors = capfd.readouterr()
    assert output.startswith("12 tested clips of 12 people, 2 classes, 2 folds")
    assert errors == ""
    numbers = json.loads(Path("scores.json").read_text(encoding="utf-8"))
    estimator = numbers["scores"]["rows"][0]["accuracy"]
    assert f"{estimator['value']:.3f} ({estimator['low']:.3f} to " in output
    assert np.trace(numbers["confusion"]["counts"]) / 12 == pytest.approx(estimator["value"])
    assert {check["verdict"] for check in numbers["checks"]} >= {"passed"}


def test_predictions_equal_those_of_the_model(here, capfd):
    options = ["--memory", "cache", "--quiet"]
    assert main(["predict", "model.skops", "clips", "--out", "p.csv", *options]) == 0
    assert capfd.readouterr() == ("", "predicted 12 of 12 clips into p.csv\n")
    with open("p.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    paths = sorted(map(str, Path("clips/").rglob("*.flv")))
    assert [row["source"] for row in rows] == paths
    model = load_model("model.skops").set_params(landmarks__memory="cache")
    assert [row["label"] for row in rows] == model.predict(paths).tolist()
    if hasattr(model, "predict_proba"):
        names = [f"probability_{label}" for label in model.classes_]
        written = [[float(row[name]) for name in names] for row in rows]
        np.testing.assert_allclose(written, model.predict_proba(paths), atol=1e-6)
    else:
        assert list(rows[0]) == ["source", "label"]


def test_predictions_without_a_file_go_to_stdout(here, capfd):
    clip = "clips/calm/person0/clip.flv"
    assert main(["predict", "model.skops", clip, "gone.mp4", "--quiet"]) == 1
    output, errors = capfd.readouterr()
    header, row = output.splitlines()
    assert header.startswith("source,label")
    assert row.startswith(clip)
    summary, gone = errors.splitlines()
    assert summary == "predicted 1 of 2 clips"
    assert gone.startswith("gone.mp4: no such file")


def test_no_usable_clip_exits_with_3(here, capfd):
    Path("p.csv").write_text("old")
    plant("bad/1.mp4")
    assert main(["predict", "model.skops", "bad", "--out", "p.csv", "--quiet"]) == 3
    assert "no table was written: none of the 1 clips" in capfd.readouterr().err
    assert Path("p.csv").read_text() == "old"
    assert main(["explain", "model.skops", "bad/1.mp4", "--out", "e.png"]) == 3
    assert capfd.readouterr().err.splitlines()[-1].startswith("bad/1.mp4: ")
    assert not Path("e.png").exists()


def test_a_model_of_clips_takes_a_table_of_the_same_clips(here, capfd):
    options = ["--n-frames", "2", "--memory", "cache", "--quiet"]
    assert main(["extract", "clips", "--out", "t.npz", *options]) == 0
    assert main(["predict", "model.skops", "t.npz", "--out", "t.csv"]) == 0
    assert main(["predict", "model.skops", "clips", "--out", "p.csv", "--memory", "cache"]) == 0
    assert Path("t.csv").read_bytes() == Path("p.csv").read_bytes()
    clip = load_landmarks("t.npz").sources[3]
    capfd.readouterr()
    assert main(["explain", "model.skops", "t.npz", "--source", clip]) == 0
    of_table = capfd.readouterr().out
    assert main(["explain", "model.skops", clip]) == 0
    assert capfd.readouterr().out == of_table
    line = refusal(capfd, "explain", "model.skops", "t.npz")
    assert "has 12 clips, of which --source must name one" in line
    assert main(["extract", "clips", "--out", "long.npz", "--n-frames", "3", "--quiet"]) == 0
    capfd.readouterr()
    line = refusal(capfd, "predict", "model.skops", "long.npz")
    assert "--n-frames" in line


@pytest.mark.parametrize("name", ["e.png", "e.svg", "e.pdf", "e.html"])
def test_explain_draws_a_picture_or_a_page(here, capfd, name):
    clip = "clips/lively/person1/clip.flv"
    options = ["--target", "calm", "--out", name, "--quiet"]
    assert main(["explain", "model.skops", clip, *options]) == 0
    output, errors = capfd.readouterr()
    assert output.startswith("person1/clip.flv: target calm\n")
    assert errors == f"wrote {name}\n"
    content = Path(name).read_bytes()
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "html": b"<!DOCTYPE html>"}
    assert content.startswith(begins[name[2:]])


def test_explain_shows_its_progress_from_the_start_unless_quiet(here, capfd):
    clip = "clips/lively/person1/clip.flv"
    assert main(["explain", "model.skops", clip]) == 0
    output, errors = capfd.readouterr()
    assert errors.startswith("[FaceLandmarkTransformer] 0 of 1 clips\n")
    assert "[explain_clips] 1 of 1 clips" in errors
    assert main(["explain", "model.skops", clip, "--quiet"]) == 0
    assert capfd.readouterr() == (output, "")


def test_page_of_a_clip_is_repeatable_and_loads_nothing(here, capfd):
    clip = "clips/calm/person0/clip.flv"
    for page in ("a.html", "b.html"):
        assert main(["explain", "model.skops", clip, "--out", page, "--no-photo"]) == 0
    text = Path("a.html").read_text(encoding="utf-8")
    assert text == Path("b.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert "clips/calm/person0/clip.flv</title>" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train gone --out m.skops", "no such folder or CSV file: 'gone'"),
        ("train gone.npz --out m.skops", "'gone.npz'"),
        ("train empty --out m.skops", "no clips in the folders of 'empty'"),
        ("train same --out m.skops", "all clips of 'same' are of the class 'anger'; at least two"),
        ("train alone --out m.skops", "are of one person, 'ann'"),
        ("train list.csv --out m.skops", "its first line must be path,label"),
        ("train clips --out m.pkl", "'m.pkl', must end in .skops"),
        ("train clips --out gone/m.skops", "cannot be written (No such file or directory)"),
        ("train clips --out m.skops --k 0", "whole numbers from 1 to 468, or all, such as 20,64"),
        ("train clips --out m.skops --k 20,,64", "got ''"),
        ("train clips --out m.skops --classifiers temo,tree", "got 'tree'"),
        ("train clips --out m.skops --folds 1", "expected a whole number from 2, got '1'"),
        ("train clips --out m.skops --folds 13", "13 folds need as many people"),
        ("train clips --out m.skops --n-jobs 0", "--n-jobs must not be 0"),
        ("train clips --out m.skops --seed -1", "--seed: expected a whole number from 0 to"),
        ("train clips --out m.skops --seed 4294967296", "whole number from 0 to 4294967295"),
        ("train clips/calm/person0/clip.flv --out m.skops", "is a single file: pass a folder"),
        ("train clips --out m.skops --memory list.csv", "cannot be created ("),
        ("train clips", "required: --out; see sklearn-temo train --help"),
        ("train clips --out m.skops --ks 3", "unknown arguments: --ks 3; see sklearn-temo train"),
        ("evaluate alone", "people 1, clips of the largest class 2. Pass clips of more people."),
        ("evaluate clips --out scores.csv", "must end in .json"),
        (
            "predict gone.skops clips",
            "cannot be read (No such file or directory): pass the .skops file",
        ),
        ("predict clips model.skops", "the model 'clips' cannot be read (Is a directory): pass"),
        ("predict list.csv clips", "list.csv"),
        ("predict clips/calm/person0/clip.flv clips", "clip.flv"),
        ("predict model.skops empty", "'empty': no clips in this folder"),
        ("predict model.skops clips --out p.txt", "must end in .csv"),
        (
            "explain model.skops clips",
            "'clips' has 12 clips: pass one of them, such as 'clips",
        ),
        ("explain model.skops parts.csv", "has 2 clips: pass one of them, such as a list with one"),
        (
            "explain model.skops clips/calm/person0/clip.flv --target joy",
            "classes are calm, lively",
        ),
        ("explain model.skops clips/calm/person0/clip.flv --out e.gif", "must end in .png, .svg"),
        ("explain model.skops clips/calm/person0/clip.flv --source a", "--source is for tables"),
    ],
)
def test_errors_are_one_line_that_says_what_to_do(here, capfd, arguments, message):
    plant("empty/notes.txt", "same/anger/ann/1.mp4", "same/anger/bob/1.mp4")
    plant("alone/anger/ann/1.mp4", "alone/anger/ann/2.mp4", "alone/fear/ann/1.mp4")
    Path("list.csv").write_text("file,emotion\na.mp4,anger\n")
    clip = "clips/calm/person0/clip.flv"
    Path("parts.csv").write_text(f"path,onset,offset\n{clip},0,1\n{clip},1,2\n")
    before = names_in(here)
    assert message in refusal(capfd, *arguments.split())
    assert names_in(here) == before


def test_a_model_of_a_table_refuses_clips(here, capfd, expression_clips):
    from sklearn.svm import SVC

    from sklearn_temo.persistence import save_model

    model = SVC(kernel="linear").fit(expression_clips.data, expression_clips.target)
    save_model(model, "table.skops")
    line = refusal(capfd, "predict", "table.skops", "clips")
    assert "takes landmarks, not clips: write them with sklearn-temo extract clips" in line


def test_labels_that_look_like_numbers_stay_text(here, capfd):
    clips = sorted(map(str, Path("clips").rglob("*.flv")))
    rows = [f"{clip},{i % 2},{i}" for i, clip in enumerate(clips)]
    Path("list.csv").write_text("\n".join(["path,label,group", *rows]))
    options = ["--classifiers", "linear-svm", "--k", "20", "--folds", "2", "--quiet"]
    options += ["--n-frames", "2", "--memory", "cache"]
    assert main(["train", "list.csv", "--out", "m.skops", *options]) == 0
    assert load_model("m.skops").classes_.tolist() == ["0", "1"]
    assert main(["explain", "m.skops", clips[0], "--target", "1"]) == 0
    assert "target 1\n" in capfd.readouterr().out


@pytest.fixture
def table(here, expression_clips):
    """A table of synthetic clips with labels and people, of which the first has no landmarks."""
    clips = [
        ClipLandmarks(
            landmarks=row.reshape(4, 468, 3).astype(np.float32),
            detected=np.full(4, i > 0),
            times=np.arange(4.0),
            fps=1.0,
            size=(400, 400),
            source=f"{i}.mp4",
        )
        for i, row in enumerate(expression_clips.data)
    ]
    clips[0].landmarks[:] = np.nan
    short = {"detected": np.full(2, True), "times": np.arange(2.0)}
    save_landmarks("short.npz", [replace(clips[1], landmarks=clips[1].landmarks[:2], **short)])
    save_landmarks("t.npz", clips, labels=expression_clips.target, groups=expression_clips.groups)
    return "t.npz"


@pytest.mark.parametrize("output", ["landmarks", "blendshapes"])
def test_a_table_leads_to_predictions_and_explanations(table, capfd, output):
    options = ["--output", output, "--k", "10,20", "--classifiers", "linear-svm", "--folds", "2"]
    assert main(["train", table, "--out", "m.skops", *options, "--quiet"]) == 1
    lost = "0.mp4: landmarks are missing; no face in 4 of 4 frames."
    assert capfd.readouterr().err.splitlines()[-1] == lost
    assert main(["predict", "m.skops", table, "--out", "p.csv"]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == lost
    with open("p.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows] == [f"{i}.mp4" for i in range(1, 84)]
    model, data = load_model("m.skops"), load_landmarks(table).data
    assert [row["label"] for row in rows] == model.predict(data[1:]).tolist()
    assert main(["explain", "m.skops", table, "--source", "3.mp4", "--out", "e.html"]) == 0
    assert capfd.readouterr().out.startswith(f"3.mp4: target {rows[2]['label']}\n")
    page = Path("e.html").read_text(encoding="utf-8")
    top = {
        "landmarks": r"<td>\d+</td><td>[a-z ]+</td>",
        "blendshapes": "<td>[a-z]+[A-Z][A-Za-z]+</td>",
    }
    assert 5 < len(re.findall(rf"<tr>{top[output]}<td>[+-][\d.e-]+</td></tr>", page)) <= 20
    assert f"uses a {output.removesuffix('s')}," in page
    assert "has 2808 columns for each clip" in refusal(capfd, "predict", "m.skops", "short.npz")


def test_a_model_that_cannot_be_explained_is_one_line(table, capfd, expression_clips):
    from sklearn.svm import SVC

    from sklearn_temo.persistence import save_model

    save_model(SVC().fit(expression_clips.data, expression_clips.target), "m.skops")
    assert main(["explain", "m.skops", table, "--source", "3.mp4", "--quiet"]) == 4
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("stopped: 'm.skops': ")
    assert line.endswith("choose --classifiers temo,linear-svm.")


def test_training_on_blendshapes_of_clips(here, capfd):
    options = ["--output", "blendshapes", "--k", "10", "--classifiers", "linear-svm"]
    assert train("--out", "m.skops", "--folds", "2", *options) == 0
    model = load_model("m.skops")
    assert model["landmarks"].output == "blendshapes"
    assert model.predict(["clips/calm/person0/clip.flv"]).shape == (1,)
    assert main(["explain", "m.skops", "clips/calm/person0/clip.flv", "--out", "e.png"]) == 0
    capfd.readouterr()
    options = ["--n-frames", "2", "--memory", "cache", "--quiet"]
    assert main(["extract", "clips", "--out", "t.npz", *options]) == 0
    capfd.readouterr()
    # A table holds the blendshapes of all landmarks, also where it has no irises.
    assert main(["predict", "m.skops", "t.npz", "--quiet"]) == 0
    of_table = capfd.readouterr().out
    assert main(["predict", "m.skops", "clips", "--memory", "cache", "--quiet"]) == 0
    assert capfd.readouterr().out == of_table
    bare = [
        replace(clip, blendshapes=None)
        for clip in FaceLandmarkTransformer(n_frames=2).extract(["clips/calm/person0/clip.flv"])
    ]
    save_landmarks("bare.npz", bare)
    assert "takes blendshapes, which 'bare.npz'" in refusal(capfd, "predict", "m.skops", "bare.npz")
    options = ["--output", "blendshapes", "--k", "10", "--classifiers", "linear-svm"]
    Path("card.json").write_text('{"data_licence": "ODbL 1.0"}')
    options += ["--card", "card.json"]
    assert main(["extract", "clips", "--labels", "--out", "t.npz", "--n-frames", "2"]) == 0
    assert main(["train", "t.npz", "--out", "rows.skops", "--folds", "2", *options]) == 0
    assert "ODbL 1.0" in Path("rows.md").read_text(encoding="utf-8")
    Path("card.json").write_text('{"licence of the data": "ODbL 1.0"}')
    capfd.readouterr()
    line = refusal(capfd, "train", "t.npz", "--out", "rows.skops", *options)
    assert "--card 'card.json' is no JSON object" in line
    rows = load_landmarks("t.npz").blendshapes
    np.testing.assert_array_equal(
        load_model("rows.skops").decision_function(rows), model[1:].decision_function(rows)
    )
