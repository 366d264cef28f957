"""Command line ``sklearn-temo extract``."""

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
from sklearn_temo.extraction import (
    ClipLandmarks,
    ClipWindow,
    ExtractionReport,
    ReportedClip,
    load_landmarks,
    save_landmarks,
)


@pytest.fixture(scope="module")
def extracted(cremad_paths, tmp_path_factory):
    """Rows of the six clips, and the folder that caches them."""
    memory = tmp_path_factory.mktemp("memory")
    transformer = FaceLandmarkTransformer(n_frames=2, memory=memory)
    return transformer.transform(cremad_paths), memory


def clip_landmarks(source, n_frames=2, error=None):
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
def calls(monkeypatch):
    """Replace extraction by synthetic landmarks; list the calls as (transformer, clips).

    A clip whose name starts with "bad" is skipped; a name that is a number sets the length.
    """
    calls = []

    def extract(self, clips):
        calls.append((self, clips))
        found, skipped = [], []
        for index, clip in enumerate(clips):
            name = Path(clip).stem
            error = f"clip {index} ({clip!r}): is bad." if name.startswith("bad") else None
            if error:
                skipped.append(ReportedClip(index, clip, error))
            found.append(clip_landmarks(clip, int(name) if name.isdecimal() else 2, error))
        n_frames = tuple(0 if clip.error else len(clip.times) for clip in found)
        self.report_ = ExtractionReport(len(clips), 1, tuple(skipped), n_frames, n_frames)
        print("progress")
        return found

    monkeypatch.setattr(FaceLandmarkTransformer, "extract", extract)
    return calls


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_extract_in_a_subprocess(extracted, cremad_paths, here):
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
    assert summary == f"extracted 6 of 8 clips (6 from the cache) {place}"
    assert broken.startswith(f"{Path('clips', 'x.mp4')}: ")
    assert gone.startswith("gone.png: no such file")
    assert "SkippedClipsWarning" not in run.stderr
    table = load_landmarks("landmarks.parquet")
    np.testing.assert_array_equal(table.data, X)
    names = [Path("clips", Path(path).name) for path in cremad_paths]
    assert table.sources.tolist() == [str(name) for name in sorted(names)]


def test_quiet_prints_only_the_summary(extracted, cremad_paths, here, capfd):
    X, memory = extracted
    arguments = ["--out", "t.npz", "--n-frames", "2", "--memory", str(memory), "--quiet"]
    assert main(["extract", *cremad_paths, *arguments]) == 0
    summary = "extracted 6 of 6 clips (6 from the cache) into t.npz, a face in 12 of 12 frames\n"
    assert capfd.readouterr() == ("", summary)
    np.testing.assert_array_equal(load_landmarks("t.npz").data, X)


def test_landmarks_equal_those_of_the_transformer(extracted, cremad_paths, here, capfd):
    X, _ = extracted
    assert main(["extract", cremad_paths[3], "--out", "t.npz", "--n-frames", "2"]) == 0
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.splitlines()[-1] == "extracted 1 of 1 clips into t.npz, a face in 2 of 2 frames"
    np.testing.assert_array_equal(load_landmarks("t.npz").data, X[3:4])


def test_each_failure_is_printed_in_one_line(calls, here, capfd):
    assert main(["extract", "a.mp4", "bad.mp4", "--out", "t.npz", "--quiet"]) == 1
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.endswith(", a face in 2 of 2 frames\nbad.mp4: is bad.\n")
    assert load_landmarks("t.npz").sources.tolist() == ["a.mp4"]


def test_undecodable_names_are_printed_and_saved(calls, here, capsys):
    names = [os.fsdecode(b"\xe9t\xe9.mp4"), os.fsdecode(b"bad\xe9.mp4")]
    # The stderr of capsys, like that of some editors and services, raises on lone surrogates.
    assert main(["extract", *names, "--out", "t.npz"]) == 1
    assert "\nbad\\udce9.mp4: is bad.\n" in capsys.readouterr().err
    assert load_landmarks("t.npz").sources.tolist() == names[:1]


