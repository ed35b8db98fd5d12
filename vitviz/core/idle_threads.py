"""numpy's threads rest when nothing is asked of them, so that torch's have the processors."""

from __future__ import annotations

import os

_SPINS = "4"
"""OpenBLAS's own number: a power of two of cycles, 26 where nobody says another."""


def rest_between_products() -> None:
    """To be said before numpy is imported; who has set the variable keeps what they set.

    Behind a product numpy's threads spin for some 50 ms, to be there at once for the next one. What
    torch does meanwhile has these processors taken away: on two cores a rollout of 12 layers, each a
    map made by torch and a product by numpy, took 600 ms instead of 110.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", _SPINS)
