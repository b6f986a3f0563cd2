"""What a sampler may ask of a landscape: the protocols, and the state a spin landscape carries.

One physical convention: k_B = 1, energies are totals unless a name says `_per_site`, `beta` is one value per chain.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from mcmc.errors import ArgumentError


class SpinState(NamedTuple):
    """Configuration of a spin landscape; `sweep` and its arrays are updated in place."""

    spins: np.ndarray
    """The landscape's own layout, chains on the last axis."""
    energy: np.ndarray
    """(chains,) float64: total energy, carried along by the moves."""
    sweep: np.ndarray
    """() int64: sweeps done so far; the random numbers of the next sweep depend on it."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""


class SweepInfo(NamedTuple):
    """What happened during a call of `sweep`."""

    acceptance: np.ndarray
    """(chains,) float64: accepted fraction of attempted updates; for clusters, mean cluster size / sites."""
    energy_drift: np.ndarray
    """(chains,) float64: largest |carried - recomputed energy| seen when the landscape renormalised its state."""
    flipped: np.ndarray
    """(chains,) int64: spins changed."""


@runtime_checkable
class SpinLandscape(Protocol):
    """Discrete or compact spins; the compiled sweeps live beside the physics.

    A state is a SpinState, or a NamedTuple of arrays that begins with its fields and carries what the moves need.
    """

    sites: int
    updates: tuple[str, ...]
    """Names `sweep` takes, a subset of metropolis, heat_bath, rejection_free, over_relaxation, wolff, align."""

    def init(self, chains: int | Sequence[int], seed: int) -> Any:
        """Random configuration; `chains` is a count or explicit chain ids."""
        ...

    def energy(self, state: Any) -> np.ndarray:
        """Total energy recomputed from scratch, (chains,) float64."""
        ...

    def delta_energy(self, state: Any, site: int, proposal: np.ndarray) -> np.ndarray:
        """Slow oracle: energy change, (chains,), if `site` took the value `proposal` (one per chain)."""
        ...

    def sweep(
        self,
        state: Any,
        beta: np.ndarray,
        sweeps: int,
        update: str = "metropolis",
        *,
        width: np.ndarray | None = None,
        over_relaxation: int = 0,
    ) -> SweepInfo:
        """Advance in place by `sweeps` sweeps at inverse temperatures `beta` (chains,).

        `width` (chains,) scales the proposal (metropolis) or is the number of clusters a sweep (wolff);
        `over_relaxation` energy-preserving sweeps follow each sweep. Raises LandscapeError for an update that
        this landscape cannot serve.
        """
        ...

    def observables(self, state: Any) -> dict[str, np.ndarray]:
        """Measured values by name, each (chains,) float64; `energy` is always among them."""
        ...

    def observable_attributes(self) -> Mapping[str, Mapping[str, str]]:
        """For each observable its `long_name` and `units`."""
        ...


@runtime_checkable
class ScheduledLandscape(Protocol):
    """What a spin landscape with a coupling may offer besides: temperature and coupling that change sweep by sweep."""

    def sweep_schedule(self, state: Any, beta: np.ndarray, gamma: np.ndarray, update: str = "metropolis") -> SweepInfo:
        """Advance in place by one sweep at each pair of `beta` and `gamma`, (sweeps,) float64 each."""
        ...


@runtime_checkable
class ChainSelection(Protocol):
    """What a spin landscape offers besides when its state has more than the fields of SpinState."""

    def chosen(self, state: Any, chains: np.ndarray) -> Any:
        """State of some chains, given by their places: a copy, but for the clock `sweep`, which is shared."""
        ...

    def put_back(self, state: Any, part: Any, chains: np.ndarray) -> None:
        """Write what `chosen` copied back to its places."""
        ...


@runtime_checkable
class CoupledLandscape(Protocol):
    """A spin landscape pulled to a reference configuration: law exp(-beta E + gamma A), both strengths a chain's own.

    A, the agreement, is `sites` at the reference; the distance from it is d = (1 - A / sites) / 2. For spins +-1 that
    is the fraction of flipped spins, for spins of several values the fraction that differ, each of which takes 2 from
    A; for angles A = sum_i cos(theta_i - reference_i).
    """

    sites: int
    reference: np.ndarray
    """(sites,): the configuration at distance 0, as the user gave it."""
    updates: tuple[str, ...]
    levels: int | None
    """Values A takes, sites, sites - 2, ...: `sites` + 1 for discrete spins; None for angles, where A is any number."""

    def init(self, chains: int | Sequence[int], seed: int) -> Any:
        """Random configurations. See SpinLandscape."""
        ...

    def at_reference(self, chains: int | Sequence[int], seed: int) -> Any:
        """Every chain at the reference; `chains` is a count or explicit chain ids."""
        ...

    def sweep_at(
        self, state: Any, beta: np.ndarray, gamma: np.ndarray, sweeps: int, update: str = "metropolis"
    ) -> SweepInfo:
        """Advance in place by `sweeps` sweeps at strengths `beta` and `gamma`, (chains,) each; beta may be infinite."""
        ...

    def cost(self, state: Any) -> np.ndarray:
        """E as carried, (chains,) float64."""
        ...

    def agreement(self, state: Any) -> np.ndarray:
        """A as carried, (chains,) float64."""
        ...

    def log_volume(self, gamma: np.ndarray) -> np.ndarray:
        """ln of the sum of exp(gamma A) over all configurations (the mean over angles), of the shape of `gamma`."""
        ...


@runtime_checkable
class FlatLandscape(CoupledLandscape, Protocol):
    """A coupled landscape whose agreement may carry any weight: law exp(-beta E + W(k)), k = (sites - A) / 2."""

    def sweep_flat(
        self,
        state: Any,
        beta: np.ndarray,
        log_weight: np.ndarray,
        visits: np.ndarray,
        sweeps: int,
        *,
        decrement: np.ndarray | None = None,
    ) -> SweepInfo:
        """Advance in place by `sweeps` sweeps of single-spin Metropolis moves.

        `log_weight` (chains, sites + 1) float64 is W, -inf where a chain must not go; `visits` (chains, sites + 1)
        int64 counts the k after each attempt. `decrement` (chains,), when given, is taken off W at that k each time
        (Wang & Landau 2001, Phys. Rev. Lett. 86, 2050); `log_weight` is then changed in place.
        """
        ...


@runtime_checkable
class ReferableLandscape(Protocol):
    """A spin landscape that can be pulled to a reference configuration."""

    def with_reference(self, reference: Any) -> CoupledLandscape:
        """The landscape pulled to `reference` (sites,). Raises ArgumentError for another length or entries."""
        ...


@runtime_checkable
class ReplicaLandscape(ChainSelection, Protocol):
    """y replicas of a spin landscape coupled in pairs: law exp(-beta sum_a E(w^a) + gamma sum_(a<b) w^a.w^b)."""

    sites: int
    """Spins of all replicas together."""
    replicas: int
    updates: tuple[str, ...]

    def init(self, chains: int | Sequence[int], seed: int) -> Any:
        """Random configurations. See SpinLandscape."""
        ...

    def sweep_at(
        self, state: Any, beta: np.ndarray, gamma: np.ndarray, sweeps: int, update: str = "metropolis"
    ) -> SweepInfo:
        """Advance in place by `sweeps` sweeps at strengths of each chain's own, as a CoupledLandscape does."""
        ...

    def cost(self, state: Any) -> np.ndarray:
        """Sum of the replicas' energies, (chains,) float64."""
        ...

    def agreement(self, state: Any) -> np.ndarray:
        """A = sum_(a<b) w^a.w^b, (chains,) float64."""
        ...

    def log_volume(self, gamma: np.ndarray) -> np.ndarray:
        """ln of the sum of exp(gamma A) over all configurations, of the shape of `gamma`."""
        ...


