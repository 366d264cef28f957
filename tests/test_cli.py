"""``sklearn-temo extract``: what scripts can build on."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_temo import FaceLandmarkTransformer
from sklearn_temo.cli import main
from sklearn_temo.cli._messages import one_line
from sklearn_temo.cli._standard_error import forgiving_standard_error
from sklearn_temo.extraction import (
    ClipLandmarks,
    ExtractionReport,
    SkippedClip,
    load_landmarks,
    save_landmarks,
)


@pytest.fixture(scope="module")
def extracted(cremad_paths, tmp_path_factory):
    """Rows of the six clips, and the folder that keeps them."""
    memory = tmp_path_factory.mktemp("memory")
    transformer = FaceLandmarkTransformer(n_frames=2, memory=memory)
    return transformer.transform(cremad_paths), memory


def made_clip(source, n_frames=2, error=None):
    shape = (n_frames, 468, 3)
    return ClipLandmarks(
        landmarks=np.full(shape, np.nan if error else 1.0, dtype=np.float32),
        detected=np.full(n_frames, error is None),
        times=np.arange(n_frames, dtype=float),
        fps=25.0,
        size=(4, 3),
        source=source,
        error=error,
    )


@pytest.fixture
def runs(monkeypatch):
    """Runs that were asked for, as pairs of transformer and clips; none begins.

    A clip whose name starts with "bad" cannot be used; a number in its name is its length.
    """
    asked = []

    def extract(self, clips):
        asked.append((self, clips))
        found, skipped = [], []
        for index, clip in enumerate(clips):
            name = Path(clip).stem
            error = f"clip {index} ({clip!r}): is\nbad." if name.startswith("bad") else None
            if error:
                skipped.append(SkippedClip(index, clip, error))
            found.append(made_clip(clip, int(name) if name.isdecimal() else 2, error))
        n_frames = tuple(0 if clip.error else len(clip.times) for clip in found)
        self.report_ = ExtractionReport(len(clips), 1, tuple(skipped), n_frames, n_frames)
        print("progress")
        return found

    monkeypatch.setattr(FaceLandmarkTransformer, "extract", extract)
    return asked


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_from_a_shell(extracted, cremad_paths, here):
    X, memory = extracted
    (here / "clips").mkdir()
    for path in cremad_paths:
        shutil.copy(path, here / "clips")
    (here / "clips" / "x.mp4").write_text("no video")
    options = ["--out", "landmarks.parquet", "--n-frames", "2", "--memory", str(memory)]
    run = subprocess.run(
        [sys.executable, "-m", "sklearn_temo", "extract", "clips", "gone.png", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert run.stdout == ""
    *_, progress, summary, broken, gone = run.stderr.splitlines()
    assert "8 of 8 clips" in progress
    place = "into landmarks.parquet, a face in 12 of 12 frames"
    assert summary == f"extracted 6 of 8 clips (6 from the store) {place}"
    assert broken.startswith(f"{Path('clips', 'x.mp4')}: cannot be read as a video or an image")
    assert gone.startswith("gone.png: no such file")
    assert "SkippedClipsWarning" not in run.stderr
    table = load_landmarks("landmarks.parquet")
    np.testing.assert_array_equal(table.data, X)
    names = [Path("clips", Path(path).name) for path in cremad_paths]
    assert table.sources.tolist() == [str(name) for name in sorted(names)]


def test_a_quiet_run_without_failures(extracted, cremad_paths, here, capfd):
    X, memory = extracted
    arguments = ["--out", "t.npz", "--n-frames", "2", "--memory", str(memory), "--quiet"]
    assert main(["extract", *cremad_paths, *arguments]) == 0
    summary = "extracted 6 of 6 clips (6 from the store) into t.npz, a face in 12 of 12 frames\n"
    assert capfd.readouterr() == ("", summary)
    np.testing.assert_array_equal(load_landmarks("t.npz").data, X)


def test_extraction_from_scratch_is_that_of_the_transformer(extracted, cremad_paths, here, capfd):
    X, _ = extracted
    assert main(["extract", cremad_paths[3], "--out", "t.npz", "--n-frames", "2"]) == 0
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.splitlines()[-1] == "extracted 1 of 1 clips into t.npz, a face in 2 of 2 frames"
    np.testing.assert_array_equal(load_landmarks("t.npz").data, X[3:4])


def test_failures_are_told_in_a_line_each(runs, here, capfd):
    assert main(["extract", "a.mp4", "bad.mp4", "--out", "t.npz", "--quiet"]) == 1
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.endswith(", a face in 2 of 2 frames\nbad.mp4: is bad.\n")
    assert load_landmarks("t.npz").sources.tolist() == ["a.mp4"]


def test_names_that_are_not_text_are_told_and_written(runs, here, capsys):
    names = [os.fsdecode(b"\xe9t\xe9.mp4"), os.fsdecode(b"bad\xe9.mp4")]
    # Captured, stderr fails by what it cannot encode, as it does in some editors and services.
    assert main(["extract", *names, "--out", "t.npz"]) == 1
    assert "\nbad\\udce9.mp4: is bad.\n" in capsys.readouterr().err
    assert load_landmarks("t.npz").sources.tolist() == names[:1]


def test_where_no_clip_can_be_used_the_old_table_stays(runs, here, capfd):
    save_landmarks("t.npz", [made_clip("old")])
    assert main(["extract", "bad1.mp4", "bad2.mp4", "--out", "t.npz"]) == 3
    told = capfd.readouterr().err
    assert "extracted 0 of 2 clips and wrote no table, a face in 0 of 0 frames\nbad1.mp4: " in told
    assert load_landmarks("t.npz").sources.tolist() == ["old"]


@pytest.mark.parametrize("memory", [[], ["--memory", "kept"]])
def test_an_interrupt(runs, here, capfd, monkeypatch, memory):
    def interrupt(self, clips):
        raise KeyboardInterrupt

    monkeypatch.setattr(FaceLandmarkTransformer, "extract", interrupt)
    assert main(["extract", "a.mp4", "--out", "t.npz", *memory]) == 130
    message = capfd.readouterr().err
    assert ("the same command goes on where it stopped" in message) == bool(memory)
    assert ("with --memory DIR" in message) != bool(memory)
    assert not (here / "t.npz").exists()


def test_a_table_that_cannot_be_written_leaves_the_old(runs, here, capfd, monkeypatch):
    save_landmarks("t.npz", [made_clip("old")])

    def full(file):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert main(["extract", "new.mp4", "--out", "t.npz", "--quiet"]) == 4
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith(f"stopped: {str(here / 't.npz')!r} cannot be written (No space left on ")
    assert "make room there, or name another place; nothing is kept; with --memory DIR" in said
    assert [file.name for file in here.iterdir()] == ["t.npz"]
    assert load_landmarks("t.npz").sources.tolist() == ["old"]


def test_an_unexpected_error_does_not_pass_as_a_table(runs, here, capfd, monkeypatch):
    def crash(self, clips):
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(FaceLandmarkTransformer, "extract", crash)
    assert main(["extract", "a.mp4", "--out", "t.npz"]) == 4
    errors = capfd.readouterr().err
    assert "Traceback" in errors
    assert "RuntimeError: unforeseen" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("a.mp4", "the following arguments are required: --out"),
        ("--out t.npz", "the following arguments are required: CLIPS"),
        ("a.mp4 --out t.csv", "'t.csv' must end in .parquet or .npz."),
        ("a.mp4 --out gone/t.npz", "there is no folder 'gone'"),
        ("a.mp4 --out /proc/t.npz", "the folder cannot be written to"),
        ("a.mp4 --out t.npz --n-frames 0", "expected a whole number from 1, or all; got '0'"),
        ("a.mp4 --out t.npz --n-frames some", "expected a whole number from 1, or all"),
        ("a.mp4 --out t.npz --n-jobs 0", "expected a whole number other than 0"),
        ("a.mp4 --out t.npz --n-landmarks 68", "invalid choice: 68"),
        ("a.mp4 --out t.npz --sampling half", "expected uniform, all or START:STOP"),
        ("a.mp4 --out t.npz --sampling 1:b", "expected uniform, all or START:STOP"),
        ("a.mp4 --out t.npz --sampling 2:1", "must start before it stops"),
        ("a.mp4 --out t.npz --model gone.task", "'gone.task': no such file"),
        ("a.mp4 --out t.npz --memory file", "--memory 'file' is a file: name a folder"),
        ("a.mp4 --out t.npz --memory file/a", "--memory 'file/a': no folder that can be written"),
        ("a.mp4 --out t.npz --sampling -1:", "needs an equals sign: --sampling=-1:"),
        ("a.mp4 --out t.npz --sampling 2:1", "--sampling=2.0:1.0 must start"),
        ("a.mp4 --out t.npz --sampling inf:", "--sampling=inf: must be finite; nothing before"),
        ("a.mp4 --out=", "argument --out: expected a name, got nothing"),
        ("a.mp4 --out t.npz --memory=", "argument --memory: expected a name, got nothing"),
        ("a.mp4 --out t.npz --model gone.task", "--model 'gone.task': no such file"),
        ("a.mp4 --out t.npz --model gone.task", "file; leave it out for the bundled model"),
        ("a.mp4 --out t.npz --model file", "MediaPipe cannot use the model file 'file' ("),
        ("a.mp4 --out t.npz --model file", "); leave out --model, which takes the bundled one"),
        ("a.mp4 --out t.npz --failures f.txt", "--failures 'f.txt' must end in .csv"),
        ("a.mp4 --out t.npz --failures gone/f.csv", "--failures 'gone/f.csv': its folder cannot"),
        ("empty --out t.npz", "'empty': no clips in this folder"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(runs, here, capfd, arguments, message):
    (here / "file").touch()
    (here / "empty").mkdir()
    (here / "empty" / "notes.txt").touch()
    with pytest.raises(SystemExit) as refused:
        main(["extract", *arguments.split()])
    assert refused.value.code == 2
    output, errors = capfd.readouterr()
    assert output == ""
    last = errors.splitlines()[-1]
    assert last.startswith("sklearn-temo extract: error: ")
    assert message in last
    assert not runs


def test_without_pyarrow(runs, here, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(SystemExit, match="2"):
        main(["extract", "a.mp4", "--out", "t.parquet"])
    assert "pip install 'sklearn-temo[parquet]'" in capfd.readouterr().err
    assert not runs


def test_folders_are_walked_and_sorted(runs, here):
    taken = ["clips/a/2.MP4", "clips/a/b/1.png", "clips/a b.mov", "clips/c.webm"]
    left = ["clips/.hidden.mp4", "clips/.cache/1.mp4", "clips/labels.csv", "clips/mp4"]
    for name in (*taken, *left, "clip.without.known.ending"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).touch()
    clips = ["clips", "clip.without.known.ending"]
    assert main(["extract", *clips, "--out", "t.npz"]) == 0
    assert runs[0][1] == [*taken, "clip.without.known.ending"]


def test_a_clip_that_is_named_twice_is_extracted_once(runs, here, capfd):
    (here / "clips").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (here / "clips" / name).touch()
    (here / "link.mp4").symlink_to(here / "clips" / "a.mp4")
    clips = ["clips", "clips/a.mp4", "./clips/../clips/a.mp4", "link.mp4"]
    assert main(["extract", *clips, "--out", "t.npz"]) == 0
    # Labels may be read from names: what has another one is another clip.
    assert runs[0][1] == ["clips/a.mp4", "clips/b.mp4", "link.mp4"]
    told = capfd.readouterr().err.splitlines()
    assert [line for line in told if "more than once" in line] == [
        "./clips/../clips/a.mp4: named more than once, extracted once"
    ]


def test_links_to_folders_are_followed_and_circles_are_not(runs, here):
    (here / "disk" / "bob").mkdir(parents=True)
    (here / "disk" / "bob" / "1.mp4").touch()
    (here / "clips").mkdir()
    (here / "clips" / "people").symlink_to(here / "disk")
    (here / "disk" / "back").symlink_to(here / "clips")
    (here / "disk" / "self").symlink_to("self")
    assert main(["extract", "clips", "--out", "t.npz"]) == 0
    assert runs[0][1] == ["clips/people/bob/1.mp4"]


def test_defaults_are_those_of_the_transformer(runs, here):
    main(["extract", "a.mp4", "--out", "t.npz"])
    expected = FaceLandmarkTransformer(on_error="skip-with-nan", verbose=1)
    assert runs[0][0].get_params() == expected.get_params()


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (["--n-frames", "all"], {"n_frames": None}),
        (["--n-frames", "8", "--sampling", "all"], {"n_frames": 8, "sampling": "all"}),
        (["--sampling", "uniform"], {"sampling": "uniform"}),
        (["--sampling", "0.5:2"], {"sampling": (0.5, 2.0)}),
        (["--sampling=-1:"], {"sampling": (-1.0, None)}),
        (["--sampling=:-0.5"], {"sampling": (None, -0.5)}),
        (["--sampling", ":"], {"sampling": (None, None)}),
        (
            ["--n-landmarks", "478", "--on-missing", "nan"],
            {"n_landmarks": 478, "on_missing": "nan"},
        ),
        (["--n-jobs", "-1", "--quiet"], {"n_jobs": -1, "verbose": 0}),
        (["--memory", "kept"], {"memory": "kept"}),
    ],
)
def test_options_reach_the_transformer(runs, here, arguments, parameters):
    main(["extract", "a.mp4", "--out", "t.npz", *arguments])
    found = runs[0][0].get_params()
    assert {name: found[name] for name in parameters} == parameters


def test_clips_of_unequal_length_are_in_the_table(runs, here):
    assert main(["extract", "2.mp4", "5.mp4", "--n-frames", "all", "--out", "t.npz"]) == 0
    with np.load("t.npz") as archive:
        assert archive["source"].tolist() == ["2.mp4"] * 2 + ["5.mp4"] * 5


def test_progress_is_on_stderr(runs, here, capfd):
    main(["extract", "a.mp4", "--out", "t.npz"])
    output, errors = capfd.readouterr()
    assert output == ""
    assert "progress\n" in errors


def test_help_tells_the_exit_codes(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["extract", "--help"])
    text = capsys.readouterr().out
    for code in ("0", "1", "2", "3", "4", "130"):
        assert f"\n  {code:4} " in text


def test_a_line_feed_in_a_name_breaks_no_line(runs, here, capfd):
    assert main(["extract", "a.mp4", "bad\n2\x1b.mp4", "--out", "t.npz", "--quiet"]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == "bad\\n2\\x1b.mp4: is bad."


def test_failures_can_be_read_as_a_table(runs, here, capfd):
    names = ["bad,1.mp4", "bad\n2.mp4", os.fsdecode(b"bad\xe9.mp4")]
    options = ["--out", "t.npz", "--failures", "f.csv"]
    assert main(["extract", "a.mp4", *names, *options]) == 1
    with open("f.csv", encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"source": "bad,1.mp4", "reason": "is bad."},
            {"source": "bad\n2.mp4", "reason": "is bad."},
            {"source": "bad\\udce9.mp4", "reason": "is bad."},
        ]
    assert main(["extract", "a.mp4", *options]) == 0
    assert Path("f.csv").read_text() == "source,reason\n"
    # Also where there is no table.
    assert main(["extract", "bad.mp4", *options]) == 3
    assert Path("f.csv").read_text() == "source,reason\nbad.mp4,is bad.\n"


def test_failures_that_cannot_be_written_leave_the_table(runs, here, capfd, monkeypatch):
    fsync = os.fsync

    def full(file):
        if list(here.glob("t.npz")):
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    assert main(["extract", "a.mp4", "bad.mp4", "--out", "t.npz", "--failures", "f.csv"]) == 1
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith("--failures: ")
    assert "f.csv' cannot be written (No space left on device)" in said
    assert load_landmarks("t.npz").sources.tolist() == ["a.mp4"]


def test_a_damaged_entry_is_a_line(extracted, cremad_paths, here, capfd):
    _, memory = extracted
    shutil.copytree(memory, here / "kept")
    for entry in (here / "kept").rglob("*.npz"):
        entry.write_bytes(b"damaged")
    options = ["--out", "t.npz", "--n-frames", "2", "--memory", "kept", "--quiet"]
    assert main(["extract", cremad_paths[0], *options]) == 0
    warning, summary = capfd.readouterr().err.splitlines()
    assert warning.startswith("warning: an entry of the store was damaged, and its clip was ")
    assert summary.startswith("extracted 1 of 1 clips (0 from the store)")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            'no face found in any of its 16 sampled frames; pass on_missing="nan" to keep it as',
            "no face found in any of its 16 sampled frames; pass --on-missing nan to keep it as",
        ),
        (
            'pass on_missing="interpolate" to fill it, or "nan".',
            "pass --on-missing interpolate to fill it, or --on-missing nan.",
        ),
        ("inside sampling=(5.0, None): the clip", "inside --sampling=5.0:: the clip"),
        ("inside sampling=(None, -0.5), which", "inside --sampling=:-0.5, which"),
        ("a window of time (sampling) that ends", "a window of time (--sampling) that ends"),
        (
            "memory='kept' cannot be used (full); name a folder, or None to keep nothing",
            "--memory 'kept' cannot be used (full); name a folder, or leave it out to keep nothing",
        ),
    ],
)
def test_messages_are_in_the_words_of_the_command_line(said, expected):
    assert one_line(said) == expected


def test_a_clip_says_what_the_command_line_can_do(extracted, cremad_paths, here, capfd):
    options = ["--out", "t.npz", "--sampling", "60:", "--quiet"]
    assert main(["extract", cremad_paths[0], *options]) == 3
    assert "no frame lies inside --sampling=60.0:" in capfd.readouterr().err


@pytest.fixture(params=["pipe", "disk", "closed"])
def without_standard_error(request, here):
    """Run a command whose standard error is a broken pipe, on a full disk, or closed."""

    def run(*command):
        if request.param == "closed":
            command = ("sh", "-c", 'exec "$@" 2>&-', "sh", *command)
            return subprocess.run(command, stdout=subprocess.PIPE, check=False)
        if request.param == "disk":
            with open("/dev/full", "w") as full:
                return subprocess.run(command, stdout=subprocess.PIPE, stderr=full, check=False)
        reading, writing = os.pipe()
        os.close(reading)
        try:
            return subprocess.run(command, stdout=subprocess.PIPE, stderr=writing, check=False)
        finally:
            os.close(writing)

    return run


def test_without_standard_error_the_run_goes_on(
    without_standard_error, extracted, cremad_paths, here
):
    X, memory = extracted
    command = [sys.executable, "-m", "sklearn_temo", "extract"]
    options = ["--out", "t.npz", "--n-frames", "2"]
    # Clips that are extracted, by MediaPipe, and clips from the store.
    for clips, more, code in [
        (cremad_paths[:2], [], 0),
        ([*cremad_paths[:2], "gone.mp4"], ["--memory", str(memory)], 1),
        (["gone.mp4"], [], 3),
        (cremad_paths[:1], ["--n-jobs", "0"], 2),
    ]:
        run = without_standard_error(*command, *clips, *options, *more)
        assert (run.returncode, run.stdout) == (code, b"")
        np.testing.assert_array_equal(load_landmarks("t.npz").data, X[:2])


def test_a_disk_that_has_room_again_gets_the_rest(here, monkeypatch):
    with open("log", "w") as log, open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        with forgiving_standard_error():
            print("lost", file=sys.stderr)
            os.dup2(log.fileno(), full.fileno())
            print("kept", file=sys.stderr)
    assert Path("log").read_text() == "kept\n"
