"""A user's own discrete spins pulled to a reference configuration: what local entropy is measured with.

The distance from the reference is the fraction of spins that differ from it, whatever values they have; k spins that
differ make the agreement A = sites - 2 k. The law is exp(-beta E + gamma A), or exp(-beta E + W(k)) with any weight W.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SpinState, SweepInfo, chain_ids, inverse_temperatures
from mcmc.landscapes.custom_kernels import PROPOSAL_STREAM, RENEW_EVERY, compiled, compiled_difference, unit
from mcmc.random import philox4x32, split_seed, stream_word, uniform64

if TYPE_CHECKING:
    from mcmc.landscapes.custom import CustomLandscape


class CustomCoupledState(NamedTuple):
    """As SpinState, with the number of spins that differ from the reference."""

    spins: np.ndarray
    """(sites, chains)."""
    energy: np.ndarray
    """(chains,) float64: E, without the coupling."""
    sweep: np.ndarray
    """() int64."""
    chain: np.ndarray
    """(chains,) uint32."""
    seed: np.ndarray
    """() uint64."""
    differing: np.ndarray
    """(chains,) int64: k, spins that differ from the reference."""


class CustomWithReference:
    """A CustomLandscape pulled to `reference`, (sites,); see CoupledLandscape and FlatLandscape in mcmc.landscape.

    With gamma = 0 chains move exactly as those of the landscape itself. Raises ArgumentError for a reference of
    another shape or with entries that the spins' dtype cannot hold.
    """

    updates = ("metropolis",)

    def __init__(self, model: "CustomLandscape", reference: Any):
        self.model = model
        self.sites = model.sites
        self.levels: int | None = model.sites + 1
        self.reference = _checked_reference(model, reference)
        self.kernels = compile_coupled(*model.functions)

    def init(self, chains: int | Sequence[int], seed: int) -> CustomCoupledState:
        """Random configurations, those of the landscape's own `init`. See SpinLandscape."""
        return self._state(self.model.init(chains, seed))

    def at_reference(self, chains: int | Sequence[int], seed: int) -> CustomCoupledState:
        """Every chain at the reference; `chains` is a count or chain ids."""
        ids = chain_ids(chains)
        split_seed(seed)
        spins = np.repeat(self.reference[:, None], ids.size, axis=1)
        state = SpinState(spins, np.empty(ids.size), np.zeros((), np.int64), ids, np.array(seed, np.uint64))
        state.energy[:] = self.model.energy(state)
        return self._state(state)

    def cost(self, state: CustomCoupledState) -> np.ndarray:
        """E as carried, (chains,) float64."""
        return state.energy.copy()

    def agreement(self, state: CustomCoupledState) -> np.ndarray:
        """A = sites - 2 k, (chains,) float64."""
        return (self.sites - 2 * state.differing).astype(np.float64)

    def log_volume(self, gamma: np.ndarray) -> np.ndarray:
        """sites ln(e^gamma + (values - 1) e^-gamma), of the shape of gamma.

        Raises LandscapeError when the landscape does not say how many values a spin takes.
        """
        if self.model.values is None:
            raise LandscapeError(
                "values: not given; how many configurations there are is known only with the number of values of a "
                "spin, CustomLandscape(..., values=3) for instance"
            )
        strength = np.asarray(gamma, dtype=np.float64)
        return self.sites * np.logaddexp(strength, np.log(self.model.values - 1.0) - strength)

    def sweep_at(
        self, state: CustomCoupledState, beta: np.ndarray, gamma: np.ndarray, sweeps: int, update: str = "metropolis"
    ) -> SweepInfo:
        """Advance in place at strengths of each chain's own. See mcmc.landscape.CoupledLandscape."""
        if update not in self.updates:
            raise LandscapeError(f"update: got {update!r}; a CustomLandscape has only 'metropolis'")
        chains = state.energy.size
        pull = np.atleast_1d(np.asarray(gamma, dtype=np.float64))
        if pull.shape not in ((1,), (chains,)) or not np.isfinite(pull).all():
            raise ArgumentError(f"gamma: got {gamma!r}; one finite number, or one per chain ({chains}), is needed")
        return self._advance("pulled", state, beta, sweeps, np.array(np.broadcast_to(pull, chains)))

    def sweep_flat(
        self,
        state: CustomCoupledState,
        beta: np.ndarray,
        log_weight: np.ndarray,
        visits: np.ndarray,
        sweeps: int,
        *,
        decrement: np.ndarray | None = None,
    ) -> SweepInfo:
        """Advance in place with a weight of each number of differing spins. See mcmc.landscape.FlatLandscape.

        Raises ArgumentError for arrays of another shape or type, or a chain that starts where its weight is -inf.
        """
        chains, shape = state.energy.size, (state.energy.size, self.sites + 1)
        for name, array, kind in (("log_weight", log_weight, np.float64), ("visits", visits, np.int64)):
            if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != kind:
                raise ArgumentError(f"{name}: an array {shape} of {kind.__name__} is needed, one row a chain")
        here = log_weight[np.arange(chains), state.differing]
        if not np.isfinite(here).all():
            bad = int(np.argmin(np.isfinite(here)))
            raise ArgumentError(
                f"log_weight: {here[bad]} at the {int(state.differing[bad])} differing spins where chain {bad} is; "
                "start it where its weight is finite"
            )
        lowered = np.zeros(chains) if decrement is None else np.asarray(decrement, dtype=np.float64)
        if lowered.shape != (chains,):
            raise ArgumentError(f"decrement: got shape {lowered.shape}; one number per chain ({chains}) is needed")
        return self._advance("flat", state, beta, sweeps, log_weight, visits, lowered)

    def chosen(self, state: CustomCoupledState, chains: np.ndarray) -> CustomCoupledState:
        """State of some chains: a copy, but for the clock. See mcmc.landscape.ChainSelection."""
        return CustomCoupledState(
            state.spins[:, chains].copy(), state.energy[chains].copy(), state.sweep, state.chain[chains].copy(),
            state.seed, state.differing[chains].copy(),
        )  # fmt: skip

    def put_back(self, state: CustomCoupledState, part: CustomCoupledState, chains: np.ndarray) -> None:
        """Write what `chosen` copied back to its places."""
        state.spins[:, chains] = part.spins
        state.energy[chains] = part.energy
        state.differing[chains] = part.differing

    def _state(self, state: SpinState) -> CustomCoupledState:
        return CustomCoupledState(*state, (state.spins != self.reference[:, None]).sum(axis=0).astype(np.int64))

    def _advance(self, kernel: str, state: CustomCoupledState, beta: Any, sweeps: int, *pull: np.ndarray) -> SweepInfo:
        if isinstance(sweeps, bool) or not isinstance(sweeps, (int, np.integer)) or sweeps < 0:
            raise ArgumentError(f"sweeps: got {sweeps!r}; 0 or more whole sweeps are needed")
        chains = state.energy.size
        counts, drift = np.zeros((2, chains), np.int64), np.zeros(chains)
        k0, k1 = split_seed(int(state.seed))
        self.model.call(
            "propose", self.kernels[kernel], state.spins, state.energy, state.differing, state.sweep, int(sweeps),
            inverse_temperatures(beta, chains), *pull, self.reference, state.chain, k0, k1, self.model.parameters,
            counts, drift,
        )  # fmt: skip
        return SweepInfo(counts[0] / max(1, sweeps * self.sites), drift, counts[1])


