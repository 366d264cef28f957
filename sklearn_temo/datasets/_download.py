"""Files fetched from the web: whole and right, or not there."""

# From the standard library: pooch verifies and retries too, but begins a file anew that broke off,
# and wants to know all hashes beforehand.

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from ssl import SSLError
from time import sleep
from typing import NamedTuple, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

_T = TypeVar("_T")

_SECONDS_OF_SILENCE = 60
_CHUNK = 1 << 16

# Tries in all, and seconds before the second; they double from try to try.
_TRIES = 5
_PAUSE = 1.0

# Answers after which it is worth asking again: a server at its limit, or out of order for now.
_PASSING = {408, 425, 429, 500, 502, 503, 504}

# What a server may ask for as a pause, in seconds; beyond that another call is better.
_LONGEST_PAUSE = 120.0

# What a connection gives that breaks. A URLError may also be a name that nobody knows; networks
# that are just coming up say so, too.
_BROKEN = (URLError, HTTPException, ConnectionError, SSLError, TimeoutError)


class Fingerprint(NamedTuple):
    """What a file must be.

    Parameters
    ----------
    sha256 : str
    size : int or None
        In bytes; None if it is not known.
    """

    sha256: str
    size: int | None = None


def fetch_text(url: str) -> str:
    """Fetch a small text, asking again where the trouble may pass.

    Parameters
    ----------
    url : str

    Returns
    -------
    str

    Raises
    ------
    FileNotFoundError
        If the server has no such file.
    OSError
        If it refuses, or cannot be reached time and again.
    """

    def read() -> str:
        with urlopen(Request(url), timeout=_SECONDS_OF_SILENCE) as answer:
            return answer.read().decode("utf-8", "replace")

    return _persevere(read, url)


def fetch_file(url: str, target: Path, expected: Fingerprint) -> None:
    """Fetch a file, and give it its name once it is whole and right.

    What arrived before an interruption is kept as ``NAME.part``, and only the rest is asked for
    then, now or in another process.

    Parameters
    ----------
    url : str
    target : Path
        In a folder that exists.
    expected : Fingerprint

    Raises
    ------
    ValueError
        If the file is not the expected one; what was fetched is removed.
    FileNotFoundError
        If the server has no such file.
    OSError
        If it refuses, or cannot be reached time and again, or the disk is full.
    """
    part = target.with_name(f"{target.name}.part")
    was_begun = part.exists()
    if not (was_begun and _is_as_long(part, expected)):
        _persevere(lambda: _receive(url, part, expected), url)
    found = file_hash(part)
    if found != expected.sha256 and was_begun:
        # The part may have been of something else, or damaged: the whole file gets its chance.
        part.unlink()
        _persevere(lambda: _receive(url, part, expected), url)
        found = file_hash(part)
    if found != expected.sha256:
        size = part.stat().st_size
        part.unlink()
        wanted = "" if expected.size is None else f" and {expected.size} bytes"
        raise ValueError(
            f"{target.name}: what {url} sent is not the file that was asked for: expected SHA-256 "
            f"{expected.sha256}{wanted}, found {found} and {size} bytes. It was removed; try "
            "again, and check for a proxy or a mirror in between."
        )
    part.replace(target)


def file_hash(path: Path) -> str:
    """SHA-256 of a file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        In hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _receive(url: str, part: Path, expected: Fingerprint) -> None:
    """Ask for what a part lacks, and add it."""
    start = part.stat().st_size if part.exists() else 0
    if expected.size is not None and start >= expected.size:
        start = 0
    request = Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urlopen(request, timeout=_SECONDS_OF_SILENCE)
    except HTTPError as error:
        if error.code != 416:
            raise
        # Nothing lies behind the part's end: it is whole, or of something else.
        error.close()
        return
    with answer:
        # Servers may ignore the wish and send all.
        goes_on = answer.status == 206 and _first_byte(answer.headers) == start
        if answer.status == 206 and not goes_on:
            part.unlink()
            raise ConnectionError(f"bytes from {start} on were asked for, others were sent")
        left = answer.headers.get("Content-Length")
        with part.open("ab" if goes_on else "wb") as file:
            n_received = 0
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                n_received += len(chunk)
            file.flush()
            os.fsync(file.fileno())
        # Python takes a cut connection for the end of the file where it is read in pieces.
        if left is not None and n_received < int(left):
            raise ConnectionError(f"the connection ended after {n_received} of {left} bytes")


def _first_byte(headers: HTTPMessage) -> int | None:
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _is_as_long(part: Path, expected: Fingerprint) -> bool:
    return expected.size is not None and part.stat().st_size == expected.size


def _persevere(attempt: Callable[[], _T], url: str) -> _T:
    """Try several times, with growing pauses in between."""
    for number in range(1, _TRIES + 1):
        pause = _PAUSE * 2 ** (number - 1)
        trouble: Exception
        try:
            return attempt()
        except HTTPError as error:
            error.close()
            if error.code in (404, 410):
                raise FileNotFoundError(
                    f"{url}: the server has no such file ({error.code})."
                ) from error
            if error.code not in _PASSING:
                raise OSError(
                    f"{url}: the server refused it ({error.code} {error.reason})."
                ) from error
            with suppress(KeyError, TypeError, ValueError):
                asked = float(error.headers["Retry-After"])
                pause = max(pause, min(asked, _LONGEST_PAUSE))
            trouble = error
        except _BROKEN as error:
            trouble = error
        if number < _TRIES:
            sleep(pause)
    reason = getattr(trouble, "reason", trouble)
    raise OSError(
        f"{url}: cannot be fetched, tried {_TRIES} times ({reason}). What was fetched is kept: the "
        "next call goes on from there."
    ) from trouble
