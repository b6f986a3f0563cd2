"""A row of the table of `entroscape validate`, and how a measurement on independent chains becomes one."""

import math
from typing import Any, NamedTuple

import numpy as np

LARGEST_Z = 4.9
"""A sound engine passes this once in a million rows by chance."""

BURN_IN, DRAWS, THIN = 200, 400, 3
"""Sweeps. The systems are small: 3 sweeps are about an autocorrelation time."""


class Case(NamedTuple):
    """A quantity as measured and as it is known to be."""

    name: str
    measured: float
    error: float
    """Standard error of `measured`; 0 where equality is asked."""
    exact: float

    @property
    def z(self) -> float:
        """Deviation in standard errors; infinite where an exact case differs."""
        deviation = self.measured - self.exact
        if self.error == 0.0:
            return 0.0 if deviation == 0.0 else math.inf
        return deviation / self.error

    @property
    def passed(self) -> bool:
        """Whether |z| < 4.9; never where the numbers are not finite."""
        return math.isfinite(self.error) and abs(self.z) < LARGEST_Z


def from_chains(name: str, values: np.ndarray, exact: float) -> Case:
    """Row of a quantity with one mean per independent chain, (chains,): its error is the spread between them."""
    return Case(name, float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size)), float(exact))


def chain_means(sampler: Any, seed: int, chains: int, squares: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Means over draws of every observable and of the squares of some (as `name^2`), each (chains, *dims)."""
    state, _ = sampler.thermalize(sampler.init(chains, seed), BURN_IN)
    total: dict[str, np.ndarray] = {}
    for _ in range(DRAWS):
        state, _ = sampler.step(state, THIN)
        seen = sampler.observables(state)
        for name, value in {**seen, **{f"{name}^2": seen[name] ** 2 for name in squares}}.items():
            total[name] = total[name] + value if name in total else value.copy()
    return {name: value / DRAWS for name, value in total.items()}
