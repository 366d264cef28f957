"""Reference of the documentation: every public name has examples, and its page."""

import ast
import doctest
import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest

import sklearn_temo

CHECKOUT = Path(__file__).parents[1]
LISTED = re.findall(r"^   (sklearn_temo[\w.]+)$", (CHECKOUT / "docs/api.rst").read_text(), re.M)


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
