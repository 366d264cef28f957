"""Progress of long computations."""

import pickle
import sys
import threading
from io import StringIO
from types import SimpleNamespace

import pytest
import rich.console
import rich.errors
import rich.live
import rich.progress
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_temo import (
    FaceLandmarkTransformer,
    IGLandmarkSelector,
    StabilityLandmarkSelector,
    TEMOClassifier,
    _progress,
    evaluate,
    explain_clips,
)
from sklearn_temo._progress import Progress
from sklearn_temo.evaluation import EVALUATION_CHECKS
from sklearn_temo.explanation import check_random_labels, check_random_weights


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, as the only item of a list."""
    now = [0.0]
    monkeypatch.setattr(_progress, "monotonic", lambda: now[0])
    return now


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_time_left_ignores_the_start_of_processes(clock, capsys):
    progress = Progress("run", 100, "clips", 1)
    for second in (20, 22, 24):
        clock[0] = second
        progress.advance()
    assert lines(capsys) == [
        "[run] 1 of 100 clips, 20 s",
        "[run] 2 of 100 clips, 22 s, 3 min left",
        "[run] 3 of 100 clips, 24 s, 3 min left",
    ]


def test_time_left_ignores_cached_items(clock, capsys):
    progress = Progress("run", 50, "clips", 1)
    clock[0] = 4
    progress.advance(40, cached=True)
    for second in (10, 12, 14):
        clock[0] = second
        progress.advance()
    assert lines(capsys)[-1] == "[run] 43 of 50 clips, 14 s, 14 s left"


def test_several_items_at_a_time(clock, capsys):
    progress = Progress("run", 30, "pairs", 1)
    for second in (8, 10, 12):
        clock[0] = second
        progress.advance(10)
    assert [line.partition("pairs, ")[2] for line in lines(capsys)] == [
        "8 s",
        "10 s, 2 s left",
        "12 s",
    ]


def test_the_first_line_is_printed_at_once_and_the_last_one_at_the_end(clock, capsys):
    with Progress("run", 40, "clips", 1) as progress:
        assert lines(capsys) == ["[run] 0 of 40 clips"]
        clock[0] = 0.5
        progress.advance(3)
        assert lines(capsys) == []
    assert lines(capsys) == ["[run] 3 of 40 clips, 0 s"]


def test_time_left_is_known_within_the_first_item(clock, capsys):
    with Progress("run", 2, "clips", 1) as progress:
        # The first frame takes longer: MediaPipe starts.
        for second, share in [(10, 0.1), (12, 0.2), (18, 0.5), (28, 1.0)]:
            clock[0] = second
            progress.advance_within(share)
        progress.advance()
        clock[0] = 38
        progress.advance_within(0.5)
    assert [line.partition("] ")[2] for line in lines(capsys)] == [
        "0 of 2 clips",
        "0.1 of 2 clips, 10 s",
        "0.2 of 2 clips, 12 s, 36 s left",
        "0.5 of 2 clips, 18 s, 30 s left",
        "1.0 of 2 clips, 28 s, 20 s left",
        "1.5 of 2 clips, 38 s, 10 s left",
    ]


def test_nothing_is_shown_without_verbose_or_items(capsys, terminal):
    for total, verbose in [(3, 0), (0, 1)]:
        with Progress("run", total, "clips", verbose) as progress:
            progress.advance_within(0.5)
    assert terminal.getvalue() == capsys.readouterr().out == ""


def test_an_entered_progress_goes_on(clock, capsys):
    progress = Progress("run", 2, "rounds", 1)
    for second in (4, 8):
        with progress:
            clock[0] = second
            progress.advance()
    assert lines(capsys) == [
        "[run] 0 of 2 rounds",
        "[run] 1 of 2 rounds, 4 s",
        "[run] 2 of 2 rounds, 8 s",
    ]


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """What is drawn on a terminal; lines that are printed are captured by pytest."""
    stream = Terminal()
    console = rich.console.Console(file=stream, force_terminal=True, width=100, _environ={})
    monkeypatch.setattr(rich, "get_console", lambda: console)
    monkeypatch.setattr(rich.live, "get_console", lambda: console)
    monkeypatch.setattr(rich.progress, "get_console", lambda: console)
    monkeypatch.setattr(_progress, "sys", SimpleNamespace(stdout=stream))
    return stream


def refreshing_threads():
    return [thread for thread in threading.enumerate() if "Refresh" in type(thread).__name__]


def all_have_ended():
    """Whether the threads of all bars end; rich tells them to, and does not wait for it."""
    for thread in refreshing_threads():
        thread.join(timeout=10)
    return not refreshing_threads()


def test_a_bar_is_drawn_on_a_terminal_from_the_start(terminal):
    with Progress("run", 40, "clips", 1) as progress:
        assert "run" in terminal.getvalue()
        assert "0 of 40 clips" in terminal.getvalue()
        progress.advance(40)
        print("a line of the user")
    assert "40 of 40 clips" in terminal.getvalue()
    assert "a line of the user\n" in terminal.getvalue()


def test_a_bar_ends_with_its_thread_also_after_an_error(terminal):
    def fail():
        with Progress("run", 40, "clips", 1):
            assert len(refreshing_threads()) == 1
            raise KeyError

    stdout = sys.stdout
    with pytest.raises(KeyError):
        fail()
    assert all_have_ended()
    # The cursor is shown again.
    assert terminal.getvalue().endswith("\x1b[?25h")
    assert sys.stdout is stdout


def test_bars_may_be_drawn_inside_bars(terminal):
    with Progress("outer", 2, "folds", 1) as outer:
        with Progress("inner", 3, "pairs", 1) as inner:
            inner.advance(3)
        outer.advance(2)
    for text in ("3 of 3 pairs", "2 of 2 folds"):
        assert text in terminal.getvalue()
    assert all_have_ended()


def test_lines_are_printed_where_another_bar_prevents_a_bar(terminal, monkeypatch, capsys):
    def refuse(self):
        raise rich.errors.LiveError("Only one live display may be active at once")

    monkeypatch.setattr(rich.progress.Progress, "start", refuse)
    with Progress("run", 40, "clips", 1):
        pass
    assert terminal.getvalue() == ""
    assert lines(capsys) == ["[run] 0 of 40 clips"]


def test_lines_are_printed_without_rich(terminal, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rich", None)
    with Progress("run", 40, "clips", 1):
        pass
    assert terminal.getvalue() == ""
    assert lines(capsys) == ["[run] 0 of 40 clips"]


def test_processes_of_joblib_draw_no_bars(terminal, monkeypatch, capsys):
    monkeypatch.setattr(_progress.multiprocessing, "parent_process", lambda: "parent")
    with Progress("run", 40, "clips", 1):
        pass
    assert terminal.getvalue() == ""
    assert lines(capsys) == ["[run] 0 of 40 clips"]


def test_a_progress_with_a_bar_can_be_pickled(terminal, capsys):
    with Progress("run", 40, "clips", 1) as progress:
        progress.advance(3)
        copy = pickle.loads(pickle.dumps(progress))
    copy.advance(37)
    assert lines(capsys) == ["[run] 40 of 40 clips, 0 s"]


def test_a_single_clip_shows_its_frames(capsys, clock, cremad_frames):
    clip = cremad_frames[0][:6]
    count = iter(range(1, 100))

    def later(progress, share):
        clock[0] = 2.0 * next(count)
        advance_within(progress, share)

    advance_within = Progress.advance_within
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "advance_within", later)
        FaceLandmarkTransformer(n_frames=None, verbose=1).extract([clip])
    assert [line.partition("] ")[2] for line in lines(capsys)] == [
        "0 of 1 clips",
        "0.2 of 1 clips, 2 s",
        "0.3 of 1 clips, 4 s, 8 s left",
        "0.5 of 1 clips, 6 s, 6 s left",
        "0.7 of 1 clips, 8 s, 4 s left",
        "0.8 of 1 clips, 10 s, 2 s left",
        "1.0 of 1 clips, 12 s",
        "1 of 1 clips, 12 s",
    ]


def test_an_error_ends_the_bar_of_an_extraction(terminal, cremad_frames):
    transformer, stdout = FaceLandmarkTransformer(n_frames=None, verbose=1), sys.stdout
    with pytest.raises(ValueError, match="the same number of frames") as caught:
        transformer.transform([cremad_frames[0][:2], cremad_frames[0][:3]])
    # The traceback holds the frames of the extraction.
    assert caught.tb is not None
    assert all_have_ended()
    assert sys.stdout is stdout


@pytest.fixture(scope="module")
def fitted(aligned):
    X, y = aligned
    temo = TEMOClassifier(randomized=True, random_state=0)
    selector = IGLandmarkSelector(temo, k=64, random_state=0)
    return make_pipeline(selector, clone(temo)).fit(X, y)


def each_long_step(fitted, X, y):
    """Calls of every step that has `verbose`, with the name and the number of its items."""
    temo = TEMOClassifier(max_epochs=3, random_state=0, verbose=1)
    quick = TEMOClassifier(randomized=True, random_state=0)
    selector = IGLandmarkSelector(temo, k=64, step=0.5, random_state=0, verbose=1)
    stability = StabilityLandmarkSelector(n_pairs=1, max_false=400, random_state=0, verbose=1)
    repeats = {"n_repeats": 3, "random_state": 0, "verbose": 1}
    return {
        "TEMOClassifier] {} of 3 epochs": lambda: clone(temo).fit(X, y),
        "IGLandmarkSelector] {} of 2 rounds": lambda: selector.fit(X, y),
        "StabilityLandmarkSelector] {} of 2 halves": lambda: stability.fit(X, y),
        "evaluate] {} of 2 folds": lambda: evaluate(
            quick, X, y, cv=2, random_state=0, verbose=1, ignore=EVALUATION_CHECKS
        ),
        "explain_clips] {} of 84 clips": lambda: explain_clips(fitted, X, verbose=1),
        "random weights] {} of 6 networks": lambda: check_random_weights(fitted, X, y, **repeats),
        "random labels] {} of 6 networks": lambda: check_random_labels(fitted, X, y, **repeats),
    }


@pytest.mark.parametrize("index", range(7))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_long_step_prints_at_the_start_and_at_the_end(index, fitted, aligned, capsys):
    text, step = list(each_long_step(fitted, *aligned).items())[index]
    step()
    printed = lines(capsys)
    total = text.split(" of ")[1].split()[0]
    assert printed[0] == f"[{text.format(0)}"
    assert any(line.startswith(f"[{text.format(total)}, ") for line in printed)


def test_training_inside_the_selector_is_shown_and_changes_no_parameter(aligned, capsys):
    temo = TEMOClassifier(max_epochs=2, random_state=0)
    selector = IGLandmarkSelector(temo, k=64, random_state=0, verbose=1).fit(*aligned)
    assert any("TEMOClassifier] 2 of 2 epochs" in line for line in lines(capsys))
    assert selector.estimator_.verbose == temo.verbose == 0


def test_the_second_level_prints_the_table_of_epochs(aligned, capsys):
    for verbose in (1, 2):
        TEMOClassifier(max_epochs=2, random_state=0, verbose=verbose).fit(*aligned)
        assert ("train_loss" in capsys.readouterr().out) == (verbose == 2)


def test_bars_of_scikit_learn_and_of_this_package_may_be_drawn_together(aligned, terminal):
    temo = TEMOClassifier(max_epochs=2, random_state=0, verbose=1)
    pipe = make_pipeline(IGLandmarkSelector(temo, k=64, random_state=0, verbose=1), temo)
    search = GridSearchCV(pipe, {"iglandmarkselector__k": [32, 64]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None))
    stdout = sys.stdout
    search.fit(*aligned)
    drawn = terminal.getvalue()
    assert "GridSearchCV" in drawn
    assert "IGLandmarkSelector" in drawn
    assert all_have_ended()
    assert sys.stdout is stdout
