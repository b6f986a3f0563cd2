"""Experiment "perceptron-local-entropy": how many solutions lie at distance d from one, by where that one comes from.

References are solutions that algorithms find, solutions drawn uniformly from all of an instance, and teachers of
planted instances. Around the typical ones of the last two there is nothing nearby, while algorithms end in dense
groups (arXiv:1509.05753). Algorithms and uniform draws see the same instances; a planted instance is one of another
ensemble, in which its teacher is a uniformly drawn solution.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from perceptron.solvers import METHODS
from runs.experiments import Control, Experiment
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.experiments.perceptron_methods import SolverOptions, options_text
from runs.experiments.perceptron_spec import InstanceGrid, Instances, OnPatterns, check_grid, pattern_count
from runs.grid import NonNegatives, Point, Positives, point_seed, points
from runs.spec import Says, Section, nearest

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing

TYPICAL = ("enumerated", "sampled", "planted")
"""Sources that are no solvers."""

ESTIMATORS = ("enumeration", "integration", "bethe")

FLIPS = (1, 2)
"""Neighbours of a reference within so many flips are counted at every size."""

MOST_ENUMERATED = 31
MESSAGE_BYTES = 96
"""Memory for each entry of the patterns: messages of belief propagation, patterns and chains."""


class Estimating(Section):
    """How the local entropy is found."""

    exact_up_to: Annotated[int, Field(ge=2, le=MOST_ENUMERATED)] = Field(
        29, description="weights up to which solutions are counted exactly; beyond there are integration and bethe"
    )
    integrated: Annotated[int, Field(ge=0)] = Field(
        1, description="instances of each point beyond exact_up_to that are integrated: the slow estimator"
    )
    error: Annotated[float, Field(gt=0)] = Field(
        0.002, description="standard error asked of the integration, nats per weight"
    )
    budget: Annotated[float, Field(gt=0)] = Field(
        2e9, description="proposed flips after which an integration stops measuring: 1e9 take about 10 s"
    )
    bethe: bool = Field(True, description="belief propagation around every reference")


class Sampling(Section):
    """Source "sampled": parallel tempering of heat baths, one of whose solutions is taken when the chains agree."""

    beta: NonNegatives = Field(
        default_factory=lambda: [0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.5, 3.0, 3.6, 4.3, 5.0],
        description="inverse temperatures, from 0, where everything is forgotten",
    )
    chains: Annotated[int, Field(ge=2)] = Field(2, description="independent chains that have to agree")
    thermalization: Annotated[int, Field(ge=0)] = Field(500, description="sweeps before measuring")
    draws: Annotated[int, Field(ge=8)] = Field(200, description="measurements of each chain")
    thin: Annotated[int, Field(ge=1)] = Field(10, description="sweeps for each of them")
    r_hat: Annotated[float, Field(gt=1)] = Field(1.05, description="largest R-hat of the energies; else refused")
    instances: Annotated[int, Field(ge=2)] = Field(16, description="instances of each point that are sampled, at most")
    round_trips: Annotated[int, Field(ge=1)] = Field(
        20, description="fewest journeys cold - hot - cold of the replicas of a chain; else refused"
    )
    largest_n: Annotated[int, Field(ge=2)] = Field(
        101, description="sizes above are left out: tempering does not reach equilibrium among solutions there"
    )

    @field_validator("beta")
    @classmethod
    def _from_zero(cls, value: list[float]) -> list[float]:
        if len(value) < 2 or value[0] != 0.0:
            raise ValueError("needs 0 and one more; a replica forgets where it was at beta = 0")
        return value


def _known_source(value: str) -> str:
    known = [*TYPICAL, *METHODS]
    if value not in known:
        close = nearest(value, known)
        hint = f"did you mean {close}? " if close else ""
        raise ValueError(f"no such source; {hint}known: {', '.join(known)}")
    return value


def _distinct(value: list[str]) -> list[str]:
    repeated = next((item for item in value if value.count(item) > 1), None)
    if repeated is not None:
        raise ValueError(f"has {repeated} more than once; each value of an axis stands once")
    return value


if TYPE_CHECKING:
    Sources = list[str]
else:
    Sources = Annotated[
        list[Annotated[str, AfterValidator(_known_source)]],
        Field(min_length=1),
        AfterValidator(_distinct),
        Says(f"names of solvers, or {', '.join(TYPICAL)}"),
    ]


class SourceGrid(InstanceGrid):
    """Whose surroundings, and where."""

    source: Sources = Field(description="where references come from: solvers, enumerated, sampled, planted")
    distance: Positives = Field(
        description="fractions of flipped weights, up to 1/2; the nearest multiple of 1/n is measured, once each"
    )
    instances: Annotated[int, Field(ge=2)] = Field(
        64, description="instances of each (n, alpha) that is enumerated, a total: raising it later adds to the run"
    )
    instances_beyond: Annotated[int, Field(ge=2)] = Field(
        8, description="the same for sizes beyond local_entropy.exact_up_to"
    )

    @field_validator("distance")
    @classmethod
    def _up_to_half(cls, value: list[float]) -> list[float]:
        if value[-1] > 0.5:
            raise ValueError(f"has {value[-1]:g}; distances up to 1/2 are measured")
        return value


class LocalEntropySpec(OnPatterns):
    """Sources of references over sizes and alphas."""

    local_entropy: Estimating = Field(default_factory=lambda: Estimating.model_validate({}))
    sampling: Sampling = Field(default_factory=lambda: Sampling.model_validate({}))
    solver: SolverOptions = Field(
        default_factory=dict, description="options of solvers that differ from their defaults: [solver.sbpi] theta = 1"
    )
    grid: SourceGrid

    @field_validator("patterns")
    @classmethod
    def _planted_by_source(cls, value: Instances) -> Instances:
        if value.planted:
            raise ValueError('planted instances belong to the source "planted"; leave out patterns.planted')
        return value

    @field_validator("grid")
    @classmethod
    def _grid_fits(cls, value: SourceGrid, info: ValidationInfo) -> SourceGrid:
        check_grid(value, info.data.get("patterns"))
        for source, table in (("enumerated", "local_entropy"), ("sampled", "sampling")):
            limits = info.data.get(table)
            if source in value.source and limits is not None:
                name = "exact_up_to" if source == "enumerated" else "largest_n"
                largest = getattr(limits, name)
                if value.n[0] > largest:
                    raise ValueError(
                        f'the source "{source}" has no size: the smallest n is {value.n[0]} and {table}.{name} is '
                        f"{largest}; take a smaller n, or leave the source out"
                    )
        for n in value.n:
            if not (flips_of(value.distance, n) > 0).any():
                raise ValueError(f"distance: no value comes near a multiple of 1/{n}; n = {n} needs one of {1 / n:.2g}")
        return value


class PerceptronLocalEntropy(Experiment):
    """S(d) around solutions of the binary perceptron, algorithmic and typical, against alpha and size."""

    Spec = LocalEntropySpec
    extendable = (
        "grid.source",
        "grid.n",
        "grid.alpha",
        "grid.instances",
        "grid.instances_beyond",
        "sampling.instances",
    )
    uses_bins = False

    def fixed(self, spec: LocalEntropySpec) -> dict[str, str]:
        """Distances stay as they are."""
        return {"grid.distance": "each file holds all distances, and belief propagation goes from one to the next"}

    def points(self, spec: LocalEntropySpec) -> list[Point]:
        """A point for each source, size and alpha, where the source reaches that size."""
        grid = spec.grid
        largest = {"enumerated": spec.local_entropy.exact_up_to, "sampled": spec.sampling.largest_n}
        found = points({"source": grid.source, "n": grid.n, "alpha": grid.alpha})
        return [
            point for point in found
            if point.parameters["n"] <= largest.get(point.parameters["source"], grid.n[-1])
        ]  # fmt: skip

    def draws(self, spec: LocalEntropySpec, point: Point) -> int:
        """Instances."""
        exact = point.parameters["n"] <= spec.local_entropy.exact_up_to
        total = spec.grid.instances if exact else spec.grid.instances_beyond
        return min(total, spec.sampling.instances) if point.parameters["source"] == "sampled" else total

    def cost(self, spec: LocalEntropySpec, point: Point) -> float:
        """Seconds, roughly."""
        n, p = point.parameters["n"], pattern_count(point.parameters["n"], point.parameters["alpha"])
        draws, tempered = self.draws(spec, point), 0.0
        if point.parameters["source"] == "sampled":
            lanes = spec.sampling.chains * len(spec.sampling.beta)
            sweeps = spec.sampling.thermalization + spec.sampling.draws * spec.sampling.thin
            tempered = 1e-5 * (0.002 * n * lanes + 20.0) * sweeps * draws
        if n <= spec.local_entropy.exact_up_to:
            return 1.0 + tempered + draws * (0.02 + 2e-10 * 2.0**n)
        integrated = min(draws, spec.local_entropy.integrated) * (10.0 + 1e-8 * spec.local_entropy.budget)
        return 1.0 + tempered + draws * 2e-6 * n * p + integrated

    def memory(self, spec: LocalEntropySpec, point: Point) -> int:
        """Messages, or the solutions listed, and pairs of flips."""
        n, p = point.parameters["n"], pattern_count(point.parameters["n"], point.parameters["alpha"])
        listed = 24 * 2 ** max(n - p + 2, 0) if n <= spec.local_entropy.exact_up_to else 0
        return int(MESSAGE_BYTES * n * p + 12 * n * n + listed + 2**26)

    def run_point(self, spec: LocalEntropySpec, point: Point, path: Path, control: Control) -> bool:
        """One reference after the other; one that was interrupted is done again, with the same random numbers."""
        from runs.experiments.perceptron_local_entropy_draw import measure_reference

        def measure(draw: int) -> Mapping[str, Any]:
            return measure_reference(spec, point, draw)

        total = self.draws(spec, point)
        return run_draws(_file(spec, point, path), total, measure, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: LocalEntropySpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Means over instances, which are independent: `bins` has nothing to do."""
        from runs.experiments.perceptron_local_entropy_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """S(d) around each source with theory, exact counts at small sizes, and isolation."""
        from runs.experiments.perceptron_local_entropy_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """S at a few distances by source, theory beside it, and how often a solution is isolated."""
        from runs.experiments.perceptron_local_entropy_summary import summary

        return summary(results)


