"""Configuration of Sphinx. Neither the build nor the pages need the network."""

from __future__ import annotations

import os

# The networks of the examples are small, and several threads slow them down. Set this before torch
# and numpy are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import inspect
import json
import re
import sys
import zlib
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx import addnodes
from sphinx.util import logging
from sphinx_gallery import backreferences
from sphinx_gallery.sorting import ExplicitOrder

import sklearn_temo

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import gallery_hooks  # noqa: E402

project = "sklearn_temo"
author = "The sklearn_temo developers"
copyright = author
release = sklearn_temo.__version__
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "myst_parser",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["pages.css"]
# claims/ holds what a page includes.
exclude_patterns = ["_build", "claims"]
default_role = "code"
# Keep straight quotes, since they belong to values of parameters such as "auto".
smartquotes = False

# -- Reference -------------------------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "alphabetical"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_use_plots = False

# A reference that leads nowhere is an error, also one to another project.
nitpicky = True

# Types of parameters are links. Other words of a type, such as "shape", are text.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {
    "array-like": ":term:`array-like <sklearn:array-like>`",
    "estimator": ":term:`estimator <sklearn:estimator>`",
    "estimators": ":term:`estimators <sklearn:estimators>`",
    "path-like": ":term:`path-like <python:path-like object>`",
    "Bunch": "sklearn.utils.Bunch",
    "Pipeline": "sklearn.pipeline.Pipeline",
    "Path": "pathlib.Path",
    "DataFrame": "pandas.DataFrame",
    "NotFittedError": "sklearn.exceptions.NotFittedError",
    "ConvergenceWarning": "sklearn.exceptions.ConvergenceWarning",
    "Tensor": "torch.Tensor",
    "Axes": "matplotlib.axes.Axes",
    "Figure": "matplotlib.figure.Figure",
    "Colormap": "matplotlib.colors.Colormap",
    "Colorbar": "matplotlib.colorbar.Colorbar",
    "PathCollection": "matplotlib.collections.PathCollection",
    "QuadMesh": "matplotlib.collections.QuadMesh",
    "BarContainer": "matplotlib.container.BarContainer",
    "ErrorbarContainer": "matplotlib.container.ErrorbarContainer",
}


def _listed_names():
    """Names that docs/api.rst lists."""
    return re.findall(r"^   (sklearn_temo[\w.]+)$", (HERE / "api.rst").read_text(), re.M)


def _find(name):
    found = sklearn_temo
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


def _member_names(found):
    """Documented members of a class that are written in this package, inherited ones included."""
    names = dict.fromkeys(
        name
        for base in found.__mro__
        if base.__module__.startswith("sklearn_temo")
        for name, value in vars(base).items()
        if not re.match("_|set_.*_request", name) and (callable(value) or hasattr(value, "__get__"))
    )
    return [name for name in names if inspect.getdoc(getattr(found, name))]


autosummary_context = {
    "member_names": {
        name: _member_names(_find(name)) for name in _listed_names() if inspect.isclass(_find(name))
    }
}
numpydoc_xref_aliases |= {name.rpartition(".")[2]: name for name in _listed_names()}

# -- Other projects ---------------------------------------------------------------------------


def _write_inventories():
    """Write the lists of names of other projects as inventories, since the build is offline.

    The first line of docs/inventories/PROJECT.txt is the address of the project's documentation.
    The others are a name, its role and its page, with ``$`` for the name. A name that is missing
    there is an error of the build: add its line.
    """
    folder = HERE / "_build" / "inventories"
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for path in sorted((HERE / "inventories").glob("*.txt")):
        address, *lines = path.read_text().splitlines()
        entries = []
        for line in lines:
            name, role, page = re.fullmatch(r"(.+) (\w+:\w+) (\S+)", line).groups()
            if role.startswith("py:") and "." in name:
                # Full names in types of parameters.
                numpydoc_xref_aliases.setdefault(name, f":obj:`{name}`")
            entries.append(f"{name} {role} 1 {page.replace('$', name)} -\n")
        header = f"# Sphinx inventory version 2\n# Project: {path.stem}\n# Version: \n"
        header += "# The remainder of this file is compressed using zlib.\n"
        inventory = folder / f"{path.stem}.inv"
        inventory.write_bytes(header.encode() + zlib.compress("".join(entries).encode()))
        mapping[path.stem] = (address, str(inventory))
    return mapping


intersphinx_mapping = _write_inventories()

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
html_sidebars = {"index": [], "install": []}
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"

# Copy the commands without prompts and without what they print.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_selector = ":not(.highlight-none) > div.highlight pre"

# -- Gallery ---------------------------------------------------------------------------------

