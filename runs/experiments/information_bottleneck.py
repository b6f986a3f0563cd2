"""Experiment "information-bottleneck": which law of the weights gives up least information for a given loss?

A law q of the weights w costs E_q[f] and holds KL(q | p) nats of information beyond the prior p, normal of a given
deviation s. The minimiser of

    J_beta(q) = E_q[f] + KL(q | p) / beta  =  E_q[f + |w|^2 / (2 beta s^2)] - H(q) / beta + constant

(Achille & Soatto 2018, arXiv:1706.01350; arXiv:1710.11029, section 5) is the Gibbs law exp(-beta f) p / Z, and the
minimum the smoothed free energy u(0, t) at t = beta s^2: local entropy around 0. As beta rises these laws draw a curve
on the plane of information and loss that no law goes below. Is the stationary law of SGD on it?

Both J_beta and E_q[f] - H(q) / beta, which lacks the prior, are taken of every law. One neuron with two or three
weights is integrated over exactly; MALA and SGD are sampled, their entropies by nearest neighbours. A network of more
weights is sampled, its minimum by integration of the local entropy and, independently, by annealed importance sampling.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.cpu_spec import CpuSpec
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.grid import Point, Positives, point, point_seed
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

BLOCKS = 10
"""Groups of independent chains that errors are taken from."""

Dim = Annotated[int, Field(ge=1, le=3)]


class Task(Section):
    """What is learnt: outputs of a tanh neuron, or of a network, with noise."""

    samples: Annotated[int, Field(ge=4)] = Field(40, description="training samples")
    noise: Annotated[float, Field(ge=0)] = Field(0.5, description="standard deviation of the noise of the targets")
    features: Annotated[int, Field(ge=1)] = Field(
        4, description="inputs of the network; a neuron has as many as weights"
    )
    hidden: Annotated[int, Field(ge=1)] = Field(5, description="hidden units of the network")
    deviation: Annotated[float, Field(gt=0)] = Field(2.0, description="s: standard deviation of the prior")


class Effort(Section):
    """Work of a repeat."""

    chains: Annotated[int, Field(ge=100)] = Field(2000, description="chains of a neuron; of the network a twentieth")
    draws: Annotated[int, Field(ge=1)] = Field(10, description="draws of each chain")
    time: Annotated[float, Field(gt=0)] = Field(60.0, description="SGD: learning rate x steps between draws")
    steps: Annotated[int, Field(ge=64)] = Field(1000, description="steps of each chain that integrates the minimum")
    integrated: Annotated[int, Field(ge=1)] = Field(2, description="repeats in which the minimum is integrated too")


class BottleneckGrid(Section):
    """Which laws."""

    dim: Annotated[list[Dim], Field(min_length=1)] = Field([2, 3], description="weights of the neurons, up to 3")
    beta: Positives = Field(description="inverse temperatures of Gibbs laws that are sampled")
    step_size: Positives = Field(description="learning rates of SGD")
    batch: Annotated[int, Field(ge=1)] = Field(2, description="samples of a mini-batch, drawn with replacement")
    repeats: Annotated[int, Field(ge=2)] = Field(
        4, description="independent repeats of each point, a total: raising it later adds to the run"
    )

    @field_validator("dim")
    @classmethod
    def _once(cls, value: list[int]) -> list[int]:
        if len(set(value)) < len(value):
            raise ValueError("has a number more than once; each stands once")
        return sorted(value)


class BottleneckSpec(CpuSpec):
    """Task, effort and laws."""

    task: Task = Field(default_factory=lambda: Task.model_validate({}))
    effort: Effort = Field(default_factory=lambda: Effort.model_validate({}))
    grid: BottleneckGrid

    @field_validator("grid")
    @classmethod
    def _batches_fit(cls, value: BottleneckGrid, info: ValidationInfo) -> BottleneckGrid:
        task = info.data.get("task")
        if task is not None and value.batch > task.samples:
            raise ValueError(f"batch = {value.batch}: there are {task.samples} samples")
        return value


class InformationBottleneck(Experiment):
    """Loss against information in the weights: Gibbs laws, exact and sampled, and SGD at rest."""

    Spec = BottleneckSpec
    extendable = ("grid.dim", "grid.beta", "grid.step_size", "grid.repeats")
    uses_bins = False

    def points(self, spec: BottleneckSpec) -> list[Point]:
        """Gibbs laws of neurons and of the network, and SGD on neurons."""
        grid = spec.grid
        gibbs = [point(law="gibbs", system=f"neuron-{d}", beta=b) for d in grid.dim for b in grid.beta]
        network = [point(law="gibbs", system="network", beta=b) for b in grid.beta]
        sgd = [point(law="sgd", system=f"neuron-{d}", step_size=eta) for d in grid.dim for eta in grid.step_size]
        return [*gibbs, *network, *sgd]

    def draws(self, spec: BottleneckSpec, point: Point) -> int:
        """Repeats."""
        return spec.grid.repeats

    def memory(self, spec: BottleneckSpec, point: Point) -> int:
        """Batches of all chains and their activations."""
        return 2**27 + 64 * spec.effort.chains * spec.task.samples

    def run_point(self, spec: BottleneckSpec, point: Point, path: Path, control: Control) -> bool:
        """Repeat after repeat; one that was interrupted is done again, with the same random numbers."""
        from runs.experiments.information_bottleneck_draw import measure_law

        def measure(draw: int) -> Mapping[str, Any]:
            return measure_law(spec, point, draw)

        blocks = ("block",)
        columns = {
            "loss": Column(np.float64, "E[f], mean loss under the law", "loss"),
            "information": Column(np.float64, "KL(q | p)", "nats"),
            "cross": Column(np.float64, "-E[ln p]", "nats"),
            "loss_block": Column(np.float64, "E[f] of blocks of chains", "loss", blocks),
            "information_block": Column(np.float64, "KL(q | p) of blocks of chains", "nats", blocks),
            "cross_block": Column(np.float64, "-E[ln p] of blocks of chains", "nats", blocks),
            "half": Column(np.float64, "KL(q | p), mean over both halves of the chains", "nats"),
            "minimum": Column(np.float64, "minimum of E[f] + KL / beta, u(0, beta s^2) by integration", "loss"),
            "minimum_error": Column(np.float64, "one standard error of it", "loss"),
            "unconverged": Column(np.float64, "1 where the integration warned that it has not converged"),
            "annealed": Column(np.float64, "that minimum by annealed importance sampling", "loss"),
            "annealed_error": Column(np.float64, "one standard error of it", "loss"),
            "effective": Column(np.float64, "paths that this mean is worth"),
        }
        made = {"task": spec.task.model_dump(), "effort": spec.effort.model_dump(), "batch": spec.grid.batch}
        file = DrawFile(path, columns, {"block": BLOCKS}, dict(point.parameters), json.dumps(made, sort_keys=True))
        return run_draws(file, spec.grid.repeats, measure, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: BottleneckSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Means over repeats, which are independent (`bins` has nothing to do), and the exact curve."""
        from runs.experiments.information_bottleneck_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """The plane of information and loss, and both functionals of sampled laws beside the exact minimiser."""
        from runs.experiments.information_bottleneck_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Scores of what is sampled against what is exact, and the excess of SGD."""
        from runs.experiments.information_bottleneck_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Sampled laws beside exact ones, and SGD beside the bound."""
        from runs.experiments.information_bottleneck_summary import verdicts

        return verdicts(results)
