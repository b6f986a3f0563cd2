"""Experiment "local-entropy-agreement": every estimator of S(d) on spins against exact enumeration, as scores.

Small instances of the binary perceptron, around solutions drawn uniformly from all (often isolated) and around those
that a solver finds, for solutions only (temperature 0) and at finite temperature. Estimators see the same instances
and references; z = (value - exact) / error in nats. Coupled replicas are held to the pairs of solutions, counted.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.experiments.perceptron_spec import InstanceGrid, OnPatterns, check_grid, instance_of, pattern_count
from runs.grid import NonNegatives, Point, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from mcmc.local_entropy.result import LocalEntropy
    from perceptron.patterns import Patterns
    from runs.figures import Drawing
    from runs.verdict import Verdict

MOST_WEIGHTS = 23
"""2^23 configurations, and the pairs among their solutions, take a second."""

ESTIMATORS = ("integration", "mbar", "flat_histogram", "replicated", "bethe")
"""Integration and mbar share their chains."""

SYSTEMATIC = ("bethe",)
"""Approximations: their deviation is shown, and no score."""


class Effort(Section):
    """How much each estimator does for one reference."""

    sweeps: Annotated[int, Field(ge=200)] = Field(
        8000, description="sweeps of each chain of the flat histogram with fixed weights"
    )
    replica_sweeps: Annotated[int, Field(ge=100)] = Field(1000, description="sweeps of coupled replicas")
    couplings: Annotated[list[float], Field(min_length=3)] = Field(
        [0.0, 0.15, 0.3, 0.5], description="couplings of two replicas, at temperature 0"
    )


class AgreementGrid(InstanceGrid):
    """Where estimators are compared."""

    source: list[Literal["uniform", "solver"]] = Field(
        ["uniform", "solver"],
        min_length=1,
        description="references: a solution drawn uniformly, or one that SBPI finds",
    )
    temperature: NonNegatives = Field([0.0, 0.5], description="temperatures; 0 for solutions only")
    flips: list[Annotated[int, Field(ge=1)]] = Field(
        [1, 2, 3, 4, 5, 6], min_length=1, description="distances from the reference, in flipped weights"
    )
    instances: Annotated[int, Field(ge=2)] = Field(
        6, description="instances of each cell, a total: raising it later adds to the run"
    )


class AgreementSpec(OnPatterns):
    """Cells and effort."""

    effort: Effort = Field(default_factory=lambda: Effort.model_validate({}))
    grid: AgreementGrid

    @field_validator("grid")
    @classmethod
    def _grid_fits(cls, value: AgreementGrid, info: Any) -> AgreementGrid:
        if value.n[-1] > MOST_WEIGHTS:
            raise ValueError(f"n = {value.n[-1]} has too many configurations to count; needs n <= {MOST_WEIGHTS}")
        if max(value.flips) > value.n[0]:
            raise ValueError(f"flips = {max(value.flips)} is more than the n = {value.n[0]} weights there are")
        if len(info.data["effort"].couplings if "effort" in info.data else ()) > len(value.flips):
            raise ValueError(f"flips has {len(value.flips)} distances; needs as many as effort.couplings has couplings")
        if len(set(value.flips)) < len(value.flips):
            raise ValueError("flips has a distance more than once; each stands once")
        check_grid(value, info.data.get("patterns"))
        return value


class LocalEntropyAgreement(Experiment):
    """Estimators of the local entropy of the binary perceptron against enumeration of small instances."""

    Spec = AgreementSpec
    extendable = ("grid.source", "grid.n", "grid.alpha", "grid.temperature", "grid.instances")
    uses_bins = False

    def points(self, spec: AgreementSpec) -> list[Point]:
        """A point for each source, size, alpha and temperature."""
        grid = spec.grid
        return points({"source": grid.source, "n": grid.n, "alpha": grid.alpha, "temperature": grid.temperature})

    def draws(self, spec: AgreementSpec, point: Point) -> int:
        """Instances."""
        return spec.grid.instances

    def cost(self, spec: AgreementSpec, point: Point) -> float:
        """Sweeps of all estimators, with more temperatures where only solutions count."""
        return spec.grid.instances * point.parameters["n"] * (1.0 if point.parameters["temperature"] else 3.0)

    def memory(self, spec: AgreementSpec, point: Point) -> int:
        """Tables of the enumeration and series of the chains."""
        return 2**28

    def run_point(self, spec: AgreementSpec, point: Point, path: Path, control: Control) -> bool:
        """Instance after instance; one that was interrupted is done again, with the same random numbers."""

        def measure(draw: int) -> Mapping[str, Any]:
            return compare(spec, point, draw)

        n, dims = point.parameters["n"], ("estimator", "place")
        file = DrawFile(
            path,
            {
                "exact": Column(np.float64, "ln of the count by enumeration, over n", "nats", dims),
                "value": Column(np.float64, "local entropy per weight", "nats", dims),
                "error": Column(np.float64, "one standard error, by the estimator", "nats", dims),
                "warned": Column(np.int8, "whether the estimator warned about a value it gives", "1", ("estimator",)),
                "solved": Column(np.int8, "whether there was a reference", "1"),
            },
            {"estimator": len(ESTIMATORS), "place": len(spec.grid.flips)},
            {"n": n, "p": pattern_count(n, point.parameters["alpha"]), "beta": inverse_temperature(point)},
            f"{dict(spec.effort)} flips {spec.grid.flips}",
        )
        return run_draws(file, spec.grid.instances, measure, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: AgreementSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Scores of every instance; they are independent: `bins` has nothing to do."""
        from runs.experiments.local_entropy_agreement_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """The table of scores, and their distribution."""
        from runs.experiments.local_entropy_agreement_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """How many scores there are, the largest, and how wide they spread by estimator."""
        from runs.experiments.local_entropy_agreement_results import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """All scores against enumeration."""
        from runs.experiments.local_entropy_agreement_results import verdicts

        return verdicts(results)


