"""The page of a report, in a browser."""

import copy
import hashlib
import json
import re
import shutil
from base64 import b64decode
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.support.ui import WebDriverWait
from sklearn.linear_model import Ridge
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.preprocessing import LabelBinarizer

import sklearn_temo
from sklearn_temo import LandmarkAligner, mesh
from sklearn_temo.blendshapes import NAMES
from sklearn_temo.datasets import make_expression_clips
from sklearn_temo.inspection._method_styles import method_styles
from sklearn_temo.report._page import render_page

CHECKOUT = Path(__file__).parents[1]
ASSETS = Path(sklearn_temo.__file__).parent / "report" / "assets"
BROWSER = shutil.which("chromium"), shutil.which("chromedriver")
N_FRAMES, K = 8, 64

needs_browser = pytest.mark.skipif(
    None in BROWSER,
    reason="chromium and chromedriver are not on the PATH; `apt-get install chromium "
    "chromium-driver`, or your system's packages of them, installs them",
)


@cache
def sample_report():
    """Report of a linear model of synthetic clips, whose exact shares are coefficients * inputs."""
    emotions = ["anger", "happiness", "sadness", "surprise"]
    clips = make_expression_clips(
        96, N_FRAMES, emotions=emotions, n_subjects=16, noise=1.5, random_state=0
    )
    X = LandmarkAligner().fit_transform(clips.data).astype(np.float64)
    y, groups = clips.target, clips.groups.astype(str)
    Y = LabelBinarizer(neg_label=-1).fit_transform(y)
    model = Ridge(alpha=20).fit(X, Y)
    shares = model.coef_ * (X - X.mean(axis=0))[:, None]
    shares = shares.reshape(len(X), 4, N_FRAMES, 468, 3).sum(axis=4)
    relevance = np.abs(shares.sum(axis=2)).mean(axis=0)
    ranking = np.empty(468, int)
    ranking[np.argsort(-relevance.sum(axis=0))] = np.arange(1, 469)
    logits = cross_val_predict(model, X, Y, groups=groups, cv=GroupKFold(4))
    probability = np.exp(3 * logits) / np.exp(3 * logits).sum(axis=1, keepdims=True)
    predicted = probability.argmax(axis=1)
    right = clips.target_names[predicted] == y
    frames = X.reshape(len(X), N_FRAMES, 468, 3) * [1, -1, -1]
    apex = frames[:, 0] + frames[:, -1]
    regions = mesh.regions()
    height = mesh.canonical_face()[:, 1]
    names = np.array(sorted(set(regions), key=lambda name: -height[regions == name].mean()))
    by_region = np.stack([shares[..., regions == name].sum(axis=3) for name in names], axis=2)
    times = np.linspace(0, 1.4, N_FRAMES).round(2).tolist()

    def clip(i):
        target = predicted[i]
        own = shares[i, target]
        return {
            "name": f"subject_{groups[i]}/clip_{i:03d}.mp4",
            "person": groups[i],
            "true": y[i],
            "predicted": clips.target_names[target],
            "probability": probability[i, target],
            "target": clips.target_names[target],
            "logit": logits[i, target],
            "base_logit": logits[i, target] - own.sum(),
            "completeness_gap": 0.0004,
            "positions": apex[i].round(4).tolist(),
            "shares": np.where(ranking <= K, own.sum(axis=0), 0).round(5).tolist(),
            "by_region": dict(zip(names, by_region[i, target].round(5).tolist(), strict=True)),
            "times": times,
            "identity": own[0].sum(),
            "movement": own[1:].sum(),
        }

    def surest(which):
        order = np.argsort(-probability.max(axis=1))
        return [clip(i) for i in order[which[order]][:10]]

    def score(value, spread):
        return {"value": value, "low": value - spread, "high": min(value + spread, 1)}

    ks = [4, 8, 16, 32, 64, 128, 234, 468]
    accuracy = right.mean()
    report = {
        "title": "Emotions of synthetic clips",
        "created": "2026-03-14T10:20:00+00:00",
        "estimator": "Pipeline(steps=[('align', LandmarkAligner()),\n"
        "                ('select', IGLandmarkSelector(k=64)),\n"
        "                ('classify', TEMOClassifier())])",
        "versions": {"python": "3.11.2", "sklearn_temo": "0.1.0", "scikit-learn": "1.9.0"},
        "data_sha256": hashlib.sha256(clips.data.tobytes()).hexdigest(),
        "data": {
            "n_clips": len(y),
            "n_people": 16,
            "n_frames": N_FRAMES,
            "n_landmarks": 468,
            "classes": [
                {
                    "name": name,
                    "n_clips": int((y == name).sum()),
                    "n_people": len(set(groups[y == name])),
                }
                for name in clips.target_names
            ],
            "extraction": {
                "n_clips": 98,
                "frames_seen": 5412,
                "frames_with_face": 5377,
                "skipped": [{"clip": "subject_3/broken.mp4", "reason": "no frame can be decoded"}],
                "doubtful": [],
            },
        },
        "scores": {
            "level": 0.95,
            "rows": [
                {
                    "model": model,
                    "accuracy": score(value, spread),
                    "balanced_accuracy": score(value - 0.01, spread),
                }
                for model, value, spread in [
                    ("estimator", accuracy, 0.06),
                    ("majority class", 0.25, 0.0),
                    ("random landmarks", accuracy - 0.11, 0.07),
                    ("best SVM", accuracy - 0.02, 0.06),
                ]
            ],
        },
        "checks": [
            {
                "name": "people apart",
                "verdict": "passed",
                "message": "No person is in the training and the test data of a fold.",
                "numbers": {"n_people": 16, "n_folds": 4},
            },
            {
                "name": "better than random landmarks",
                "verdict": "warning",
                "message": "The interval of the difference to random landmarks contains 0.",
                "numbers": {"difference": 0.11, "low": -0.004, "high": 0.2},
            },
            {
                "name": "head pose",
                "verdict": "not run",
                "message": "The rows do not hold the pose of the head.",
                "numbers": {},
            },
        ],
        "score_against_k": {
            "metric": "balanced_accuracy",
            "lines": [
                {
                    "name": name,
                    "style": style,
                    "k": ks,
                    "mean": [float(accuracy - drop * np.exp(-k / rate)) for k in ks],
                    "standard_error": [0.03 - 0.002 * i for i in range(len(ks))],
                }
                for name, style, drop, rate in [
                    ("T-EMO, trained", 0, 0.3, 14),
                    ("RBF SVM", 3, 0.45, 30),
                ]
            ],
            "smallest_k": 32,
            "note": "The landmarks were ranked in the training data of each fold.",
        },
        "confusion": {
            "classes": clips.target_names.tolist(),
            "counts": confusion_matrix(y, clips.target_names[predicted]).tolist(),
        },
        "people": [
            {"name": name, "n_clips": int(own.sum()), "accuracy": float(right[own].mean())}
            for name in np.unique(groups)
            for own in [groups == name]
        ],
        "relevance": {
            "positions": {"all": apex.mean(axis=0).round(4).tolist()}
            | {name: apex[y == name].mean(axis=0).round(4).tolist() for name in emotions},
            "triangles": mesh.triangles().tolist(),
            "contours": {name: table.tolist() for name, table in mesh.contours().items()},
            "regions": regions.tolist(),
            "scores": {"all": relevance.mean(axis=0).tolist()}
            | dict(zip(emotions, relevance.tolist(), strict=True)),
            "ranking": ranking.tolist(),
            "k": K,
        },
        "timeline": {
            "times": times,
            "regions": names.tolist(),
            "shares": {
                name: by_region[y == name, c].mean(axis=0).round(5).tolist()
                for c, name in enumerate(emotions)
            },
        },
        "clips": {"right": surest(right), "wrong": surest(~right)},
        "stability": {
            "value": 0.71,
            "low": 0.6,
            "high": 0.8,
            "frequencies": np.clip(1.6 - ranking / 64, 0, 1).round(1).tolist(),
            "n_selections": 10,
        },
    }
    return json.loads(json.dumps(report, default=float))


