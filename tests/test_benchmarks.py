import pytest

from benchmarks import attribution


@pytest.fixture
def small(monkeypatch):
    """Benchmark with few clips, and one call of each timed function."""
    monkeypatch.setattr(attribution, "N_CLIPS", 56)
    monkeypatch.setattr(attribution, "N_LARGE", 40)
    monkeypatch.setattr(attribution, "N_RUNS", 1)
    monkeypatch.setattr(attribution, "CAPTUM_BATCHES", [(8, None)])
    monkeypatch.setattr(attribution, "EIGHT", [8, 468])

    def once(works, n_rounds=3):
        for work in works.values():
            work()
        return dict.fromkeys(works, 1.0)

    monkeypatch.setattr(attribution, "seconds", once)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("part", "n_rows"), [("captum", 6), ("growth", 6), ("memory", 1), ("grid", 6), ("training", 3)]
)
def test_attribution_benchmark_prints_its_rows(part, n_rows, small, capsys):
    attribution.main(["--only", part])
    table = capsys.readouterr().out.partition("|---|---|---|")[2]
    rows = [line for line in table.splitlines() if line]
    assert len(rows) == n_rows
    assert all(row.count("|") == 4 for row in rows)