def _checked_reference(model: "CustomLandscape", reference: Any) -> np.ndarray:
    given = np.asarray(reference)
    if given.shape != (model.sites,):
        raise ArgumentError(f"reference: got shape {given.shape}; one configuration, ({model.sites},), is needed")
    if given.dtype.kind not in "biuf" or not np.isfinite(given).all():
        raise ArgumentError(f"reference: got {reference!r}; {model.sites} finite numbers are needed")
    with np.errstate(invalid="ignore"):
        spins = given.astype(model.dtype)
    if (spins != given).any():
        bad = given[spins != given][0]
        raise ArgumentError(f"reference: got {bad} among its entries; the spins are of type {model.dtype}")
    return spins


@njit(cache=True)
def allowed(change, beta, pull, u):
    """Whether a uniform u lets a move of energy `change` and log weight `pull` pass; beta may be infinite."""
    if np.isinf(beta):
        if change != 0.0:
            return change < 0.0
        return pull >= 0.0 or u < np.exp(pull)
    ratio = pull - beta * change
    return ratio >= 0.0 or u < np.exp(ratio)


@lru_cache(maxsize=64)
def compile_coupled(energy: Callable, delta_energy: Callable | None, propose: Callable) -> dict[str, Callable]:
    """Sweeps around the user's functions with a field towards the reference, and with any weight of k."""
    total, proposal = compiled(energy), compiled(propose)
    difference = compiled_difference(energy, delta_energy)

    @njit
    def trial(column, site, now, chain, k0, k1, reference, parameters):
        word = stream_word(PROPOSAL_STREAM, 0)
        w0, w1, w2, w3 = philox4x32(np.uint32(site), now, chain, word, k0, k1)
        old = column[site]
        new = column.dtype.type(proposal(old, 1.0, unit(w0), unit(w1)))
        change = difference(column, site, new, parameters)
        further = np.int64(old == reference[site]) - np.int64(new == reference[site])
        return new, change, further, uniform64(w2, w3)

    @njit
    def settle(column, site, new, change, passes, energies, counts, c):
        if passes:
            counts[0, c] += 1
            counts[1, c] += new != column[site]
            column[site] = new
            energies[c] += change
        elif np.isnan(change):
            energies[c] = np.nan

    @njit
    def tick(spins, energies, clock, parameters, drift):
        clock[()] += 1
        if clock[()] % RENEW_EVERY == 0:
            for c in range(spins.shape[1]):
                exact = total(spins[:, c], parameters)
                drift[c] = max(drift[c], abs(exact - energies[c]))
                energies[c] = exact

    @njit(nogil=True)
    def pulled(spins, energies, differing, clock, sweeps, beta, gamma, reference, chain, k0, k1, parameters,
               counts, drift):  # fmt: skip
        for _ in range(sweeps):
            now = np.uint32(clock[()])
            for site in range(spins.shape[0]):
                for c in range(spins.shape[1]):
                    column = spins[:, c]
                    new, change, further, u = trial(column, site, now, chain[c], k0, k1, reference, parameters)
                    passes = allowed(change, beta[c], -2.0 * gamma[c] * further, u)
                    settle(column, site, new, change, passes, energies, counts, c)
                    differing[c] += further * passes
            tick(spins, energies, clock, parameters, drift)

    @njit(nogil=True)
    def flat(spins, energies, differing, clock, sweeps, beta, weight, visits, decrement, reference, chain, k0, k1,
             parameters, counts, drift):  # fmt: skip
        for _ in range(sweeps):
            now = np.uint32(clock[()])
            for site in range(spins.shape[0]):
                for c in range(spins.shape[1]):
                    column, k = spins[:, c], differing[c]
                    new, change, further, u = trial(column, site, now, chain[c], k0, k1, reference, parameters)
                    passes = allowed(change, beta[c], weight[c, k + further] - weight[c, k], u)
                    settle(column, site, new, change, passes, energies, counts, c)
                    k += further * passes
                    differing[c] = k
                    visits[c, k] += 1
                    weight[c, k] -= decrement[c]
            tick(spins, energies, clock, parameters, drift)

    return {"pulled": pulled, "flat": flat}
