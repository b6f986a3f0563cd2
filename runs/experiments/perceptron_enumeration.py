"""Experiment "perceptron-enumeration": all solutions of small instances, and the clusters they form.

Every one of the 2^N configurations is visited: numbers of solutions, ground energies and clusters are exact for each
instance, and errors come from the spread between instances alone.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.perceptron_spec import InstanceGrid, OnPatterns, check_grid, instance_of, pattern_count
from runs.grid import Point, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from perceptron.enumeration import Enumeration
    from perceptron.patterns import Patterns
    from runs.figures import Drawing
    from runs.verdict import Verdict

MOST_WEIGHTS = 48
"""As `perceptron.enumeration.MOST_WEIGHTS`."""

DISTANCES = (1, 2)
"""Hamming distances up to which solutions of one cluster are joined."""

CLUSTER_BYTES = 96
"""Memory for each listed solution: the list, its sorted copy, the forest and the labels."""

COMMIT_SECONDS = 2.0


class Clustering(Section):
    """Whose clusters are found."""

    most_solutions: Annotated[int, Field(ge=1, le=2**30)] = Field(
        2**21, description="instances with more solutions are counted, but their clusters are not looked for"
    )


class EnumerationGrid(InstanceGrid):
    """Sizes whose 2^n configurations can be visited."""

    instances: Annotated[int, Field(ge=2)] = Field(
        64, description="instances of each (n, alpha), a total: raising it later adds to the run"
    )


class EnumerationSpec(OnPatterns):
    """Enumeration over sizes and alphas."""

    clusters: Clustering = Field(default_factory=lambda: Clustering.model_validate({}))
    grid: EnumerationGrid

    @field_validator("grid")
    @classmethod
    def _grid_fits(cls, value: EnumerationGrid, info: ValidationInfo) -> EnumerationGrid:
        if value.n[-1] > MOST_WEIGHTS:
            raise ValueError(f"n = {value.n[-1]} has 2^{value.n[-1]} configurations; needs n <= {MOST_WEIGHTS}")
        check_grid(value, info.data.get("patterns"))
        return value


class PerceptronEnumeration(Experiment):
    """Solutions, isolated fraction and clusters of the binary perceptron against alpha, by exact enumeration."""

    Spec = EnumerationSpec
    extendable = ("grid.n", "grid.alpha", "grid.instances")
    uses_bins = False

    def points(self, spec: EnumerationSpec) -> list[Point]:
        """A point for each size and alpha."""
        return points({"n": spec.grid.n, "alpha": spec.grid.alpha})

    def draws(self, spec: EnumerationSpec, point: Point) -> int:
        """Instances."""
        return spec.grid.instances

    def cost(self, spec: EnumerationSpec, point: Point) -> float:
        """Nanoseconds: the configurations, and the mean number of solutions that are joined to clusters."""
        n, p = point.parameters["n"], pattern_count(point.parameters["n"], point.parameters["alpha"])
        solutions = min(2.0 ** max(n - p, 0), spec.clusters.most_solutions)
        return spec.grid.instances * (2e6 + 0.2 * 2.0**n + 100.0 * n * solutions)

    def memory(self, spec: EnumerationSpec, point: Point) -> int:
        """Solutions listed and joined, and the tables of the enumeration."""
        listed = min(2 ** point.parameters["n"], spec.clusters.most_solutions)
        return int(CLUSTER_BYTES * listed + 2**26)

    def run_point(self, spec: EnumerationSpec, point: Point, path: Path, control: Control) -> bool:
        """Enumerate instance after instance; one that was interrupted is done again."""
        from mcmc.store.provenance import Provenance
        from mcmc.store.writer import SeriesWriter

        provenance = Provenance.collect(control.spec_text, point_seed(spec.seed, point.name), control.device)
        if path.exists():
            writer = SeriesWriter.open(path, provenance)
        else:
            writer = _create(path, spec, point, provenance)
        with writer:
            saved = time.monotonic()
            while writer.n_appended < spec.grid.instances:
                control.progress(writer.n_appended, spec.grid.instances)
                found = _measure(spec, instance_of(spec.patterns, spec.seed, point, writer.n_appended), control.stop)
                if found is None:
                    return False
                writer.append({name: np.asarray(values)[None] for name, values in found.items()})
                if time.monotonic() - saved > COMMIT_SECONDS:
                    writer.commit()
                    saved = time.monotonic()
            control.progress(writer.n_appended, spec.grid.instances)
            writer.finish()
        return True

    def assemble(self, spec: EnumerationSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Means over instances, which are independent: `bins` has nothing to do."""
        from runs.experiments.perceptron_enumeration_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Numbers of solutions against theory, and the clusters they form."""
        from runs.experiments.perceptron_enumeration_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Mean number of solutions, typical entropy and isolated fraction, theory beside them."""
        from runs.experiments.perceptron_enumeration_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Mean numbers of solutions beside their exact values."""
        from runs.experiments.perceptron_enumeration_summary import verdicts

        return verdicts(results)


def size_bins(most_solutions: int) -> int:
    """Bins of cluster sizes, 2^k to 2^(k+1) - 1, that hold every cluster."""
    return most_solutions.bit_length()


def _measure(spec: EnumerationSpec, instance: "Patterns", stop: Callable[[], bool]) -> dict[str, Any] | None:
    """What one instance has; None when stopped."""
    from perceptron.enumeration import enumerate_configurations

    if stop():
        return None
    most = spec.clusters.most_solutions
    found = enumerate_configurations(instance, margin=spec.patterns.margin, limit=most, threads=1, stop=stop)
    if not found.complete:
        return None
    # Where the margin lets no pattern be wrong, there are fewer energies.
    histogram = np.zeros(instance.p + 1, np.int64)
    histogram[: found.energy_histogram.size] = found.energy_histogram
    return {
        "solutions": np.int64(found.solution_count),
        "ground_energy": np.int64(found.ground_energy),
        "energy_histogram": histogram,
        **_structure(found, most),
    }


def _structure(found: "Enumeration", most: int) -> dict[str, Any]:
    """Clusters at each distance and the mean overlap; NaN where there are no solutions, or too many."""
    from perceptron.clusters import solution_clusters

    names = ("clusters", "isolated", "largest_cluster", "size_of_own_cluster")
    values = {name: np.full(len(DISTANCES), np.nan) for name in names}
    in_size = np.full((len(DISTANCES), size_bins(most)), np.nan)
    if not 0 < found.solution_count <= most:
        return {**values, "solutions_in_size": in_size, "overlap": np.nan}
    for i, distance in enumerate(DISTANCES):
        sizes = solution_clusters(found, distance).sizes
        each = (float(sizes.size), float((sizes == 1).sum()), float(sizes[0]), float((sizes**2).sum() / sizes.sum()))
        for name, value in zip(names, each, strict=True):
            values[name][i] = value
        # A size below 2^48 is exact as a float, and so is its exponent.
        in_size[i] = np.bincount(np.frexp(sizes)[1] - 1, sizes, in_size.shape[1])
    return {**values, "solutions_in_size": in_size, "overlap": mean_overlap(found.packed_solutions, found.patterns.n)}


def mean_overlap(packed: np.ndarray, n: int) -> float:
    """Mean overlap of two different solutions, packed (count,) uint64; NaN below two.

    From the mean weights m: the sum over all ordered pairs, each solution with itself too, is count^2 sum_i m_i^2.
    """
    count = packed.size
    if count < 2:
        return float("nan")
    ups = np.array([int((packed >> np.uint64(i) & np.uint64(1)).sum()) for i in range(n)])
    total = float(((2.0 * ups - count) ** 2).sum()) / n
    return (total - count) / (count * (count - 1.0))


def _create(path: Path, spec: EnumerationSpec, point: Point, provenance: Any) -> Any:
    from mcmc.store.writer import SeriesWriter

    n, p = point.parameters["n"], pattern_count(point.parameters["n"], point.parameters["alpha"])
    per, by_size = ("draw", "distance"), ("draw", "distance", "cluster_size")
    kinds: dict[str, tuple[tuple[str, ...], Any, str]] = {
        "solutions": (("draw",), np.int64, "configurations without errors"),
        "ground_energy": (("draw",), np.int64, "fewest errors of any configuration"),
        "energy_histogram": (("draw", "energy"), np.int64, "configurations of each energy"),
        "overlap": (("draw",), np.float64, "mean overlap of two solutions"),
        "clusters": (per, np.float64, "clusters of solutions"),
        "isolated": (per, np.float64, "solutions that are clusters of their own"),
        "largest_cluster": (per, np.float64, "solutions in the largest cluster"),
        "size_of_own_cluster": (per, np.float64, "size of the cluster that a random solution belongs to, mean"),
        "solutions_in_size": (by_size, np.float64, "solutions in clusters of a size"),
    }
    sizes = 2 ** np.arange(size_bins(spec.clusters.most_solutions))
    said = {"long_name": "size of a cluster, from here to below the next", "units": "solutions"}
    return SeriesWriter.create(
        path,
        dims={"draw": None, "energy": p + 1, "distance": len(DISTANCES), "cluster_size": sizes.size},
        coords={
            "distance": (("distance",), np.array(DISTANCES), {"long_name": "largest distance of an edge"}),
            "cluster_size": (("cluster_size",), sizes, said),
            "energy": (("energy",), np.arange(p + 1), {"long_name": "errors"}),
        },
        variables={name: (dims, kind, {"long_name": name_said, "units": "1"})
                   for name, (dims, kind, name_said) in kinds.items()},
        provenance=provenance,
        chunk_draws=16,
        attributes={"n": n, "p": p},
    )  # fmt: skip
