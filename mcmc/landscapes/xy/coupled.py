"""The XY model pulled to a configuration of angles: law exp(-beta E + gamma sum_i cos(theta_i - reference_i)).

In the angles theta - reference the pull is a uniform field gamma / beta, and a bond's phase A_ij becomes
A_ij - (reference_i - reference_j): chains of one ratio gamma / beta are swept by an XYModel as any others.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SpinState, SweepInfo, inverse_temperatures

if TYPE_CHECKING:
    from mcmc.landscapes.xy.model import XYModel

UPDATES = ("metropolis", "heat_bath")
STRONGEST = 1e6
"""Largest modulus of gamma / beta, in units of energy: as the field of an XYModel."""


class XYWithReference:
    """An XYModel without a field pulled to `reference`, (sites,) angles in radians; see CoupledLandscape.

    The agreement is A = sum_i cos(theta_i - reference_i), so d = (1 - A / sites) / 2 is the mean of
    sin^2((theta_i - reference_i) / 2). E does not change when all angles turn together, but A does: the pull holds the
    rotation too. `rotated_distance` leaves it out. States hold theta - reference; `angles` gives theta. Sweeps run on
    the CPU. Raises ArgumentError for other shapes or angles that are not finite, LandscapeError for a model with a
    field, and for the complete graph, which takes no phases.
    """

    updates = UPDATES
    levels: int | None = None

    def __init__(self, model: "XYModel", reference: Any):
        if model.field != 0.0:
            raise LandscapeError(
                f"field: the model has h = {model.field:g}, which turns with the reference from site to site; a "
                "reference can be had at h = 0"
            )
        if model.graph.complete:
            raise LandscapeError(
                f"graph: {model.graph.name} takes no phases, which a reference needs; give its bonds as an edge list "
                "with coupling J / N"
            )
        self.model, self.sites = model, model.sites
        self.reference = _checked_reference(reference, model.sites)
        first, second = model.graph.edges.T
        phase = 0.0 if model.phase is None else model.phase
        turned = phase - (self.reference[first] - self.reference[second])
        # Phases enter sines and cosines in float32, where large angles lose digits.
        self._phase = np.remainder(turned + np.pi, 2.0 * np.pi) - np.pi
        self._threads = model.threads
        self._gauged = self._model(0.0)

    def init(self, chains: int | Sequence[int], seed: int) -> SpinState:
        """Random angles, uniform and independent. See SpinLandscape."""
        return self._gauged.init(chains, seed)

    def at_reference(self, chains: int | Sequence[int], seed: int) -> SpinState:
        """Every chain at the reference; `chains` is a count or chain ids."""
        ids = range(chains) if isinstance(chains, (int, np.integer)) else chains
        return self._gauged.state_from_angles(np.zeros((len(ids), self.sites)), seed, ids)

    def angles(self, state: SpinState) -> np.ndarray:
        """theta in (-pi, pi], (chains, sites) float64."""
        turned = self._gauged.angles(state) + self.reference
        return np.pi - np.remainder(np.pi - turned, 2.0 * np.pi)

    def sweep_at(
        self, state: SpinState, beta: np.ndarray, gamma: np.ndarray, sweeps: int, update: str = "metropolis"
    ) -> SweepInfo:
        """Advance in place at strengths of each chain's own; beta is finite. See mcmc.landscape.CoupledLandscape.

        At beta = 0 the pull alone is sampled. Raises ArgumentError for an infinite beta and for |gamma| / beta above
        1e6.
        """
        chains = state.energy.size
        lanes = inverse_temperatures(beta, chains)
        pull = np.atleast_1d(np.asarray(gamma, dtype=np.float64))
        if pull.shape not in ((1,), (chains,)) or not np.isfinite(pull).all():
            raise ArgumentError(f"gamma: got {gamma!r}; one finite number, or one per chain ({chains}), is needed")
        if update not in self.updates:
            raise LandscapeError(f"update: got {update!r}; an XY model with a reference has {', '.join(UPDATES)}")
        field, alone = _fields(lanes, np.broadcast_to(pull, chains))
        info = SweepInfo(np.zeros(chains), np.zeros(chains), np.zeros(chains, np.int64))
        for free, strength in sorted(set(zip(alone.tolist(), field.tolist(), strict=True))):
            members = np.flatnonzero((alone == free) & (field == strength))
            model = self._alone(strength) if free else self._model(strength)
            strengths = np.abs(pull[members] if pull.size > 1 else np.repeat(pull, members.size))
            temperatures = strengths if free else lanes[members]
            self._advance(model, state, members, temperatures, sweeps, update, info)
        state.sweep[...] += sweeps
        state.energy[:] = self._gauged.energy(state)
        return info

    def cost(self, state: SpinState) -> np.ndarray:
        """E without the pull, (chains,) float64."""
        return state.energy.copy()

    def agreement(self, state: SpinState) -> np.ndarray:
        """A = sum_i cos(theta_i - reference_i), (chains,) float64."""
        return state.spins[0, self._gauged.slot].sum(axis=0, dtype=np.float64)

    def rotated_distance(self, state: SpinState) -> np.ndarray:
        """(1 - |sum_i exp(i(theta_i - reference_i))| / sites) / 2, (chains,): the distance after the best rotation."""
        total = state.spins[:, self._gauged.slot].sum(axis=1, dtype=np.float64)
        return 0.5 * (1.0 - np.hypot(total[0], total[1]) / self.sites)

    def log_volume(self, gamma: np.ndarray) -> np.ndarray:
        """sites ln I0(gamma), the mean over angles, of the shape of gamma."""
        from scipy.special import ive

        strength = np.abs(np.asarray(gamma, dtype=np.float64))
        return self.sites * (np.log(ive(0, strength)) + strength)

    def observables(self, state: SpinState) -> dict[str, np.ndarray]:
        """`energy` without the pull, `agreement` and `rotated_distance`, each (chains,) float64."""
        return {
            "energy": self.cost(state),
            "agreement": self.agreement(state),
            "rotated_distance": self.rotated_distance(state),
        }

    def observable_attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        return {
            "energy": {"long_name": "total energy without the pull", "units": "J"},
            "agreement": {"long_name": "sum of cos(theta_i - reference_i)", "units": "1"},
            "rotated_distance": {"long_name": "distance from the reference after the best rotation", "units": "1"},
        }

    def _model(self, field: float) -> "XYModel":
        from mcmc.landscapes.xy.model import XYModel

        model = XYModel(self.model.graph, self.model.coupling, field, self._phase, threads=self._threads)
        if hasattr(self, "_gauged"):
            # Only the field differs, which has no part in the tables of the layout.
            model.layout = self._gauged.layout
        return model

    def _alone(self, sign: float) -> "XYModel":
        """Spins in a field of +1, -1 or 0 with no bonds between them, in the layout of the states."""
        from mcmc.landscapes.xy.model import XYModel

        return XYModel(self.model.graph, np.zeros(self.model.graph.bonds), sign, self._phase, threads=self._threads)

    @staticmethod
    def _advance(model, state, members, beta, sweeps, update, info) -> None:
        everyone = members.size == state.energy.size
        chains = slice(None) if everyone else members
        part = SpinState(
            state.spins if everyone else np.ascontiguousarray(state.spins[..., members]), np.empty(members.size),
            np.array(int(state.sweep), np.int64), state.chain[chains], state.seed,
        )  # fmt: skip
        part.energy[:] = model.energy(part)
        done = model.sweep(part, beta, sweeps, update)
        if not everyone:
            state.spins[..., members] = part.spins
        for total, own in zip(info, done, strict=True):
            total[members] = own


def _fields(beta: np.ndarray, gamma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Field gamma / beta of each chain, and where there is the pull alone (beta = 0), there its sign instead."""
    if np.isinf(beta).any():
        raise ArgumentError("beta: got infinity; angles have no exact energy 0 to count, a finite number is needed")
    alone = beta == 0
    field = np.where(alone, np.sign(gamma), gamma / np.where(alone, 1.0, beta))
    if (np.abs(field) > STRONGEST).any():
        worst = int(np.argmax(np.abs(field)))
        raise ArgumentError(
            f"gamma: got {gamma[worst]:g} at beta = {beta[worst]:g}; gamma / beta has a modulus of at most "
            f"{STRONGEST:g}; take beta = 0 for the pull alone"
        )
    return field, alone


def _checked_reference(reference: Any, sites: int) -> np.ndarray:
    try:
        angles = np.array(reference, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(f"reference: got {reference!r}; {sites} angles in radians are needed") from None
    if angles.shape != (sites,):
        raise ArgumentError(f"reference: got shape {angles.shape}; one configuration of angles, ({sites},), is needed")
    if not np.isfinite(angles).all():
        raise ArgumentError(f"reference: {angles[~np.isfinite(angles)][0]} among its angles; finite numbers are needed")
    return angles
