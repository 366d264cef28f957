"""Lines that say how far long work is."""

import sys

import pytest

from sklearn_temo import _progress
from sklearn_temo._progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds as the lines see them: an item to be set."""
    now = [0.0]
    monkeypatch.setattr(_progress, "monotonic", lambda: now[0])
    return now


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_the_start_of_processes_is_no_time_of_a_clip(clock, capsys):
    progress = Progress("run", 100, "clips", 1)
    for second in (20, 22, 24):
        clock[0] = second
        progress.advance()
    assert lines(capsys) == [
        "[run] 1 of 100 clips, 20 s",
        "[run] 2 of 100 clips, 22 s, 3 min left",
        "[run] 3 of 100 clips, 24 s, 3 min left",
    ]


def test_what_was_done_before_says_nothing_of_the_rest(clock, capsys):
    progress = Progress("run", 50, "clips", 1)
    clock[0] = 4
    progress.advance(40, free=True)
    for second in (10, 12, 14):
        clock[0] = second
        progress.advance()
    assert lines(capsys)[-1] == "[run] 43 of 50 clips, 14 s, 14 s left"


def test_clips_that_are_done_together_are_no_faster(clock, capsys):
    progress = Progress("run", 40, "clips", 1, n_at_once=4)
    for second in (15.0, 16.1, 17.2, 18.3, 25.0):
        clock[0] = second
        progress.advance()
    *early, last = lines(capsys)
    assert len(early) == 4
    assert not any("left" in line for line in early)
    # Four take ten seconds at a time.
    assert last == "[run] 5 of 40 clips, 25 s, 88 s left"


def test_pieces_may_come_in_blocks(clock, capsys):
    progress = Progress("run", 30, "pairs", 1)
    for second in (8, 10, 12):
        clock[0] = second
        progress.advance(10)
    assert [line.partition("pairs, ")[2] for line in lines(capsys)] == [
        "8 s",
        "10 s, 2 s left",
        "12 s",
    ]


@pytest.mark.parametrize("error", [BrokenPipeError, ValueError])
def test_what_cannot_be_printed_is_dropped(clock, monkeypatch, error):
    class Closed:
        def write(self, text):
            raise error

        flush = write

    monkeypatch.setattr(sys, "stdout", Closed())
    Progress("run", 1, "clips", 1).advance()
