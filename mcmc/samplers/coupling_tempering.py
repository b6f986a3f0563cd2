"""Parallel tempering in a coupling gamma instead of the temperature: replicas from free to strongly coupled.

For landscapes whose law is exp(-gamma E) at a fixed temperature, E minus the agreement that gamma rewards (with a
reference configuration, among replicas): those whose `control` is "gamma". Neighbours swap with probability
min(1, exp((gamma_a - gamma_b)(E_a - E_b))), otherwise all is as in `mcmc.samplers.tempering`; at gamma = 0 nothing is
coupled. Hukushima & Nemoto 1996, J. Phys. Soc. Jpn. 65, 1604, with gamma in the place of beta; arXiv:1511.05634 has the
ensemble.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.samplers.tempering import Tempering, TemperingInfo, TemperingState

CouplingTemperingState = TemperingState
CouplingTemperingInfo = TemperingInfo


class CouplingTempering(Tempering):
    """`sampler` at couplings from 0 up, swapped every `swap_every` sweeps.

    What `sampler` observes comes in ascending order along the dim `gamma`; `swap_rate` is that with the next stronger
    coupling, and a round trip leads from the weakest to the strongest and back. Raises ArgumentError for fewer than
    two, equal, negative or infinite couplings, a landscape whose samplers' `beta` is no coupling, or a sampler that
    has dims of its own.
    """

    dims = ("gamma",)
    statistic_names: ClassVar[dict[str, str]] = {
        "swap_rate": "accepted fraction of swaps with the next stronger coupling",
        "round_trips": "journeys weak - strong - weak of all replicas",
    }

    def __init__(self, sampler: Any, couplings: Sequence[float] | np.ndarray, *, swap_every: int = 1):
        values = np.sort(np.asarray(couplings, dtype=np.float64).reshape(-1))
        distinct = values.size >= 2 and np.unique(values).size == values.size
        if not distinct or not np.isfinite(values).all() or values[0] < 0:
            raise ArgumentError(f"couplings: got {couplings!r}; two or more distinct finite ones from 0 up are needed")
        landscape = getattr(sampler, "landscape", None)
        if getattr(landscape, "control", "beta") != "gamma":
            raise ArgumentError(
                f"sampler: its landscape {type(landscape).__name__} is controlled by temperature; one with control "
                '"gamma" is needed'
            )
        self._require(sampler, swap_every)
        self.sampler = sampler
        self.couplings = values
        self.beta = values
        self.swap_every = int(swap_every)
        self.coords = {"gamma": values}
        self.stationary = sampler.stationary
