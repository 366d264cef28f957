"""Bundled data, synthetic clips, your own clips, and loaders of public data sets."""

from ._ckplus import load_ckplus
from ._clip_list import load_clip_list
from ._cremad import fetch_cremad, load_cremad_sample
from ._folder import load_clip_folder
from ._photographs import load_london_smiles, load_sign_digits
from ._ravdess import load_ravdess
from ._synthetic import make_expression_clips

__all__ = [
    "fetch_cremad",
    "load_ckplus",
    "load_clip_folder",
    "load_clip_list",
    "load_cremad_sample",
    "load_london_smiles",
    "load_ravdess",
    "load_sign_digits",
    "make_expression_clips",
]