# What somebody could call a clip, a class or a person.
HOSTILE = [
    "</script><script>document.title='attacked'</script>",
    "<img src=x onerror=\"document.title='attacked'\">",
    "<!--<script>",
    "\"quotes' & ampersand\u2028line",
    "شخص ١ \u202eabc",
    "😀 Zoë 名前",
    "a_very_long_name" * 40,
]


def hostile_report():
    """The sample with names that look like code, or that are hard to lay out."""
    report = copy.deepcopy(sample_report())
    report["title"] = HOSTILE[0]
    old = report["confusion"]["classes"]
    names = dict(zip(old, [HOSTILE[0], HOSTILE[3], HOSTILE[4], HOSTILE[6]], strict=True))
    report["confusion"]["classes"] = list(names.values())
    for part in (report["relevance"]["scores"], report["timeline"]["shares"]):
        part |= {names[name]: part.pop(name) for name in old}
    for clip, name in zip(report["clips"]["right"], HOSTILE, strict=False):
        clip |= {"name": name, "person": name, "true": name, "predicted": name, "target": name}
    report["checks"][1]["message"] = HOSTILE[1]
    report["data"]["extraction"]["skipped"] = [{"clip": n, "reason": n} for n in HOSTILE]
    report["people"][0]["name"] = HOSTILE[1]
    report["estimator"] = HOSTILE[2]
    return report


