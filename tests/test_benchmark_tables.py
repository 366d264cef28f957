"""Tables of the benchmarks, and the pages that include them."""

import csv
import re
from pathlib import Path

import pytest

from benchmarks import explanations, tables
from benchmarks.explanations import DATA as EXPLAINED
from benchmarks.selectors import DATA as SELECTED

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/benchmarks"
NAMES = sorted(file.stem for file in FOLDER.glob("*.csv"))
PAGES = {file.name: file.read_text(encoding="utf-8") for file in ROOT.glob("docs/user_guide/*.rst")}


def written():
    """Names of the tables in the calls of ``write_table``."""
    code = "\n".join(file.read_text(encoding="utf-8") for file in ROOT.glob("benchmarks/*.py"))
    found = re.findall(r'write_table\(\s*f?"([^"]+)"', code)
    parts = {
        "selectors_{file_name(name)}": [f"selectors_{tables.file_name(data)}" for data in SELECTED],
        "explanations_{part}_{file_name(data)}": [
            f"explanations_{part}_{tables.file_name(data)}"
            for part in ("faithfulness", "robustness")
            for data in EXPLAINED
        ],
    }
    return {name for each in found for name in parts.get(each, [each])}


def test_each_table_is_written_by_a_benchmark():
    assert set(NAMES) <= written()
    assert written() <= {file.stem for file in FOLDER.glob("*.csv")}


@pytest.mark.parametrize("name", NAMES)
def test_each_table_is_included_by_a_page(name):
    assert any(f":file: ../benchmarks/{name}.csv" in page for page in PAGES.values())


def test_the_page_of_the_benchmarks_has_no_table_of_its_own():
    page = PAGES["benchmarks.rst"]
    options = re.findall(r"\.\. csv-table::.*\n((?: +:.*\n)+)", page)
    assert len(options) == page.count(".. csv-table::")
    assert all(":file:" in each for each in options)
    # A list-table holds words only.
    assert not re.search(r"- [−-]?\d+[.,]\d+ *$", page, flags=re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_narrow_and_complete(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert rows
    assert {len(row) for row in rows} == {len(header)}
    assert len(header) <= 8


def test_a_run_without_some_data_keeps_their_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "FOLDER", tmp_path / "tables")
    header = ["data", "score"]
    tables.write_table("scores", header, [["CK+", "1 +- 2"], ["smiles", "3"], ["smiles", "4"]])
    tables.write_table("scores", header, [["smiles", "-0.5"], ["new", "8e-06"]])
    text = (tmp_path / "tables/scores.csv").read_text(encoding="utf-8")
    assert text == "data,score\nCK+,1 ± 2\nsmiles,−0.5\nnew,8e-06\n"
    tables.write_table("scores", ["method", "score"], [["other", "1"]])
    assert (tmp_path / "tables/scores.csv").read_text() == "method,score\nother,1\n"


def read(file):
    with file.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    return header, [row[0] for row in rows]


def test_tables_of_explanations_have_the_form_of_those_in_the_documentation(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    measures = explanations.measures_of(explanations.Sizes())
    cells = ["0.123 (0.010)" for _ in measures]
    # Only synthetic clips have known moving landmarks.
    without = ["" if measure == "recall" else "0.123 (0.010)" for measure in measures]
    rows = [
        [data, network, method, *(cells if data == "synthetic clips" else without)]
        for data in EXPLAINED
        for network in explanations.NETWORKS
        for method in explanations.METHODS
    ]
    # The agreement has no rank.
    place = ["" if measure == "agreement" else "1" for measure in measures]
    ranks = [[data, network, *place] for data in EXPLAINED for network in explanations.NETWORKS]
    explanations.write_tables(rows, ranks, measures)
    files = list(tmp_path.iterdir())
    assert len(files) == 7
    for file in files:
        assert read(file) == read(FOLDER / file.name)
    assert "0.123," in (tmp_path / "explanations_robustness_ckplus.csv").read_text()
