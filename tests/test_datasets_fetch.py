"""CREMA-D from a server on this machine, which fails in all the ways that servers fail."""

import hashlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sklearn_temo.datasets import _download, fetch_cremad, load_cremad_sample
from sklearn_temo.datasets._cremad_names import choose_names

KNOWN, OTHER = "1001_DFA_ANG_XX.flv", "1002_DFA_ANG_XX.flv"
ONE_KNOWN = {"actors": [1001], "sentences": ["DFA"], "emotions": ["anger"]}
ONE_OTHER = {"actors": [1002], "sentences": ["DFA"], "emotions": ["anger"]}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Site:
    """What a server has, how it fails, and what it was asked for.

    ``faults[path]`` holds what becomes of the next requests: a number cuts the connection after so
    many bytes, a dict is an answer with this status and these headers, None is a good one.
    """

    def __init__(self):
        self.files, self.faults, self.asked = {}, {}, []
        self.takes_ranges = True
        self.url = ""

    def add(self, file, content):
        self.files[f"/clips/{file}"] = content
        pointer = f"oid sha256:{sha256(content)}\nsize {len(content)}\n"
        version = "version https://git-lfs.github.com/spec/v1\n"
        self.files[f"/pointers/{file}"] = (version + pointer).encode()

    def fail(self, file, *faults, of="clips"):
        self.faults[f"/{of}/{file}"] = list(faults)

    def clips_asked(self):
        """Names and ranges of the clips that were asked for."""
        return [(Path(path).name, span) for path, span in self.asked if path.startswith("/clips")]

    def fetch(self, folder, **settings):
        urls = {"base_url": f"{self.url}/clips", "pointers_url": f"{self.url}/pointers/"}
        return fetch_cremad(folder, **{**urls, **settings})


