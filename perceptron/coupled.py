"""The perceptron wrapped in couplings: to a reference configuration, or of replicas among each other.

Both are landscapes, so every sampler runs on them. The law is exp(-beta E + coupling), where E is the energy of the
patterns summed over replicas; `control` says whether a sampler's `beta` is the inverse temperature ("beta", gamma
fixed) or the strength of the coupling ("gamma", beta fixed), which makes tempering and annealing in gamma ordinary.
Baldassi, Ingrosso, Lucibello, Saglietti & Zecchina 2015, arXiv:1509.05753; Baldassi et al. 2016, arXiv:1605.06444.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SweepInfo, chain_ids, inverse_temperatures
from mcmc.random import Stream, split_seed
from perceptron.flips import CHAIN_FIRST, FlipLandscape
from perceptron.landscape import BinaryPerceptron, SymmetricPerceptron
from perceptron.layout import PerceptronState
from perceptron.patterns import checked_weights, signs_checksum

COUPLINGS = ("centre", "pairs")


class _Coupled(FlipLandscape):
    """A model wrapped in a coupling of strength gamma; see the module."""

    def __init__(self, model: BinaryPerceptron | SymmetricPerceptron, gamma: float, control: str, beta: float):
        if control not in ("beta", "gamma"):
            raise ArgumentError(f"control: got {control!r}; 'beta' or 'gamma', what a sampler's beta stands for")
        if isinstance(gamma, bool) or not isinstance(gamma, (int, float, np.number)) or not math.isfinite(gamma):
            raise ArgumentError(f"gamma: got {gamma!r}; a finite number is needed")
        if isinstance(beta, bool) or not isinstance(beta, (int, float, np.number)) or not beta >= 0:
            raise ArgumentError(f"beta: got {beta!r}; a number >= 0 is needed, infinity for solutions only")
        self.model, self.control = model, control
        self.gamma, self.beta = float(gamma), float(beta)
        super().__init__(model.layout, visit=model.visit, threads=model.threads)

    def identity(self) -> dict[str, str | int | float]:
        """What sets the law and the order of the moves. See mcmc.landscape.IdentifiedLandscape."""
        fixed = {"gamma": self.gamma} if self.control == "beta" else {"beta": self.beta}
        model = {**self.model.identity(), "model": type(self.model).__name__}
        return {"control": self.control, **model, **fixed, **super().identity()}

    def sweep_at(
        self, state: PerceptronState, beta: np.ndarray, gamma: np.ndarray, sweeps: int, update: str = "metropolis"
    ) -> SweepInfo:
        """Advance in place at strengths of each chain's own. See mcmc.landscape.CoupledLandscape."""
        chains = state.energy.size
        couplings = np.atleast_1d(np.asarray(gamma, dtype=np.float64))
        if couplings.shape not in ((1,), (chains,)) or not np.isfinite(couplings).all():
            raise ArgumentError(f"gamma: got {gamma!r}; one finite number, or one per chain ({chains}), is needed")
        return self._advance(state, inverse_temperatures(beta, chains)[None], couplings[None], sweeps, update)

    def cost(self, state: PerceptronState) -> np.ndarray:
        """Energy of the patterns, summed over replicas, (chains,) float64."""
        return state.cost.astype(np.float64)

    def agreement(self, state: PerceptronState) -> np.ndarray:
        """What gamma multiplies in the log weight, (chains,) float64: r.w, or the sum over pairs of w^a.w^b."""
        return state.agreement.astype(np.float64)

    @property
    def energy_long_name(self) -> str:
        """What the energy counts, for files and figures."""
        if self.control == "gamma":
            return "minus the agreement of the coupled weights"
        return self.model.energy_long_name + (", sum over replicas" if self.replicas > 1 else "")

    def _attributes(self, more: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
        said = {name: {"long_name": text, "units": "1"} for name, text in more.items()}
        return {**super().observable_attributes(), **said}


def _require_model(model):
    if type(model) not in (BinaryPerceptron, SymmetricPerceptron):
        needed = "a BinaryPerceptron or SymmetricPerceptron is needed"
        raise ArgumentError(f"model: got {type(model).__name__}; {needed}")


class WithReference(_Coupled):
    """Law exp(-beta E(w) + gamma sum_i r_i w_i) with a reference r, (n,) int8 of +-1.

    With control "gamma" the energy is -r.w and `beta` stays fixed. At beta = infinity the patterns' energy never rises:
    `init` then starts from the reference, so that a solution as reference is left for solutions only.
    Raises ArgumentError for a reference of another length or entries.
    """

    partners = 1

    def __init__(
        self,
        model: BinaryPerceptron | SymmetricPerceptron,
        reference: Any,
        gamma: float = 0.0,
        *,
        control: str = "beta",
        beta: float = math.inf,
    ):
        _require_model(model)
        signs = checked_weights(reference, model.patterns.n, "reference")
        if signs.ndim != 1:
            raise ArgumentError(f"reference: got shape {signs.shape}; one configuration, (n,), is needed")
        self.reference = signs.copy()
        super().__init__(model, gamma, control, beta)
        self.levels: int | None = self.sites + 1

    def identity(self) -> dict[str, str | int | float]:
        """What sets the law and the order of the moves. See mcmc.landscape.IdentifiedLandscape."""
        return {**super().identity(), "reference_sha256": signs_checksum(self.reference)}

    def init(self, chains: int | Sequence[int], seed: int) -> PerceptronState:
        """Random weights, or the reference where the temperature is fixed at 0. See SpinLandscape."""
        if self.control == "beta" or math.isfinite(self.beta):
            return super().init(chains, seed)
        return self.at_reference(chains, seed)

    def at_reference(self, chains: int | Sequence[int], seed: int) -> PerceptronState:
        """Every chain at the reference; `chains` is a count or chain ids."""
        ids = chain_ids(chains)
        # The stabilities of one stand for all: thousands of replicas begin here.
        one = self.state_from(self.reference[None], [0], seed)
        many = {name: np.repeat(getattr(one, name), ids.size, axis=0) for name in CHAIN_FIRST}
        spins = np.repeat(one.spins.T, ids.size, axis=0).T
        return one._replace(**{**many, "spins": spins, "chain": ids})

    def log_volume(self, gamma: np.ndarray) -> np.ndarray:
        """n ln 2cosh gamma, of the shape of gamma."""
        return self.sites * _log_cosh(np.asarray(gamma, dtype=np.float64))

    def log_weight_change(self, gamma: float) -> np.ndarray:
        """For a weight against (-1) and along (+1) the reference, (2,): -2 gamma r w."""
        return -2.0 * gamma * np.array([-1.0, 1.0])

    def observables(self, state: PerceptronState) -> dict[str, np.ndarray]:
        """`energy`, `magnetization`, `cost` (energy of the patterns) and `overlap` with the reference, (chains,)."""
        overlap = state.agreement / self.patterns.n
        return {**super().observables(state), "cost": state.cost.astype(np.float64), "overlap": overlap}

    def observable_attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        return self._attributes({"cost": self.model.energy_long_name, "overlap": "overlap with the reference"})

    def sweep_flat(
        self,
        state: PerceptronState,
        beta: np.ndarray,
        log_weight: np.ndarray,
        visits: np.ndarray,
        sweeps: int,
        *,
        decrement: np.ndarray | None = None,
    ) -> SweepInfo:
        """Advance in place with a weight of each number of flipped weights. See mcmc.landscape.FlatLandscape.

        Weights are visited in order. Raises ArgumentError for arrays of another shape or type, or a chain that starts
        where its weight is not finite.
        """
        from perceptron.kernels.flat_histogram import run_flat_sweeps

        self._check(state, 0.0, sweeps)
        chains, away = state.energy.size, (self.sites - state.agreement) // 2
        betas = np.array(inverse_temperatures(beta, chains))
        lowered = _checked_flat(log_weight, visits, decrement, away, self.sites)
        counts, spins = np.zeros((chains, 2), np.int64), np.ascontiguousarray(state.spins.T)
        k0, k1 = split_seed(int(state.seed))

        def share(part: slice) -> None:
            run_flat_sweeps(
                self.layout.couplings, spins[part], self.reference, state.planes[part], state.stability[part],
                state.chain[part], betas[part], log_weight[part], lowered[part], visits[part], away[part],
                int(Stream.FLAT_HISTOGRAM), int(state.sweep), int(sweeps), k0, k1, counts[part],
            )  # fmt: skip

        self._on_threads(share, chains)
        if not np.shares_memory(spins, state.spins):
            state.spins[...] = spins.T
        np.add(state.sweep, sweeps, out=state.sweep)
        np.add(state.cost, counts[:, 1], out=state.cost)
        state.agreement[:] = self.sites - 2 * away
        state.energy[:] = state.cost if self.control == "beta" else -state.agreement
        return SweepInfo(counts[:, 0] / max(1, sweeps * self.sites), np.zeros(chains), counts[:, 0].copy())

    def _total(self, rows: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(rows + self.reference, dtype=np.int16)

    def _agreement(self, rows: np.ndarray) -> np.ndarray:
        return (rows.astype(np.int64) * self.reference).sum(axis=1)


class Replicated(_Coupled):
    """y replicas of the weights attracted to each other, one system; law exp(-beta sum_a E(w^a)) times the coupling.

    coupling "pairs": exp(gamma sum_(a<b) w^a.w^b); "centre": prod_i 2 cosh(gamma sum_a w_i^a), a centre configuration
    c with weight exp(gamma sum_a c.w^a) summed out. Control "gamma" needs pairs, whose weight is an exponential in
    gamma. Raises ArgumentError for y below 2 or above 1000, LandscapeError for control "gamma" of a centre.
    """

    def __init__(
        self,
        model: BinaryPerceptron | SymmetricPerceptron,
        y: int,
        gamma: float = 0.0,
        *,
        coupling: str = "centre",
        control: str = "beta",
        beta: float = math.inf,
    ):
        _require_model(model)
        if isinstance(y, bool) or not isinstance(y, (int, np.integer)) or not 2 <= y <= 1000:
            raise ArgumentError(f"y: got {y!r}; a number of replicas from 2 to 1000 is needed")
        if coupling not in COUPLINGS:
            raise ArgumentError(f"coupling: got {coupling!r}; 'centre' or 'pairs' is needed")
        if coupling == "centre" and control == "gamma":
            raise LandscapeError("control: the weight of a summed-out centre is no exponential in gamma; use 'pairs'")
        if coupling == "centre" and isinstance(gamma, (int, float)) and gamma < 0:
            raise ArgumentError(f"gamma: got {gamma}; a summed-out centre only attracts, 'pairs' repel for gamma < 0")
        self.coupling = coupling
        self.replicas, self.partners = int(y), int(y) - 1
        super().__init__(model, gamma, control, beta)

    def identity(self) -> dict[str, str | int | float]:
        """What sets the law and the order of the moves. See mcmc.landscape.IdentifiedLandscape."""
        return {**super().identity(), "y": self.replicas, "coupling": self.coupling}

    def log_weight_change(self, gamma: float) -> np.ndarray:
        """For t = w^a sum_(b != a) w^b from -(y-1) to y-1 in steps of 2, (y,): log weight after minus before."""
        others = np.arange(-self.partners, self.partners + 1, 2, dtype=np.float64)
        if self.coupling == "pairs":
            return -2.0 * gamma * others
        return _log_cosh(gamma * (others - 1.0)) - _log_cosh(gamma * (others + 1.0))

    def log_volume(self, gamma: np.ndarray) -> np.ndarray:
        """n ln sum_s exp(gamma (s^2 - y) / 2), s the sum of y signs. Raises LandscapeError for a centre."""
        if self.coupling != "pairs":
            raise LandscapeError("coupling: the volume of replicas around a centre is not known; use 'pairs'")
        y = self.replicas
        total = np.arange(-y, y + 1, 2, dtype=np.float64)
        ways = np.array([math.lgamma(y + 1) - math.lgamma(k + 1) - math.lgamma(y - k + 1) for k in range(y + 1)])
        exponent = ways + np.asarray(gamma, dtype=np.float64)[..., None] * (total * total - y) / 2.0
        top = exponent.max(axis=-1)
        return self.patterns.n * (top + np.log(np.exp(exponent - top[..., None]).sum(axis=-1)))

    def observables(self, state: PerceptronState) -> dict[str, np.ndarray]:
        """`energy`, `magnetization`, `cost` summed over replicas, that of the best replica and of the centre, overlap.

        `centre_cost` is the energy of the sign of the sum of the replicas (a tie counts as +1); `replica_overlap` is
        the mean over pairs of w^a.w^b / n. Each (chains,) float64.
        """
        weights = self.weights(state)
        costs = self.layout.costs(self.layout.stabilities(state))
        centre = self.centre(state)
        pairs = self.replicas * self.partners / 2
        return {
            **super().observables(state),
            "cost": state.cost.astype(np.float64),
            "least_cost": costs.min(axis=1).astype(np.float64),
            "centre_cost": self.layout.costs(self.patterns.stabilities(centre)).astype(np.float64),
            "replica_overlap": state.agreement / (pairs * weights.shape[-1]),
        }

    def centre(self, state: PerceptronState) -> np.ndarray:
        """Sign of the sum of the replicas, (chains, n) int8; a tie counts as +1."""
        return np.where(self.weights(state).sum(axis=1, dtype=np.int64) < 0, -1, 1).astype(np.int8)

    def observable_attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        name = self.model.energy_long_name
        return self._attributes({
            "cost": f"{name}, sum over replicas",
            "least_cost": f"{name}, best replica",
            "centre_cost": f"{name}, sign of the sum of the replicas",
            "replica_overlap": "mean overlap of two replicas",
        })  # fmt: skip

    def _total(self, rows: np.ndarray) -> np.ndarray:
        return rows.reshape(rows.shape[0], self.replicas, -1).sum(axis=1, dtype=np.int16)

    def _agreement(self, rows: np.ndarray) -> np.ndarray:
        total = self._total(rows).astype(np.int64)
        return ((total * total).sum(axis=1) - rows.shape[1]) // 2


def _checked_flat(log_weight, visits, decrement, away, sites):
    """Decrement of each chain, (chains,) float64. Raises ArgumentError; see `WithReference.sweep_flat`."""
    shape = (away.size, sites + 1)
    for name, array, kind in (("log_weight", log_weight, np.float64), ("visits", visits, np.int64)):
        right = isinstance(array, np.ndarray) and array.shape == shape and array.dtype == kind
        if not right or not array.flags.c_contiguous:
            raise ArgumentError(f"{name}: a C-contiguous array {shape} of {kind.__name__} is needed, one row a chain")
    here = np.isfinite(log_weight[np.arange(away.size), away])
    if not here.all():
        bad = int(np.argmin(here))
        raise ArgumentError(
            f"log_weight: {log_weight[bad, away[bad]]} at the {int(away[bad])} flipped weights where chain {bad} is; "
            "start it where its weight is finite"
        )
    lowered = np.zeros(away.size) if decrement is None else np.array(decrement, dtype=np.float64)
    if lowered.shape != (away.size,) or not np.isfinite(lowered).all():
        raise ArgumentError(f"decrement: got {decrement!r}; one finite number per chain ({away.size}) is needed")
    return lowered


def _log_cosh(x: np.ndarray) -> np.ndarray:
    """ln 2cosh x without overflow."""
    size = np.abs(x)
    return size + np.log1p(np.exp(-2.0 * size))
