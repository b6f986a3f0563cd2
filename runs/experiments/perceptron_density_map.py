"""Experiment "perceptron-density-map": how dense the densest groups of solutions are, on the plane of alpha and d.

Theory gives the entropy of groups of y -> infinity solutions at one mutual distance; as a map it shows where that
entropy falls with distance, so that dense groups are cut off from the rest (arXiv:1511.05634, 1605.06444). Local
entropies around solutions that solvers find are measured as in "perceptron-local-entropy", and laid over it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationInfo, field_validator

from runs.experiments.perceptron_local_entropy import LocalEntropySpec, PerceptronLocalEntropy, SourceGrid
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing


class Map(Section):
    """Where theory is evaluated: some 25 ms a place."""

    alpha_from: Annotated[float, Field(gt=0)] = Field(0.3, description="lowest alpha of the map; it ends at capacity")
    alphas: Annotated[int, Field(ge=4, le=400)] = Field(25, description="alphas of the map")
    distances: Annotated[int, Field(ge=4, le=400)] = Field(26, description="distances of the map")
    nearest: Annotated[float, Field(gt=0, lt=0.1)] = Field(0.002, description="smallest distance of the map")
    width: Annotated[float, Field(gt=0, lt=0.1)] = Field(0.001, description="width of the bracket of alpha_U")


class DensityMapSpec(LocalEntropySpec):
    """References from solvers over sizes and alphas, and the map of theory."""

    map: Map = Field(default_factory=lambda: Map.model_validate({}))

    @field_validator("grid")
    @classmethod
    def _solvers_below_capacity(cls, value: SourceGrid, info: ValidationInfo) -> SourceGrid:
        from perceptron.solvers import METHODS

        other = [source for source in value.source if source not in METHODS]
        if other:
            raise ValueError(f'source "{other[0]}" is no solver; the map compares what solvers find with theory')
        return value

    @field_validator("map")
    @classmethod
    def _below_capacity(cls, value: Map, info: ValidationInfo) -> Map:
        from runs.experiments.perceptron_theory import storage_capacity

        patterns = info.data.get("patterns")
        capacity = storage_capacity(patterns) if patterns is not None else float("inf")
        if value.alpha_from >= capacity:
            raise ValueError(f"alpha_from = {value.alpha_from:g} is not below the capacity {capacity:.3f}; take less")
        return value


class PerceptronDensityMap(PerceptronLocalEntropy):
    """Theory of the densest groups of solutions as a map, with measured local entropies."""

    Spec = DensityMapSpec
    uses_bins = False

    def assemble(self, spec: LocalEntropySpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Means over instances, which are independent (`bins` has nothing to do), and the map of theory."""
        from runs.experiments.perceptron_density_map_theory import map_variables, residual_variables

        assert isinstance(spec, DensityMapSpec)
        results = super().assemble(spec, files, bins)
        results = results.assign(map_variables(spec))
        return results.assign(residual_variables(spec, results))

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """The map with measured points, and what they differ by from theory."""
        from runs.experiments.perceptron_density_map_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """The bracket of alpha_U, and how far measured points lie from theory."""
        from runs.experiments.perceptron_density_map_figures import summary

        return summary(results)
