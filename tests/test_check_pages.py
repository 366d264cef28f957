"""The check of the built pages of the documentation."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "docs/check_pages.py"
_spec = importlib.util.spec_from_file_location("check_pages", SCRIPT)
check_pages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check_pages)

needs_browser = pytest.mark.skipif(
    None in (shutil.which("chromium"), shutil.which("chromedriver")),
    reason="chromium and chromedriver are not on the PATH",
)


def write(folder, **bodies):
    for name, body in bodies.items():
        (folder / f"{name}.html").write_text(f"<!doctype html><body>{body}</body>")


def test_links_and_pictures_of_good_pages_pass(tmp_path):
    (tmp_path / "a.png").touch()
    write(
        tmp_path,
        index='<a href="other.html#a%20b">x</a> <a href="https://example.org/none">y</a>',
        other='<h1 id="a b">z</h1> <a href="#a b">w</a> <img src="a.png" alt="a face">',
    )
    assert check_pages.check_links(tmp_path) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="none.html">x</a>', "the link none.html leads to no file"),
        ('<a href="index.html#none">x</a>', "the link index.html#none leads to no place"),
        ('<a href="#none">x</a>', "the link #none leads to no place"),
        ('<img src="none.png" alt="a face">', "the link none.png leads to no file"),
        ('<img src="a.png" alt=" ">', "the picture a.png has no alternative text"),
        ('<img src="a.png">', "the picture a.png has no alternative text"),
    ],
)
def test_bad_links_and_pictures_are_named(tmp_path, body, problem):
    (tmp_path / "a.png").touch()
    write(tmp_path, index=body)
    (found,) = check_pages.check_links(tmp_path)
    assert found.startswith(f"index.html: {problem}")


@needs_browser
def test_layout_names_formulas_with_parts_below_each_other(tmp_path):
    formula = "<math><mi>r</mi> <mo>=</mo> <mi>W</mi></math>"
    write(tmp_path, good=formula, bad=f"<style>math {{display: inline-block}}</style>{formula}")
    with check_pages.open_browser() as driver:
        problems = check_pages.check_layout(tmp_path, driver)
    assert problems == ["bad.html: not displayed as a formula: r = W"]


@needs_browser
def test_layout_names_what_is_too_wide(tmp_path):
    style = '<style>pre {overflow-x: auto; font: 12px monospace}</style><div class="%s">%s</div>'
    long_line = "x" * 300
    write(
        tmp_path,
        index="<p>short</p>",
        wide='<p id="wide" class="long" style="width: 500px">long</p>',
        scrolling='<div style="overflow-x: auto"><p style="width: 500px">long</p></div>',
        code=style % ("code", f"<pre>{long_line}</pre>"),
        wrapped=style % ("code", f"<pre style='white-space: pre-wrap'>{'x y ' * 80}</pre>"),
        narrow='<div style="width: 380px">' + style % ("code", f"<pre>{'x' * 90}</pre>") + "</div>",
    )
    with check_pages.open_browser() as driver:
        problems = check_pages.check_layout(tmp_path, driver)
    assert [problem.partition(": ")[0] for problem in problems] == [
        "code.html",
        "narrow.html",
        "wide.html",
    ]
    assert "code does not fit at 1400 pixels" in problems[0]
    assert problems[2] == "wide.html: wider than 400 pixels: p.long: long"


def test_command_fails_for_problems_and_for_a_folder_without_pages(tmp_path):
    command = [sys.executable, SCRIPT, tmp_path]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert "build the documentation first" in run.stderr
    write(tmp_path, index='<a href="none.html">x</a>')
    run = subprocess.run(command, capture_output=True, text=True, env={"PATH": ""})
    assert run.returncode == 1
    assert "chromium and chromedriver are not on the PATH: the layout is not checked" in run.stdout
    assert "problems: 1" in run.stdout
