"""Temperatures for parallel tempering, placed so that all neighbours swap equally often.

For large systems energies are Gaussian, and neighbours with m = (beta_a - beta_b)(E_b - E_a) of the mean
energies swap at rate erfc(sqrt(m) / 2). Even rates are therefore even steps of the length with element
sqrt(-dE dbeta), the thermodynamic length: it is measured once and cut into equal parts. Kofke 2002, J.
Chem. Phys. 117, 6911; Predescu, Predescu & Ciobanu 2004, J. Chem. Phys. 120, 4119.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.samplers.tempering import Tempering


def place_temperatures(
    temperatures: Sequence[float] | np.ndarray,
    energies: Sequence[float] | np.ndarray,
    *,
    count: int | None = None,
    swap_rate: float | None = None,
) -> np.ndarray:
    """Temperatures from the lowest to the highest given, with even swap rates, ascending float64.

    `energies` are mean total energies measured at `temperatures`. Give either `count`, how many
    temperatures, or `swap_rate`, which then decides how many. Energies that fall with temperature (noise)
    count as level. Raises ArgumentError for fewer than two temperatures, non-finite energies, or both or
    neither of count and swap_rate.
    """
    kelvin = np.asarray(temperatures, dtype=np.float64).reshape(-1)
    mean = np.asarray(energies, dtype=np.float64).reshape(-1)
    if kelvin.size < 2 or kelvin.size != mean.size or np.unique(kelvin).size != kelvin.size:
        raise ArgumentError(
            f"temperatures: got {kelvin.size} with {mean.size} energies; two or more distinct ones, with as many "
            "energies, are needed"
        )
    if not (kelvin > 0).all() or not np.isfinite(kelvin).all() or not np.isfinite(mean).all():
        raise ArgumentError("temperatures, energies: finite numbers are needed, and temperatures above 0")
    order = np.argsort(kelvin)
    kelvin, mean = kelvin[order], np.maximum.accumulate(mean[order])
    position = thermodynamic_length(kelvin, mean)
    if (count is None) == (swap_rate is None):
        raise ArgumentError("count, swap_rate: give one of them")
    if count is None:
        count = 1 + max(1, int(np.ceil(position[-1] / step_length(swap_rate))))
    if count < 2:
        raise ArgumentError(f"count: got {count}; two or more temperatures are needed")
    # A stretch without any change of energy has no length; the small slope keeps the inverse single-valued.
    position = position + 1e-9 * (1.0 + position[-1]) * np.linspace(0.0, 1.0, position.size)
    beta = np.interp(np.linspace(0.0, position[-1], count), position, 1.0 / kelvin)
    placed = 1.0 / beta
    placed[0], placed[-1] = kelvin[0], kelvin[-1]
    return placed


def thermodynamic_length(temperatures: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Length from the first temperature to each, (n,): sums of sqrt((beta_i - beta_j)(E_j - E_i))."""
    steps = np.sqrt(-np.diff(1.0 / temperatures) * np.maximum(np.diff(energies), 0.0))
    return np.concatenate([[0.0], np.cumsum(steps)])


def predicted_swap_rates(temperatures: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Swap rate between neighbours, (n - 1,), from mean total energies, for Gaussian energies."""
    from scipy.special import erfc

    return erfc(np.diff(thermodynamic_length(np.asarray(temperatures), np.asarray(energies))) / 2.0)


def step_length(swap_rate: float | None) -> float:
    """Thermodynamic length between temperatures that swap at this rate. Raises ArgumentError outside (0, 1)."""
    from scipy.special import erfcinv

    if swap_rate is None or not 0 < swap_rate < 1:
        raise ArgumentError(f"swap_rate: got {swap_rate}; a rate between 0 and 1 is needed, 0.3 is usual")
    return 2.0 * float(erfcinv(swap_rate))


def pilot_temperatures(
    sampler: Any,
    lowest: float,
    highest: float,
    *,
    count: int | None = None,
    swap_rate: float | None = None,
    sweeps: int = 500,
    rounds: int = 2,
    seed: int = 0,
) -> np.ndarray:
    """`place_temperatures` from energies measured in short tempering runs of `sampler`, each `sweeps` sweeps.

    The first run uses a geometric ladder of max(count, 16) temperatures, later rounds the placed one among
    it. Raises ArgumentError unless 0 < lowest < highest.
    """
    if not 0 < lowest < highest < np.inf:
        raise ArgumentError(f"lowest, highest: got {lowest}, {highest}; 0 < lowest < highest is needed")
    ladder = np.geomspace(lowest, highest, max(count or 0, 16))
    for _ in range(rounds):
        tempering = Tempering(sampler, ladder)
        state = tempering.init(1, seed)
        state, _ = tempering.thermalize(state, sweeps // 2)
        total = np.zeros(ladder.size)
        for _ in range(sweeps):
            state, _ = tempering.step(state, 1)
            total += tempering.energy(state)[0]
        placed = place_temperatures(ladder, total / sweeps, count=count, swap_rate=swap_rate)
        ladder = np.union1d(placed, ladder[:: max(1, ladder.size // 8)])
    return placed