def inverse_temperature(point: Point) -> float:
    """Infinity for temperature 0."""
    temperature = float(point.parameters["temperature"])
    return 1.0 / temperature if temperature else math.inf


def compare(spec: AgreementSpec, point: Point, draw: int) -> dict[str, Any]:
    """Exact and estimated values of one instance, (estimators, places); NaN where an estimator has none.

    A place is a distance from the reference, for coupled replicas a coupling.
    """
    import warnings

    from mcmc.errors import ArgumentError, ConvergenceWarning

    instance = instance_of(spec.patterns, spec.seed, point, draw)
    seed = point_seed(spec.seed, f"{point.name} instance-{draw}")
    shape = len(ESTIMATORS), len(spec.grid.flips)
    exact = np.full(shape, np.nan)
    value, error, warned = exact.copy(), exact.copy(), np.zeros(shape[0], np.int8)
    reference = reference_for(instance, point.parameters["source"], spec.patterns.margin, seed)
    if reference is not None:
        with warnings.catch_warnings():
            # What an estimator warns about is in its result.
            warnings.simplefilter("ignore", ConvergenceWarning)
            for name, estimate in _estimators(spec, point, instance, reference, seed).items():
                row = ESTIMATORS.index(name)
                try:
                    curve, known = estimate()
                except ArgumentError:
                    # An estimator that refuses is flagged, as one that warns.
                    warned[row] = 1
                    continue
                width = known.size
                exact[row, :width], value[row, :width], error[row, :width] = known, curve.value, curve.error
                warned[row] = flagged(curve)
    return {"exact": exact, "value": value, "error": error, "warned": warned, "solved": int(reference is not None)}


def flagged(curve: "LocalEntropy") -> bool:
    """Whether there is a warning about what has a value: distances never visited have none."""
    return any(not one.startswith("never visited") for one in curve.warnings)


def _estimators(spec: AgreementSpec, point: Point, instance: "Patterns", reference: np.ndarray, seed: int) -> dict:
    """For each estimator a function that gives its curve and the exact values beside it."""
    from mcmc.errors import ArgumentError
    from mcmc.local_entropy import flat_histogram, integration, replicated
    from perceptron import BinaryPerceptron
    from perceptron.local_entropy import bethe, enumeration

    beta, margin = inverse_temperature(point), spec.patterns.margin
    model, distance = BinaryPerceptron(instance, margin=margin), np.array(spec.grid.flips) / instance.n
    exact = enumeration(model, reference, distance, beta=beta).value
    both: list[Any] = []

    def integrated() -> tuple[Any, np.ndarray]:
        both.append(integration(model, reference, distance, beta=beta, seed=seed))
        return both[0], exact

    def from_the_same_chains() -> tuple[Any, np.ndarray]:
        if not both:
            raise ArgumentError("integration: refused, so there are no chains for mbar")
        return both[0].companions["mbar"], exact

    def pairs() -> tuple[Any, np.ndarray]:
        couplings = spec.effort.couplings
        curve = replicated(model, 2, gamma=couplings, seed=seed, sweeps=spec.effort.replica_sweeps, internal=False)
        return curve, pair_entropy(instance, margin, curve.scale)

    found = {
        "integration": integrated,
        "mbar": from_the_same_chains,
        "flat_histogram": lambda: (
            flat_histogram(model, reference, distance, beta=beta, seed=seed, sweeps=spec.effort.sweeps), exact,
        ),
        "bethe": lambda: (bethe(model, reference, distance, beta=beta), exact),
    }  # fmt: skip
    if math.isinf(beta) and point.parameters["source"] == "uniform":
        found["replicated"] = pairs
    return found


def reference_for(instance: "Patterns", source: str, margin: float, seed: int) -> np.ndarray | None:
    """Weights of a solution, (n,) int8; None where there is none, or none was found."""
    from perceptron.solvers import solve
    from runs.experiments.perceptron_local_entropy_sources import uniform_solution

    if source == "uniform":
        found = uniform_solution(instance, seed, margin)
        return found.weights if found.solved else None
    solution = solve(instance, "sbpi", seed, margin=margin)
    return solution.weights if solution.errors == 0 else None


def pair_entropy(instance: "Patterns", margin: float, distance: np.ndarray) -> np.ndarray:
    """Entropy per weight and replica of pairs of solutions coupled to a mean `distance`, from all pairs, (points,).

    Z(gamma) = sum over ordered pairs of exp(gamma w.w'), and phi = (ln Z - gamma <w.w'>) / (2 n) at the gamma that
    gives the distance.
    """
    from scipy.optimize import brentq
    from scipy.special import logsumexp

    from perceptron import enumerate_configurations

    every = enumerate_configurations(instance, margin=margin, histogram=False, threads=1)
    ordered = 2.0 * every.pair_distances()
    ordered[0] = every.solution_count
    n = instance.n
    agreement = n - 2.0 * np.arange(n + 1)
    with np.errstate(divide="ignore"):
        log_count = np.log(ordered)

    def at(gamma: float) -> tuple[float, float]:
        weight = log_count + gamma * agreement
        total = float(logsumexp(weight))
        return total, float(np.exp(weight - total) @ agreement)

    found = []
    for d in distance:
        wanted = n * (1.0 - 2.0 * float(d))
        gamma = brentq(lambda g, target=wanted: at(g)[1] - target, -3.0, 6.0, xtol=1e-12)
        total, mean = at(gamma)
        found.append((total - gamma * mean) / (2.0 * n))
    return np.array(found)
