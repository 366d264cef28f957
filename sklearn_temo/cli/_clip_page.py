"""Picture and page of the explanation of one clip."""

from __future__ import annotations

from html import escape
from io import BytesIO
from string import Template
from typing import Any

from .. import mesh
from .._column_names import noun_of

# Landmarks in the table of the page.
_N_TOP = 20

# No script, and nothing is loaded from elsewhere.
_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: 0.1rem 0.8rem; text-align: right; border-bottom: 1px solid #ccc; }
th:first-child, td:first-child { text-align: left; }
</style>
</head>
<body>
<h1>$title</h1>
<pre>$text</pre>
$pictures
$tables
<p>A share says how the model uses a landmark, compared with typical clips, not what caused the
emotion. Neighbouring landmarks move together: regions are more reliable than single landmarks.</p>
</body>
</html>
""")


def draw_clip(explanation: Any, images: str, kind: str) -> bytes:
    """The picture of the clip as the content of a file; `kind` is "png", "svg" or "pdf"."""
    from ..inspection import ClipExplanationDisplay

    return _save(ClipExplanationDisplay, explanation, images, kind)


def render_clip_page(explanation: Any, images: str) -> str:
    """The page of the clip, which needs no other file and no network."""
    from ..inspection import ClipExplanationDisplay, RelevanceTimelineDisplay

    pictures = [
        _save(display, explanation, images, "svg").decode("utf-8")
        for display in (ClipExplanationDisplay, RelevanceTimelineDisplay)
    ]
    shares = explanation.attributions[0].sum(axis=0)
    n_landmarks = len(shares)
    is_face = mesh.is_full_mesh(n_landmarks)
    regions = mesh.regions(n_landmarks) if is_face else [""] * n_landmarks
    names = explanation.landmark_names or range(n_landmarks)
    top = [i for i in explanation.top(_N_TOP)[0].tolist() if shares[i]]
    tables = _table(
        (noun_of(explanation.landmark_names), "region", "share of the logit"),
        [(str(names[i]), str(regions[i]), f"{shares[i]:+.3f}") for i in top],
    )
    return _PAGE.substitute(
        title=escape(f"{explanation.target[0]!s}: {explanation.names[0]}"),
        text=escape(str(explanation)),
        # The declaration of an SVG file does not belong into a page.
        pictures="\n".join(picture[picture.index("<svg") :] for picture in pictures),
        tables=tables,
    )


def _save(display: Any, explanation: Any, images: str, kind: str) -> bytes:
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    file = BytesIO()
    date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    # The same clip gives the same file.
    with mpl.rc_context({"svg.hashsalt": display.__name__, "svg.fonttype": "none"}):
        figure = display.from_explanation(explanation, images=images).figure_
        figure.savefig(file, format=kind, dpi=150, metadata=date)
        plt.close(figure)
    return file.getvalue()


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    lines = [row(header, "th"), *(row(cells, "td") for cells in rows)]
    return "\n".join(["<table>", *lines, "</table>"])