def flips_of(distances: list[float], n: int) -> np.ndarray:
    """Flips k nearest to each distance of n weights, (distances,) int64; 0 where another distance is nearer to k / n,
    or k = 0 is the nearest."""
    wanted = np.asarray(distances) * n
    flips = np.rint(wanted).astype(np.int64)
    for k in np.unique(flips):
        same = np.flatnonzero(flips == k)
        flips[np.delete(same, np.argmin(np.abs(wanted[same] - k)))] = 0
    return flips


def _file(spec: LocalEntropySpec, point: Point, path: Path) -> DrawFile:
    from perceptron.packing import words_for

    source, n = point.parameters["source"], point.parameters["n"]
    of_curve = ("estimator", "distance")
    columns = {
        "status": Column(np.int8, "0 a reference, 1 not solved, 2 no solution exists, 3 chains not in equilibrium"),
        "errors": Column(np.int64, "patterns that the weights get wrong; -1 without weights"),
        "r_hat": Column(np.float64, "largest R-hat of the energies of tempering"),
        "round_trips": Column(np.float64, "fewest round trips of a chain in temperature"),
        "neighbours": Column(np.float64, "solutions at exactly so many flips from the reference", "1", ("flips",)),
        "entropy": Column(np.float64, "local entropy S(d)", "nats per weight", of_curve),
        "error": Column(np.float64, "standard error of the estimator", "nats per weight", of_curve),
        "warnings": Column(np.int64, "warnings of each estimator", "1", ("estimator",)),
        "seconds": Column(np.float64, "wall time of each estimator", "s", ("estimator",)),
        "weights": Column(np.uint64, "reference, signs packed little-endian: bit set for +1", "1", ("word",)),
    }
    lengths = {
        "word": words_for(n),
        "estimator": len(ESTIMATORS),
        "distance": len(spec.grid.distance),
        "flips": len(FLIPS),
    }
    attributes = {"source": source, "n": n, "p": pattern_count(n, point.parameters["alpha"])}
    return DrawFile(path, columns, lengths, attributes, _made_with(spec, source))


def _made_with(spec: LocalEntropySpec, source: str) -> str:
    """What the references and their surroundings were found with, as text."""
    search: Any = {}
    if source in METHODS:
        search = json.loads(options_text(source, spec.solver.get(source, {})))
    elif source == "sampled":
        search = spec.sampling.model_dump(exclude={"largest_n", "instances"})
    estimate = {**spec.local_entropy.model_dump(), "distance": spec.grid.distance}
    return json.dumps({"search": search, "estimate": estimate}, sort_keys=True)
