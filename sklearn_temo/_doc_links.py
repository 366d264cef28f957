"""Links from the HTML of estimators, as notebooks show it, to their pages of the documentation."""

from __future__ import annotations

from functools import cache
from importlib.metadata import metadata


class DocLinkMixin:
    """Mixin of estimators that docs/api.rst lists as ``sklearn_temo.NAME``.

    scikit-learn reads these attributes when it writes the HTML of an estimator.
    """

    _doc_link_module = "sklearn_temo"

    @property
    def _doc_link_template(self) -> str:
        address = documentation_address()
        return address and address + "api/generated/sklearn_temo.{estimator_name}.html"


@cache
def documentation_address() -> str:
    """Address of the documentation, from the metadata of the package; empty if it has none."""
    for entry in metadata("sklearn-temo").get_all("Project-URL") or ():
        label, _, address = entry.partition(", ")
        if label == "Documentation":
            return address.rstrip("/") + "/"
    return ""
