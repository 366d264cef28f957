"""Report of the structure of checkouts."""

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[1] / "tools" / "structure_report.py"

FILES = {
    "sklearn_temo/__init__.py": '"""A package."""\n',
    "sklearn_temo/mesh.py": "_TABLE = 1\n",
    "sklearn_temo/reading/__init__.py": 'from ._clips import Reader, read\n\n__all__ = ["read"]\n',
    "sklearn_temo/reading/_clips.py": '''"""Two lines
of a docstring."""

# A comment.
def read(a, b, c, *, d, e, f, g):
    """Public."""
    return "no docstring"


class Reader:
    def __init__(self, a, b, c, d, e, f): ...

    def _parse(self, a, b, c, d, e, f, g): ...
''',
    "tests/test_clips.py": "from sklearn_temo.reading._clips import read\n",
    "tests/test_mesh.py": "from sklearn_temo import mesh\n\nmesh._TABLE\n",
    "tests/test_pairs.py": "from sklearn_temo.reading import _clips\n\nreader._parse\n",
    "tests/test_public.py": "from sklearn_temo.reading import read\n\nself._name\n",
}


def report(*arguments):
    run = subprocess.run(
        [sys.executable, str(TOOL), "--no-stack", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.splitlines()


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_two_checkouts_side_by_side(tmp_path):
    before = write(tmp_path / "before", FILES)
    after = write(tmp_path / "after", {"sklearn_temo/__init__.py": "x = 1\n"})
    lines = report(before, after)
    head, *rows = lines[: lines.index("")]
    assert [cell.strip() for cell in head.split("|")] == ["", "before", "after"]
    table = {cells[0].strip(): cells[1:] for cells in (row.split("|") for row in rows)}
    assert {title: [cell.strip() for cell in cells] for title, cells in table.items()} == {
        "Python files": ["4", "1"],
        "Python files, reading/": ["2", "-"],
        "Python files, top level": ["2", "1"],
        "lines of code": ["8", "1"],
        "lines of code, reading/": ["7", "-"],
        "lines of code, top level": ["1", "1"],
        "private functions with more than 6 parameters": ["1", "0"],
        "public functions with more than 6 parameters": ["1", "0"],
        "test files that reach private names of only their own module": ["2", "0"],
        "test files that reach private names of other modules": ["1", "0"],
    }
    assert "  reading/_clips.py: read (7)" in lines
    assert "  reading/_clips.py: Reader._parse (7)" in lines
    assert "  test_pairs.py: reader._parse, sklearn_temo.reading._clips" in lines
