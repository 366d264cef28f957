"""Direction of imports, and heavy imports."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

PACKAGE = "sklearn_temo"
CHECKOUT = Path(__file__).parents[1]
SOURCES = sorted((CHECKOUT / PACKAGE).rglob("*.py"))

BASE = {
    "blendshapes",
    "head_pose",
    "mesh",
    "layout",
    "mirror",
    "_atomic_files",
    "_cache_folder",
    "_column_names",
    "_data_hash",
    "_doc_links",
    "_face_checks",
    "_clip_window",
    "_frame_folder",
    "_pipelines",
    "_progress",
    "_search_results",
    "_threads",
    "_validation",
    "_warnings",
}
STEPS = {"extraction", "alignment", "classification", "attribution", "inspection", "datasets"}

# The modules and folders below the package, and the ones that each may import.
MAY_IMPORT: dict[str, set[str]] = {
    "_atomic_files": set(),
    "_cache_folder": {"_doc_links", "_warnings"},
    "_data_hash": set(),
    "_doc_links": set(),
    "_column_names": {"blendshapes"},
    "_face_checks": {"blendshapes", "mesh"},
    "_clip_window": set(),
    "_frame_folder": set(),
    "_pipelines": {"blendshapes", "layout"},
    "_progress": set(),
    "_search_results": {"_warnings"},
    "_threads": set(),
    "_validation": set(),
    "_warnings": set(),
    "blendshapes": {"mesh"},
    "head_pose": {"mesh"},
    "mesh": set(),
    "layout": {"blendshapes", "mesh", "_column_names", "_face_checks", "_warnings"},
    "mirror": {"blendshapes", "layout", "mesh", "_face_checks"},
    **dict.fromkeys(STEPS, BASE),
    "selection": BASE | {"attribution", "classification"},
}
MAY_IMPORT["pipeline"] = BASE | STEPS | {"selection"}
MAY_IMPORT["explanation"] = BASE | STEPS | {"selection"}
MAY_IMPORT["evaluation"] = BASE | STEPS | {"selection"}
MAY_IMPORT["report"] = MAY_IMPORT["evaluation"] | {"evaluation", "explanation"}
MAY_IMPORT["persistence"] = MAY_IMPORT["report"] | {"__init__"}
MAY_IMPORT["live"] = MAY_IMPORT["explanation"] | {"explanation"}
MAY_IMPORT["demo"] = MAY_IMPORT["pipeline"] | {"pipeline", "__init__"}
MAY_IMPORT["cli"] = MAY_IMPORT["demo"] | {"demo", "evaluation", "explanation"}
MAY_IMPORT["cli"] |= {"report", "persistence", "live"}
MAY_IMPORT["__main__"] = {"cli"}
# The root imports public names at their first use.
MAY_IMPORT["__init__"] = MAY_IMPORT["report"] | {"pipeline", "report", "persistence", "live"}

HEAVY = {
    "ai_edge_litert",
    "av",
    "captum",
    "cv2",
    "imblearn",
    "matplotlib",
    "mediapipe",
    "onnx",
    "onnxscript",
    "pandas",
    "pyarrow",
    "rich",
    "skops",
    "skorch",
    "torch",
}

# Modules that import a heavy package at their top; others import them at the first use.
MAY_BE_HEAVY = {
    "attribution._integrated_gradients": {"torch"},
    "attribution._split_network": {"torch"},
    "attribution._relevance": {"torch"},
    "classification._network": {"torch"},
    "classification._regressor": {"torch"},
    "classification._temo": {"torch"},
    "classification._training": {"skorch", "torch"},
    "explanation._affine_maps": {"torch"},
    "explanation._explained_function": {"torch"},
    "persistence._pipeline_network": {"torch"},
    "selection._round": {"skorch", "torch"},
}


def module_name(source: Path) -> str:
    """Dotted name below the package; the root is called ``__init__``."""
    parts = source.relative_to(CHECKOUT / PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


NAMES = {module_name(source): source for source in SOURCES}
FOLDERS = {name for name, source in NAMES.items() if source.name == "__init__.py"} - {"__init__"}


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(NAMES[name].read_text(encoding="utf-8"), str(NAMES[name]))


def lazy_names(module: str) -> dict[str, str]:
    """Module of each name that an ``__init__`` gives to ``lazy_loader.attach``."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.keyword) and node.arg == "submod_attrs":
            homes = ast.literal_eval(node.value)
            return {name: home for home, names in homes.items() for name in names}
    return {}


def absolute(importer: str, level: int, module: str) -> str:
    """Dotted name of what a module calls by a relative one."""
    folder = [PACKAGE, *importer.split(".")]
    if importer not in FOLDERS:
        folder.pop()
    return ".".join([*folder[: len(folder) + 1 - level], *module.split(".")]).rstrip(".")


