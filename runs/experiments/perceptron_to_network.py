"""Experiment "perceptron-to-network": does a wide minimum generalise? Local entropy against test error, twice.

Binary perceptrons: solutions that algorithms find on instances labelled by a teacher. Around each the number of
solutions at a distance, by belief propagation; its test error arccos(R) / pi on fresh patterns follows exactly from its
overlap R with the teacher.

Networks: weights trained to one training loss, from fresh weights or from such that had learnt wrong labels first
(Liu, Papailiopoulos & Achlioptas 2020, arXiv:1906.02613), by steps of more or less noise. Around each the smoothed free
energy u(x, t), at fixed scales t and at the scale where noise moves the weights by a given share of their length, as
flips do for weights +-1. Between weights of different lengths the two need not agree: which one is called width is a
choice, since a network can be rescaled without a change of its outputs (arXiv:1703.04933).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.network_spec import OnNetworks
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.experiments.perceptron_local_entropy import flips_of
from runs.experiments.perceptron_methods import MethodNames, SolverOptions, options_text
from runs.experiments.perceptron_spec import Instances, pattern_count
from runs.grid import Point, Positives, point, point_seed
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

TEACHER = "teacher"
"""Point of the teachers themselves: no solver found them, and their test error is 0."""

Share = Annotated[float, Field(ge=0, le=1)]


class Solutions(Section):
    """Which solutions of binary perceptrons."""

    source: MethodNames = Field(description="solvers whose solutions are taken")
    n: Annotated[int, Field(ge=3)] = Field(1001, description="weights; odd")
    alpha: Positives = Field(description="patterns per weight; below 1.245 others than the teacher are typical")
    instances: Annotated[int, Field(ge=3)] = Field(
        8, description="instances of each alpha, a total: raising it later adds to the run"
    )
    distance: Positives = Field(description="fractions of flipped weights, up to 1/2")
    shown: Annotated[float, Field(gt=0, le=0.5)] = Field(0.05, description="distance drawn: the nearest one")

    @field_validator("n")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("even numbers of weights have stabilities of 0; take an odd one")
        return value

    @field_validator("distance")
    @classmethod
    def _measurable(cls, value: list[float], info: ValidationInfo) -> list[float]:
        if value[-1] > 0.5:
            raise ValueError(f"has {value[-1]:g}; distances up to 1/2 are measured")
        n = info.data.get("n")
        if n is not None and not (flips_of(value, n) > 0).all():
            raise ValueError(f"two values stand for the same multiple of 1/{n}, or one for 0")
        return value

    @property
    def measured(self) -> np.ndarray:
        """The multiples of 1/n that the distances stand for, (distances,)."""
        return flips_of(self.distance, self.n) / self.n


class Recipe(Section):
    """Steps of SGD."""

    step_size: Annotated[float, Field(gt=0)] = Field(description="eta")
    batch_size: Annotated[int, Field(ge=1)] | None = Field(None, description="samples a step; left out: all of them")

    @property
    def text(self) -> str:
        """The recipe in a point's name and on an axis of the results."""
        return f"eta-{self.step_size:g}-batch-{'all' if self.batch_size is None else self.batch_size}"


def _distinct(value: list[Recipe]) -> list[Recipe]:
    texts = [recipe.text for recipe in value]
    if len(set(texts)) < len(texts):
        raise ValueError("has one more than once; each recipe stands once")
    return value


