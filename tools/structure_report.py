"""Compare the structure of checkouts: size, depth of calls, long signatures, tests of private code.

python tools/structure_report.py                        this checkout
python tools/structure_report.py --against v0.1.0       a revision, and this checkout
python tools/structure_report.py ../before ../after     any checkouts
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PACKAGE = "sklearn_temo"
MAX_PARAMETERS = 6
HERE = Path(__file__).resolve().parents[1]

# Prints the deepest stack of calls as JSON: all frames, and the frames of the package.
_DEEPEST_STACKS = f"""
import json, sys
from pathlib import Path
from traceback import walk_stack
import {PACKAGE}
from {PACKAGE}.datasets import load_cremad_sample
from {PACKAGE}.extraction import FaceLandmarkTransformer

root = str(Path({PACKAGE}.__file__).parent)
deepest = [], []

def profile(frame, event, argument):
    if event != "call" or not frame.f_code.co_filename.startswith(root):
        return
    codes = [frame.f_code for frame, _ in walk_stack(frame)]
    names = [code.co_qualname for code in codes]
    if "FaceLandmarkTransformer.fit_transform" in names:
        n = names.index("FaceLandmarkTransformer.fit_transform") + 1
        if "<module>" not in names[:n]:  # Imports happen once.
            package = [code for code in codes[:n] if code.co_filename.startswith(root)]
            for stack, found in zip(deepest, (codes[:n], package)):
                if len(found) > len(stack):
                    stack[:] = found[::-1]

clips = load_cremad_sample().data[:1]
sys.setprofile(profile)
FaceLandmarkTransformer().fit_transform(clips)
sys.setprofile(None)
print(json.dumps([[Path(c.co_filename).stem + "." + c.co_qualname for c in d] for d in deepest]))
"""


def code_lines(source: str) -> int:
    """Count the lines that are no docstring, comment or blank."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str):
            docstrings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(map(str.strip, source.splitlines()), 1)
    return sum(bool(line) and line[0] != "#" and i not in docstrings for i, line in lines)


def long_signatures(checkout: Path) -> Iterator[tuple[bool, str]]:
    """Find functions with many parameters, as pairs (is public, description)."""
    for file in sorted((checkout / PACKAGE).rglob("*.py")):
        # A name in a private module is public if the __init__ of its folder exports it.
        exported = (file.parent / "__init__.py").read_text(encoding="utf-8")
        for path, function in _functions(ast.parse(file.read_text(encoding="utf-8")), ()):
            arguments = function.args
            names = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
            n_parameters = len(names) + len(arguments.kwonlyargs)
            n_parameters -= names[:1] in (["self"], ["cls"])
            is_public = not any(re.match("_(?!_)", name) for name in path)
            is_public &= not file.name.startswith("_") or f'"{path[0]}"' in exported
            if n_parameters > MAX_PARAMETERS:
                where = file.relative_to(checkout / PACKAGE)
                yield is_public, f"{where}: {'.'.join(path)} ({n_parameters})"


def _functions(node: ast.AST, owner: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Functions in a module, at any depth, with their dotted names."""
    for child in ast.iter_child_nodes(node):
        path = owner
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            path = (*owner, child.name)
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield path, child
        yield from _functions(child, path)


def private_names(test: Path) -> tuple[set[str], bool]:
    """Private names that a test file reaches, and whether all are of the module that it tests."""
    own = test.stem.removeprefix("test_")
    owners = {f"_{own}"}
    if (test.parents[1] / PACKAGE / f"{own}.py").exists():
        owners.add(own)
    found: set[str] = set()
    for node in ast.walk(ast.parse(test.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Such as monkeypatch.setattr("sklearn_temo.extraction._pool.Parallel", ...).
            names = [node.value] if re.fullmatch(r"[\w.]+", node.value) else []
        elif isinstance(node, ast.Attribute) and re.match("_(?!_)", node.attr):
            owner = ast.unparse(node.value)
            if owner not in ("self", "cls", "sys") and node.attr not in ("_replace", "_asdict"):
                found.add(f"{owner}.{node.attr}")
        found.update(n for n in names if re.match(rf"{PACKAGE}\..*\b_(?!_)", n))
    return found, all(owners & set(name.split(".")) for name in found)


def deepest_stacks(checkout: Path) -> list[list[str]]:
    """Deepest stack of calls from `fit_transform` of one embedded clip: all frames, and ours."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, "-c", _DEEPEST_STACKS]
    with TemporaryDirectory() as folder:
        run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{checkout}: the clip cannot be extracted; pass --no-stack\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def measure(checkout: Path, *, stack: bool = True) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Rows of the table, and lists of what some of the rows count."""
    n_files, n_lines = Counter[str](), Counter[str]()
    for file in (checkout / PACKAGE).rglob("*.py"):
        folder, *inner = file.relative_to(checkout / PACKAGE).parts
        part = f"{folder}/" if inner else "top level"
        n_files[part] += 1
        n_lines[part] += code_lines(file.read_text(encoding="utf-8"))
    numbers: dict[str, int] = {}
    for title, counts in (("Python files", n_files), ("lines of code", n_lines)):
        numbers[title] = counts.total()
        numbers |= {f"{title}, {part}": counts[part] for part in sorted(counts)}
    lists: dict[str, list[str]] = {}
    if stack:
        lists["deepest stack below fit_transform"], package = deepest_stacks(checkout)
        numbers["deepest stack below fit_transform, frames of the package"] = len(package)
    signatures = list(long_signatures(checkout))
    for kind, public in (("private", False), ("public", True)):
        title = f"{kind} functions with more than {MAX_PARAMETERS} parameters"
        lists[title] = [text for is_public, text in signatures if is_public == public]
    reached = {test.name: private_names(test) for test in sorted((checkout / "tests").glob("*.py"))}
    for kind, own in (("only their own module", True), ("other modules", False)):
        lists[f"test files that reach private names of {kind}"] = [
            f"{test}: {', '.join(sorted(names))}"
            for test, (names, is_own) in reached.items()
            if names and is_own == own
        ]
    return numbers | {title: len(entries) for title, entries in lists.items()}, lists


def export(revision: str, folder: Path) -> Path:
    """Write the files of a git revision of this checkout into a folder."""
    archive = subprocess.check_output(["git", "archive", revision], cwd=HERE)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def main() -> None:
    """Print the table, and below it what the rows count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", nargs="*", type=Path, default=[HERE], metavar="CHECKOUT")
    parser.add_argument("--against", metavar="REV", help="git revision that is compared with")
    parser.add_argument("--no-stack", action="store_true", help="do not run the extraction")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        checkouts = {str(path): path.resolve() for path in options.checkouts}
        if options.against:
            checkouts = {options.against: export(options.against, Path(folder)), **checkouts}
        found = [measure(path, stack=not options.no_stack) for path in checkouts.values()]
    titles = sorted({title for numbers, _ in found for title in numbers})
    width = max(map(len, titles))
    heads = [Path(name).name for name in checkouts]
    columns = [max(len(head), 7) for head in heads]
    print(" | ".join([" " * width, *(f"{h:>{w}}" for h, w in zip(heads, columns, strict=True))]))
    for title in titles:
        cells = [f"{n.get(title, '-'):>{w}}" for (n, _), w in zip(found, columns, strict=True)]
        print(" | ".join([f"{title:<{width}}", *cells]))
    for title in found[0][1]:
        for head, (_, lists) in zip(heads, found, strict=True):
            print(f"\n{title}, {head}:", *lists[title], sep="\n  ")


if __name__ == "__main__":
    main()