def imports(importer: str, nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Dotted names that a module imports; ``a.b`` for ``from a import b``."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            origin = absolute(importer, node.level, module) if node.level else module
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.keyword) and node.arg == "submod_attrs":
            homes = ast.literal_eval(node.value)
            yield from (absolute(importer, 1, home) for home in homes)


def own_modules(importer: str, code: ast.Module) -> set[str]:
    """Modules of the package that a module imports anywhere in its code."""
    found = set()
    for name in imports(importer, ast.walk(code)):
        top, *path = name.split(".")
        if top != PACKAGE:
            continue
        if path and path[0] in lazy_names("__init__"):
            path = [lazy_names("__init__")[path[0]]]
        while path and ".".join(path) not in NAMES:
            path.pop()
        found.add(".".join(path) or "__init__")
    return found - {importer}


def at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Statements that run when a module is imported."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from at_import(node.orelse)
            continue
        yield node
        for block in ("body", "orelse", "finalbody"):
            yield from at_import(getattr(node, block, []))
        for handler in getattr(node, "handlers", []):
            yield from at_import(handler.body)


@pytest.mark.parametrize("name", NAMES)
def test_imports_run_one_way(name):
    part = name.split(".")[0]
    assert part in MAY_IMPORT, f"{part} is new: add it to MAY_IMPORT"
    imported = {module.split(".")[0] for module in own_modules(name, tree(name))} - {part}
    wrong = imported - MAY_IMPORT[part]
    assert not wrong, f"{name} imports {sorted(wrong)}; {part} may import {MAY_IMPORT[part]}"


def test_no_modules_import_each_other():
    graph = {name: own_modules(name, tree(name)) for name in NAMES}
    # An __init__ imports its own folder, or imports at the first use.
    folders = FOLDERS | {"__init__"}
    try:
        TopologicalSorter({n: m - folders for n, m in graph.items()}).prepare()
    except CycleError as error:
        pytest.fail(f"these import each other: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("name", NAMES)
def test_heavy_imports_are_made_where_they_are_needed(name):
    nodes = at_import(tree(name).body)
    tops = {imported.split(".")[0] for imported in imports(name, nodes)}
    heavy = tops & HEAVY
    assert heavy == MAY_BE_HEAVY.get(name, set()), f"{name} imports {heavy} at its top"


def test_importing_a_part_loads_nothing_heavy():
    # The demo needs everything; the command line imports it when it runs it.
    parts = sorted({name.split(".")[0] for name in NAMES} - {"__main__", "demo"})
    # scikit-learn itself imports pandas and rich, if they are installed.
    code = f"""
import sys
import sklearn.base, sklearn.callback
heavy = {HEAVY} - sys.modules.keys()
from importlib import import_module
for part in {parts}:
    import_module("{PACKAGE}" if part == "__init__" else "{PACKAGE}." + part)
    loaded = heavy & sys.modules.keys()
    assert not loaded, f"importing {{part}} loads {{loaded}}"
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_dependencies_are_what_is_imported():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w-]+", entry)[0].lower() for entry in project["dependencies"]}
    imported = (found for name in NAMES for found in imports(name, ast.walk(tree(name))))
    modules = {name.split(".")[0] for name in imported} - {PACKAGE} - sys.stdlib_module_names
    owners = packages_distributions()
    unknown = modules - owners.keys()
    assert not unknown, f"imported, but not installed here: {unknown}"
    optional = {
        "ai-edge-litert",
        "distributed",
        "onnx",
        "onnxscript",
        "opencv-contrib-python",
        "pandas",
        "pyarrow",
        "rich",
    }
    assert {owners[module][0].lower() for module in modules} - optional == declared


def test_every_way_to_write_an_import_is_seen():
    lines = {
        "import sklearn_temo.mesh as m": "mesh",
        "from sklearn_temo import mesh": "mesh",
        "from sklearn_temo import TEMOClassifier": "classification",
        "from ..layout import LandmarkLayout": "layout",
        "from .. import mirror": "mirror",
        "from ..attribution._split_network import frozen": "attribution._split_network",
        "def f():\n    from ._ranking import best_first": "selection._ranking",
        "lazy.attach(__name__, submod_attrs={'_ranking': ['f']})": "selection._ranking",
    }
    for line, module in lines.items():
        assert own_modules("selection._new", ast.parse(line)) == {module}, line


def test_folders_with_names_that_the_root_lacks_are_public():
    root = importlib.import_module(PACKAGE)
    folders = {path.parent.name for path in (CHECKOUT / PACKAGE).glob("*/__init__.py")} - {"cli"}
    for folder in folders - set(root.__all__):
        names = importlib.import_module(f"{PACKAGE}.{folder}").__all__
        assert set(names) <= set(root.__all__), folder