class Training(Section):
    """Which weights of networks."""

    wrong: Annotated[list[Share], Field(min_length=1)] = Field(
        description="shares of labels that were wrong in a first training; 0: from fresh weights"
    )
    recipe: Annotated[list[Recipe], Field(min_length=1), AfterValidator(_distinct)] = Field(
        description="steps of SGD that follow, each in a table [[training.recipe]]"
    )
    loss: Annotated[float, Field(gt=0)] = Field(0.02, description="mean training loss at which weights are taken")
    first_loss: Annotated[float, Field(gt=0)] = Field(0.1, description="the same of the first training")
    max_sweeps: Annotated[int, Field(ge=100)] = Field(50_000, description="steps after which a training is given up")
    seeds: Annotated[int, Field(ge=3)] = Field(
        6, description="networks of each kind, a total: raising it later adds to the run"
    )
    displacement: Positives = Field(
        default_factory=lambda: [0.02, 0.05, 0.1],
        description="length of the smoothing's Gaussian, as a share of the length of the weights",
    )
    shown: Annotated[float, Field(gt=0)] = Field(0.05, description="displacement drawn: the nearest one")
    scale: Annotated[float, Field(gt=0)] = Field(
        0.3, description="t of the smoothing that is the same for all networks"
    )
    steps: Annotated[int, Field(ge=64)] = Field(
        4000, description="steps of each chain that integrates around a network"
    )

    @field_validator("wrong")
    @classmethod
    def _ascending(cls, value: list[float]) -> list[float]:
        if len(set(value)) < len(value):
            raise ValueError("has a share more than once; each stands once")
        return sorted(value)


class PerceptronToNetworkSpec(OnNetworks):
    """Solutions and trained weights to compare."""

    solver: SolverOptions = Field({}, description="options of solvers")
    perceptron: Solutions
    training: Training

    @field_validator("training")
    @classmethod
    def _batches_fit(cls, value: Training, info: ValidationInfo) -> Training:
        count = getattr(info.data.get("data"), "train", None)
        for recipe in value.recipe:
            if count is not None and recipe.batch_size is not None and recipe.batch_size > count:
                raise ValueError(f"recipe with batch_size = {recipe.batch_size}: there are {count} training samples")
        return value


