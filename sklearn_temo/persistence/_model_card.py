"""Text of a model card, in the form of Hugging Face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from string import Template
from typing import Any

import numpy as np

from .. import mesh
from ..inspection._candidate_names import NAMES_PLACEHOLDER
