"""Configuration of Sphinx. Building needs no network, and neither does reading what it built."""

from __future__ import annotations

import os

# The networks of the examples are so small that threads would mostly wait for each other. To be
# set before torch and numpy are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib
import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx_gallery.sorting import ExplicitOrder

import sklearn_temo

HERE = Path(__file__).parent

project = "sklearn_temo"
author = "The sklearn_temo developers"
copyright = author
release = sklearn_temo.__version__
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
default_role = "code"
# Quotes belong to the values of parameters: "auto" is typed with straight ones.
smartquotes = False

# -- Reference -------------------------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_use_plots = False

nitpicky = True
# Names of other projects; a name of ours that leads nowhere is an error.
nitpick_ignore_regex = [("py:.*", r"(?!sklearn_temo).*")]

# -- Pages -----------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_temo {release}"
html_theme_options = {
    "logo": {"text": "sklearn_temo"},
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}
html_sidebars = {"index": [], "get_started": []}
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"

# -- Gallery ---------------------------------------------------------------------------------

_ORDER = ["plot_real_clips.py", "plot_one_vs_rest.py", "plot_grid_search_k.py"]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": ExplicitOrder([*_ORDER, "*"]),
    "backreferences_dir": "api/generated/backreferences",
    "doc_module": ("sklearn_temo",),
    "download_all_examples": False,
    "plot_gallery": True,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 600,
    "remove_config_comments": True,
    # The last value of a block is mostly an object of matplotlib, whose repr says nothing.
    "capture_repr": (),
}


def setup(app):
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    # After numpydoc, whose priority is the usual 500.
    app.connect("autodoc-process-docstring", _escape_fitted_names, priority=600)
    app.connect("missing-reference", _link_to_scikit_learn)
    app.connect("builder-inited", _check_that_all_is_listed)


def _inline_math(translator, node):
    translator.body.append(tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def _block_math(translator, node):
    translator.body.append(f'<p class="formula">{tex2mathml(node.astext(), as_block=True)}</p>')
    raise nodes.SkipNode


def _escape_fitted_names(app, what, name, obj, options, lines):
    """Let types speak of fitted attributes: numpydoc makes of ``(n_features_in_,)`` a link."""
    for number, line in enumerate(lines):
        if re.match(r"\s*\*\*\w+\*\* : ", line):
            lines[number] = re.sub(r"(?<=\w)_(?=[,) ])", r"\_", line)


def _link_to_scikit_learn(app, env, node, contnode):
    """Link classes and functions of scikit-learn to the page that its site has for each."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not re.fullmatch(r"sklearn(\.\w+){2,}", target):
        return None
    address = f"https://scikit-learn.org/stable/modules/generated/{target}.html"
    return nodes.reference("", "", contnode, internal=False, refuri=address)


def _check_that_all_is_listed(app):
    """The reference lists what is public, and nothing else."""
    listed = set(re.findall(r"^   (sklearn_temo[\w.]+)$", (HERE / "api.rst").read_text(), re.M))
    public = {
        f"{module}.{name}"
        for module in (
            "sklearn_temo",
            "sklearn_temo.extraction",
            "sklearn_temo.attribution",
            "sklearn_temo.datasets",
        )
        for name in importlib.import_module(module).__all__
        if not name.startswith("__")
    } - {"sklearn_temo.extraction.FaceLandmarkTransformer"}  # listed as what the root names
    also = {"sklearn_temo.mesh"}
    if listed != public | also:
        raise RuntimeError(
            f"docs/api.rst differs from what is public: {sorted(listed ^ (public | also))}"
        )