class PerceptronToNetwork(Experiment):
    """Local entropy against test error, for solutions of binary perceptrons and for networks."""

    Spec = PerceptronToNetworkSpec
    extendable = ("perceptron.source", "perceptron.alpha", "perceptron.instances", "training.seeds", "training.wrong",
                  "training.recipe")  # fmt: skip

    def points(self, spec: PerceptronToNetworkSpec) -> list[Point]:
        """A point for each source of solutions at each alpha, and for each way to train."""
        asked = spec.perceptron
        solutions = [point(source=s, n=asked.n, alpha=a) for s in [*asked.source, TEACHER] for a in asked.alpha]
        networks = [point(wrong=w, recipe=r.text) for w in spec.training.wrong for r in spec.training.recipe]
        return [*solutions, *networks]

    def draws(self, spec: PerceptronToNetworkSpec, point: Point) -> int:
        """Instances, or networks."""
        return spec.perceptron.instances if "source" in point.parameters else spec.training.seeds

    def cost(self, spec: PerceptronToNetworkSpec, point: Point) -> float:
        """Seconds, roughly."""
        return self.draws(spec, point) * (0.3 if "source" in point.parameters else 3.0)

    uses_bins = False

    def memory(self, spec: PerceptronToNetworkSpec, point: Point) -> int:
        """Messages, or data and the basis of Lanczos."""
        if "source" in point.parameters:
            return 96 * spec.perceptron.n * pattern_count(spec.perceptron.n, spec.perceptron.alpha[-1]) + 2**26
        return 2**28

    def run_point(self, spec: PerceptronToNetworkSpec, point: Point, path: Path, control: Control) -> bool:
        """One solution or network after the other; one that was interrupted is made again, with the same numbers."""
        from runs.experiments.perceptron_to_network_draw import measure_network, measure_solution

        solution = "source" in point.parameters

        def measure(draw: int) -> Mapping[str, Any]:
            return measure_solution(spec, point, draw) if solution else measure_network(spec, point, draw)

        file = _solution_file(spec, point, path) if solution else _network_file(spec, point, path)
        return run_draws(file, self.draws(spec, point), measure, point_seed(spec.seed, point.name), control)

    def assemble(
        self, spec: PerceptronToNetworkSpec, files: Mapping[str, Path], bins: int | None = None
    ) -> "xarray.Dataset":
        """Every solution and network, rank correlations; they are independent: `bins` has nothing to do."""
        from runs.experiments.perceptron_to_network_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Local entropy against test error, twice."""
        from runs.experiments.perceptron_to_network_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Means of each source, and rank correlations with errors."""
        from runs.experiments.perceptron_to_network_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Signs of the rank correlations; ends of annealing beside typical solutions."""
        from runs.experiments.perceptron_to_network_summary import verdicts

        return verdicts(results)


def instances_of(spec: PerceptronToNetworkSpec) -> Instances:
    """Binary patterns labelled by a teacher."""
    return Instances.model_validate({"planted": True})


def _solution_file(spec: PerceptronToNetworkSpec, point: Point, path: Path) -> DrawFile:
    from perceptron.packing import words_for

    source, n = point.parameters["source"], spec.perceptron.n
    columns = {
        "solved": Column(np.int8, "whether a solution was found"),
        "overlap": Column(np.float64, "overlap R with the teacher"),
        "test_error": Column(np.float64, "arccos(R) / pi: wrong fraction of fresh patterns, large n"),
        "entropy": Column(np.float64, "S(d) by belief propagation", "nats per weight", ("distance",)),
        "error": Column(np.float64, "its error bar", "nats per weight", ("distance",)),
        "weights": Column(np.uint64, "solution, signs packed little-endian: bit set for +1", "1", ("word",)),
    }
    options = "" if source == TEACHER else options_text(source, spec.solver.get(source, {}))
    made = json.dumps({"options": options, "distance": spec.perceptron.distance}, sort_keys=True)
    attributes = {"source": source, "n": n, "p": pattern_count(n, point.parameters["alpha"])}
    return DrawFile(path, columns, {"distance": len(spec.perceptron.distance), "word": words_for(n)}, attributes, made)


def _network_file(spec: PerceptronToNetworkSpec, point: Point, path: Path) -> DrawFile:
    scales, tested = ("displacement",), len(np.asarray(spec.landscape().data.test_targets))
    columns = {
        "sweeps": Column(np.int64, "steps to the training loss; -1 where it was not reached"),
        "training_loss": Column(np.float64, "mean loss over the training samples", "nats"),
        "test_error": Column(np.float64, "wrong fraction of the test samples"),
        "missed": Column(np.int8, "of each test sample: 1 wrong, 0 right, -1 no network", "1", ("test_sample",)),
        "length": Column(np.float64, "|x|"),
        "scale": Column(np.float64, "t of the smoothing", "1", scales),
        "entropy": Column(np.float64, "(beta / dim) (f(x) - u(x, t)), integration", "nats per weight", scales),
        "error": Column(np.float64, "its error bar", "nats per weight", scales),
        "fixed_entropy": Column(np.float64, "the same at the t given for all networks", "nats per weight"),
        "fixed_error": Column(np.float64, "its error bar", "nats per weight"),
        "laplace": Column(np.float64, "the same by Laplace", "nats per weight", scales),
        "laplace_error": Column(np.float64, "its error bar", "nats per weight", scales),
        "hessian_trace": Column(np.float64, "trace of the Hessian of the mean loss"),
        "hessian_trace_error": Column(np.float64, "its error bar"),
    }
    training = spec.training.model_dump(mode="json", exclude={"wrong", "recipe", "seeds", "shown"})
    made = {"training": training, "data": spec.data.model_dump(mode="json"), "network": spec.network.model_dump(),
            "test_samples": tested}  # fmt: skip
    attributes = {"wrong": point.parameters["wrong"], "recipe": point.parameters["recipe"]}
    lengths = {"displacement": len(spec.training.displacement), "test_sample": tested}
    return DrawFile(path, columns, lengths, attributes, json.dumps(made, sort_keys=True))