def test_existing_table_stays_when_no_clip_can_be_used(calls, here, capfd):
    save_landmarks("t.npz", [clip_landmarks("old")])
    assert main(["extract", "bad1.mp4", "bad2.mp4", "--out", "t.npz"]) == 3
    errors = capfd.readouterr().err
    assert (
        "extracted 0 of 2 clips and wrote no table, a face in 0 of 0 frames\nbad1.mp4: " in errors
    )
    assert load_landmarks("t.npz").sources.tolist() == ["old"]


@pytest.mark.parametrize("memory", [[], ["--memory", "cache"]])
def test_interrupt(calls, here, capfd, monkeypatch, memory):
    def interrupt(self, clips):
        raise KeyboardInterrupt

    monkeypatch.setattr(FaceLandmarkTransformer, "extract", interrupt)
    assert main(["extract", "a.mp4", "--out", "t.npz", *memory]) == 130
    message = capfd.readouterr().err
    assert ("the same command continues where it stopped" in message) == bool(memory)
    assert ("with --memory DIR" in message) != bool(memory)
    assert not (here / "t.npz").exists()


def test_existing_table_stays_when_writing_fails(calls, here, capfd, monkeypatch):
    save_landmarks("t.npz", [clip_landmarks("old")])

    def full(path, target):
        raise OSError(28, "No space left on device")

    # The last step before the new file replaces the old one.
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert main(["extract", "new.mp4", "--out", "t.npz", "--quiet"]) == 4
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("stopped: ")
    assert f"{str(here / 't.npz')!r} cannot be written (No space left on device)" in error
    assert error.endswith("; with --memory DIR a run continues where it stopped")
    assert [file.name for file in here.iterdir()] == ["t.npz"]
    assert load_landmarks("t.npz").sources.tolist() == ["old"]


def test_unexpected_error_prints_a_traceback_and_exits_with_4(calls, here, capfd, monkeypatch):
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
        ("a.mp4 --out t.txt", "'t.txt' must end in .parquet, .npz or .csv."),
        ("a.mp4 --out gone/t.npz", "'gone/t.npz' cannot be written (No such file or directory)"),
        ("a.mp4 --out /proc/t.npz", "'/proc/t.npz' cannot be written"),
        ("a.mp4 --out t.npz --n-frames 0", "The 'n_frames' parameter of FaceLandmarkTransformer"),
        ("a.mp4 --out t.npz --n-frames some", "expected a whole number from 1, or all; got 'some'"),
        ("a.mp4 --out t.npz --n-jobs 0", "must not be 0"),
        ("a.mp4 --out t.npz --n-landmarks 68", "invalid choice: 68"),
        ("a.mp4 --out t.npz --sampling half", "expected uniform, all or START:STOP"),
        ("a.mp4 --out t.npz --sampling 1:b", "expected uniform, all or START:STOP"),
        ("a.mp4 --out t.npz --sampling 2:1", "the start before the stop"),
        ("a.mp4 --out t.npz --sampling inf:", "finite numbers of seconds"),
        (
            "a.mp4 --out t.npz --model gone.task",
            "model_path='gone.task' cannot be read (No such file",
        ),
        ("a.mp4 --out=", "must end in .parquet, .npz or .csv."),
        ("a.mp4 --out t.npz --memory=", "memory="),
        ("a.mp4 --out t.npz --failures gone/f.csv", "'gone/f.csv' cannot be written"),
        ("a.mp4 --out t.csv --failures ./t.csv", "--out and --failures are both 't.csv'"),
        ("--out t.csv --failures a.mp4 b.mp4", "--failures 'a.mp4' must end in .csv"),
        ("a.mp4 --out t.csv --failures /dev/null", "--failures '/dev/null' must end in .csv"),
        ("empty --out t.npz", "'empty': no clips in this folder"),
    ],
)
def test_invalid_arguments_exit_with_2_before_any_clip_is_read(
    calls, here, capfd, arguments, message
):
    (here / "empty").mkdir()
    (here / "empty" / "notes.txt").touch()
    with pytest.raises(SystemExit) as refused:
        main(["extract", *arguments.split()])
    assert refused.value.code == 2
    output, errors = capfd.readouterr()
    assert output == ""
    (last,) = errors.splitlines()
    assert last.startswith("sklearn-temo extract: error: ")
    assert message in last
    assert not calls


