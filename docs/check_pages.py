"""Check the built pages of the documentation: links, texts of pictures, and the layout.

    python docs/check_pages.py docs/_build/html
    python docs/check_pages.py docs/_build/html --screenshots FOLDER

Every link inside the documentation leads to a page and a place on it, and every picture has
alternative text. In a browser, no page is wider than a window of 400 pixels, and in a window of
1400 pixels every line of code is as wide as its block allows. The parts of a formula are beside
each other. The browser is chromium; without it, only the links and the pictures are checked.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

NARROW, WIDE = 400, 1400
SHOWN = {
    "landing": "index.html",
    "tutorial": "tutorial/plot_1_clip.html",
    "tutorial-index": "tutorial/index.html",
    "guide": "user_guide/selection.html",
    "formulas": "user_guide/selection_mathematics.html",
    "estimator": "api/generated/sklearn_temo.TEMOClassifier.html",
    "reference": "api.html",
    "gallery": "auto_examples/index.html",
    "example": "auto_examples/plot_one_vs_rest.html",
    "claims": "user_guide/claims.html",
}

# The innermost elements that are wider than the window, or than the column of the text, and are
# not inside an element that scrolls.
TOO_WIDE = """
const column = document.querySelector('.bd-article-container');
const width = window.innerWidth;
if (document.documentElement.scrollWidth <= width
    && (!column || column.scrollWidth <= column.clientWidth + 1)) return [];
const scrolls = element => {
  const parent = element.parentElement;
  if (!parent || parent === column || parent === document.body) return false;
  return getComputedStyle(parent).overflowX !== 'visible' || scrolls(parent);
};
const wide = [...document.body.querySelectorAll('*')].filter(
  e => e.getBoundingClientRect().right > width + 1 && e.getClientRects().length && !scrolls(e));
const inner = wide.filter(e => ![...e.children].some(child => wide.includes(child)));
return (inner.length ? inner : [column || document.body]).slice(0, 3).map(e => {
  const text = (e.textContent || e.src || '').trim().slice(0, 60);
  return `${e.tagName.toLowerCase()}.${e.className}: ${text}`;
});
"""
# Blocks of code that do not fit, or in which a line of up to 100 characters must wrap.
CLIPPED = """
const found = [];
for (const block of document.querySelectorAll('pre')) {
  const lines = block.textContent.split('\\n');
  const short = lines.every(line => line.length <= 100);
  if (short) block.style.whiteSpace = 'pre';
  if (block.scrollWidth > block.clientWidth + 1) {
    found.push(`${block.scrollWidth} > ${block.clientWidth} pixels: ${
      lines.reduce((a, b) => b.length > a.length ? b : a).slice(0, 120)}`);
  }
  block.style.whiteSpace = '';
}
return found;
"""
# Formulas that a style sheet displays as something else, such as a block: their parts are then
# below each other.
NO_FORMULAS = """
return [...document.querySelectorAll('math')].filter(
  math => !getComputedStyle(math).display.includes('math')).slice(0, 3).map(
  math => math.textContent.replace(/\\s+/g, ' ').trim().slice(0, 60));
"""


class Page(HTMLParser):
    """Links, anchors and pictures of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.pictures: list[tuple[str, str | None]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the anchor, the link or the picture of a tag."""
        values = dict(attrs)
        for key in ("id", "name") if tag == "a" else ("id",):
            if values.get(key):
                self.anchors.add(str(values[key]))
        if tag in ("a", "link") and values.get("href"):
            self.links.append(str(values["href"]))
        if tag == "img":
            self.pictures.append((values.get("src") or "", values.get("alt")))
        if tag in ("img", "script", "source", "video") and values.get("src"):
            self.links.append(str(values["src"]))


def check_links(folder: Path) -> list[str]:
    """Problems of the links and the pictures of all pages below a folder."""
    # _static holds templates of the theme.
    paths = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
    pages = {path.resolve(): Page(path) for path in paths}
    problems = []
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        for source, text in page.pictures:
            if not (text or "").strip():
                problems.append(f"{name}: the picture {source} has no alternative text")
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                problems.append(f"{name}: the link {link} leads to no file")
            elif (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].anchors
            ):
                problems.append(f"{name}: the link {link} leads to no place on that page")
    return problems


@contextmanager
def open_browser() -> Iterator[Any]:
    """Headless chromium; None if it is missing."""
    programs = shutil.which("chromium"), shutil.which("chromedriver")
    if None in programs:
        yield None
        return
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(programs[0])
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(programs[1]))
    try:
        yield driver
    finally:
        driver.quit()


def set_width(driver: Any, width: int, height: int = 900) -> None:
    """Set the width of the window, which may be less than chromium's own windows allow."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def check_layout(folder: Path, driver: Any) -> list[str]:
    """Problems of the layout of all pages below a folder, except the listings of modules."""
    problems = []
    for path in sorted(folder.rglob("*.html")):
        name = path.relative_to(folder)
        if name.parts[0].startswith("_"):
            continue
        set_width(driver, NARROW)
        driver.get(path.resolve().as_uri())
        problems += [
            f"{name}: wider than {NARROW} pixels: {element}"
            for element in driver.execute_script(TOO_WIDE)
        ]
        set_width(driver, WIDE)
        problems += [
            f"{name}: code does not fit at {WIDE} pixels: {element}"
            for element in driver.execute_script(CLIPPED)
        ]
        problems += [
            f"{name}: not displayed as a formula: {element}"
            for element in driver.execute_script(NO_FORMULAS)
        ]
    return problems


def take_screenshots(folder: Path, driver: Any, out: Path) -> None:
    """Write pictures of some pages: wide, narrow, and wide in dark mode."""
    out.mkdir(parents=True, exist_ok=True)
    for name, page in SHOWN.items():
        path = folder / page
        if not path.is_file():
            continue
        driver.get(path.resolve().as_uri())
        for kind, width, theme in (
            ("wide", WIDE, "light"),
            ("narrow", NARROW, "light"),
            ("dark", WIDE, "dark"),
        ):
            set_width(driver, width)
            height = driver.execute_script(
                f"document.documentElement.dataset.theme = '{theme}';"
                "document.querySelectorAll('img').forEach(image => image.loading = 'eager');"
                "return document.documentElement.scrollHeight"
            )
            set_width(driver, width, min(height, 5000))
            picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            (out / f"{name}-{kind}.png").write_bytes(base64.b64decode(picture["data"]))


def main() -> int:
    """Check the pages, and print the problems."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the built pages")
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="write pictures there")
    args = parser.parse_args()
    if not (args.folder / "index.html").is_file():
        parser.error(f"{args.folder} has no index.html; build the documentation first.")
    problems = check_links(args.folder)
    with open_browser() as driver:
        if driver is None:
            print("chromium and chromedriver are not on the PATH: the layout is not checked.")
        else:
            problems += check_layout(args.folder, driver)
            if args.screenshots:
                take_screenshots(args.folder, driver, args.screenshots)
    for problem in problems:
        print(problem)
    print(f"problems: {len(problems)}")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
