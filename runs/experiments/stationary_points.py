"""Experiment "stationary-points": those of XY landscapes against exact classes, and flat directions of networks.

Lattices: from random starts, by Newton steps and by eigenvector-following, energies, indices and zero modes of the
points found, against all there are (ring, complete graph) or known classes (square lattice; Nerattini, Kastner, Mehta &
Casetti 2013, arXiv:1211.4800). Networks: zero eigenvalues of the Hessian and of D, the covariance of the gradients of
single samples, at minima of linear networks and at a tanh network with a copied unit, against those of the symmetry.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from runs.experiments import Control, Experiment
from runs.experiments.cpu_spec import CpuSpec
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.grid import Point, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

LIMITS = {"ring": (3, 16), "square": (3, 4), "complete": (3, 24), "linear": (1, 12), "tanh": (2, 8)}
"""Sites, sites per side or hidden units that each kind of case may have."""

NETWORKS = ("linear", "tanh")


def parts_of(case: str) -> tuple[str, int]:
    """Kind and number of a case `<kind>-<number>`."""
    kind, _, number = case.rpartition("-")
    return kind, int(number)


def _known(value: list[str]) -> list[str]:
    for case in value:
        kind, _, number = case.rpartition("-")
        if kind not in LIMITS or not number.isdecimal() or not LIMITS[kind][0] <= int(number) <= LIMITS[kind][1]:
            known = ", ".join(f"{name}-{low} to {name}-{high}" for name, (low, high) in LIMITS.items())
            raise ValueError(f"has {case!r}; needs {known}")
    if len(set(value)) < len(value):
        raise ValueError("has a case more than once; each stands once")
    return value


class Search(Section):
    """How much lattices are searched."""

    starts: Annotated[int, Field(ge=2, le=100_000)] = Field(250, description="random starts of a batch")
    batches: Annotated[int, Field(ge=2)] = Field(
        8, description="batches of each lattice, Newton and eigenvector-following in turn, a total: may be raised later"
    )


class Network(Section):
    """Data of the networks, and how many are looked at."""

    inputs: Annotated[int, Field(ge=2, le=64)] = Field(6, description="inputs")
    outputs: Annotated[int, Field(ge=1, le=64)] = Field(4, description="outputs of linear networks; tanh ones have 1")
    samples: Annotated[int, Field(ge=10, le=100_000)] = Field(400, description="samples of each data set")
    noise: Annotated[float, Field(gt=0)] = Field(0.3, description="standard deviation of the noise on the targets")
    runs: Annotated[int, Field(ge=1)] = Field(3, description="data sets of each network, a total: may be raised later")


class CaseGrid(Section):
    """What is looked at."""

    case: Annotated[list[str], Field(min_length=1), AfterValidator(_known)] = Field(
        description="ring-N, square-L, complete-N: lattices; linear-H, tanh-H: networks of H hidden units"
    )


class StationaryPointsSpec(CpuSpec):
    """Cases and effort."""

    search: Search = Field(default_factory=lambda: Search.model_validate({}))
    network: Network = Field(default_factory=lambda: Network.model_validate({}))
    grid: CaseGrid


class StationaryPoints(Experiment):
    """Stationary points of XY landscapes, and flat directions of networks."""

    Spec = StationaryPointsSpec
    extendable = ("search.batches", "network.runs", "grid.case")
    uses_bins = False

    def points(self, spec: StationaryPointsSpec) -> list[Point]:
        """A point for each case."""
        return points({"case": spec.grid.case})

    def draws(self, spec: StationaryPointsSpec, point: Point) -> int:
        """Batches of starts, or networks."""
        kind, _ = parts_of(point.parameters["case"])
        return spec.network.runs if kind in NETWORKS else spec.search.batches

    def cost(self, spec: StationaryPointsSpec, point: Point) -> float:
        """Eigenvalues of as many matrices as there are steps."""
        size = rows_of(spec, point.parameters["case"])
        kind, _ = parts_of(point.parameters["case"])
        steps = 1 if kind in NETWORKS else 60 * spec.search.starts
        return float(self.draws(spec, point) * steps * (100 + size**3))

    def memory(self, spec: StationaryPointsSpec, point: Point) -> int:
        """Dense matrices of all starts, or D and the Hessian."""
        size = rows_of(spec, point.parameters["case"])
        kind, _ = parts_of(point.parameters["case"])
        matrices = 8 + spec.network.samples / size if kind in NETWORKS else 8.0 * spec.search.starts
        return int(8 * size**2 * matrices + 2**26)

    def run_point(self, spec: StationaryPointsSpec, point: Point, path: Path, control: Control) -> bool:
        """One batch after the other; one that was interrupted is made again, with the same random numbers."""
        from runs.experiments.stationary_points_draw import batch, network

        kind, _ = parts_of(point.parameters["case"])

        def measure(draw: int) -> Mapping[str, Any]:
            return network(spec, point, draw) if kind in NETWORKS else batch(spec, point, draw)

        total, seed = self.draws(spec, point), point_seed(spec.seed, point.name)
        return run_draws(_file(spec, point, path), total, measure, seed, control)

    def assemble(
        self, spec: StationaryPointsSpec, files: Mapping[str, Path], bins: int | None = None
    ) -> "xarray.Dataset":
        """Classes by energy and index, found and exact; nothing here needs bins."""
        from runs.experiments.stationary_points_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Index against energy, numbers of points against energy, and eigenvalues of networks."""
        from runs.experiments.stationary_points_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Points found of those there are, and zero eigenvalues of those predicted."""
        from runs.experiments.stationary_points_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Points and classes beside those there are, energies, and zero eigenvalues beside those of the symmetry."""
        from runs.experiments.stationary_points_summary import verdicts

        return verdicts(results)