def test_missing_pyarrow_is_an_argument_error(calls, here, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(SystemExit, match="2"):
        main(["extract", "a.mp4", "--out", "t.parquet"])
    assert "pip install 'sklearn-temo[parquet]'" in capfd.readouterr().err
    assert not calls


def test_folders_are_searched_at_any_depth_in_sorted_order(calls, here):
    found = ["clips/a/2.MP4", "clips/a/b/1.png", "clips/a b.mov", "clips/c.webm"]
    ignored = ["clips/.hidden.mp4", "clips/.cache/1.mp4", "clips/labels.csv", "clips/mp4"]
    for name in (*found, *ignored, "clip.without.known.ending"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).touch()
    clips = ["clips", "clip.without.known.ending"]
    assert main(["extract", *clips, "--out", "t.npz"]) == 0
    assert calls[0][1] == [*found, "clip.without.known.ending"]


def test_clip_named_twice_is_extracted_once(calls, here, capfd):
    (here / "clips").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (here / "clips" / name).touch()
    (here / "link.mp4").symlink_to(here / "clips" / "a.mp4")
    clips = ["clips", "clips/a.mp4", "./clips/../clips/a.mp4", "link.mp4"]
    assert main(["extract", *clips, "--out", "t.npz"]) == 0
    # Labels may be read from paths, so a link is a clip of its own.
    assert calls[0][1] == ["clips/a.mp4", "clips/b.mp4", "link.mp4"]
    assert "repeated clips, which are extracted only once: 2\n" in capfd.readouterr().err


def test_paths_may_begin_with_the_home_folder(calls, here, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home"))
    monkeypatch.setenv("USERPROFILE", str(here / "home"))
    (here / "home" / "clips").mkdir(parents=True)
    (here / "home" / "clips" / "a.mp4").touch()
    files = ["--out", "~/t.npz", "--failures", "~/f.csv"]
    assert main(["extract", "~/clips", *files]) == 0
    assert calls[0][1] == [str(here / "home" / "clips" / "a.mp4")]
    assert sorted(file.name for file in (here / "home").iterdir()) == ["clips", "f.csv", "t.npz"]


def test_links_to_folders_are_followed_without_loops(calls, here):
    (here / "disk" / "bob").mkdir(parents=True)
    (here / "disk" / "bob" / "1.mp4").touch()
    (here / "clips").mkdir()
    (here / "clips" / "people").symlink_to(here / "disk")
    (here / "disk" / "back").symlink_to(here / "clips")
    (here / "disk" / "self").symlink_to("self")
    assert main(["extract", "clips", "--out", "t.npz"]) == 0
    assert calls[0][1] == ["clips/people/bob/1.mp4"]


def test_defaults_equal_those_of_the_transformer(calls, here):
    main(["extract", "a.mp4", "--out", "t.npz"])
    expected = FaceLandmarkTransformer(on_error="skip-with-nan", verbose=1)
    assert calls[0][0].get_params() == expected.get_params()


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
        (["--memory", "cache"], {"memory": "cache"}),
        (["--smooth", "0.2", "--sampling", "all"], {"smooth": 0.2}),
        (["--smooth", "7", "--n-frames", "all"], {"smooth": 7}),
    ],
)
def test_options_reach_the_transformer(calls, here, arguments, parameters):
    main(["extract", "a.mp4", "--out", "t.npz", *arguments])
    found = calls[0][0].get_params()
    assert {name: found[name] for name in parameters} == parameters


