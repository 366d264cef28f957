"""Checksum that identifies a data set."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np


def rows_sha256(rows: Any, y: Any, groups: Any) -> str:
    """Checksum of rows, labels and groups, as :func:`write_report` documents it."""
    return add_labels(hashlib.sha256(np.asarray(rows, dtype="<f4").tobytes()), y, groups)


def add_labels(digest: Any, y: Any, groups: Any) -> str:
    """Add labels and groups to a digest, and return the checksum."""
    names = None if groups is None else [str(group) for group in groups]
    digest.update(json.dumps([[str(label) for label in y], names]).encode())
    return digest.hexdigest()
