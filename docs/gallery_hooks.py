"""What the build of the gallery needs beside its configuration."""

import multiprocessing
from pathlib import Path

from sphinx_gallery.scrapers import matplotlib_scraper

_MARK = ".photograph"


def reset_start_method(gallery_conf, file):
    """Let examples start processes: those of joblib, which run the examples, cannot do so."""
    if multiprocessing.get_start_method() == "loky":
        multiprocessing.set_start_method("spawn", force=True)


def scrape_figures(block, block_vars, gallery_conf, **kwargs):
    """Save the figures of a block, and mark photographs, which dark mode must not invert.

    The mark is an empty file beside the picture.
    """
    import matplotlib.pyplot as plt

    marks = [_has_photograph(plt.figure(number)) for number in plt.get_fignums()]
    written = matplotlib_scraper(block, block_vars, gallery_conf, **kwargs)
    paths = block_vars["image_path_iterator"].paths[-len(marks) :] if marks else []
    for path, marked in zip(paths, marks, strict=True):
        mark = Path(path).with_suffix(_MARK)
        mark.touch() if marked else mark.unlink(missing_ok=True)
    return written


def _has_photograph(figure):
    from matplotlib.image import AxesImage

    # Maps of numbers are drawn as meshes. Photographs may be grey, behind the shares of landmarks.
    return bool(figure.findobj(AxesImage))


def add_to_style_sheet(app, exception):
    """Add the marked pictures, and the thumbnails of their examples, to the style sheet."""
    if exception or app.builder.name != "html":
        return
    marked = [
        mark.stem
        for folder in app.config.sphinx_gallery_conf["gallery_dirs"]
        for mark in sorted(Path(app.srcdir, folder, "images").glob(f"*{_MARK}"))
    ]
    thumbnails = {f"{name.rpartition('_')[0]}_thumb" for name in marked}
    selectors = ",\n".join(
        f'html[data-theme="dark"] .bd-content img[src*="/{name}."]'
        for name in sorted({*marked, *thumbnails})
    )
    style_sheet = Path(app.srcdir, "_static", "pages.css").read_text()
    if marked:
        style_sheet += f"\n{selectors} {{\n  filter: none !important;\n}}\n"
    Path(app.outdir, "_static", "pages.css").write_text(style_sheet)
