"""The page of a report: one HTML file that needs no other file and no network."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from html import escape
from importlib import resources
from string import Template
from typing import Any

_SCRIPTS = (
    "three.min.js",
    "charts.js",
    "face.js",
    "landmarks.js",
    "names.js",
    "explanations.js",
    "scores.js",
    "report.js",
)

# Inside a script element, "<" could begin its end tag or a comment. The two line separators end a
# string in old JavaScript.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def render_page(report: dict[str, Any]) -> str:
    """Make the HTML page of a report.

    The numbers are embedded as JSON, and the scripts of the page draw them. A content security
    policy forbids everything but these scripts and the style sheet, so that the page loads nothing
    and no text of the report can become code.

    Parameters
    ----------
    report : dict
        The numbers and texts of the report, as they are written to its JSON file.

    Returns
    -------
    str
        The page, to be written as UTF-8.

    Raises
    ------
    ValueError
        If a number is NaN or infinite; missing numbers must be None.
    """
    style = _asset("report.css")
    scripts = [_asset(name) for name in _SCRIPTS]
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; "
        f"style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    )
    data = json.dumps(report, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Template(_asset("template.html")).substitute(
        policy=policy,
        title=escape(report["title"]),
        style=style,
        data=data.translate(_ESCAPES),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Source expression of the content security policy that allows exactly this text."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