_TUTORIAL = [
    "plot_1_clip.py",
    "plot_2_landmarks.py",
    "plot_3_relevance.py",
    "plot_4_new_people.py",
    "plot_5_controls.py",
]
_EXAMPLES = [
    "plot_smiles.py",
    "plot_own_clips.py",
    "plot_score_against_k.py",
    "plot_stability.py",
    "plot_one_vs_rest.py",
    "plot_explain_clip.py",
    "plot_timeline.py",
    "plot_evaluate.py",
    "plot_report.py",
    "plot_compare_selectors.py",
    "plot_compare_explanations.py",
    "plot_own_network.py",
    "plot_facial_actions.py",
    "plot_hand_gestures.py",
    "plot_save_model.py",
    "plot_dask.py",
]

# The text of a thumbnail is the title of its example.
for _name in ("THUMBNAIL_TEMPLATE", "BACKREF_THUMBNAIL_TEMPLATE"):
    _template = getattr(backreferences, _name).replace(":alt:", ":alt: Result of: {title}")
    setattr(backreferences, _name, _template)

sphinx_gallery_conf = {
    "examples_dirs": ["../examples/gallery", "../examples/tutorial"],
    "gallery_dirs": ["auto_examples", "tutorial"],
    "within_subsection_order": ExplicitOrder([*_TUTORIAL, *_EXAMPLES, "*"]),
    "backreferences_dir": "api/generated/backreferences",
    "doc_module": ("sklearn_temo",),
    "download_all_examples": False,
    "plot_gallery": True,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 600,
    "remove_config_comments": True,
    # Estimators and tables, where they are the last value of a block. Other last values are mostly
    # objects of matplotlib, whose repr is not informative.
    "capture_repr": ("_repr_html_",),
    "image_scrapers": ("gallery_hooks.scrape_figures",),
    "parallel": 2,
    "reset_modules": ("matplotlib", "seaborn", "gallery_hooks.reset_start_method"),
}


def setup(app):
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    # After numpydoc, whose priority is the usual 500.
    app.connect("autodoc-process-docstring", _escape_fitted_names, priority=600)
    app.connect("builder-inited", _check_api_page)
    app.connect("env-check-consistency", _check_that_examples_name_all)
    app.connect("doctree-read", _add_anchors_of_source_pages)
    app.connect("build-finished", gallery_hooks.add_to_style_sheet)


def _inline_math(translator, node):
    formula = tex2mathml(node.astext(), as_block=False)
    translator.body.append(f'<span class="formula">{formula}</span>')
    raise nodes.SkipNode


def _block_math(translator, node):
    translator.body.append(f'<p class="formula">{tex2mathml(node.astext(), as_block=True)}</p>')
    raise nodes.SkipNode


def _escape_fitted_names(app, what, name, obj, options, lines):
    """Escape fitted attributes in types: numpydoc turns ``(n_features_in_,)`` into a link."""
    for number, line in enumerate(lines):
        if re.match(r"\s*\*\*\w+\*\* : ", line):
            lines[number] = re.sub(r"(?<=\w)_(?=[,) ])", r"\_", line)


def _check_api_page(app):
    """Check that docs/api.rst lists all public names, and no others."""
    listed = set(_listed_names())
    whole_modules = {"blendshapes", "head_pose", "mesh"}
    public = {f"sklearn_temo.{name}" for name in whole_modules}
    for name in sklearn_temo.__all__:
        member = getattr(sklearn_temo, name)
        if not inspect.ismodule(member):
            public.add(f"sklearn_temo.{name}")
        elif name not in whole_modules:
            # Names of the root are listed as such.
            inner_names = set(member.__all__) - set(sklearn_temo.__all__)
            public |= {f"sklearn_temo.{name}.{inner}" for inner in inner_names}
    if listed != public:
        raise RuntimeError(f"docs/api.rst differs from the public names: {sorted(listed ^ public)}")


def _check_that_examples_name_all(app, env):
    """Warn of public names that no example of the gallery or the tutorial mentions."""
    folder = Path(app.srcdir) / app.config.sphinx_gallery_conf["backreferences_dir"]
    mentioned = set(json.loads((folder / "backreferences_all.json").read_text()))
    missing = [
        name
        for name in _listed_names()
        if name not in mentioned and not any(other.startswith(f"{name}.") for other in mentioned)
    ]
    if missing:
        logging.getLogger(__name__).warning(
            "no example mentions %s of %s public names: %s",
            len(missing),
            len(_listed_names()),
            ", ".join(missing),
        )


def _add_anchors_of_source_pages(app, doctree):
    """Add the anchors to which the pages of the source code link.

    These pages name an object by the module in which another object of the same file is documented:
    `sklearn_temo.live.run_live`, since `LivePrediction` is not in the root of the package.
    """
    for signature in doctree.findall(addnodes.desc_signature):
        name = signature.get("fullname")
        if not name or not signature["ids"]:
            continue
        found = inspect.getmodule(_find(f"{signature['module']}.{name.partition('.')[0]}"))
        if found is None:
            continue
        module = re.split(r"\._", found.__name__)[0]
        for other in (f"sklearn_temo.{name}", f"{module}.{name}"):
            if other not in signature["ids"]:
                signature["ids"].append(other)