def test_n_frames_all_writes_clips_of_unequal_length(calls, here):
    assert main(["extract", "2.mp4", "5.mp4", "--n-frames", "all", "--out", "t.npz"]) == 0
    with np.load("t.npz") as archive:
        assert archive["source"].tolist() == ["2.mp4"] * 2 + ["5.mp4"] * 5


def test_progress_is_printed_on_stderr(calls, here, capfd):
    main(["extract", "a.mp4", "--out", "t.npz"])
    output, errors = capfd.readouterr()
    assert output == ""
    assert "progress\n" in errors


def test_help_lists_the_exit_codes(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["extract", "--help"])
    text = capsys.readouterr().out
    for code in ("0", "1", "2", "3", "4", "130"):
        assert f"\n  {code:4} " in text


def test_control_characters_in_names_are_escaped(calls, here, capfd):
    assert main(["extract", "a.mp4", "bad\n2\x1b.mp4", "--out", "t.npz", "--quiet"]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == "bad\\n2\\x1b.mp4: is bad."


def test_failures_are_written_as_csv(calls, here, capfd):
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
    # Also when no table is written.
    assert main(["extract", "bad.mp4", *options]) == 3
    assert Path("f.csv").read_text() == "source,reason\nbad.mp4,is bad.\n"


def test_table_is_kept_when_failures_cannot_be_written(calls, here, capfd, monkeypatch):
    replace = Path.replace

    def full(path, target):
        if target.suffix == ".csv":
            raise OSError(28, "No space left on device")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full)
    assert main(["extract", "a.mp4", "bad.mp4", "--out", "t.npz", "--failures", "f.csv"]) == 1
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("--failures: ")
    assert "f.csv' cannot be written (No space left on device)" in error
    assert load_landmarks("t.npz").sources.tolist() == ["a.mp4"]


def test_warning_is_printed_in_one_line(extracted, cremad_paths, here, capfd):
    _, memory = extracted
    shutil.copytree(memory, here / "cache")
    for entry in (here / "cache").rglob("*"):
        if entry.is_file():
            entry.write_bytes(b"damaged")
    options = ["--out", "t.npz", "--n-frames", "2", "--memory", "cache", "--quiet"]
    assert main(["extract", cremad_paths[0], *options]) == 0
    warning, summary = capfd.readouterr().err.splitlines()
    assert warning.startswith("warning: ")
    assert "damaged" in warning
    assert summary.startswith("extracted 1 of 1 clips (0 from the cache)")


def test_unusable_model_is_one_line_without_a_remedy(cremad_paths, here, capfd):
    (here / "file").touch()
    arguments = ["--out", "t.npz", "--quiet", "--model", "file"]
    assert main(["extract", cremad_paths[0], *arguments]) == 4
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("stopped: ")
    assert "file" in error
    assert "--memory" not in error
    assert [path.name for path in here.iterdir()] == ["file"]


@pytest.mark.parametrize("memory", ["file", "file/cache", "/proc/cache"])
def test_cache_that_cannot_be_created_is_an_argument_error(calls, here, capfd, memory):
    (here / "file").touch()
    with pytest.raises(SystemExit, match="2"):
        main(["extract", "a.mp4", "--out", "t.npz", "--memory", memory])
    assert f"{memory!r} cannot be created (" in capfd.readouterr().err
    assert not calls


