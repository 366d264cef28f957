"""Reference of the documentation: every public name has examples, and its page."""

import ast
import doctest
import inspect
import pydoc
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils import estimator_html_repr

import sklearn_temo
from sklearn_temo import (
    BlendshapeTransformer,
    FaceMirror,
    StabilityLandmarkSelector,
    TEMORegressor,
    _doc_links,
    make_temo_pipeline,
)

CHECKOUT = Path(__file__).parents[1]
LISTED = re.findall(r"^   ~(sklearn_temo[\w.]+)$", (CHECKOUT / "docs/api.rst").read_text(), re.M)
INVENTORIES = sorted((CHECKOUT / "docs/inventories").glob("*.txt"))


def find(name):
    found = sklearn_temo
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


def public_objects():
    """Names in docs/api.rst, and the public functions of the modules among them."""
    for name in LISTED:
        yield name
        module = find(name)
        if inspect.ismodule(module):
            own = getattr(module, "__all__", [key for key in vars(module) if key[0] != "_"])
            for key in own:
                if getattr(getattr(module, key), "__module__", None) == name:
                    yield f"{name}.{key}"


def docstring(name):
    """Docstring of an object, or the text behind the assignment of a constant."""
    found = find(name)
    if callable(found) or inspect.ismodule(found):
        return inspect.getdoc(found)
    constant = name.rpartition(".")[2]
    package = Path(inspect.getfile(find(name.rpartition(".")[0]))).parent
    for path in package.glob("*.py"):
        body = ast.parse(path.read_text()).body
        for assignment, text in pairwise(body):
            targets = getattr(assignment, "targets", [getattr(assignment, "target", None)])
            if any(getattr(target, "id", None) == constant for target in targets):
                return inspect.cleandoc(ast.literal_eval(text.value))
    raise LookupError(name)


@pytest.mark.parametrize("name", list(public_objects()))
def test_public_objects_have_examples_that_show_a_result(name):
    _, heading, text = docstring(name).partition("Examples\n--------\n")
    assert heading
    examples = doctest.DocTestParser().get_examples(text)
    results = [example.want for example in examples if example.want.strip()]
    skipped = any(doctest.SKIP in example.options for example in examples)
    assert results or skipped
    # Results, and not only shapes.
    assert not all(re.fullmatch(r"\([\d, ]+\)\s*", want) for want in results) or skipped


def test_constants_name_examples_that_run():
    constants = [name for name in LISTED if not callable(find(name))]
    constants = [name for name in constants if not inspect.ismodule(find(name))]
    assert constants == ["sklearn_temo.evaluation.EVALUATION_CHECKS"]
    for name in constants:
        test = doctest.DocTestParser().get_doctest(docstring(name), {}, name, None, 0)
        assert not doctest.DocTestRunner().run(test).failed


def test_html_of_estimators_links_to_their_pages():
    pipe = make_pipeline(
        make_temo_pipeline(),
        BlendshapeTransformer(),
        StabilityLandmarkSelector(estimator=TEMORegressor()),
        SVC(),
    )
    html = estimator_html_repr(pipe) + estimator_html_repr(FaceMirror())
    address = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["urls"][
        "Documentation"
    ]
    pages = set(re.findall(rf'href="{address}api/generated/([\w.]+)\.html"', html))
    assert pages == {
        "sklearn_temo.BlendshapeTransformer",
        "sklearn_temo.FaceLandmarkTransformer",
        "sklearn_temo.FaceMirror",
        "sklearn_temo.IGLandmarkSelector",
        "sklearn_temo.LandmarkAligner",
        "sklearn_temo.StabilityLandmarkSelector",
        "sklearn_temo.TEMOClassifier",
        "sklearn_temo.TEMORegressor",
    }
    assert pages <= set(LISTED)
    assert "https://scikit-learn.org/" in html  # the page of SVC


def test_without_the_address_of_the_documentation_there_is_no_link(monkeypatch):
    monkeypatch.setattr(_doc_links, "documentation_address", lambda: "")
    html = estimator_html_repr(FaceMirror())
    assert "api/generated" not in html
    assert "FaceMirror" in html


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.stem)
def test_names_of_other_projects_exist_and_are_sorted(path):
    address, *lines = path.read_text().splitlines()
    assert re.fullmatch(r"https://\S+[^/]", address)
    assert lines == sorted(set(lines), key=str.lower)
    for line in lines:
        name, role, page = re.fullmatch(r"(.+) (\w+:\w+) (\S+)", line).groups()
        assert ".html" in page
        if role.startswith("py:"):
            assert pydoc.locate(name) is not None or name == "None", name
