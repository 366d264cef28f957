"""Tables of the benchmarks, and the pages that include them."""

import csv
import re
from pathlib import Path

import pytest

from benchmarks import tables
from benchmarks.explanations import DATA as EXPLAINED
from benchmarks.selectors import DATA as SELECTED

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/benchmarks"
NAMES = sorted(file.stem for file in FOLDER.glob("*.csv") if file.stem != "leakage")
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


# The pages of these tables still have them inline.
PENDING = {
    *("blendshapes", "engines", "facial_actions", "live", "million_clips", "onnx_graphs", "saving"),
    *("smoothing_accuracy", "smoothing_error"),
}


@pytest.mark.parametrize("name", sorted(set(NAMES) - PENDING))
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