@pytest.mark.parametrize(
    ("error", "resumable"),
    [
        (ImportError("libEGL.so.1 is missing"), False),
        (PermissionError(13, "Permission denied"), False),
        (ValueError("the model"), False),
        (OSError(28, "No space left on device"), True),
        (MemoryError(), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_remedy_is_given_only_where_a_second_run_can_go_on(
    calls, here, capfd, monkeypatch, error, resumable
):
    def fail(self, clips):
        raise error

    monkeypatch.setattr(FaceLandmarkTransformer, "extract", fail)
    for options in ([], ["--memory", "cache"]):
        assert main(["extract", "a.mp4", "--out", "t.npz", *options]) == 4
        errors = capfd.readouterr().err
        assert ("a run continues" in errors or "command continues" in errors) == resumable
        assert ("Traceback" in errors) == isinstance(error, MemoryError)


def test_region_and_gap_are_passed_only_if_given(here, monkeypatch):
    given = []

    class Recorder:
        def __init__(self, **parameters):
            given.append(parameters)

        def fit(self, clips):
            raise ValueError("enough")

    monkeypatch.setattr("sklearn_temo.extraction.FaceLandmarkTransformer", Recorder, raising=False)
    for options in (
        [],
        ["--region", "10,20,300,400", "--max-gap", "3"],
        ["--region=-1,0,5,5", "--max-gap", "0.5"],
    ):
        with pytest.raises(SystemExit):
            main(["extract", "a.mp4", "--out", "t.npz", *options])
    assert not {"region", "max_gap"} & given[0].keys()
    assert (given[1]["region"], given[1]["max_gap"]) == ((10, 20, 300, 400), 3)
    assert isinstance(given[1]["max_gap"], int)
    assert (given[2]["region"], given[2]["max_gap"]) == ((-1, 0, 5, 5), 0.5)


@pytest.mark.parametrize("options", ["--region 1,2,3", "--region a,b,c,d", "--max-gap long"])
def test_region_and_gap_must_be_numbers(here, capfd, options):
    with pytest.raises(SystemExit, match="2"):
        main(["extract", "a.mp4", "--out", "t.npz", *options.split()])
    assert "expected " in capfd.readouterr().err


def test_doubtful_clips_are_listed_after_the_skipped_ones(calls, here, capfd, monkeypatch):
    extract = FaceLandmarkTransformer.extract

    def extract_doubtful(self, clips):
        found = extract(self, clips)
        entry = ReportedClip(0, clips[0], f"clip 0 ({clips[0]!r}): a face in 1 of 16 frames.")
        object.__setattr__(self.report_, "doubtful", (entry,))
        return found

    monkeypatch.setattr(FaceLandmarkTransformer, "extract", extract_doubtful)
    assert main(["extract", "a.mp4", "bad.mp4", "--out", "t.npz", "--failures", "f.csv"]) == 1
    lines = capfd.readouterr().err.splitlines()
    assert lines[-2:] == ["bad.mp4: is bad.", "doubtful: a.mp4: a face in 1 of 16 frames."]
    assert Path("f.csv").read_text() == "source,reason\nbad.mp4,is bad.\n"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1"])
def test_csv_files_hold_no_formulas(calls, here, name):
    arguments = ["extract", "--out", "t.csv", "--failures", "f.csv", "--", name]
    assert main(arguments) == 0
    with open("t.csv", newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["source"] == f"'{name}"
    assert load_landmarks("t.csv").sources.tolist() == [name]


def test_failures_hold_no_formulas(calls, here, monkeypatch):
    def skip(self, clips):
        skipped = tuple(ReportedClip(i, clip, "=reason") for i, clip in enumerate(clips))
        self.report_ = ExtractionReport(len(clips), 0, skipped, (0,), (0,))
        return [clip_landmarks(clip, error="bad") for clip in clips]

    monkeypatch.setattr(FaceLandmarkTransformer, "extract", skip)
    assert main(["extract", "--out", "t.npz", "--failures", "f.csv", "--", "=cmd()"]) == 3
    assert Path("f.csv").read_text() == "source,reason\n'=cmd(),'=reason\n"


def plant(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"clip")


def test_a_folder_of_numbered_images_is_one_clip(calls, here, capfd):
    for take in ("clips/anger/ann/1", "clips/fear/bob/2"):
        plant(*(f"{take}/frame{i}.png" for i in range(12)))
    assert main(["extract", "clips", "clips/fear/bob/2", "--out", "t.npz"]) == 0
    assert calls[-1][1] == ["clips/anger/ann/1", "clips/fear/bob/2"]
    errors = capfd.readouterr().err
    assert "clips/fear/bob/2: its numbered images are the frames of one clip" in errors
    assert "warning: each image" not in errors


def test_numbered_images_that_stay_clips_are_warned_of(calls, here, capfd):
    plant(*(f"clips/ann/{i}.png" for i in range(3)), "clips/b.png", "clips/bob/smile.png")
    assert main(["extract", "clips", "--out", "t.npz"]) == 0
    assert len(calls[0][1]) == 5
    errors = capfd.readouterr().err
    assert "the images of 1 folders are numbered like the frames of a clip (clips/ann)" in errors


def test_labels_of_folders_are_written(calls, here, capfd):
    for name in ("joy/ann/a.mp4", "joy/bob/bad.mp4", "fear/bob/b.mp4"):
        clip = here / "clips" / name
        clip.parent.mkdir(parents=True, exist_ok=True)
        clip.write_bytes(b"video")
    assert main(["extract", "clips", "--labels", "--out", "t.csv", "--quiet"]) == 1
    table = load_landmarks("t.csv")
    assert table.sources.tolist() == ["clips/fear/bob/b.mp4", "clips/joy/ann/a.mp4"]
    assert table.labels.tolist() == ["fear", "joy"]
    assert table.groups.tolist() == ["bob", "ann"]
    assert main(["extract", "clips", "--out", "t.csv", "--quiet"]) == 1
    assert load_landmarks("t.csv").labels is None


def test_a_list_of_clips_with_windows_is_extracted(cremad_paths, here, capfd):
    path, other = cremad_paths[:2]
    lines = [f"{path},joy,ann,0.5,1", f"{path},fear,ann,1,", f"{other},joy,bob,,", f"{path},a,b,9,"]
    Path("list.csv").write_text("\n".join(["path,label,person,onset,offset", *lines, ""]))
    options = ["--columns", "openface", "--n-frames", "2", "--failures", "bad.csv", "--quiet"]
    assert main(["extract", "list.csv", "--out", "t.csv", *options]) == 1
    table = load_landmarks("t.csv")
    clips = [ClipWindow(path, 0.5, 1.0), ClipWindow(path, 1.0), other]
    expected = FaceLandmarkTransformer(n_frames=2).transform(clips)
    np.testing.assert_array_equal(table.data, expected)
    assert table.sources.tolist() == [path, path, other]
    np.testing.assert_array_equal(table.onsets, [0.5, 1, np.nan])
    np.testing.assert_array_equal(table.offsets, [1, np.nan, np.nan])
    assert table.labels.tolist() == ["joy", "fear", "joy"]
    assert table.groups.tolist() == ["ann", "ann", "bob"]
    (failure,) = csv.DictReader(Path("bad.csv").read_text().splitlines())
    assert failure["source"] == f"{path} [from 9 s]"
    assert failure["reason"].startswith("its part [from 9 s] ends after the file")
    with open("t.csv") as file:
        header = next(csv.reader(file))
    assert header[:5] == ["frame", "face_id", "timestamp", "confidence", "success"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list.csv", "a.mp4"], "'list.csv': a list of clips must be the only CLIPS"),
        (["list.csv"], "'list.csv', line 3: the onset 'x' is not a number of seconds"),
        (["gone.csv"], "no such CSV file: 'gone.csv'"),
        (["a.mp4", "--labels"], "--labels needs a single folder emotion/person/clip.mp4"),
        (["bare.csv", "--labels"], "'bare.csv' has no column 'label', which --labels needs"),
        (["a.mp4", "--columns", "openface"], "holds arrays, not columns; columns='openface'"),
    ],
)
def test_lists_and_labels_that_cannot_be_used(calls, here, capfd, arguments, message):
    for name in ("a.mp4", "b.mp4"):
        Path(name).write_bytes(b"video")
    Path("list.csv").write_text("path,onset\na.mp4,1\nb.mp4,x\n")
    Path("bare.csv").write_text("path\na.mp4\n")
    with pytest.raises(SystemExit) as stop:
        main(["extract", *arguments, "--out", "t.npz"])
    assert stop.value.code == 2
    assert message in capfd.readouterr().err
    assert not calls
    assert not Path("t.npz").exists()
