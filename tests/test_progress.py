"""Progress of long computations."""

import pytest

from sklearn_temo import _progress
from sklearn_temo._progress import Progress


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