def rows_of(spec: StationaryPointsSpec, case: str) -> int:
    """Rows of the Hessian: sites or weights, of a tanh network those with the copied unit."""
    kind, number = parts_of(case)
    if kind not in NETWORKS:
        return number**2 if kind == "square" else number
    outputs, hidden = (spec.network.outputs, number) if kind == "linear" else (1, number + 1)
    return (spec.network.inputs + 1) * hidden + (hidden + 1) * outputs


def _file(spec: StationaryPointsSpec, point: Point, path: Path) -> DrawFile:
    case = point.parameters["case"]
    kind, _ = parts_of(case)
    columns, made = (NETWORK_COLUMNS, spec.network) if kind in NETWORKS else (LATTICE_COLUMNS, spec.search)
    size = rows_of(spec, case)
    lengths = {"weight": size} if kind in NETWORKS else {"start": spec.search.starts, "site": size}
    made_with = json.dumps(made.model_dump(exclude={"batches", "runs"}), sort_keys=True)
    return DrawFile(path, columns, lengths, {"case": case}, made_with)


_EACH = ("start",)
LATTICE_COLUMNS = {
    "method": Column(np.int8, "0 Newton, 1 eigenvector-following"),
    "angles": Column(np.float64, "angles of the point found", "rad", ("start", "site")),
    "energy": Column(np.float64, "total energy", "J", _EACH),
    "gradient_norm": Column(np.float64, "norm of the gradient that is left", "J", _EACH),
    "kind": Column(np.int8, "0 isolated, 1 on a family, 2 singular, -1 no stationary point", "1", _EACH),
    "index": Column(np.int64, "negative eigenvalues of the Hessian, -1 where there is no stationary point", "1", _EACH),
    "zero_modes": Column(np.int64, "eigenvalues 0 beyond the turn of all angles, or -1", "1", _EACH),
}
NETWORK_COLUMNS = {
    "hessian": Column(np.float64, "eigenvalues of the Hessian, ascending", "loss", ("weight",)),
    "noise": Column(np.float64, "eigenvalues of D, ascending", "loss^2", ("weight",)),
    "predicted_hessian": Column(np.int64, "zero eigenvalues of the Hessian that symmetry predicts"),
    "predicted_noise": Column(np.int64, "zero eigenvalues of D that symmetry predicts"),
    "tangents": Column(np.int64, "dimension of the family through the point"),
    "hessian_along": Column(np.float64, "largest |H t| / |H| over unit tangents t"),
    "noise_along": Column(np.float64, "largest |D t| / |D| over unit tangents t"),
    "energy": Column(np.float64, "loss", "loss"),
    "gradient_norm": Column(np.float64, "norm of the gradient that is left", "loss"),
    "permuted_change": Column(np.float64, "largest change of the loss by a permutation of hidden units", "loss"),
    "permuted_distance": Column(np.float64, "distance of the nearest permutation"),
    "barrier": Column(np.float64, "loss halfway to two exchanged units, above that of the point", "loss"),
    "copied_barrier": Column(np.float64, "the same between a unit and its copy, largest modulus on the way", "loss"),
}
