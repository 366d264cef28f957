"""What is said of attributions that miss their exact sum."""

from __future__ import annotations

import warnings
from typing import Literal

from sklearn.exceptions import ConvergenceWarning


def warn_of_gaps(
    n_unconverged: int,
    n_pairs: int,
    worst: float,
    tol: float,
    n_steps: int | Literal["auto"],
    stacklevel: int,
) -> None:
    """Say how many pairs of sample and baseline missed the tolerance, how far, and what helps.

    Parameters
    ----------
    n_unconverged, n_pairs : int
        Pairs above the tolerance, and all of them.
    worst : float
        The largest gap.
    tol : float
    n_steps : int or "auto"
        With which it came to this.
    stacklevel : int
        Of :func:`warnings.warn`, as seen from here.
    """
    tried = "up to 256, which auto takes" if n_steps == "auto" else str(n_steps)
    warnings.warn(
        f"the attributions of {n_unconverged} of {n_pairs} pairs of sample and baseline miss "
        f"their exact sum by more than tol={tol:g} of it (at worst by {worst:.2g}) with n_steps "
        f"{tried}. Pass more n_steps, or a larger tol; where the network has kinks (ReLU, max "
        "pooling) or jumps, more nodes help little.",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )
