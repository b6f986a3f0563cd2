"""Parallel tempering on a grid of inverse temperatures and couplings to a reference configuration.

Each chain has one replica at every place (beta, gamma) of the grid, with law exp(-beta E + gamma A), see
`mcmc.landscape.CoupledLandscape`. Neighbours along beta, then along gamma, are offered each other's place, first the
even pairs and then the odd ones; each of the four leaves the product of the laws as it is. The swap
of a and b is accepted with probability

    min(1, exp((beta_a - beta_b)(E_a - E_b) - (gamma_a - gamma_b)(A_a - A_b))),

infinity times 0 being 0: a replica enters beta = infinity only with the energy of the one that is there, or less.
Geyer 1991, Computing Science and Statistics 23, 156; Hukushima & Nemoto 1996, J. Phys. Soc. Jpn. 65, 1604; with two
parameters Yan & de Pablo 1999, J. Chem. Phys. 111, 9509.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import CoupledLandscape, chain_ids
from mcmc.random import split_seed
from mcmc.samplers.sweeping import sweep_count


class GridTemperingState(NamedTuple):
    """State of the chains, each with one replica at every place of the grid."""

    spins: Any
    """The landscape's configurations; lanes are (chain * betas + row) * gammas + column where they began."""
    lane: np.ndarray
    """(chains, betas, gammas) int64: lane of the replica at each place."""
    heading: np.ndarray
    """(2, lanes) int8: end of the axis beta, and of the axis gamma, last visited; 1 first, -1 last, 0 neither."""
    attempted: np.ndarray
    """(2, chains, betas, gammas) int64: swaps offered by `step` with the next place along beta, and along gamma."""
    swapped: np.ndarray
    """(2, chains, betas, gammas) int64: those accepted."""
    round_trips: np.ndarray
    """(2, chains) int64: journeys first - last - first along each axis, of all replicas, during `step`."""
    accepted: np.ndarray
    """(chains, betas, gammas) int64: updates accepted by `step` at each place."""
    measured: np.ndarray
    """() int64: sweeps done by `step`."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""

    @property
    def sweep(self) -> np.ndarray:
        """() int64: absolute sweep number."""
        return self.spins.sweep


class GridTemperingInfo(NamedTuple):
    """What happened during a call."""

    acceptance: np.ndarray
    """(chains, betas, gammas) float64: accepted fraction of attempted updates at each place."""
    beta_swap_rate: np.ndarray
    """(chains, betas, gammas) float64: accepted fraction of swaps with the next beta; NaN where none was offered."""
    gamma_swap_rate: np.ndarray
    """(chains, betas, gammas) float64: the same along gamma."""


class GridTempering:
    """`landscape` at every pair of `betas` and `gammas`, swapped every `swap_every` sweeps of `update`.

    Betas are ordered from cold (infinity allowed) to hot, gammas from strong to weak; one beta alone is tempering in
    gamma. All replicas start at the reference, the one configuration known to be allowed everywhere. Raises
    ArgumentError for values that repeat, negative betas, infinite gammas or a grid of one place, and LandscapeError for
    an update that the landscape does not have.
    """

    dims = ("beta", "gamma")
    stationary = True
    statistic_names: ClassVar[dict[str, str]] = {
        "beta_swap_rate": "accepted fraction of swaps with the next hotter beta",
        "gamma_swap_rate": "accepted fraction of swaps with the next weaker coupling",
        "beta_round_trips": "journeys cold - hot - cold of all replicas",
        "gamma_round_trips": "journeys strong - weak - strong of all replicas",
    }

    def __init__(
        self, landscape: CoupledLandscape, betas: Any, gammas: Any, *, update: str = "metropolis", swap_every: int = 1
    ):
        if not isinstance(landscape, CoupledLandscape):
            raise ArgumentError(f"landscape: got {type(landscape).__name__}; one with a reference is needed")
        if getattr(landscape, "control", "beta") != "beta":
            raise ArgumentError("landscape: its energy is minus the agreement; one with control 'beta' is needed")
        if update not in landscape.updates:
            known = ", ".join(landscape.updates)
            raise LandscapeError(f"update {update!r}: not available, {type(landscape).__name__} has {known}")
        if sweep_count(swap_every) < 1:
            raise ArgumentError(f"swap_every: got {swap_every}; a whole number of sweeps from 1 is needed")
        self.landscape, self.update, self.swap_every = landscape, update, int(swap_every)
        self.betas, self.gammas = _descending(betas, "betas"), _descending(gammas, "gammas")
        if (self.betas < 0).any():
            raise ArgumentError(f"betas: got {self.betas.min()}; inverse temperatures are numbers >= 0")
        if not np.isfinite(self.gammas).all():
            raise ArgumentError("gammas: got an infinite one; finite couplings are needed")
        if self.betas.size * self.gammas.size < 2:
            raise ArgumentError("gammas: got one place in all; two or more gammas, or betas, are needed")
        self.coords = {"beta": self.betas, "gamma": self.gammas}

    def init(self, chains: int | Sequence[int], seed: int) -> GridTemperingState:
        """Every replica at the reference; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        chain = chain_ids(chains)
        places = self.betas.size * self.gammas.size
        ids = chain.astype(np.int64)[:, None] * places + np.arange(places)
        shape = (chain.size, self.betas.size, self.gammas.size)
        return GridTemperingState(
            self.landscape.at_reference(ids.reshape(-1).tolist(), seed),
            np.arange(ids.size, dtype=np.int64).reshape(shape),
            np.zeros((2, ids.size), np.int8),
            np.zeros((2, *shape), np.int64),
            np.zeros((2, *shape), np.int64),
            np.zeros((2, chain.size), np.int64),
            np.zeros(shape, np.int64),
            np.zeros((), np.int64),
            chain,
            np.array(seed, np.uint64),
        )

    def step(self, state: GridTemperingState, n: int) -> tuple[GridTemperingState, GridTemperingInfo]:
        """Advance by n sweeps of every replica; returns the state, its arrays reused, and what happened."""
        n = sweep_count(n)
        info = self._advance(state, n, state)
        np.add(state.measured, n, out=state.measured)
        return state, info

    def thermalize(self, state: GridTemperingState, n: int) -> tuple[GridTemperingState, GridTemperingInfo]:
        """Advance by n sweeps that no statistic counts, with swaps."""
        names = ("attempted", "swapped", "round_trips", "accepted")
        aside = state._replace(**{name: np.zeros_like(getattr(state, name)) for name in names})
        return state, self._advance(state, sweep_count(n), aside)

    def energy(self, state: GridTemperingState) -> np.ndarray:
        """E, the coupling left out, (chains, betas, gammas) float64."""
        return self.landscape.cost(state.spins)[state.lane]

    def recompute_energy(self, state: GridTemperingState) -> np.ndarray:
        """E from scratch, (chains, betas, gammas) float64."""
        return np.asarray(self.landscape.energy(state.spins), np.float64)[state.lane]  # type: ignore[attr-defined]

    def agreement(self, state: GridTemperingState) -> np.ndarray:
        """A, (chains, betas, gammas) float64."""
        return self.landscape.agreement(state.spins)[state.lane]

    def observables(self, state: GridTemperingState) -> dict[str, np.ndarray]:
        """`energy` E and `distance` d = (1 - A / sites) / 2, each (chains, betas, gammas) float64."""
        distance = 0.5 * (1.0 - self.agreement(state) / self.landscape.sites)
        return {"energy": self.energy(state), "distance": distance}

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        return {
            "energy": {"long_name": "total energy, the coupling left out", "units": "1"},
            "distance": {"long_name": "distance from the reference", "units": "1"},
        }

    def statistics(self, state: GridTemperingState) -> dict[str, np.ndarray]:
        """`acceptance` and swap rates by place, NaN where nothing was offered, and round trips (chains,)."""
        rates = _rate(state.swapped, state.attempted)
        tried = int(state.measured) * self.landscape.sites
        return {
            "acceptance": state.accepted / tried if tried else np.full(state.accepted.shape, np.nan),
            "beta_swap_rate": rates[0],
            "gamma_swap_rate": rates[1],
            "beta_round_trips": state.round_trips[0].astype(np.float64),
            "gamma_round_trips": state.round_trips[1].astype(np.float64),
        }

    def _advance(self, state, n, counts) -> GridTemperingInfo:
        """Sweeps and swaps; what is counted goes to the arrays of `counts`."""
        before = [counts.accepted.copy(), counts.attempted.copy(), counts.swapped.copy()]
        beta, gamma = np.empty(state.lane.size), np.empty(state.lane.size)
        sweep = int(state.sweep)
        end = sweep + n
        while sweep < end:
            length = min(self.swap_every - sweep % self.swap_every, end - sweep)
            beta[state.lane], gamma[state.lane] = self.betas[:, None], self.gammas
            info = self.landscape.sweep_at(state.spins, beta, gamma, length, self.update)
            moved = np.rint(np.asarray(info.acceptance) * (length * self.landscape.sites)).astype(np.int64)
            np.add(counts.accepted, moved[state.lane], out=counts.accepted)
            sweep += length
            if sweep % self.swap_every == 0:
                self._swap(state, sweep, counts)
        accepted, attempted, swapped = (
            now - then for now, then in zip((counts.accepted, counts.attempted, counts.swapped), before, strict=True)
        )
        rates = _rate(swapped, attempted)
        return GridTemperingInfo(accepted / max(1, n * self.landscape.sites), rates[0], rates[1])

    def _swap(self, state, sweep, counts):
        from mcmc.samplers.grid_exchange import ALONG_BETA, ALONG_GAMMA, exchange_on_grid

        axes = [axis for axis, size in ((ALONG_BETA, self.betas.size), (ALONG_GAMMA, self.gammas.size)) if size > 1]
        cost, agreement = self.landscape.cost(state.spins), self.landscape.agreement(state.spins)
        for axis in axes:
            for parity in (0, 1):
                exchange_on_grid(
                    self.betas, self.gammas, cost, agreement, axis, parity, sweep, state.chain,
                    *split_seed(int(state.seed)), state.lane, state.heading, counts.attempted, counts.swapped,
                    counts.round_trips,
                )  # fmt: skip


def _descending(values: Any, name: str) -> np.ndarray:
    try:
        array = np.sort(np.asarray(values, dtype=np.float64).reshape(-1))[::-1].copy()
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}: got {values!r}; a list of numbers is needed") from None
    if not array.size or np.isnan(array).any() or np.unique(array).size != array.size:
        raise ArgumentError(f"{name}: got {values!r}; one or more distinct numbers are needed")
    return array


def _rate(swapped: np.ndarray, attempted: np.ndarray) -> np.ndarray:
    return swapped / np.where(attempted > 0, attempted, np.nan)
