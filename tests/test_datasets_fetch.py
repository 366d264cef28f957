"""Download of CREMA-D from a local server."""

import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path

import pytest

from sklearn_temo.datasets import fetch_cremad, load_cremad_sample

KNOWN, OTHER = "1001_DFA_ANG_XX.flv", "1002_DFA_ANG_XX.flv"
ONE_KNOWN = {"actors": [1001], "sentences": ["DFA"], "emotions": ["anger"]}
ONE_OTHER = {"actors": [1002], "sentences": ["DFA"], "emotions": ["anger"]}
SIX_OTHERS = {"actors": [1002], "sentences": ["DFA"]}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Site:
    """Files of a server, its faults, and the paths that were requested.

    ``faults[path]`` lists the faults of the next requests: a status above 99, or the number of
    bytes after which the connection is closed.
    """

    def __init__(self):
        self.files, self.faults, self.requested = {}, {}, []
        self.url = ""

    def add(self, file, content):
        self.files[f"/clips/{file}"] = content
        self.files[f"/pointers/{file}"] = (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{sha256(content)}\nsize {len(content)}\n"
        ).encode()

    def clips_requested(self):
        return [Path(path).name for path in self.requested if path.startswith("/clips")]

    def fetch(self, folder, **choice):
        urls = {"base_url": f"{self.url}/clips", "pointers_url": f"{self.url}/pointers/"}
        return fetch_cremad(folder, **urls, **choice)


def handler(site):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            site.requested.append(self.path)
            faults = site.faults.get(self.path)
            fault = faults.pop(0) if faults else None
            content = site.files.get(self.path, b"")
            status = 200 if self.path in site.files else 404
            if fault is not None and fault in range(100, 600):
                status, content, fault = fault, b"", None
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:fault])

        def log_message(self, *args): ...

    return Handler


@pytest.fixture
def site(monkeypatch):
    """A server with the six bundled clips, and six other clips of actor 1002."""
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
def no_waiting(monkeypatch):
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)


def content_of(folder, file):
    return (folder / "VideoFlash" / file).read_bytes()


def files_in(folder):
    return {path.name for path in (folder / "VideoFlash").iterdir()}


def test_clips_are_downloaded_once_and_described(site, tmp_path, capfd):
    sample = load_cremad_sample()
    bunch = site.fetch(tmp_path, actors=[1001], sentences=["DFA"])
    assert [Path(path).name for path in bunch.data] == [Path(path).name for path in sample.data]
    for path, original in zip(bunch.data, sample.data, strict=True):
        assert Path(path).read_bytes() == Path(original).read_bytes()
    assert bunch.filenames == bunch.data
    assert bunch.target.tolist() == sample.target.tolist()
    assert bunch.target_names.tolist() == sample.target_names.tolist()
    assert set(bunch.groups) == {"1001"}
    assert set(bunch.sentence) == {"DFA"}
    assert bunch.sentences["DFA"] == "Don't forget a jacket"
    assert set(bunch.intensity) == {"unspecified"}
    assert bunch.fps == sample.fps
    assert bunch.license == sample.license
    assert bunch.license in bunch.DESCR
    # The hashes of these clips are part of the package: no pointer is requested.
    assert site.requested == [f"/clips/{Path(path).name}" for path in bunch.data]
    site.requested.clear()
    paths, target = site.fetch(tmp_path, actors=["1001"], sentences=["DFA"], return_X_y=True)
    assert paths == bunch.data
    assert target.tolist() == bunch.target.tolist()
    assert not site.requested
    assert capfd.readouterr() == ("", "")


