import csv

import numpy as np
import pytest

from benchmarks import attribution, leakage


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


@pytest.mark.parametrize(
    "wrong_and_right",
    [
        leakage.people_with_random_labels,
        leakage.people_with_emotions,
        leakage.mirrored,
        leakage.columns_by_f_value,
        leakage.landmarks_with_random_labels,
        leakage.accuracy_of_majority,
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_each_mistake_makes_the_score_too_high(wrong_and_right):
    wrong, right = np.mean([wrong_and_right(seed) for seed in (0, 1)], axis=0)
    assert wrong > right + 3


@pytest.mark.filterwarnings("ignore")
def test_mirror_images_beside_their_clip_change_little():
    wrong, right = leakage.mirror_images_tested(0)
    assert abs(wrong - right) < 2


@pytest.mark.filterwarnings("ignore")
def test_search_and_nested_scores_are_of_other_clips(monkeypatch):
    monkeypatch.setattr(leakage, "KS", [5])
    monkeypatch.setattr(leakage, "COSTS", [0.01, 1.0])
    best, nested = leakage.search_with_random_labels(0)
    assert 0 <= nested <= best <= 100


def test_leakage_benchmark_writes_the_table_and_the_pictures(monkeypatch, tmp_path, capsys):
    rows = [
        leakage.Mistake("first", "data, with a comma; SVM", lambda seed: (60 + seed, 50), 50),
        leakage.Mistake("second", "other data", lambda seed: (30.0, -0.02), None),
    ]
    monkeypatch.setattr(leakage, "mistakes", lambda has_ckplus: rows)
    leakage.main(["--n-repeats", "2", "--out", str(tmp_path)])
    with (tmp_path / "leakage.csv").open(encoding="utf-8") as file:
        header, *found = csv.reader(file)
    assert header == ["mistake", "data", "wrong way", "right way", "difference"]
    assert found == [
        ["first", "data, with a comma; SVM", "60.5", "50.0", "+10.5 ± 0.5"],
        ["second", "other data", "+30.0", "+0.0", "+30.0 ± 0.0"],
    ]
    assert "| first |" in capsys.readouterr().out
    for name in ("leakage.svg", "leakage_dark.svg"):
        assert "<svg" in (tmp_path / name).read_text(encoding="utf-8")


def test_mistakes_have_names_data_and_chance():
    with_ckplus, without = leakage.mistakes(True), leakage.mistakes(False)
    assert len(with_ckplus) == len(without) + 1
    assert len({(row.name, row.data) for row in with_ckplus}) == len(with_ckplus)
    assert all("CK+" not in row.data for row in without)
