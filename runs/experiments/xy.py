"""Experiment "xy": thermodynamics of the XY model over sizes and temperatures, and its transition.

With tempering a point is a size and holds all its temperatures; any other sampler has a point for each temperature.
Random couplings, phases or bonds add a point for each instance.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments import Control, Experiment
from runs.experiments.xy_series import Geometry, geometry
from runs.experiments.xy_spec import ON_SPINS, XYSpec, disorder_seed
from runs.grid import Point, point_seed, points

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

SERIES_BUFFER = 64 * 2**20
"""Bytes of rows waiting for a full chunk, and of the FFT that checks the length of the chains."""

ANALYSED_SERIES = 35
"""Arrays as large as one stored series that the analysis of a point holds at once, measured."""


class XYPhaseDiagram(Experiment):
    """Thermodynamics of the XY model against temperature, size by size."""

    Spec = XYSpec
    extendable = ("sampler.sweeps", "grid.size", "grid.instances")

    def may_grow(self, spec: XYSpec) -> tuple[str, ...]:
        """Temperatures too, where each is a point of its own."""
        return self.extendable if spec.sampler.kind == "tempering" else (*self.extendable, "grid.temperature")

    def fixed(self, spec: XYSpec) -> dict[str, str]:
        """Tempered temperatures stay as they are."""
        if spec.sampler.kind != "tempering":
            return {}
        return {"grid.temperature": "tempering exchanges all temperatures, so that another changes those there are"}

    def points(self, spec: XYSpec) -> list[Point]:
        """A point for each size, with instances where there is disorder, with temperatures unless they are tempered."""
        axes: dict[str, Any] = {"size": spec.grid.size}
        if spec.sampler.kind != "tempering":
            axes["temperature"] = spec.grid.temperature
        if spec.landscape.disordered:
            axes["instance"] = range(spec.grid.instances)
        return points(axes)

    def draws(self, spec: XYSpec, point: Point) -> int:
        """Draws of each chain."""
        return spec.sampler.draws

    def cost(self, spec: XYSpec, point: Point) -> float:
        """Updates of a site, over-relaxation counted as a quarter of a Metropolis update."""
        sweeps = spec.sampler.thermalization + spec.sampler.sweeps
        return float(_geometry(spec, point).sites * _lanes(spec) * sweeps * (1 + 0.25 * spec.sampler.over_relaxation))

    def memory(self, spec: XYSpec, point: Point) -> int:
        """States, random couplings, and the series read back at the end."""
        place = _geometry(spec, point)
        lanes = _lanes(spec)
        on_spins = spec.sampler.moves in ON_SPINS
        # Unit vectors in float32 with their halo; else angle, gradient, proposal and its gradient in float64.
        state = place.sites * lanes * (12 if on_spins else 48)
        # Bond tables of graphs that are not lattices, and of lattices with a coupling or phase of their own per bond.
        listed = spec.landscape.disordered or not on_spins or spec.sampler.moves == "wolff"
        bonds = place.bonds * 120 if listed and (place.lattice != "complete" or not on_spins) else 0
        series = (6 + 2 * len(place.directions)) * lanes * spec.sampler.draws * 8
        return int(2 * state + bonds + place.sites * 64 + series + SERIES_BUFFER)

    def analysis_memory(self, spec: XYSpec) -> int:
        """The moments of one point at a time, and their bins."""
        return ANALYSED_SERIES * _lanes(spec) * spec.sampler.draws * 8

    def run_point(self, spec: XYSpec, point: Point, path: Path, control: Control) -> bool:
        """Sample the point into its file."""
        from mcmc.samplers import sample
        from mcmc.store.provenance import Provenance

        seed = point_seed(spec.seed, point.name)
        drawn = sample(
            build_sampler(spec, point),
            spec.sampler.sweeps,
            chains=spec.sampler.chains,
            seed=seed,
            burn_in=spec.sampler.thermalization,
            thin=spec.sampler.thin,
            progress=control.progress,
            path=path,
            stop=control.stop,
            provenance=Provenance.collect(control.spec_text, seed, control.device),
        )
        return drawn.sizes["draw"] >= spec.sampler.draws

    def assemble(self, spec: XYSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Estimates over (size, temperature); `bins` is the number for each chain."""
        from runs.experiments.xy_results import assemble

        results = assemble(spec, self.points(spec), files, bins)
        if bins is not None:
            # Bins are of one length: the number asked for need not come out.
            results.attrs["bins"] = int(results["bins"].min()) // spec.sampler.chains
        return results

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Thermodynamics, and the transition where the model has one that is known."""
        from runs.experiments.xy_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """The transition, or what was measured where there is none."""
        from runs.experiments.xy_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """T_BKT or T_c beside the published one; of the gauge glass, the helicity modulus beside 0."""
        from runs.experiments.xy_summary import verdicts

        return verdicts(results)


def build_sampler(spec: XYSpec, point: Point) -> Any:
    """The sampler of a point on its own landscape."""
    from mcmc import samplers

    model = spec.landscape.model(point.parameters["size"], disorder_seed(spec.seed, point), spec.device)
    temperature = point.parameters.get("temperature")
    beta = 1.0 if temperature is None else 1.0 / temperature
    choice = spec.sampler
    moves = {
        "metropolis": lambda: samplers.Metropolis(model, beta, over_relaxation=choice.over_relaxation),
        "heat_bath": lambda: samplers.HeatBath(model, beta, over_relaxation=choice.over_relaxation),
        "wolff": lambda: samplers.Wolff(model, beta),
        "langevin": lambda: samplers.Langevin(model, beta, step_size=choice.step_size),
        "mala": lambda: samplers.MALA(model, beta, step_size=choice.step_size),
    }[choice.moves]()
    if choice.kind != "tempering":
        return moves
    return samplers.Tempering(moves, np.array(spec.grid.temperature), swap_every=choice.swap_every or 1)


def _lanes(spec: XYSpec) -> int:
    tempered = len(spec.grid.temperature) if spec.sampler.kind == "tempering" else 1
    return spec.sampler.chains * tempered


def _geometry(spec: XYSpec, point: Point) -> Geometry:
    return geometry(spec.landscape, point.parameters["size"])