def test_verified_clips_are_listed_for_sha256sum(site, tmp_path):
    site.fetch(tmp_path, actors=[1001, 1002], sentences=["DFA"])
    lines = (tmp_path / "VideoFlash" / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == 12
    for line in lines:
        digest, file = line.split("  ")
        assert digest == sha256(content_of(tmp_path, file))


def test_hashes_come_from_pointers(site, tmp_path):
    site.fetch(tmp_path, **ONE_OTHER)
    assert site.requested == [f"/pointers/{OTHER}", f"/clips/{OTHER}"]
    assert content_of(tmp_path, OTHER) == site.files[f"/clips/{OTHER}"]


@pytest.mark.parametrize("path", [f"/clips/{OTHER}", f"/pointers/{OTHER}"])
@pytest.mark.parametrize("faults", [[503, 500, 429], [90, 50]])
def test_failed_and_truncated_downloads_are_repeated(site, tmp_path, path, faults):
    site.faults[path] = list(faults)
    site.fetch(tmp_path, **ONE_OTHER)
    assert content_of(tmp_path, OTHER) == site.files[f"/clips/{OTHER}"]
    assert site.requested.count(path) == len(faults) + 1
    assert files_in(tmp_path) == {OTHER, "SHA256SUMS"}


@pytest.mark.parametrize("folder", ["clips", "pointers"])
def test_a_permanent_failure_names_the_address(site, tmp_path, folder):
    path = f"/{folder}/1002_DFA_DIS_XX.flv"
    content = site.files.pop(path)
    with pytest.raises(OSError, match=f"404 .*{site.url}{path}"):
        site.fetch(tmp_path, **SIX_OTHERS)
    assert files_in(tmp_path) == {OTHER, "SHA256SUMS"}
    site.files[path] = content
    assert len(site.fetch(tmp_path, **SIX_OTHERS).data) == 6


def test_a_server_that_cannot_be_reached_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        fetch_cremad(tmp_path, **ONE_OTHER, base_url=url, pointers_url=url)


def test_an_interrupted_download_is_continued(site, tmp_path, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    site.faults["/clips/1002_DFA_FEA_XX.flv"] = [90]
    with monkeypatch.context() as patch:
        patch.setattr("pooch.core.time.sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            site.fetch(tmp_path, **SIX_OTHERS)
    assert files_in(tmp_path) == {OTHER, "1002_DFA_DIS_XX.flv", "SHA256SUMS"}
    site.requested.clear()
    bunch = site.fetch(tmp_path, **SIX_OTHERS)
    assert site.clips_requested() == [
        f"1002_DFA_{code}_XX.flv" for code in ("FEA", "HAP", "NEU", "SAD")
    ]
    for path in bunch.data:
        assert Path(path).read_bytes() == site.files[f"/clips/{Path(path).name}"]


@pytest.mark.parametrize(("file", "choice"), [(KNOWN, ONE_KNOWN), (OTHER, ONE_OTHER)])
def test_a_clip_with_a_wrong_hash_is_not_kept(site, tmp_path, file, choice):
    right = site.files[f"/clips/{file}"]
    wrong = site.files[f"/clips/{file}"] = b"?" * len(right)
    with pytest.raises(ValueError, match=rf"(?s){file}.*{sha256(right)}.*{sha256(wrong)}"):
        site.fetch(tmp_path, **choice)
    assert files_in(tmp_path) == set()
    site.files[f"/clips/{file}"] = right
    site.fetch(tmp_path, **choice)
    assert content_of(tmp_path, file) == right


def test_a_clone_of_the_repository_is_completed(site, tmp_path):
    pulled, pointer = OTHER, "1002_DFA_DIS_XX.flv"
    (tmp_path / "VideoFlash").mkdir()
    (tmp_path / "VideoFlash" / pulled).write_bytes(site.files[f"/clips/{pulled}"])
    (tmp_path / "VideoFlash" / pointer).write_bytes(site.files[f"/pointers/{pointer}"])
    choice = {**SIX_OTHERS, "emotions": ["anger", "disgust"]}
    site.fetch(tmp_path, **choice)
    assert site.clips_requested() == [pointer]
    assert content_of(tmp_path, pointer) == site.files[f"/clips/{pointer}"]
    site.requested.clear()
    site.fetch(tmp_path, **choice)
    assert not site.requested


def test_a_deleted_clip_is_downloaded_again(site, tmp_path):
    (path,) = site.fetch(tmp_path, **ONE_OTHER).data
    Path(path).unlink()
    site.fetch(tmp_path, **ONE_OTHER)
    assert content_of(tmp_path, OTHER) == site.files[f"/clips/{OTHER}"]


@pytest.mark.parametrize("text", [b"", b"<html>", b"oid sha256:12\nsize 3\n", b"\xff" * 40])
def test_a_malformed_pointer_is_an_error(site, tmp_path, text):
    site.files[f"/pointers/{OTHER}"] = text
    with pytest.raises(ValueError, match=rf"pointers/{OTHER} is not a Git LFS pointer"):
        site.fetch(tmp_path, **ONE_OTHER)
    assert not site.clips_requested()


def test_verbose_prints_the_progress(site, tmp_path, capsys):
    site.fetch(tmp_path, **ONE_OTHER, verbose=1)
    assert "[fetch_cremad] 1 of 1 clips" in capsys.readouterr().out


def test_the_data_set_has_7442_clips(tmp_path):
    sentences = load_cremad_sample().sentences
    codes = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    scheme = [
        f"{actor}_{sentence}_{code}_{intensity}.flv"
        for actor, sentence, code in product(range(1001, 1092), sentences, codes)
        for intensity in (["HI", "LO", "MD"] if sentence == "IEO" and code != "NEU" else ["XX"])
    ]
    folder = tmp_path / "VideoFlash"
    folder.mkdir()
    for file in scheme:
        (folder / file).touch()
    (folder / "SHA256SUMS").write_text("".join(f"{'0' * 64}  {file}\n" for file in scheme))
    bunch = fetch_cremad(tmp_path)
    files = [Path(path).name for path in bunch.data]
    assert len(files) == 7442
    assert files == sorted(files)
    assert set(files) < set(scheme)
    assert not {"1002_TIE_NEU_XX.flv", "1019_ITH_FEA_XX.flv"} & set(files)
    assert bunch.target_names.tolist() == sorted(set(bunch.target))
    assert len(set(bunch.groups)) == 91
    assert (bunch.intensity != "unspecified").sum() == 91 * 5 * 3


@pytest.mark.parametrize(
    ("choice", "error", "message"),
    [
        ({"actors": [1092]}, ValueError, "actors must be a list of some of 1001 to 1091; got 1092"),
        ({"actors": []}, ValueError, "got an empty list"),
        ({"actors": "1001"}, ValueError, "actors must be a list of some of 1001 to 1091; got 0, 1"),
        ({"actors": 1001}, TypeError, "not iterable"),
        (
            {"emotions": ["ANG"]},
            ValueError,
            "emotions must be a list of some of anger, .*; got ANG",
        ),
        (
            {"sentences": ["ABC"]},
            ValueError,
            "sentences must be a list of some of DFA, .*; got ABC",
        ),
        ({"actors": [1009], "sentences": ["MTI"]}, ValueError, "has no clips of these"),
    ],
)
def test_an_unknown_choice_is_an_error_before_the_download(tmp_path, choice, error, message):
    with pytest.raises(error, match=message):
        fetch_cremad(tmp_path / "cremad", **choice)
    assert not (tmp_path / "cremad").exists()