def hand_report():
    """Report of 21 landmarks in 2-D without regions, people, folds or extraction."""
    report = copy.deepcopy(sample_report())
    rng = np.random.default_rng(0)
    hand = rng.normal(size=(21, 3)) * [1, 1, 0]
    for clip in report["clips"]["right"] + report["clips"]["wrong"]:
        clip |= {"positions": hand.tolist(), "shares": rng.normal(size=21).tolist()}
        clip |= {"by_region": None, "times": None, "person": None, "probability": None}
    report["relevance"] |= {
        "positions": {"all": hand.tolist()},
        "triangles": [],
        "contours": {},
        "regions": None,
        "scores": {"all": rng.uniform(size=21).tolist()},
        "ranking": list(range(1, 22)),
        "k": 5,
    }
    report["data"] |= {"n_people": None, "n_frames": 1, "n_landmarks": 21, "extraction": None}
    report["checks"] = []
    return report | dict.fromkeys(("timeline", "people", "score_against_k", "stability"))


@pytest.fixture(scope="module")
def start():
    """Start a browser; all are closed at the end."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    drivers = []

    def start(*flags):
        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER[0]
        # Software rendering, since test machines have no graphics card.
        for flag in (
            "--headless=new",
            "--no-sandbox",
            "--use-gl=angle",
            "--use-angle=swiftshader",
            "--enable-unsafe-swiftshader",
            "--window-size=1100,900",
            *flags,
        ):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        drivers.append(webdriver.Chrome(options=options, service=Service(BROWSER[1])))
        return drivers[-1]

    yield start
    for driver in drivers:
        driver.quit()


@pytest.fixture(scope="module")
def show(tmp_path_factory):
    """Open a report from disk, and wait until its last section and its face are drawn."""
    folder = tmp_path_factory.mktemp("pages")

    def show(driver, report, name="report"):
        path = folder / f"{name}.html"
        path.write_text(render_page(report), encoding="utf-8")
        driver.get_log("browser")
        driver.get_log("performance")
        driver.get(path.as_uri())
        driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
        )
        return driver

    return show


@pytest.fixture(scope="module")
def browser(start):
    return start()


@pytest.fixture(scope="module")
def sample_page(start, show):
    return show(start(), sample_report())


@pytest.fixture
def page(sample_page):
    """The page of the sample, as it is after loading."""
    sample_page.execute_script(
        "document.querySelector('.switch input').click(); scrollTo(0, 0);"
        "const key = new KeyboardEvent('keydown', {key: 'Home'});"
        "document.querySelector('.viewer').dispatchEvent(key)"
    )
    set_slider(sample_page, K)
    return sample_page


def css(driver, selector):
    from selenium.webdriver.common.by import By

    return driver.find_element(By.CSS_SELECTOR, selector)


def texts(driver, selector):
    return driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector
    )


def pixels(driver):
    """The turning face as an array of RGB, black around it."""
    url = driver.execute_script("return document.querySelector('canvas').toDataURL()")
    image = Image.open(BytesIO(b64decode(url.partition(",")[2])))
    black = Image.new("RGBA", image.size, "black")
    return np.asarray(Image.alpha_composite(black, image).convert("RGB"), dtype=int)


def n_saturated(image):
    """Number of pixels in the colours of the relevance; the face is grey."""
    return int((np.ptp(image, axis=2) > 60).sum())


def press(driver, selector, *keys):
    css(driver, selector).send_keys(*keys)


def set_slider(driver, k):
    driver.execute_script(
        "const s = document.getElementById('k'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('input'))",
        k,
    )


def too_wide(driver):
    """Whether the page is wider than the window."""
    return driver.execute_script(
        "const root = document.documentElement; return root.scrollWidth > root.clientWidth"
    )


def errors(driver):
    return [entry["message"] for entry in driver.get_log("browser")]


def test_page_is_one_file_of_moderate_size():
    text = render_page(sample_report())
    assert len(text.encode()) < 2e6
    assert not re.search(r"(?:src|href)=[\"']?(?:http|//|data)", text)
    assert not re.search(r"\.innerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


def test_policy_forbids_everything_but_the_scripts_and_the_style_of_the_page():
    (policy,) = re.findall('Content-Security-Policy" content="(.*?)"', render_page(sample_report()))
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_data_cannot_end_their_script_element():
    report = hostile_report()
    text = render_page(report)
    (data,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert json.loads(data) == report
    assert not set("<>&\u2028\u2029") & set(data)


def test_numbers_that_are_not_finite_are_refused():
    report = copy.deepcopy(sample_report())
    report["people"][0]["accuracy"] = float("nan")
    with pytest.raises(ValueError, match="JSON compliant"):
        render_page(report)


def test_bundled_library_is_the_one_that_the_tool_makes():
    found = hashlib.sha256((ASSETS / "three.min.js").read_bytes()).hexdigest()
    assert f"SHA256={found}\n" in (CHECKOUT / "tools/bundle_three.sh").read_text(encoding="utf-8")
    version = re.search("THREE=(.*)", (CHECKOUT / "tools/bundle_three.sh").read_text())[1]
    assert f"three.js {version}" in (CHECKOUT / "THIRD_PARTY_NOTICES.md").read_text()


@needs_browser
def test_page_opens_from_disk_without_errors_or_requests(browser, show):
    page = show(browser, sample_report())
    assert errors(page) == []
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    requests = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert requests == [page.current_url]


@needs_browser
def test_every_section_has_a_heading_and_its_content(page):
    headings = texts(page, "main h2")
    assert headings == texts(page, "nav a")
    assert len(headings) == 11
    assert texts(page, ".missing") == []
    assert len(texts(page, ".clip")) == 20
    assert len(texts(page, "#timeline .heat")) == 4
    counts = [int(text) for text in texts(page, ".confusion td div:first-child")]
    assert counts == np.ravel(sample_report()["confusion"]["counts"]).tolist()
    score = sample_report()["scores"]["rows"][0]["balanced_accuracy"]
    assert f"{score['value']:.2f}" in texts(page, ".scores tr:first-child strong")


@needs_browser
def test_slider_and_switch_change_the_face(page):
    first = pixels(page)
    set_slider(page, 5)
    few = pixels(page)
    assert 0 < n_saturated(few) < n_saturated(first) / 2
    assert texts(page, "#landmarks output") == ["5 of 468 landmarks"]
    set_slider(page, 468)
    assert n_saturated(pixels(page)) > 2 * n_saturated(first)
    set_slider(page, K)
    assert np.abs(pixels(page) - first).max() == 0
    shares = texts(page, "#landmarks .bars .number")
    page.execute_script("document.querySelectorAll('.switch input')[2].click()")
    assert (np.abs(pixels(page) - first).max(axis=2) > 20).mean() > 0.01
    assert texts(page, "#landmarks .bars .number") != shares
    assert "for happiness" in css(page, "#landmarks .viewer").get_attribute("aria-label")


@needs_browser
def test_landmarks_are_drawn_where_they_are(page):
    best = np.array(sample_report()["relevance"]["ranking"]) <= 5
    assert set(mesh.regions()[best]) == {"lips"}
    set_slider(page, 5)
    image = pixels(page)
    rows = np.nonzero(np.ptp(image, axis=2) > 60)[0] / len(image)
    # The mouth is in the lower half of the face, above the chin.
    assert 0.6 < rows.min() < rows.max() < 0.85


@needs_browser
def test_face_turns_with_mouse_and_keys_and_back(page):
    from selenium.webdriver import ActionChains, Keys

    front = pixels(page)
    press(page, "#landmarks .viewer", Keys.ARROW_RIGHT, Keys.ARROW_UP)
    assert (np.abs(pixels(page) - front).max(axis=2) > 20).mean() > 0.02
    press(page, "#landmarks .viewer", Keys.HOME)
    assert np.abs(pixels(page) - front).max() <= 2
    canvas = css(page, "#landmarks canvas")
    ActionChains(page, duration=50).drag_and_drop_by_offset(canvas, 150, 0).perform()
    assert (np.abs(pixels(page) - front).max(axis=2) > 20).mean() > 0.02


@needs_browser
def test_landmark_under_the_mouse_is_described(page):
    from selenium.webdriver import ActionChains

    ActionChains(page, duration=0).move_to_element(css(page, "#landmarks canvas")).perform()
    landmark, region, rank, relevance = texts(page, ".tip > div")
    # The middle of the picture is near the tip of the nose.
    assert region == mesh.regions()[int(landmark.split()[1])] == "nose"
    scores = np.array(sample_report()["relevance"]["scores"]["all"])
    number = int(landmark.split()[1])
    assert relevance == f"relevance {scores[number] / scores.mean():.2f}"
    assert rank == f"rank {sample_report()['relevance']['ranking'][number]}"


@needs_browser
def test_all_controls_can_be_reached_with_the_keyboard(page):
    from selenium.webdriver import Keys

    reached = []
    for _ in range(30):
        page.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(
            page.execute_script(
                "const e = document.activeElement; return [e.className, e.type ?? '', e.tagName,"
                " getComputedStyle(e).outlineStyle]"
            )
        )
    # After the last control, the browser has the focus.
    reached = [element for element in reached if element[2] != "BODY"]
    assert [".".join(element[:2]) for element in reached].count("viewer.") == 1
    assert {"radio", "range"} <= {element[1] for element in reached}
    assert "SUMMARY" in {element[2] for element in reached}
    # The outline of a switch is that of the label beside the invisible input.
    assert {element[3] for element in reached if element[1] != "radio"}.isdisjoint({"none"})
    press(page, "#k", Keys.ARROW_LEFT)
    assert texts(page, "#landmarks output") == [f"{K - 1} of 468 landmarks"]


@needs_browser
def test_methods_have_the_colours_of_the_displays():
    names = ["T-EMO, trained", "T-EMO, randomized", "linear SVM", "RBF SVM", "random", "a", "b"]
    light = (ASSETS / "report.css").read_text().partition("@media")[0]
    colours = dict(re.findall(r"--line(\d): (#\w+);", light))
    for style in method_styles(names):
        assert colours[str(style.slot)] == style.colour.lower()


def test_dark_mode_and_print_have_their_own_colours(page):
    def emulate(**media):
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def background():
        colour = css(page, "body").value_of_css_property("background-color")
        return np.mean([int(number) for number in re.findall(r"\d+", colour)[:3]])

    light = pixels(page)
    dark_scheme = [{"name": "prefers-color-scheme", "value": "dark"}]
    try:
        emulate(features=dark_scheme)
        assert background() < 40
        # The face is drawn again in the next frame of the browser.
        WebDriverWait(page, 10).until(lambda driver: pixels(driver).mean() < light.mean() / 2)
        emulate(features=dark_scheme, media="print")
        assert background() > 240
        assert not css(page, "#landmarks canvas").is_displayed()
        assert css(page, "#landmarks .flat-face").is_displayed()
    finally:
        emulate(features=[], media="")


@needs_browser
def test_without_webgl_the_face_is_drawn_flat_and_the_controls_work(start, show):
    driver = show(start("--disable-3d-apis"), sample_report())
    assert errors(driver) == []
    assert texts(driver, "#landmarks canvas") == []
    assert css(driver, "#landmarks .flat-face").is_displayed()
    assert "WebGL" in texts(driver, "#landmarks figcaption")[0]
    kept = "#landmarks .flat-face .kept"
    assert len(texts(driver, kept)) == K
    set_slider(driver, 5)
    assert len(texts(driver, kept)) == 5
    before = driver.execute_script(f"return document.querySelector('{kept}').style.fill")
    driver.execute_script("document.querySelectorAll('.switch input')[4].click()")
    assert len(texts(driver, kept)) == 5
    assert driver.execute_script(f"return document.querySelector('{kept}').style.fill") != before


@needs_browser
def test_hostile_names_are_shown_as_text(browser, show):
    report = hostile_report()
    page = show(browser, report, "hostile")
    assert errors(page) == []
    assert page.title == HOSTILE[0]
    assert texts(page, "h1") == [HOSTILE[0]]
    assert texts(page, ".clip h4")[: len(HOSTILE)] == HOSTILE
    assert texts(page, "#data .reasons tbody th") == HOSTILE
    assert texts(page, "img") == []
    assert page.execute_script("return document.scripts.length") == 9
    assert not too_wide(page)


@needs_browser
@pytest.mark.parametrize("width", [400, 1100])
def test_page_fits_the_window(page, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert not too_wide(page)
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@needs_browser
def test_unknown_layouts_and_fractional_levels_are_shown(browser, show):
    report = sample_report()
    report["data"] |= {"n_frames": None, "n_landmarks": None}
    report["scores"]["level"] = 0.975
    show(browser, report)
    assert errors(browser) == []
    text = css(browser, "body").text
    assert "97.5\u202f% confidence intervals" in text
    assert "96 clips of 16 people.\n" in text
    assert "Versions" in text


def test_scores_are_of_people_only_if_they_are_apart(browser, show):
    report = sample_report()
    for verdict, who in (("passed", "people"), ("warning", "clips")):
        report["checks"] = [
            {"name": "shared_people", "verdict": verdict, "message": "Text.", "numbers": {}}
        ]
        show(browser, report)
        assert f"Scores on {who} that were not in the training data" in css(browser, "body").text


def test_sections_without_data_say_why(browser, show):
    page = show(browser, hand_report(), "hand")
    assert errors(page) == []
    assert texts(page, "#timeline .missing") == [
        "The landmarks are not a full face mesh, so they have no regions."
    ]
    for section in ("curve", "people", "stability", "checks", "data"):
        assert len(texts(page, f"#{section} .missing")) == 1
    assert "may be in training and test data" in texts(page, "#summary .note")[0]
    assert n_saturated(pixels(page)) > 0
    assert len(texts(page, ".clip .flat-face circle")) == 20 * 21
    nothing = hand_report() | dict.fromkeys(("relevance", "clips"))
    page = show(browser, nothing, "nothing")
    assert errors(page) == []
    assert all("no landmark selector" in text for text in texts(page, "#landmarks p, #clips p"))


def named_report():
    """Report of the sample, whose landmarks are now 52 blendshapes."""
    report = copy.deepcopy(sample_report())
    for clip in report["clips"]["right"] + report["clips"]["wrong"]:
        clip |= {
            "names": NAMES,
            "positions": None,
            "by_region": None,
            "shares": clip["shares"][:52],
        }
    relevance = report["relevance"]
    report["relevance"] = relevance | {
        "names": NAMES,
        "positions": None,
        "triangles": [],
        "contours": {},
        "regions": None,
        "scores": {name: scores[:52] for name, scores in relevance["scores"].items()},
        "ranking": list(range(1, 53)),
        "k": 12,
    }
    report["timeline"]["regions"] = [f"{name}Left" for name in report["timeline"]["regions"]]
    report["stability"]["frequencies"] = [1.0] * 12 + [0.0] * 40
    report["data"] |= {"n_landmarks": 52, "noun": "blendshape"}
    return report


@needs_browser
def test_blendshapes_are_listed_by_name(browser, show):
    report = named_report()
    driver = show(browser, report, "named")
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    scores = report["relevance"]["scores"]["happiness"][:12]
    best = [NAMES[i] for i in np.argsort(-np.array(scores), kind="stable") if scores[i]][:3]
    text = driver.execute_script("return document.getElementById('landmarks').innerText")
    assert f"happiness: {', '.join(best)}" in text
    assert "kept 12 of 52 blendshapes" in text
    read = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"
    clip = report["clips"]["right"][0]
    order = np.argsort(-np.abs(clip["shares"]), kind="stable")[:10]
    listed = [NAMES[i] for i in order if clip["shares"][i]]
    assert driver.execute_script(read, "#clips .label")[: len(listed)] == listed
    assert driver.execute_script(read, "#stability .label") == list(NAMES[:12])
    assert driver.execute_script(read, "#landmarks canvas, #clips svg, #stability svg") == []
    assert "landmark" not in driver.execute_script(
        "return ['landmarks', 'clips', 'stability', 'data']"
        ".map((id) => document.getElementById(id).innerText).join()"
    )
