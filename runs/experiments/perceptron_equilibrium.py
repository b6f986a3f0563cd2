"""Experiment "perceptron-equilibrium": energy, entropy and overlaps of the binary perceptron against temperature.

Parallel tempering of heat baths over all temperatures of an instance at once, in pairs of independent chains. The mean
energy is integrated from beta = 0, where the entropy is n ln 2, and averaged over instances. (Metropolis sweeps would
turn over every weight at beta = 0 and never forget where they began.)
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.perceptron_spec import (
    InstanceGrid,
    Instances,
    OnPatterns,
    check_grid,
    instance_of,
    pattern_count,
)
from runs.grid import NonNegatives, Point, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

FEWEST_DRAWS = 16
"""Both halves of a chain are compared, each by its ranks."""

SERIES_BUFFER = 64 * 2**20
"""Bytes of rows waiting for a full chunk, and of the FFT that checks the length of the chains."""

ANALYSED_SERIES = 12
"""Arrays as large as one stored series that the analysis of a point holds at once."""


class EquilibriumSampler(Section):
    """How configurations are drawn."""

    energy: Literal["errors", "hinge"] = Field(
        "errors", description="wrong patterns, or the flips that they need (binary patterns)"
    )
    thermalization: Annotated[int, Field(ge=0)] = Field(1000, description="sweeps before measuring")
    chains: Annotated[int, Field(ge=2)] = Field(
        2, description="independent chains of each instance, compared in pairs: an even number"
    )
    thin: Annotated[int, Field(ge=1)] = Field(5, description="sweeps per draw")
    sweeps: Annotated[int, Field(ge=1)] = Field(
        4000, validate_default=True, description="measured sweeps, a total: raising it later extends the run"
    )
    swap_every: Annotated[int, Field(ge=1)] = Field(1, description="sweeps between exchanges")

    @field_validator("chains")
    @classmethod
    def _in_pairs(cls, value: int) -> int:
        if value % 2:
            raise ValueError("needs an even number: chains are compared in pairs")
        return value

    @field_validator("sweeps")
    @classmethod
    def _enough_draws(cls, value: int, info: ValidationInfo) -> int:
        thin = info.data.get("thin", 1)
        if value // thin < FEWEST_DRAWS:
            raise ValueError(f"gives {value // thin} draws with thin = {thin}; at least {FEWEST_DRAWS * thin} sweeps")
        return value

    @property
    def draws(self) -> int:
        """Draws of each chain."""
        return self.sweeps // self.thin


class EquilibriumGrid(InstanceGrid):
    """Where to measure."""

    beta: NonNegatives = Field(description="inverse temperatures, from 0 on for the entropy; k_B = 1")
    instances: Annotated[int, Field(ge=1)] = Field(
        16, description="instances of each (n, alpha), a total: raising it later adds to the run"
    )


class EquilibriumSpec(OnPatterns):
    """Tempering over sizes, alphas and instances."""

    sampler: EquilibriumSampler = Field(default_factory=lambda: EquilibriumSampler.model_validate({}))
    grid: EquilibriumGrid

    @field_validator("sampler")
    @classmethod
    def _energy_of_patterns(cls, value: EquilibriumSampler, info: ValidationInfo) -> EquilibriumSampler:
        patterns = info.data.get("patterns")
        if patterns is not None and patterns.kind == "gaussian" and value.energy == "hinge":
            raise ValueError('energy = "hinge" counts flips of +-1 entries; with Gaussian patterns use "errors"')
        return value

    @field_validator("grid")
    @classmethod
    def _grid_fits(cls, value: EquilibriumGrid, info: ValidationInfo) -> EquilibriumGrid:
        faults = []
        if len(value.beta) < 2 or value.beta[0] != 0.0:
            faults.append("beta: needs 0 and one more; the entropy is integrated from beta = 0, where it is n ln 2")
        try:
            check_grid(value, info.data.get("patterns"))
        except ValueError as error:
            faults.append(str(error))
        if faults:
            raise ValueError("; ".join(faults))
        return value


class PerceptronEquilibrium(Experiment):
    """Energy, entropy and overlaps of the binary perceptron against temperature, by parallel tempering."""

    Spec = EquilibriumSpec
    extendable = ("sampler.sweeps", "grid.n", "grid.alpha", "grid.instances")

    def fixed(self, spec: EquilibriumSpec) -> dict[str, str]:
        """Tempered temperatures stay as they are."""
        return {"grid.beta": "tempering exchanges all temperatures, so that another changes those there are"}

    def points(self, spec: EquilibriumSpec) -> list[Point]:
        """A point for each instance."""
        return points({"n": spec.grid.n, "alpha": spec.grid.alpha, "instance": range(spec.grid.instances)})

    def draws(self, spec: EquilibriumSpec, point: Point) -> int:
        """Draws of each chain."""
        return spec.sampler.draws

    def cost(self, spec: EquilibriumSpec, point: Point) -> float:
        """Nanoseconds: updates of a weight, and the patterns that a flip of it touches."""
        n, p = point.parameters["n"], pattern_count(point.parameters["n"], point.parameters["alpha"])
        sweeps = spec.sampler.thermalization + spec.sampler.sweeps
        return float(n * _lanes(spec) * sweeps * (15.0 + 0.02 * p))

    def memory(self, spec: EquilibriumSpec, point: Point) -> int:
        """Patterns, states, and the series read back at the end."""
        n, p = point.parameters["n"], pattern_count(point.parameters["n"], point.parameters["alpha"])
        instance = n * p * (24 if spec.patterns.kind == "gaussian" else 10)
        state = _lanes(spec) * (8 * n + 12 * p)
        return int(instance + state + 4 * _lanes(spec) * spec.sampler.draws * 8 + SERIES_BUFFER)

    def analysis_memory(self, spec: EquilibriumSpec) -> int:
        """The series of one point at a time."""
        return ANALYSED_SERIES * _lanes(spec) * spec.sampler.draws * 8

    def run_point(self, spec: EquilibriumSpec, point: Point, path: Path, control: Control) -> bool:
        """Sample the instance into its file."""
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

    def assemble(self, spec: EquilibriumSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Estimates over (n, alpha, beta); `bins` is the number for each chain."""
        from runs.experiments.perceptron_equilibrium_results import assemble

        return assemble(spec, self.points(spec), files, bins)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Thermodynamics over theory, overlaps, and how far to trust them."""
        from runs.experiments.perceptron_equilibrium_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Energy and entropy at the coldest temperature in equilibrium, theory beside them."""
        from runs.experiments.perceptron_equilibrium_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Limits at large N, or the largest size, beside replica theory."""
        from runs.experiments.perceptron_equilibrium_summary import verdicts

        return verdicts(results)


def build_sampler(spec: EquilibriumSpec, point: Point) -> Any:
    """The sampler of a point on its own instance."""
    from mcmc.samplers import HeatBath
    from perceptron import BinaryPerceptron
    from runs.experiments.perceptron_pairs import PairedTempering

    instance = instance_of(spec.patterns, spec.seed, point)
    model: Any = BinaryPerceptron(instance, spec.sampler.energy, spec.patterns.margin)
    return PairedTempering(HeatBath(model), temperatures(spec), swap_every=spec.sampler.swap_every)


def temperatures(spec: EquilibriumSpec) -> np.ndarray:
    """1 / beta, infinite for beta = 0, in the order of the betas."""
    return np.array([math.inf if beta == 0.0 else 1.0 / beta for beta in spec.grid.beta])


def exact_energy_at_zero(patterns: Instances, energy: str, n: int, p: int) -> float | None:
    """Mean energy of every instance at beta = 0 where it is the same for all: all configurations are alike there.

    Entries +-1 give each pattern the same chance to be wrong; Gaussian ones do by symmetry at margin 0. None else.
    """
    from perceptron import theory

    if energy != "errors" or (patterns.kind == "gaussian" and patterns.margin != 0.0):
        return None
    if patterns.kind == "gaussian":
        return 0.5 * p
    tie = patterns.tie if n % 2 == 0 else None
    return p * (1.0 - float(theory.right_probability(n, patterns.margin, tie=tie)))


def _lanes(spec: EquilibriumSpec) -> int:
    return spec.sampler.chains * len(spec.grid.beta)
