"""Landscapes whose moves flip single weights: what the binary perceptron and its coupled forms share.

The law sampled is exp(-beta E + log weight of the coupling at strength gamma), with E the energy of the patterns
summed over replicas. A sampler's `beta` is either of the two strengths, as the landscape's `control` says; the state's
`energy` is what multiplies it: E, or minus the agreement of the coupled weights.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SweepInfo, chain_ids, inverse_temperatures
from mcmc.random import Stream, split_seed, words
from perceptron.acceptance import HEAT_BATH, METROPOLIS, Acceptances, AcceptanceTable
from perceptron.layout import Layout, PerceptronState
from perceptron.packing import unpack_signs
from perceptron.patterns import Patterns, checked_weights

if TYPE_CHECKING:
    import xarray

REJECTION_FREE = "rejection_free"

LARGEST_GAMMA = 1e6
"""Couplings beyond this freeze every weight at once, and their tables would overflow."""

CHAIN_FIRST = ("energy", "chain", "cost", "agreement", "planes", "stability")
"""Fields of the state whose first axis is the chains."""


class FlipLandscape:
    """A SpinLandscape on weights +-1; subclasses say what is coupled, and how.

    `visit` is "systematic" (every weight in turn) or "random" (a weight drawn for each attempt); `threads` share the
    chains of a call among them.
    """

    updates: tuple[str, ...] = (METROPOLIS, HEAT_BATH, REJECTION_FREE)
    width_limits = (1.0, 1.0)
    replicas = 1
    partners = 0
    control = "beta"
    beta = 1.0
    gamma = 0.0

    def __init__(self, layout: Layout, *, visit: str = "systematic", threads: int = 1):
        if visit not in ("systematic", "random"):
            raise ArgumentError(f"visit: got {visit!r}; 'systematic' or 'random' is needed")
        if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
            raise ArgumentError(f"threads: got {threads!r}; a whole number from 1 is needed")
        self.layout = layout
        self.patterns: Patterns = layout.patterns
        self.visit, self.threads = visit, int(threads)
        self.sites = self.replicas * self.patterns.n
        self.tables = {
            rule: AcceptanceTable(rule, self.log_weight_change, layout.largest_change)
            for rule in (METROPOLIS, HEAT_BATH)
        }

    def log_weight_change(self, gamma: float) -> np.ndarray:
        """Change of the log weight of the coupling when a weight with each local field flips, (partners + 1,)."""
        return np.zeros(1)

    def init(self, chains: int | Sequence[int], seed: int) -> PerceptronState:
        """Random weights; `chains` is a count or chain ids. See SpinLandscape."""
        ids = chain_ids(chains)
        calls = -(-self.sites // 128)
        drawn = words(seed, Stream.INITIAL, np.arange(calls)[None, :], 0, ids[:, None])
        octets = drawn.reshape(ids.size, 4 * calls).astype("<u4", copy=False).view("<u8")
        return self._state(unpack_signs(octets, self.sites), ids, seed)

    def state_from(self, weights: Any, chains: int | Sequence[int] | None = None, seed: int = 0) -> PerceptronState:
        """State of given weights (chains, n), or (chains, replicas, n) where there are replicas.

        Raises ArgumentError for other shapes or entries.
        """
        signs = checked_weights(weights, self.patterns.n)
        if signs.size % self.sites or signs.ndim > 3:
            raise ArgumentError(f"weights: got shape {signs.shape}; (chains, {self.replicas}, {self.patterns.n})")
        rows = signs.reshape(-1, self.sites)
        ids = chain_ids(rows.shape[0] if chains is None else chains)
        if ids.size != rows.shape[0]:
            raise ArgumentError(f"chains: got {ids.size} ids for {rows.shape[0]} configurations")
        return self._state(rows, ids, seed)

    def weights(self, state: PerceptronState) -> np.ndarray:
        """A copy of the weights, (chains, n) int8, or (chains, replicas, n) where there are replicas."""
        rows = np.array(state.spins.T, order="C")
        return rows if self.replicas == 1 else rows.reshape(-1, self.replicas, self.patterns.n)

    def chosen(self, state: PerceptronState, chains: np.ndarray) -> PerceptronState:
        """Copy of some chains, given by their places; the clock is shared. See mcmc.landscape.ChainSelection."""
        parts = {name: getattr(state, name)[chains] for name in CHAIN_FIRST}
        return state._replace(spins=state.spins.T[chains].T, **parts)

    def put_back(self, state: PerceptronState, part: PerceptronState, chains: np.ndarray) -> None:
        """Write chains that `chosen` copied back to their places."""
        state.spins[:, chains] = part.spins
        for name in CHAIN_FIRST:
            getattr(state, name)[chains] = getattr(part, name)

    def energy(self, state: PerceptronState) -> np.ndarray:
        """Energy recomputed from the weights alone, (chains,) float64."""
        cost, agreement = self._recomputed(np.ascontiguousarray(state.spins.T))
        return (cost if self.control == "beta" else -agreement).astype(np.float64)

    def delta_energy(self, state: PerceptronState, site: int, proposal: np.ndarray) -> np.ndarray:
        """Change of `energy`, (chains,) float64, if weight `site` took the values `proposal` (+-1, one per chain)."""
        if not 0 <= site < self.sites:
            raise ArgumentError(f"site: got {site}; weights are numbered 0 to {self.sites - 1}")
        rows = np.array(state.spins.T, order="C")
        before = self._recomputed(rows)
        rows[:, site] = checked_weights(np.broadcast_to(proposal, rows.shape[0]), rows.shape[0], "proposal")
        after = self._recomputed(rows)
        change = after[0] - before[0] if self.control == "beta" else before[1] - after[1]
        return change.astype(np.float64)

    def sweep(
        self,
        state: PerceptronState,
        beta: np.ndarray,
        sweeps: int,
        update: str = METROPOLIS,
        *,
        width: np.ndarray | None = None,
        over_relaxation: int = 0,
    ) -> SweepInfo:
        """Advance in place by `sweeps` sweeps; see SpinLandscape. `width` is ignored: a weight has one move."""
        if over_relaxation:
            raise LandscapeError(f"over_relaxation: got {over_relaxation}; weights +-1 have no such move, use 0")
        control = inverse_temperatures(beta, state.energy.size)
        first, second = (control, self.gamma) if self.control == "beta" else (self.beta, control)
        return self._advance(state, np.atleast_2d(first), np.atleast_2d(second), sweeps, update)

    def sweep_schedule(
        self,
        state: PerceptronState,
        beta: np.ndarray,
        gamma: np.ndarray | float | None = None,
        update: str = METROPOLIS,
    ) -> SweepInfo:
        """One sweep at each entry of `beta`, (sweeps,) or (sweeps, chains), and of `gamma` likewise, in place.

        `gamma` None keeps the landscape's own. Raises ArgumentError for NaN, negative beta or shapes that differ.
        """
        strengths = self.gamma if gamma is None else gamma
        first, second = (np.asarray(values, np.float64) for values in (beta, strengths))
        if first.ndim == 0 or not first.size or not (first >= 0).all() or not np.isfinite(second).all():
            raise ArgumentError("beta, gamma: betas >= 0, one a sweep, and finite gammas are needed")
        first, second = (a[:, None] if a.ndim == 1 else np.atleast_2d(a) for a in (first, second))
        for name, values, lengths in (("beta", first, (first.shape[0],)), ("gamma", second, (1, first.shape[0]))):
            if values.ndim != 2 or values.shape[0] not in lengths or values.shape[1] not in (1, state.energy.size):
                raise ArgumentError(
                    f"{name}: got shape {values.shape}; one a sweep, or (sweeps, chains) with {first.shape[0]} sweeps "
                    f"and {state.energy.size} chains"
                )
        return self._advance(state, first, second, first.shape[0], update)

    def refusal(self, update: str) -> str:
        """Why this landscape cannot serve an update."""
        return f"update {update!r}: not available, {type(self).__name__} has {', '.join(self.updates)}"

    def observables(self, state: PerceptronState) -> dict[str, np.ndarray]:
        """Energy, magnetization and, for planted patterns, overlap with the teacher, each (chains,) float64."""
        values = {"energy": state.energy.copy(), "magnetization": self._mean_weight(state, None)}
        if self.patterns.teacher is not None:
            values["teacher_overlap"] = self._mean_weight(state, self.patterns.teacher)
        return values

    def observable_attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        said = {
            "energy": {"long_name": self.energy_long_name, "units": "1"},
            "magnetization": {"long_name": "mean weight", "units": "1"},
        }
        if self.patterns.teacher is not None:
            said["teacher_overlap"] = {"long_name": "overlap with the teacher", "units": "1"}
        return said

    def identity(self) -> dict[str, str | int | float]:
        """What sets the law and the order of the moves. See mcmc.landscape.IdentifiedLandscape."""
        return {
            "landscape": type(self).__name__,
            "energy_long_name": self.energy_long_name,
            "energy_normalisation": "total",
            "visit": self.visit,
            **self.patterns.identity(),
        }

    def to_dataset(self) -> "xarray.Dataset":
        """The patterns, packed; `Patterns.from_dataset` reads them."""
        return self.patterns.to_dataset()

    @property
    def energy_long_name(self) -> str:
        """What the energy counts, for files and figures."""
        return "total energy"

    def _mean_weight(self, state: PerceptronState, direction: np.ndarray | None) -> np.ndarray:
        """Mean over all weights, (chains,) float64; with a direction (n,) of +-1, of the weights times it."""
        weights = state.spins.reshape(self.replicas, self.patterns.n, -1)
        along = weights if direction is None else weights * direction[None, :, None]
        return along.mean(axis=(0, 1), dtype=np.float64)

    def _total(self, rows: np.ndarray) -> np.ndarray:
        """Sum of the coupled weights, (chains, n) int16; (chains, 1) without coupling."""
        return np.zeros((rows.shape[0], 1), np.int16)

    def _agreement(self, rows: np.ndarray) -> np.ndarray:
        """Sum over weights and coupled pairs of w_a w_b, (chains,) int64, from the definition."""
        return np.zeros(rows.shape[0], np.int64)

    def _recomputed(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        stabilities = self.patterns.stabilities(rows.reshape(-1, self.replicas, self.patterns.n))
        return self.layout.costs(stabilities).sum(axis=1), self._agreement(rows)

    def _state(self, rows: np.ndarray, ids: np.ndarray, seed: int) -> PerceptronState:
        split_seed(seed)
        stabilities = self.patterns.stabilities(rows.reshape(-1, self.replicas, self.patterns.n))
        cost, agreement = self.layout.costs(stabilities).sum(axis=1), self._agreement(rows)
        energy = (cost if self.control == "beta" else -agreement).astype(np.float64)
        return PerceptronState(
            rows.copy().T, energy, np.zeros((), np.int64), ids, np.array(seed, np.uint64), cost, agreement,
            self.layout.planes(stabilities), self.layout.stored(stabilities),
        )  # fmt: skip

    def _advance(self, state, beta, gamma, sweeps, update) -> SweepInfo:
        if update not in self.updates:
            raise LandscapeError(self.refusal(update))
        chains = state.energy.size
        self._check(state, gamma, sweeps)
        found, acceptance = self.tables[HEAT_BATH if update == HEAT_BATH else METROPOLIS].look_up(beta, gamma)
        rows = np.array(np.broadcast_to(found, (beta.shape[0], chains)))
        counts = self._run(state, acceptance, rows, sweeps, update)
        np.add(state.sweep, sweeps, out=state.sweep)
        np.add(state.cost, counts[:, 1], out=state.cost)
        np.add(state.agreement, counts[:, 2], out=state.agreement)
        state.energy[:] = state.cost if self.control == "beta" else -state.agreement
        return SweepInfo(counts[:, 0] / max(1, sweeps * self.sites), np.zeros(chains), counts[:, 0].copy())

    def _check(self, state, gamma, sweeps):
        """Raise ArgumentError for a state of another landscape, a coupling beyond reason, or no number of sweeps."""
        if isinstance(sweeps, bool) or not isinstance(sweeps, (int, np.integer)) or sweeps < 0:
            raise ArgumentError(f"sweeps: got {sweeps!r}; a whole number of sweeps, 0 or more, is needed")
        if not (np.abs(gamma) <= LARGEST_GAMMA).all():
            raise ArgumentError(f"gamma: got {np.max(gamma)}; couplings up to {LARGEST_GAMMA:g} are taken")
        chains, couplings = state.energy.size, self.layout.couplings
        stored = 0 if not couplings.gaussian else self.patterns.p
        shapes = (self.sites, chains), (chains, self.replicas, couplings.words * couplings.bits)
        if (state.spins.shape, state.planes.shape) != shapes or state.stability.shape != (*shapes[1][:2], stored):
            raise ArgumentError(
                f"state: got weights {state.spins.shape} of another instance or number of replicas; make it with init "
                f"or state_from of this {type(self).__name__}, whose weights are {shapes[0]}"
            )

    def _stream(self, update: str) -> int:
        """Stream of the random numbers of single flips."""
        if self.visit == "random":
            return int(Stream.SITE_CHOICE)
        return int(Stream.HEAT_BATH if update == HEAT_BATH else Stream.METROPOLIS)

    def _run(
        self, state: PerceptronState, acceptance: Acceptances, rows: np.ndarray, sweeps: int, update: str
    ) -> np.ndarray:
        """Sweep the weights of a state and what is carried with them, in place.

        `rows` (1 or sweeps, chains) int32 are those of the table. Returns (chains, 3) int64: flips, energy change,
        change of the agreement.
        """
        from perceptron.kernels.rejection_free import run_rejection_free
        from perceptron.kernels.single_flip import run_sweeps

        chains = state.energy.size
        counts = np.zeros((chains, 3), np.int64)
        # The loops want one chain's weights together; a state read back from a file may hold them otherwise.
        spins = np.ascontiguousarray(state.spins.T)
        total = self._total(spins)
        k0, k1 = split_seed(int(state.seed))
        first, table, lowest = int(state.sweep), acceptance.table, acceptance.lowest
        at_random, stream = int(self.visit == "random"), self._stream(update)

        def share(part: slice) -> None:
            arrays = (spins[part], total[part], state.planes[part], state.stability[part], state.chain[part])
            among = (table, np.ascontiguousarray(rows[:, part]), lowest, acceptance.fields, self.partners)
            if update == REJECTION_FREE:
                run_rejection_free(self.layout.couplings, *arrays, *among, first, sweeps, k0, k1, counts[part])
            else:
                run_sweeps(
                    self.layout.couplings, *arrays, *among, at_random, stream, first, sweeps, k0, k1, counts[part]
                )

        self._on_threads(share, chains)
        if not np.shares_memory(spins, state.spins):
            state.spins[...] = spins.T
        return counts

    def _on_threads(self, share, chains):
        """Chains in equal parts, one a thread; the loops release the interpreter lock."""
        threads = min(self.threads, chains)
        if threads == 1:
            share(slice(0, chains))
            return
        ends = [chains * k // threads for k in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(share, [slice(a, b) for a, b in pairwise(ends)]))
