"""Experiment "xy-local-entropy": how wide the minima of the 2-D XY model are, against energy and vortices.

How wide a minimum x is at scale t is told by (u(x, t) - f(x)) / N, the smoothed free energy above the energy, per
site: the smaller, the wider. It comes from the determinant of the small oscillations for every minimum (Laplace), and
from integration over the scale for some. The square lattice, J = 1.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from runs.experiments import Control, Experiment
from runs.grid import Point, Positives, Sizes, point_seed, points
from runs.spec import RunSpec, Section

if TYPE_CHECKING:
    import xarray

    from mcmc.landscapes.xy import XYModel
    from runs.figures import Drawing

SMALLEST, LARGEST = 4, 64
"""Sites per side; above, the dense matrix of the small oscillations is too large."""

KINDS = ("ground state", "spin wave", "planted pair", "quench")
SAME_ENERGY = 1e-5
"""Minima of energies closer than this, in J, and as many vortices are taken for one, moved or turned."""

NUDGE = 1e-3
"""Standard deviation of the angles, in radians, by which planted starts leave the saddles that symmetry holds."""

SADDLE = -1e-6


class Starts(Section):
    """Where the descents to minima start; the ground state is always among them."""

    quenches: Annotated[int, Field(ge=1, le=100_000)] = Field(
        256, description="random starts of each size, a total: raising it later adds to the run"
    )
    pairs: list[Annotated[int, Field(ge=2)]] = Field(
        [5, 6, 7, 8, 9, 10, 11],
        description="vortex pairs planted so many steps apart along both axes; those that do not fit are left out",
    )
    windings: list[Annotated[int, Field(ge=1)]] = Field(
        [1, 2], description="spin waves: turns of the angles around the box; those that are no minima are left out"
    )


class Smoothing(Section):
    """The scales and how u is found."""

    beta: Annotated[float, Field(gt=0)] = Field(20.0, description="inverse temperature of the smoothing, in 1 / J")
    scale: Positives = Field([0.1, 0.3, 1.0, 3.0, 10.0], description="scales t, in rad^2 / J")
    integrated: Annotated[int, Field(ge=0)] = Field(
        3, description="minima of each size whose u is integrated too: the first with each number of vortices"
    )
    integrated_scale: Annotated[float, Field(gt=0)] = Field(1.0, description="largest scale of the integration")
    chains: Annotated[int, Field(ge=2)] = Field(4, description="chains of the integration at each rung")
    sweeps: Annotated[int, Field(ge=64)] = Field(1200, description="steps of each chain of the integration")

    @property
    def integrated_scales(self) -> list[float]:
        """Those scales up to which u is integrated."""
        return [t for t in self.scale if t <= self.integrated_scale * (1 + 1e-9)]


class MinimaGrid(Section):
    """Where to look."""

    size: Sizes = Field(description=f"sites per side, {SMALLEST} to {LARGEST}")

    @field_validator("size")
    @classmethod
    def _fits(cls, value: list[int]) -> list[int]:
        if min(value) < SMALLEST or max(value) > LARGEST:
            raise ValueError(f"needs sizes from {SMALLEST} to {LARGEST}")
        return value


class XYLocalEntropySpec(RunSpec):
    """Minima and their widths over sizes."""

    starts: Starts = Field(default_factory=lambda: Starts.model_validate({}))
    smoothing: Smoothing = Field(default_factory=lambda: Smoothing.model_validate({}))
    grid: MinimaGrid


class Planted(NamedTuple):
    """A start: which of KINDS, and its winding, separation or number of the quench."""

    kind: int
    label: int


def starts_of(how: Starts, size: int) -> list[Planted]:
    """All starts of a size, the quenches last."""
    windings = [Planted(1, w) for w in how.windings if 4 * w < size]
    pairs = [Planted(2, steps) for steps in how.pairs if steps < size]
    return [Planted(0, 0), *windings, *pairs, *(Planted(3, i) for i in range(how.quenches))]


class XYLocalEntropy(Experiment):
    """Widths of minima of the 2-D XY model: ground state, spin waves, vortex pairs and quenches."""

    Spec = XYLocalEntropySpec
    extendable = ("starts.quenches", "grid.size")

    def points(self, spec: XYLocalEntropySpec) -> list[Point]:
        """A point for each size."""
        return points({"size": spec.grid.size})

    def draws(self, spec: XYLocalEntropySpec, point: Point) -> int:
        """Starts."""
        return len(starts_of(spec.starts, point.parameters["size"]))

    def cost(self, spec: XYLocalEntropySpec, point: Point) -> float:
        """Sites times the steps of the integrations, whose rungs grow as the side, beside those of the descents."""
        size = point.parameters["size"]
        how = spec.smoothing
        steps = 3.0 * size * how.integrated * how.chains * how.sweeps if how.integrated_scales else 0.0
        return float(size * size * (steps + 2e3 * self.draws(spec, point)))

    def memory(self, spec: XYLocalEntropySpec, point: Point) -> int:
        """The dense matrix of small oscillations with its copies, all minima, and the chains of an integration."""
        sites = point.parameters["size"] ** 2
        chains = 1000 * spec.smoothing.chains * point.parameters["size"]
        return int(4 * 8 * sites**2 + 8 * sites * (4 * self.draws(spec, point) + chains // 10) + 2**26)

    def run_point(self, spec: XYLocalEntropySpec, point: Point, path: Path, control: Control) -> bool:
        """Find all minima, the same again after an interruption, then measure one after another."""
        from mcmc.store.provenance import Provenance
        from mcmc.store.writer import SeriesWriter

        seed, size = point_seed(spec.seed, point.name), point.parameters["size"]
        provenance = Provenance.collect(control.spec_text, seed, control.device)
        if path.exists():
            writer = SeriesWriter.open(path, provenance)
        else:
            writer = _create(path, spec, size, provenance)
        starts = starts_of(spec.starts, size)
        with writer:
            minima = Minima.found(size, starts, seed, control.stop) if writer.n_appended < len(starts) else None
            while writer.n_appended < len(starts):
                control.progress(writer.n_appended, len(starts))
                if minima is None or control.stop():
                    return False
                row = minima.row(writer.n_appended, spec.smoothing, seed)
                writer.append({name: np.asarray(values)[None] for name, values in row.items()})
                if minima.slow or writer.n_appended % 32 == 0:
                    writer.commit()
            control.progress(writer.n_appended, len(starts))
            writer.finish()
        return True

    def assemble(
        self, spec: XYLocalEntropySpec, files: Mapping[str, Path], bins: int | None = None
    ) -> "xarray.Dataset":
        """Distinct minima of each size by energy; nothing here needs bins."""
        from runs.experiments.xy_local_entropy_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Width against energy, and integration against Laplace."""
        from runs.experiments.xy_local_entropy_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Minima found and (u - f) / N beside that of the ground state."""
        from runs.experiments.xy_local_entropy_results import summary

        return summary(results)


class Minima:
    """The minima below all starts of a size, and what is measured of them."""

    def __init__(self, model: "XYModel", starts: list[Planted], angles: np.ndarray):
        self.model, self.starts, self.angles = model, starts, angles
        self.energy = model.energy(angles)
        self.gradient = np.linalg.norm(model.gradient(angles), axis=1)
        self.vortices = model.observables(angles)["vortices"].astype(np.int64)
        self.slow = False
        self._spectra: dict[tuple[int, int], np.ndarray] = {}

    @classmethod
    def found(cls, size: int, starts: list[Planted], seed: int, stop: Any) -> "Minima | None":
        """Descend from every start; None when stopped."""
        from mcmc.landscapes.graphs import square
        from mcmc.landscapes.xy import XYModel
        from mcmc.landscapes.xy.minima import relax

        model = XYModel(square((size, size)))
        planted = [start for start in starts if start.kind != 3]
        quenched = _quenched(model, len(starts) - len(planted), seed, stop)
        if quenched is None:
            return None
        angles = np.concatenate([_planted(model, planted, seed), quenched])
        for row in range(len(angles)):
            if stop():
                return None
            angles[row] = relax(model, angles[row]).angles[0]
        return cls(model, starts, angles)

    def class_of(self, row: int) -> tuple[int, int]:
        """Vortices and rounded energy, the same for copies of a minimum."""
        return int(self.vortices[row]), round(float(self.energy[row]) / SAME_ENERGY)

    def integrates(self, row: int, how: Smoothing) -> bool:
        """Whether this is the first minimum with its number of vortices, and among the first of those."""
        firsts = [int(np.argmax(self.vortices == count)) for count in np.unique(self.vortices)]
        return row in sorted(firsts)[: how.integrated]

    def row(self, row: int, how: Smoothing, seed: int) -> dict[str, Any]:
        """Everything measured of one minimum; widths are NaN where there is none, or it was not asked for."""
        from mcmc.landscapes.xy.minima import oscillation_width, spectrum

        key = self.class_of(row)
        if key not in self._spectra:
            self._spectra[key] = spectrum(self.model, self.angles[row])
        eigenvalues = self._spectra[key]
        minimum = eigenvalues[0] > SADDLE
        integrated = minimum and self.integrates(row, how) and bool(how.integrated_scales)
        self.slow = integrated
        width = oscillation_width(eigenvalues, how.scale, how.beta) if minimum else np.full(len(how.scale), np.nan)
        found = self._integrated(row, how, seed) if integrated else np.full((3, len(how.scale)), np.nan)
        sites = self.model.sites
        return {
            "kind": np.int64(self.starts[row].kind),
            "label": np.int64(self.starts[row].label),
            "energy": self.energy[row],
            "vortices": np.int64(self.vortices[row]),
            "gradient_norm": self.gradient[row],
            "lowest": eigenvalues[0],
            "softest": eigenvalues[1],
            "laplace": width / sites,
            "integration": (found[0] - self.energy[row]) / sites,
            "integration_error": found[1] / sites,
            "warned": found[2],
        }

    def _integrated(self, row: int, how: Smoothing, seed: int) -> np.ndarray:
        """u, its error, and the number of warnings over the scales, (3, scales)."""
        from mcmc.local_entropy import integration

        scales = how.integrated_scales
        curve = integration(
            self.model, self.angles[row], scale=scales, beta=how.beta, seed=seed + row, chains=how.chains,
            sweeps=how.sweeps, burn_in=max(100, how.sweeps // 4),
        )  # fmt: skip
        found = np.full((3, len(how.scale)), np.nan)
        rows = np.stack([curve.value, curve.error, np.full(len(scales), float(len(curve.warnings)))])
        found[:, : len(scales)] = rows
        return found


def _planted(model: "XYModel", starts: list[Planted], seed: int) -> np.ndarray:
    """Ground state, spin waves and vortex pairs, nudged off saddles, (starts, sites)."""
    from mcmc.landscapes.xy.minima import spin_wave, vortex_pair
    from mcmc.random import Stream, normals

    build = {
        0: lambda _: np.zeros(model.sites),
        1: lambda winding: spin_wave(model, winding),
        2: lambda steps: vortex_pair(model, (steps, steps)),
    }
    rows = np.stack([build[start.kind](start.label) for start in starts])
    chain = np.arange(len(starts), dtype=np.uint32)[:, None]
    nudge = normals(seed, Stream.INITIAL, np.arange(model.sites, dtype=np.uint32), 1, chain)[..., 0]
    moved = np.array([start.kind == 2 for start in starts])
    return rows + NUDGE * nudge * moved[:, None]


def _quenched(model: "XYModel", count: int, seed: int, stop: Any) -> np.ndarray | None:
    """Angles after quenches from random starts, (count, sites); None when stopped."""
    from mcmc.samplers import Quench

    sampler, found = Quench(model), []
    for first in range(0, count, 64):
        state = sampler.init(range(first, min(first + 64, count)), seed)
        while not sampler.finished(state):
            if stop():
                return None
            state, _ = sampler.step(state, 100)
        found.append(model.angles(state.spins))
    return np.concatenate(found)


def _create(path: Path, spec: XYLocalEntropySpec, size: int, provenance: Any) -> Any:
    from mcmc.store.writer import SeriesWriter

    one, over = ("draw",), ("draw", "scale")
    kinds: dict[str, tuple[tuple[str, ...], Any, str, str]] = {
        "kind": (one, np.int64, f"start: {', '.join(f'{i} {name}' for i, name in enumerate(KINDS))}", "1"),
        "label": (one, np.int64, "winding, separation or number of the start", "1"),
        "energy": (one, np.float64, "total energy of the minimum", "J"),
        "vortices": (one, np.int64, "vortices and antivortices of the minimum", "1"),
        "gradient_norm": (one, np.float64, "norm of the gradient that is left", "J"),
        "lowest": (one, np.float64, "lowest eigenvalue of the Hessian, that of the turn of all angles", "J"),
        "softest": (one, np.float64, "second lowest eigenvalue of the Hessian", "J"),
        "laplace": (over, np.float64, "(u - f) / N by small oscillations", "J"),
        "integration": (over, np.float64, "(u - f) / N by integration over the scale", "J"),
        "integration_error": (over, np.float64, "one standard error of: (u - f) / N by integration", "J"),
        "warned": (over, np.float64, "warnings of the integration", "1"),
    }
    said = {"long_name": "scale t of the smoothing", "units": "rad^2/J"}
    return SeriesWriter.create(
        path,
        dims={"draw": None, "scale": len(spec.smoothing.scale)},
        coords={"scale": (("scale",), np.array(spec.smoothing.scale), said)},
        variables={
            name: (dims, kind, {"long_name": text, "units": units}) for name, (dims, kind, text, units) in kinds.items()
        },
        provenance=provenance,
        chunk_draws=64,
        attributes={"size": size},
    )
