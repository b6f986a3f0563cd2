"""The XY model: a spin landscape with compiled sweeps and a smooth landscape of angles.

H = -sum_<ij> J_ij cos(theta_i - theta_j - A_ij) - h sum_i cos theta_i
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import SpinState, SweepInfo, chain_ids, inverse_temperatures
from mcmc.landscapes.graphs import Graph, adjacency, nearest
from mcmc.landscapes.xy import cluster, cpu, mean_field, observe, smooth
from mcmc.landscapes.xy.disorder import couplings, phases
from mcmc.landscapes.xy.layout import Layout, layout
from mcmc.landscapes.xy.threads import threaded_sweeps
from mcmc.random import Stream, split_seed, uniforms

if TYPE_CHECKING:
    from mcmc.landscapes.xy.coupled import XYWithReference

PLAN = {
    "metropolis": cpu.METROPOLIS,
    "over_relaxation": cpu.OVER_RELAXATION,
    "heat_bath": cpu.HEAT_BATH,
    "align": cpu.ALIGN,
}
RENORMALISE_EVERY = 16
# float32 has no room above this: beta * delta must stay finite for delta = 0.
LARGEST_BETA = np.float32(1e30)
SMALLEST_SCALE, LARGEST_SCALE = 1e-12, 1e6
DEFAULT_WIDTH = 0.5


class XYModel:
    """XY model on a graph, for `chains` configurations at once.

    graph: from `mcmc.landscapes.graphs`. coupling: a number, (E,) array, "plus-minus" or "gaussian" (divided by N on
    the complete graph). field: h. phase: None, a number, (E,) array or "uniform" (gauge glass). seed: of the random
    couplings and phases. threads: used by sweeps of one colour's rows; the results do not depend on it.
    Raises LandscapeError for values that are not finite, wrong shapes or unknown names.
    """

    data_size: int | None = None
    width_limits = (1e-4, 4.0)
    """Sensible tangents of half the largest rotation; 4 turns by up to 152 degrees."""

    def __init__(self, graph: Graph, coupling=1.0, field: float = 0.0, phase=None, seed: int = 0, threads: int = 1):
        if graph.sites < 2:
            raise LandscapeError(f"graph: {graph.name} of {graph.sites} site; at least 2 sites are needed")
        if isinstance(field, bool) or not isinstance(field, (int, float, np.number)) or not math.isfinite(field):
            raise LandscapeError(f"field: got {field!r}; one finite number is needed")
        if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
            raise ArgumentError(f"threads: got {threads!r}; an integer of at least 1 is needed")
        self.graph = graph
        self.sites = graph.sites
        self.dim = graph.sites
        self.field = float(field)
        self.threads = int(threads)
        self.coupling = couplings(graph, coupling, seed)
        self.phase = phases(graph, phase, seed)
        # Squares of local fields are formed in float32, which ends at 1e38 and thins out below 1e-38.
        scale = max(float(np.max(np.abs(self.coupling))), abs(self.field))
        if scale and not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
            raise LandscapeError(
                f"coupling, field: the largest has modulus {scale:g}; from {SMALLEST_SCALE:g} to {LARGEST_SCALE:g} is "
                "needed; choose the unit of energy closer to J"
            )
        if graph.complete and (np.ndim(self.coupling) > 0 or self.phase is not None):
            raise LandscapeError(
                f"coupling, phase: the complete graph of {graph.sites} sites takes one number J (its bonds are J/N) "
                "and no phases; give other couplings as an edge list"
            )
        self.updates = (*PLAN, "wolff") if self._wolff_obstacle() is None else tuple(PLAN)

    @cached_property
    def layout(self) -> Layout:
        """Memory layout of the compiled sweeps; raises LandscapeError where the graph has no parallel colouring."""
        return layout(self.graph, self.coupling, self.phase)

    @property
    def slots(self) -> int:
        """Length of the second axis of a state's spins."""
        return self.sites if self.graph.complete else self.layout.slots

    @cached_property
    def slot(self) -> np.ndarray:
        """(sites,) int64: where each site's spin stands on the second axis of a state's spins."""
        return np.arange(self.sites) if self.graph.complete else self.layout.slot

    def init(self, chains: int | Sequence[int], seed: int) -> SpinState:
        """Random angles, uniform and independent; a chain's spins depend on the seed and its id alone."""
        ids = chain_ids(chains)
        split_seed(seed)
        site = np.arange(self.sites, dtype=np.uint32)[:, None]
        angles = 2.0 * np.pi * uniforms(seed, Stream.INITIAL, site, 0, ids[None, :])[..., 0]
        return self._state(angles, ids, seed)

    def initial_x(self, chain: Sequence[int], seed: int) -> np.ndarray:
        """Where samplers on the angles start: those of `init`, (chains, sites) float64."""
        return self.angles(self.init(chain, seed))

    def state_from_angles(self, angles: np.ndarray, seed: int = 0, chains: Sequence[int] | None = None) -> SpinState:
        """State with given angles (chains, sites) in radians. Raises ArgumentError for another shape or NaN."""
        values = self._checked_angles(angles)
        if not np.isfinite(values).all():
            raise ArgumentError(f"angles: {values[~np.isfinite(values)][0]} among them; finite numbers are needed")
        return self._state(values.T, chain_ids(len(values) if chains is None else chains), seed)

    def angles(self, state: SpinState) -> np.ndarray:
        """Angles in (-pi, pi], (chains, sites) float64."""
        spins = state.spins[:, self.slot].astype(np.float64)
        return np.arctan2(spins[1], spins[0]).T

    def energy(self, state: SpinState | np.ndarray, batch=None) -> np.ndarray:
        """Total energy from scratch, (chains,) float64, of a state or of angles (chains, sites)."""
        if isinstance(state, tuple):
            spins = state.spins
            if self.graph.complete:
                return mean_field.mean_field_energy(spins, self.coupling, self.field)
            return cpu.total_energy(self.layout.rows, self._flat(spins), spins.shape[2], *self._constants)
        return smooth.angle_energy(self._checked_angles(state), *self.bonds, self.field)

    def gradient(self, x: np.ndarray, batch=None) -> np.ndarray:
        """Gradient of the energy with respect to the angles, (chains, sites) float64."""
        return smooth.angle_gradient(self._checked_angles(x), *self.bonds, self.field)

    def hessian_vector(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Hessian of the energy at the angles x times v; both, and the product, are (chains, sites) float64."""
        return smooth.angle_hessian_vector(self._checked_angles(x), self._checked_angles(v), *self.bonds, self.field)

    def with_reference(self, reference: np.ndarray) -> "XYWithReference":
        """The model pulled to angles (sites,); see `mcmc.landscapes.xy.coupled.XYWithReference`."""
        from mcmc.landscapes.xy.coupled import XYWithReference

        return XYWithReference(self, reference)

    def delta_energy(self, state: SpinState, site: int, proposal: np.ndarray) -> np.ndarray:
        """Slow oracle: energy change if `site` took the angle `proposal` (radians, one per chain)."""
        before = self.angles(state)
        after = before.copy()
        after[:, site] = proposal
        return smooth.angle_energy(after, *self.bonds, self.field) - smooth.angle_energy(
            before, *self.bonds, self.field
        )

    def sweep(
        self,
        state: SpinState,
        beta,
        sweeps: int,
        update: str = "metropolis",
        *,
        width=None,
        over_relaxation: int = 0,
    ) -> SweepInfo:
        """Advance `state` in place; see `SpinLandscape.sweep`.

        `width` for metropolis is the tangent of half the largest rotation, for wolff the number of clusters a sweep.
        """
        chains = state.energy.size
        if update not in self.updates:
            raise LandscapeError(self.refusal(update))
        if over_relaxation and update == "wolff":
            raise LandscapeError(
                "over_relaxation: Wolff clusters take none; use metropolis or heat_bath, or leave it 0"
            )
        lanes = inverse_temperatures(beta, chains)
        for name, count in (("sweeps", sweeps), ("over_relaxation", over_relaxation)):
            if not isinstance(count, (int, np.integer)) or count < 0:
                raise ArgumentError(f"{name}: got {count!r}; 0 or more whole sweeps are needed")
        if int(state.sweep) + sweeps >= 2**32:
            raise ArgumentError(f"sweeps: {int(state.sweep)} done and {sweeps} asked; a chain has at most 2**32 - 1")
        if width is None:
            width = 1 if update == "wolff" else DEFAULT_WIDTH
        scale = np.asarray(width, dtype=np.float64)
        if scale.shape != (chains,):
            scale = np.broadcast_to(scale, (chains,))
        if not (scale > 0).all():
            raise ArgumentError(f"width: got {scale[~(scale > 0)][0]}; numbers above 0 are needed")
        if update == "wolff":
            clusters = np.clip(np.rint(scale), 1, self._most_clusters).astype(np.int64)
            info = self._cluster_sweeps(state, lanes, sweeps, clusters)
        else:
            cold = np.minimum(lanes, LARGEST_BETA).astype(np.float32)
            plan = np.array([PLAN[update]] + [cpu.OVER_RELAXATION] * over_relaxation)
            info = self._site_sweeps(state, cold, sweeps, plan, scale.astype(np.float32))
        state.sweep[...] += sweeps
        return info

    def observables(self, state: SpinState | np.ndarray) -> dict[str, np.ndarray]:
        """Totals measured in one pass, each (chains,) float64; see `observable_attributes`."""
        if not isinstance(state, tuple):
            state = self.state_from_angles(state)
        if self.graph.complete:
            return self._mean_field_observables(state)
        if self._fast_pass:
            lay = self.layout
            corners = self.graph.plaquettes.shape[1] if len(self.graph.plaquettes) else 0
            out = observe.observe_rows(
                lay.rows, state.spins, lay.forward_base, lay.corner_base, lay.coordinate, self.coupling,
                self.graph.vectors, corners, self.sites, self.graph.size[0],
            )  # fmt: skip
        else:
            out = observe.observe_edges(state.spins, *self._measured_bonds)
        return self._named(out)

    def observable_attributes(self) -> Mapping[str, Mapping[str, str]]:
        """Long names and units of what `observables` returns on this graph."""
        named = {
            "energy": ("total energy", "J"),
            "magnetization_x": ("sum of cos theta", "1"),
            "magnetization_y": ("sum of sin theta", "1"),
            "nearest_neighbour_correlation": ("mean of cos(theta_i - theta_j) over bonds", "1"),
        }
        if self._has_vortices:
            named["vortices"] = ("plaquettes of vorticity +1 or -1", "1")
        if self._has_waves:
            named["structure_factor_kmin"] = ("|sum s exp(i k x)|^2 / N at k = 2 pi / L_x", "1")
        for axis in self._directions:
            named[f"helicity_cosine_{axis}"] = (f"sum of J cos(theta_i - theta_j - A_ij) e_{axis}^2", "J")
            named[f"helicity_sine_{axis}"] = (f"sum of J sin(theta_i - theta_j - A_ij) e_{axis}", "J")
        return {name: {"long_name": text, "units": units} for name, (text, units) in named.items()}

    def refusal(self, update: str) -> str:
        """Why this model cannot serve an update, and what to use instead."""
        obstacle = self._wolff_obstacle()
        if update == "wolff" and obstacle is not None:
            return f"update 'wolff': this XY model cannot be served, {obstacle}; use heat_bath or metropolis"
        known = (*PLAN, "wolff")
        return f"update {update!r}: unknown{nearest(update, known)}; one of {', '.join(known)}"

    def _named(self, out: np.ndarray) -> dict[str, np.ndarray]:
        named = {
            "energy": out[observe.ENERGY] - self.field * out[observe.MAGNETIZATION_X],
            "magnetization_x": out[observe.MAGNETIZATION_X],
            "magnetization_y": out[observe.MAGNETIZATION_Y],
            "nearest_neighbour_correlation": out[observe.NEIGHBOUR] / self.graph.bonds,
        }
        if self._has_vortices:
            named["vortices"] = out[observe.VORTICES]
        if self._has_waves:
            named["structure_factor_kmin"] = out[observe.STRUCTURE]
        for d, axis in enumerate(self._directions):
            named[f"helicity_cosine_{axis}"] = out[observe.FIXED + 2 * d]
            named[f"helicity_sine_{axis}"] = out[observe.FIXED + 2 * d + 1]
        return named

    def _mean_field_observables(self, state: SpinState) -> dict[str, np.ndarray]:
        total = mean_field.total_spin(state.spins)
        energy = self.energy(state)
        pairs = -self.sites * mean_field.mean_field_energy(state.spins, 1.0, 0.0)
        return {
            "energy": energy,
            "magnetization_x": total[0],
            "magnetization_y": total[1],
            "nearest_neighbour_correlation": pairs / self.graph.bonds,
        }

    def _site_sweeps(self, state, beta, sweeps, plan, width) -> SweepInfo:
        chains = state.energy.size
        k0, k1 = split_seed(int(state.seed))
        accepted = np.zeros(chains, dtype=np.int64)
        drift = np.zeros(chains)
        first = int(state.sweep)
        if self.graph.complete:
            mean_field.mean_field_sweeps(
                plan, state.spins, state.energy, state.chain, beta, width, first, sweeps, k0, k1,
                self.coupling, self.field, RENORMALISE_EVERY, accepted, drift,
            )  # fmt: skip
        else:
            lay = self.layout
            run: Callable[..., None] = cpu.run_sweeps
            if self.threads > 1:
                run = partial(threaded_sweeps, self.threads)
            run(
                plan, lay.rows, lay.colour_pointer, self._flat(state.spins), state.energy, state.chain, beta,
                width, first, sweeps, k0, k1, *self._constants, RENORMALISE_EVERY, accepted, drift,
            )  # fmt: skip
        attempts = max(sweeps, 1) * self.sites
        moves = accepted if plan[0] == cpu.METROPOLIS else np.full(chains, sweeps * self.sites)
        return SweepInfo(moves / attempts, drift, moves)

    def _cluster_sweeps(self, state, beta, sweeps, clusters) -> SweepInfo:
        k0, k1 = split_seed(int(state.seed))
        chains = state.energy.size
        flipped, grown = np.zeros(chains, dtype=np.int64), np.zeros(chains, dtype=np.int64)
        drift = np.zeros(chains)
        pointers, neighbors, strength = self._cluster_links
        cluster.cluster_sweeps(
            state.spins, self.slot, pointers, neighbors, strength, state.energy,
            np.minimum(beta, LARGEST_BETA), clusters, int(state.sweep), sweeps, state.chain, k0, k1,
            RENORMALISE_EVERY, flipped, grown, drift,
        )  # fmt: skip
        if not self.graph.complete:
            cluster.mirror_halo(state.spins, self.layout.halo)
        return SweepInfo(flipped / np.maximum(grown, 1) / self.sites, drift, flipped)

    def _state(self, angles, ids, seed) -> SpinState:
        """State from angles (sites, chains)."""
        spins = np.zeros((2, self.slots, ids.size), dtype=np.float32)
        spins[0, self.slot] = np.cos(angles)
        spins[1, self.slot] = np.sin(angles)
        if not self.graph.complete:
            halo = self.layout.halo
            spins[:, halo[:, 0]] = spins[:, halo[:, 1]]
        state = SpinState(spins, np.zeros(ids.size), np.zeros((), np.int64), ids, np.array(seed, dtype=np.uint64))
        state.energy[:] = self.energy(state)
        return state

    def _checked_angles(self, angles) -> np.ndarray:
        values = np.ascontiguousarray(angles, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != self.sites:
            raise ArgumentError(f"angles: got shape {values.shape}; (chains, {self.sites}) is needed")
        return values

    @staticmethod
    def _flat(spins: np.ndarray) -> np.ndarray:
        """View with (slot, chain) as one axis."""
        return spins.reshape(2, -1)

    @cached_property
    def _constants(self):
        uniform = np.float32(self.coupling if np.ndim(self.coupling) == 0 else 0.0)
        return uniform, np.float32(self.field), self.layout.sliced, self.layout.weighted

    @cached_property
    def bonds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """First and second site, strength J and phase A of every bond, (E,) each."""
        edges = self.graph.edges
        strength = np.broadcast_to(np.asarray(self.coupling, dtype=np.float64), (len(edges),))
        if self.graph.complete:
            strength = strength / self.sites
        phase = np.zeros(len(edges)) if self.phase is None else self.phase
        return edges[:, 0].copy(), edges[:, 1].copy(), np.ascontiguousarray(strength), phase

    @cached_property
    def _measured_bonds(self):
        first, second, strength, phase = self.bonds
        components = self.graph.displacement
        plaquettes = self.graph.plaquettes
        x = self.graph.coordinates[:, 0] if self._has_waves else np.zeros(self.sites)
        angle = 2.0 * np.pi * x / (self.graph.size[0] if self._has_waves else 1)
        wave = np.stack([np.cos(angle), np.sin(angle)])
        return (
            self.slot[first], self.slot[second], strength, np.cos(phase), np.sin(phase),
            np.ascontiguousarray(components), plaquettes, self.slot, wave,
        )  # fmt: skip

    @cached_property
    def _cluster_links(self):
        table = adjacency(self.graph)
        strength = self.bonds[2][table.edge]
        return table.pointers, table.neighbors, strength.astype(np.float32)

    @cached_property
    def _most_clusters(self) -> int:
        """Clusters a sweep that the draw index of the random numbers can count apart."""
        calls = -(-int(np.diff(self._cluster_links[0]).max()) // 4)
        return cluster.DRAWS // calls

    @cached_property
    def _fast_pass(self) -> bool:
        uniform = self.layout.sliced and not self.layout.weighted
        return uniform and self.graph.periodic and len(self.graph.size) > 1

    @property
    def _directions(self) -> tuple[str, ...]:
        return self.graph.directions

    @property
    def _has_vortices(self) -> bool:
        return len(self.graph.plaquettes) > 0

    @property
    def _has_waves(self) -> bool:
        return self.graph.periodic and len(self.graph.size) > 0

    def _wolff_obstacle(self) -> str | None:
        if self.phase is not None:
            return "it has phases A_ij"
        if self.field != 0.0:
            return f"it has a field h = {self.field:g}"
        if np.min(self.coupling) < 0.0:
            return f"it has an antiferromagnetic coupling, J = {np.min(self.coupling):g}"
        if self.graph.complete and self.sites > 4096:
            return f"the complete graph of {self.sites} sites is too large for bond lists (4096 at most)"
        return None