@runtime_checkable
class ReplicableLandscape(Protocol):
    """A spin landscape of which several replicas can be coupled."""

    def with_replicas(self, y: int) -> ReplicaLandscape:
        """`y` replicas, 2 or more, coupled in pairs. Raises ArgumentError for another y."""
        ...


@runtime_checkable
class SmoothLandscape(Protocol):
    """Continuous weights; x is an array of shape (chains, dim)."""

    dim: int
    data_size: int | None
    """None when the energy is not a mean over data."""

    def energy(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Total energy, (chains,) float64."""
        ...

    def gradient(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Gradient of the energy, (chains, dim)."""
        ...


@runtime_checkable
class IdentifiedLandscape(Protocol):
    """What a landscape of either kind offers besides when a file of `sample` is to refuse another law than its own.

    A landscape may also have `to_dataset() -> xarray.Dataset`, its quenched disorder: `sample` then keeps those
    variables, which have no `draw`, and their attributes in the file.
    """

    def identity(self) -> Mapping[str, str | int | float]:
        """What sets the law, by name, long arrays by checksum: attributes of the file, compared when it is resumed.

        The number of threads, and whatever else leaves the draws as they are, is no part of it.
        """
        ...


def chain_ids(chains: int | Sequence[int] | np.ndarray) -> np.ndarray:
    """Chain identities, (chains,) uint32: 0..chains-1 for a count, else the given ids.

    Raises ArgumentError for a count below 1, or ids that are negative, repeated or beyond 2^32 - 1.
    """
    if isinstance(chains, (int, np.integer)) and not isinstance(chains, bool):
        if chains < 1:
            raise ArgumentError(f"chains: got {chains}; at least 1 chain is needed")
        return np.arange(int(chains), dtype=np.uint32)
    try:
        ids = np.asarray(chains)
    except ValueError:
        ids = np.empty((0, 0))
    whole = ids.ndim == 1 and ids.size and ids.dtype.kind in "iu"
    if not whole or ids.min() < 0 or ids.max() >= 2**32 or np.unique(ids).size != ids.size:
        raise ArgumentError(f"chains: got {chains!r}; a count, or distinct ids from 0 to 2**32 - 1, are needed")
    return ids.astype(np.uint32)


def inverse_temperatures(beta, chains: int) -> np.ndarray:
    """One inverse temperature per chain, (chains,) float64, from a number or an array.

    Infinite beta (zero temperature) is allowed. Raises ArgumentError for NaN, negative or ill-shaped values.
    """
    values = np.asarray(beta, dtype=np.float64)
    # Samplers ask before every sweep: what is plainly right returns at once.
    if values.shape == (chains,) and (values >= 0).all():
        return values
    if values.ndim > 1 or (values.ndim == 1 and values.size not in (1, chains)):
        raise ArgumentError(f"beta: got shape {values.shape}; one number, or one per chain ({chains}), is needed")
    if np.isnan(values).any() or (values < 0).any():
        bad = values[np.isnan(values) | (values < 0)].flat[0]
        raise ArgumentError(f"beta: got {bad}; inverse temperatures are numbers >= 0 (infinity for zero temperature)")
    return np.broadcast_to(values, (chains,)).copy()