def handler(site):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            span = self.headers["Range"]
            site.asked.append((self.path, span))
            faults = site.faults.get(self.path)
            fault = faults.pop(0) if faults else None
            if isinstance(fault, dict):
                self.answer(fault.pop("status"), fault)
                return
            content = site.files.get(self.path)
            if content is None:
                self.answer(404, {})
                return
            start = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
            if span and site.takes_ranges:
                if start >= len(content):
                    self.answer(416, {"Content-Range": f"bytes */{len(content)}"})
                    return
                end = f"{len(content) - 1}/{len(content)}"
                headers = {"Content-Range": f"bytes {start}-{end}"}
                self.answer(206, headers, content[start:], fault)
            else:
                self.answer(200, {}, content, fault)

        def answer(self, status, headers, content=b"", n_sent=None):
            self.send_response(status)
            for name, value in {"Content-Length": len(content), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(content[:n_sent])

        def log_message(self, *args): ...

    return Handler


@pytest.fixture
def site(monkeypatch):
    """A server with the six clips of actor 1001 under their names and as those of actor 1002."""
    monkeypatch.setenv("no_proxy", "*")
    site = Site()
    for path in load_cremad_sample().data:
        content = Path(path).read_bytes()
        site.add(Path(path).name, content)
        site.add(Path(path).name.replace("1001", "1002"), content[::-1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(site))
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """How long was waited for; nothing is."""
    pauses = []
    monkeypatch.setattr(_download, "sleep", pauses.append)
    return pauses


def content_of(folder, file):
    return (folder / "VideoFlash" / file).read_bytes()


def left_over(folder):
    return sorted(path.name for path in folder.rglob("*.part"))


def test_clips_are_fetched_once_and_described(site, tmp_path):
    sample = load_cremad_sample()
    bunch = site.fetch(tmp_path, actors=[1001], sentences=["DFA"])
    assert [Path(path).name for path in bunch.data] == [Path(path).name for path in sample.data]
    for path, original in zip(bunch.data, sample.data, strict=True):
        assert Path(path).read_bytes() == Path(original).read_bytes()
    assert bunch.target.tolist() == sample.target.tolist()
    assert bunch.target_names == sample.target_names
    assert set(bunch.groups) == {"1001"}
    assert set(bunch.sentence) == {"DFA"}
    assert bunch.sentences["DFA"] == "Don't forget a jacket"
    assert set(bunch.intensity) == {"unspecified"}
    assert bunch.fps == sample.fps
    assert bunch.license == sample.license
    assert bunch.license in bunch.DESCR
    # Their hashes are known: nobody is asked for them.
    assert [path for path, _ in site.asked] == [f"/clips/{Path(path).name}" for path in bunch.data]
    site.asked.clear()
    paths, target = site.fetch(tmp_path, actors=["1001"], sentences=["DFA"], return_X_y=True)
    assert paths == bunch.data
    assert target.tolist() == bunch.target.tolist()
    assert not site.asked
    assert left_over(tmp_path) == []


def test_what_was_verified_is_written_down_for_sha256sum(site, tmp_path):
    site.fetch(tmp_path, actors=[1001, 1002], sentences=["DFA"])
    lines = (tmp_path / "VideoFlash" / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == 12
    for line in lines:
        digest, file = line.split("  ")
        assert digest == sha256(content_of(tmp_path, file))


def test_hashes_come_from_pointers(site, tmp_path):
    site.fetch(tmp_path, **ONE_OTHER)
    assert [path for path, _ in site.asked] == [f"/pointers/{OTHER}", f"/clips/{OTHER}"]
    assert content_of(tmp_path, OTHER) == site.files[f"/clips/{OTHER}"]


@pytest.mark.parametrize("which", [ONE_KNOWN, ONE_OTHER])
def test_a_connection_that_is_cut_is_taken_up_again(site, tmp_path, pauses, which):
    file = f"{which['actors'][0]}_DFA_ANG_XX.flv"
    site.fail(file, 100_000, 50_000)
    site.fetch(tmp_path, **which)
    assert content_of(tmp_path, file) == site.files[f"/clips/{file}"]
    assert site.clips_asked() == [(file, None), (file, "bytes=100000-"), (file, "bytes=150000-")]
    assert pauses == [1.0, 2.0]
    assert left_over(tmp_path) == []


def test_a_server_without_ranges_sends_all_again(site, tmp_path):
    site.takes_ranges = False
    site.fail(OTHER, 100_000)
    site.fetch(tmp_path, **ONE_OTHER)
    assert content_of(tmp_path, OTHER) == site.files[f"/clips/{OTHER}"]
    assert len(site.clips_asked()) == 2


def test_a_server_that_sends_another_range(site, tmp_path):
    wrong = {"status": 206, "Content-Range": "bytes 5-9/265922"}
    site.fail(OTHER, 100_000, wrong)
    site.fetch(tmp_path, **ONE_OTHER)
    assert content_of(tmp_path, OTHER) == site.files[f"/clips/{OTHER}"]
    assert [span for _, span in site.clips_asked()] == [None, "bytes=100000-", None]


@pytest.mark.parametrize("of", ["clips", "pointers"])
def test_a_server_that_is_out_of_order_for_a_while(site, tmp_path, pauses, of):
    limit = {"status": 429, "Retry-After": "7"}
    day_off = {"status": 503, "Retry-After": "86400"}
    site.fail(OTHER, {"status": 503}, limit, {"status": 500}, day_off, of=of)
    site.fetch(tmp_path, **ONE_OTHER)
    assert content_of(tmp_path, OTHER) == site.files[f"/clips/{OTHER}"]
    assert pauses == [1.0, 7.0, 4.0, 120.0]


def test_a_server_that_stays_out_of_order(site, tmp_path, pauses):
    site.fail(OTHER, 100_000, *[{"status": 503} for _ in range(4)])
    with pytest.raises(OSError, match=rf"clips/{OTHER}: cannot be fetched, tried 5 times"):
        site.fetch(tmp_path, **ONE_OTHER)
    assert pauses == [1.0, 2.0, 4.0, 8.0]
    assert left_over(tmp_path) == [f"{OTHER}.part"]
    site.asked.clear()
    site.fetch(tmp_path, **ONE_OTHER)
    assert site.clips_asked() == [(OTHER, "bytes=100000-")]
    assert content_of(tmp_path, OTHER) == site.files[f"/clips/{OTHER}"]


def test_nobody_listens(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(OSError, match="cannot be fetched, tried 5 times"):
        fetch_cremad(tmp_path, **ONE_OTHER, base_url=url, pointers_url=url)


def test_an_interruption_loses_nothing(site, tmp_path, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    site.fail("1002_DFA_FEA_XX.flv", 200_000)
    with monkeypatch.context() as patch:
        patch.setattr(_download, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            site.fetch(tmp_path, actors=[1002], sentences=["DFA"])
    site.asked.clear()
    bunch = site.fetch(tmp_path, actors=[1002], sentences=["DFA"])
    assert site.clips_asked() == [
        ("1002_DFA_FEA_XX.flv", "bytes=200000-"),
        *((f"1002_DFA_{code}_XX.flv", None) for code in ("HAP", "NEU", "SAD")),
    ]
    for path in bunch.data:
        assert Path(path).read_bytes() == site.files[f"/clips/{Path(path).name}"]


def test_a_clip_that_is_not_there(site, tmp_path, pauses):
    del site.files["/clips/1002_DFA_DIS_XX.flv"]
    with pytest.raises(
        FileNotFoundError, match=rf"{site.url}/clips/1002_DFA_DIS_XX.flv: .* no such file \(404\)"
    ):
        site.fetch(tmp_path, actors=[1002], sentences=["DFA"])
    assert not pauses
    assert content_of(tmp_path, OTHER) == site.files[f"/clips/{OTHER}"]
    del site.files["/pointers/1002_DFA_DIS_XX.flv"]
    with pytest.raises(FileNotFoundError, match=r"pointers/1002_DFA_DIS_XX.flv: .* no such file"):
        site.fetch(tmp_path, actors=[1002], sentences=["DFA"])


def test_a_server_that_refuses(site, tmp_path, pauses):
    site.fail(OTHER, {"status": 403})
    with pytest.raises(OSError, match=rf"{OTHER}: the server refused it \(403 Forbidden\)"):
        site.fetch(tmp_path, **ONE_OTHER)
    assert not pauses


@pytest.mark.parametrize("which", [ONE_KNOWN, ONE_OTHER])
def test_another_content_is_removed(site, tmp_path, which):
    file = f"{which['actors'][0]}_DFA_ANG_XX.flv"
    right = site.files[f"/clips/{file}"]
    wrong = site.files[f"/clips/{file}"] = b"?" * len(right)
    with pytest.raises(
        ValueError,
        match=rf"{file}: .*expected SHA-256 {sha256(right)}.*, found {sha256(wrong)} and 265922",
    ):
        site.fetch(tmp_path, **which)
    assert {path.name for path in (tmp_path / "VideoFlash").iterdir()} <= {"fetch.lock"}
    site.files[f"/clips/{file}"] = right
    site.fetch(tmp_path, **which)
    assert content_of(tmp_path, file) == right


@pytest.mark.parametrize("length", [0, 1000, 265_922, 300_000])
@pytest.mark.parametrize("which", [ONE_KNOWN, ONE_OTHER])
def test_a_part_of_something_else_does_no_harm(site, tmp_path, which, length):
    file = f"{which['actors'][0]}_DFA_ANG_XX.flv"
    (tmp_path / "VideoFlash").mkdir()
    (tmp_path / "VideoFlash" / f"{file}.part").write_bytes(b"?" * length)
    site.fetch(tmp_path, **which)
    assert content_of(tmp_path, file) == site.files[f"/clips/{file}"]
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("which", [ONE_KNOWN, ONE_OTHER])
def test_a_part_that_is_whole_is_not_fetched_again(site, tmp_path, which):
    file = f"{which['actors'][0]}_DFA_ANG_XX.flv"
    (tmp_path / "VideoFlash").mkdir()
    part = tmp_path / "VideoFlash" / f"{file}.part"
    part.write_bytes(site.files[f"/clips/{file}"])
    site.fetch(tmp_path, **which)
    assert content_of(tmp_path, file) == site.files[f"/clips/{file}"]
    # Where the length is not known, the server says that there is no more.
    assert site.clips_asked() == ([(file, "bytes=265922-")] if which is ONE_KNOWN else [])


def test_a_clone_of_the_repository_will_do(site, tmp_path):
    pulled, not_pulled = OTHER, "1002_DFA_DIS_XX.flv"
    (tmp_path / "VideoFlash").mkdir()
    (tmp_path / "VideoFlash" / pulled).write_bytes(site.files[f"/clips/{pulled}"])
    (tmp_path / "VideoFlash" / not_pulled).write_bytes(site.files[f"/pointers/{not_pulled}"])
    choice = {"actors": [1002], "sentences": ["DFA"], "emotions": ["anger", "disgust"]}
    site.fetch(tmp_path, **choice)
    assert site.clips_asked() == [(not_pulled, None)]
    assert content_of(tmp_path, not_pulled) == site.files[f"/clips/{not_pulled}"]
    site.asked.clear()
    site.fetch(tmp_path, **choice)
    assert not site.asked


def test_a_clip_that_was_deleted_is_fetched_again(site, tmp_path):
    (path,) = site.fetch(tmp_path, **ONE_OTHER).data
    Path(path).unlink()
    site.fetch(tmp_path, **ONE_OTHER)
    assert content_of(tmp_path, OTHER) == site.files[f"/clips/{OTHER}"]


@pytest.mark.parametrize("text", [b"", b"<html>", b"oid sha256:12\nsize 3\n", b"\xff" * 40])
def test_a_pointer_that_is_none(site, tmp_path, text):
    site.files[f"/pointers/{OTHER}"] = text
    with pytest.raises(ValueError, match=rf"{OTHER}: .*pointers/{OTHER} is no pointer of Git LFS"):
        site.fetch(tmp_path, **ONE_OTHER)
    assert not site.clips_asked()


def test_several_at_once_fetch_each_clip_once(site, tmp_path):
    def fetch(_):
        return site.fetch(tmp_path, actors=[1002], sentences=["DFA"]).data

    with ThreadPoolExecutor(3) as pool:
        first, *others = pool.map(fetch, range(3))
    assert others == [first, first]
    assert len(site.clips_asked()) == len(set(site.clips_asked())) == 6


def test_how_far_it_is_can_be_told(site, tmp_path, capsys):
    site.fetch(tmp_path, **ONE_OTHER, verbose=1)
    assert "[fetch_cremad] 1 of 1 clips" in capsys.readouterr().out
    site.fetch(tmp_path, actors=[1002], sentences=["DFA"])
    assert capsys.readouterr().out == ""


def test_the_names_are_those_of_the_data_set():
    names = [name.file for name in choose_names(None, None, None)]
    assert len(set(names)) == 7442
    assert names == sorted(names)
    assert not {"1002_TIE_NEU_XX.flv", "1019_ITH_FEA_XX.flv", "1001_IEO_NEU_LO.flv"} & set(names)
    assert {"1091_WSI_SAD_XX.flv", "1001_IEO_ANG_MD.flv", "1001_IEO_NEU_XX.flv"} <= set(names)


@pytest.mark.parametrize(
    ("choice", "error", "message"),
    [
        ({"actors": [1092]}, ValueError, "actors must be some of 1001 to 1091; got 1092"),
        ({"actors": []}, ValueError, "got none of them"),
        ({"actors": "1001"}, TypeError, r"pass \['1001'\]"),
        ({"emotions": ["ANG"]}, ValueError, "emotions must be some of anger, .*; got ANG"),
        ({"sentences": ["ABC"]}, ValueError, "sentences must be some of DFA, .*; got ABC"),
        ({"actors": [1009], "sentences": ["MTI"]}, ValueError, "has no clip of these"),
        ({"base_url": "file:///tmp"}, ValueError, "base_url must begin with https://"),
        ({"pointers_url": "tmp"}, ValueError, "pointers_url must begin with https://"),
    ],
)
def test_what_cannot_be_fetched_is_said_before(tmp_path, choice, error, message):
    with pytest.raises(error, match=message):
        fetch_cremad(tmp_path / "cremad", **choice)
    assert not (tmp_path / "cremad").exists()


@pytest.mark.parametrize("actors", [1001, "1001"])
def test_a_single_actor_is_told_to_be_a_list(site, tmp_path, actors):
    with pytest.raises(TypeError, match=rf"actors must be a list.*pass \[{actors!r}\]"):
        site.fetch(tmp_path, actors=actors)


@pytest.mark.parametrize("name", ["home", "home/VideoFlash"])
def test_a_file_where_clips_should_go(tmp_path, name):
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    place.touch()
    with pytest.raises(NotADirectoryError, match=f"data_home=.*{name}' is a file; name a folder"):
        fetch_cremad(tmp_path / "home", actors=[1001])
