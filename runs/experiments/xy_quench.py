"""Experiment "xy-quench": zero-temperature quenches of the XY model from random angles, size by size.

Every spin is turned parallel to its local field, sweep after sweep, until the energy falls no further. What remains
above the ground state are vortices that the lattice pins and windings around the periodic box.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.xy_series import geometry
from runs.experiments.xy_spec import OnLandscape, check_sizes, disorder_seed
from runs.grid import Point, Sizes, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing


class Quenching(Section):
    """How far and how often."""

    quenches: Annotated[int, Field(ge=2)] = Field(
        256, description="quenches of each size, a total: raising it later adds to the run; rounded up to full batches"
    )
    batch: Annotated[int, Field(ge=1)] = Field(32, description="quenches that advance together and are stored at once")
    tolerance: Annotated[float, Field(gt=0)] = Field(
        1e-7, description="settled when 20 sweeps lower the energy per site by less than this"
    )
    most_sweeps: Annotated[int, Field(ge=20)] = Field(
        100_000, description="sweeps after which a quench is given up, and counted as not settled"
    )

    @property
    def batches(self) -> int:
        """Batches of each size."""
        return -(-self.quenches // self.batch)

    @property
    def times(self) -> list[int]:
        """Sweeps at which the relaxation is recorded: 0, 1, 2, 4, ..."""
        return [0, *(2**k for k in range(self.most_sweeps.bit_length()) if 2**k <= self.most_sweeps)]


class QuenchGrid(Section):
    """Where to quench."""

    size: Sizes = Field(description="sites per side; of a chain, random or complete graph the number of sites")


class QuenchSpec(OnLandscape):
    """Quenches over sizes."""

    quench: Quenching = Field(default_factory=lambda: Quenching.model_validate({}))
    grid: QuenchGrid

    @field_validator("grid")
    @classmethod
    def _grid_fits(cls, value: QuenchGrid, info: ValidationInfo) -> QuenchGrid:
        if info.data.get("landscape") is not None:
            check_sizes(info.data["landscape"], value.size)
        return value


class XYQuench(Experiment):
    """Energy and vortices left by zero-temperature quenches of the XY model, against size."""

    Spec = QuenchSpec
    extendable = ("quench.quenches", "grid.size")
    uses_bins = False

    def points(self, spec: QuenchSpec) -> list[Point]:
        """A point for each size."""
        return points({"size": spec.grid.size})

    def draws(self, spec: QuenchSpec, point: Point) -> int:
        """Batches."""
        return spec.quench.batches

    def cost(self, spec: QuenchSpec, point: Point) -> float:
        """Sites times the sweeps to settle, which grow about as the side."""
        place = geometry(spec.landscape, point.parameters["size"])
        return float(place.sites * place.size * spec.quench.batches * spec.quench.batch)

    def memory(self, spec: QuenchSpec, point: Point) -> int:
        """Spins of a batch, twice while settled chains are set aside, and the tables of the graph."""
        place = geometry(spec.landscape, point.parameters["size"])
        bonds = place.bonds * 120 if spec.landscape.disordered and place.lattice != "complete" else 0
        return int(place.sites * (spec.quench.batch * 40 + 64) + bonds + 2**24)

    def run_point(self, spec: QuenchSpec, point: Point, path: Path, control: Control) -> bool:
        """Quench batch after batch; a batch that was interrupted is done again, with the same random numbers."""
        from mcmc.samplers import Quench
        from mcmc.store.provenance import Provenance
        from mcmc.store.writer import SeriesWriter

        seed = point_seed(spec.seed, point.name)
        model = spec.landscape.model(point.parameters["size"], disorder_seed(spec.seed, point), spec.device)
        sampler = Quench(model, tolerance=spec.quench.tolerance)
        provenance = Provenance.collect(control.spec_text, seed, control.device)
        if path.exists():
            writer = SeriesWriter.open(path, provenance)
        else:
            writer = _create(path, sampler, spec, provenance)
        with writer:
            while writer.n_appended < spec.quench.batches:
                control.progress(writer.n_appended, spec.quench.batches)
                found = _quench(sampler, spec.quench, writer.n_appended, seed, control.stop)
                if found is None:
                    return False
                writer.append({name: values[None] for name, values in found.items()})
                writer.commit()
            control.progress(writer.n_appended, spec.quench.batches)
            writer.finish()
        return True

    def assemble(self, spec: QuenchSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Means over quenches, which are independent: `bins` has nothing to do."""
        from runs.experiments.xy_quench_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """What is left against size, its distribution, and the way there."""
        from runs.experiments.xy_quench_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """What is left in the largest system."""
        from runs.experiments.xy_quench_results import summary

        return summary(results)


def _quench(sampler: Any, how: Quenching, batch: int, seed: int, stop: Any) -> dict[str, np.ndarray] | None:
    """The final observables of one batch, (chain,), and energy on the way, (chain, time); None when stopped."""
    chains = np.arange(batch * how.batch, (batch + 1) * how.batch)
    state = sampler.init(chains, seed)
    energy, vortices = [], []
    for time in how.times:
        while int(state.sweep) < time and not sampler.finished(state):
            if stop():
                return None
            state, _ = sampler.step(state, min(time - int(state.sweep), 100))
        seen = sampler.observables(state)
        energy.append(seen["energy"])
        vortices.append(seen.get("vortices"))
    while int(state.sweep) < how.most_sweeps and not sampler.finished(state):
        if stop():
            return None
        state, _ = sampler.step(state, min(how.most_sweeps - int(state.sweep), 100))
    found = {**sampler.observables(state), **sampler.statistics(state), "energy_relaxation": np.stack(energy, axis=1)}
    if "vortices" in found:
        found["vortices_relaxation"] = np.stack(vortices, axis=1)
    return found


def _create(path: Path, sampler: Any, spec: QuenchSpec, provenance: Any) -> Any:
    from mcmc.store.writer import SeriesWriter

    how = spec.quench
    attributes = dict(sampler.attributes())
    attributes["settled_at"] = {
        "long_name": "sweep at which the quench settled, NaN where it did not",
        "units": "sweeps",
    }
    variables: dict[str, Any] = {name: (("draw", "chain"), np.float64, said) for name, said in attributes.items()}
    for name in ("energy", "vortices"):
        if name in attributes:
            said = {**attributes[name], "long_name": f"{attributes[name]['long_name']} on the way"}
            variables[f"{name}_relaxation"] = ("draw", "chain", "time"), np.float64, said
    times = (("time",), np.array(how.times), {"long_name": "time", "units": "sweeps"})
    return SeriesWriter.create(
        path,
        dims={"chain": how.batch, "draw": None, "time": len(how.times)},
        coords={"time": times},
        variables=variables,
        provenance=provenance,
        chunk_draws=8,
    )
