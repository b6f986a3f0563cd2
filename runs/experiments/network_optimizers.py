"""Experiment "network-optimizers": where optimisers end at equal work, and how well that generalises.

Every method gets as many gradients of single samples; before, a sweep over step sizes of equal work for all, by
cross-validation on the training samples, chooses its step size. Seeds are chains: the same initial weights and the
same mini-batches for every method where its definition leaves them be, so that differences are paired. At the end:
test error, training loss, local entropy u(x, t) - f(x) at several t, spectra of the Hessian and of the covariance D of
gradients. Differences of a percent in error are there to be told from none, whichever way they come out.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.network_methods import METHODS, Methods, StepSizes
from runs.experiments.network_optimizers_limits import require_enough, require_folds
from runs.experiments.network_optimizers_training import Training, Tuning
from runs.experiments.network_spec import OnNetworks
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.grid import Point, Positives, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing

ESTIMATORS = ("laplace", "integration")
MEASURES = ("error", "loss")
LEVELS = np.geomspace(1e-7, 1e2, 73)
"""Eigenvalues above which those of the Hessian and of D are counted."""

RUN, TRIAL, NEIGHBOUR = 0, 1, 2
"""What a draw is."""

FEATURES: dict[str, tuple[str, str]] = {
    "hessian_trace": ("trace of the Hessian at the end", "1"),
    "hessian_highest": ("highest eigenvalue of the Hessian at the end", "1"),
    "hessian_lowest": ("lowest eigenvalue of the Hessian at the end", "1"),
    "hessian_negative_share": ("share of eigenvalues of the Hessian below -1e-4", "1"),
    "hessian_negative_sum": ("sum of the negative eigenvalues of the Hessian", "1"),
    "noise_trace": ("trace of D, the covariance of sample gradients", "1"),
    "noise_highest": ("highest eigenvalue of D", "1"),
    "noise_participation": ("participation ratio of the eigenvalues of D", "1"),
    "weight_length": ("length of the weights at the end", "1"),
    "replicas_error": ("test error of single replicas at the end, their mean", "1"),
}
"""Numbers at the end of a run, with their units."""


def _distinct(value: list[str]) -> list[str]:
    if len(set(value)) < len(value):
        raise ValueError("has one more than once; each method stands once")
    return value


if TYPE_CHECKING:
    MethodList = list[str]
else:
    MethodList = Annotated[list[Literal[tuple(METHODS)]], Field(min_length=1), AfterValidator(_distinct)]


class Surrounding(Section):
    """What is measured around the ends."""

    scale: Positives = Field(default_factory=lambda: [0.1, 0.3, 1.0], description="scales t")
    shown: Annotated[float, Field(gt=0)] = Field(0.3, description="scale in tables: the nearest")
    beta: Annotated[float, Field(gt=0)] | None = Field(
        None, description="inverse temperature of u(x, t); left out: the number of training samples"
    )
    exact_below: Annotated[int, Field(ge=0)] = Field(3000, description="weights up to which all eigenvalues are found")
    probes: Annotated[int, Field(ge=2)] = Field(16, description="random starts of Lanczos above that")
    loss: Annotated[float, Field(gt=0)] = Field(
        0.02, description="training loss at which optimisers are compared besides, where runs first reach it"
    )
    integrated: Annotated[int, Field(ge=0)] = Field(100, description="seeds of each method that are integrated too")
    neighbours: Annotated[int, Field(ge=0)] = Field(
        4, description="seeds at the step sizes tried next below and above the chosen one, to see what the choice does"
    )
    sweeps: Annotated[int, Field(ge=64)] = Field(
        200, description="Langevin steps of each chain, at scales where draws of the local Gaussian do not do"
    )
    chains: Annotated[int, Field(ge=2)] = Field(4, description="chains there")


class OptimizerGrid(Section):
    """What is compared."""

    optimizer: MethodList = Field(
        description=f"optimisers; the others are compared with the first: {', '.join(METHODS)}"
    )
    seeds: Annotated[int, Field(ge=2)] = Field(
        10, description="runs of each method, a total: raising it later adds to the run"
    )


class NetworkOptimizersSpec(OnNetworks):
    """Data, network, methods, work."""

    training: Training = Field(default_factory=lambda: Training.model_validate({}))
    tuning: Tuning = Field(default_factory=lambda: Tuning.model_validate({}))
    step_size: StepSizes = Field(default_factory=lambda: StepSizes.model_validate({}))
    options: Methods = Field(default_factory=lambda: Methods.model_validate({}))
    surroundings: Surrounding = Field(default_factory=lambda: Surrounding.model_validate({}))
    places: Annotated[int, Field(ge=1, le=200)] = Field(12, description="places along the training of the curves")
    grid: OptimizerGrid

    @field_validator("tuning")
    @classmethod
    def _distinct_factors(cls, value: Tuning) -> Tuning:
        if len(set(value.factors)) < len(value.factors):
            raise ValueError("factors has one more than once; each stands once")
        return value

    @field_validator("grid")
    @classmethod
    def _enough_samples(cls, value: OptimizerGrid, info: ValidationInfo) -> OptimizerGrid:
        require_enough(info.data, value.optimizer)
        return value

    def require(self) -> None:
        """Raise an EntroscapeError where the data are not installed, or a fold of them lacks a class."""
        super().require()
        require_folds(self.data.draw(), self.tuning.folds, point_seed(self.seed, "tuning"))


class NetworkOptimizers(Experiment):
    """Test error, local entropy and spectra of optimisers at equal sample gradients."""

    Spec = NetworkOptimizersSpec
    extendable = ("grid.optimizer", "grid.seeds")
    uses_bins = False

    def fixed(self, spec: NetworkOptimizersSpec) -> Mapping[str, str]:
        """What the step size was chosen with."""
        return {"tuning.factors": "step sizes are chosen among them before the runs; choose another folder with -o"}

    def points(self, spec: NetworkOptimizersSpec) -> list[Point]:
        """A point for each optimiser."""
        return points({"optimizer": spec.grid.optimizer})

    def draws(self, spec: NetworkOptimizersSpec, point: Point) -> int:
        """Step sizes tried, then seeds at those beside the chosen one, then seeds."""
        return len(spec.tuning.factors) + 2 * spec.surroundings.neighbours + spec.grid.seeds

    def cost(self, spec: NetworkOptimizersSpec, point: Point) -> float:
        """About the same for all; ends take most."""
        return float(self.draws(spec, point))

    def memory(self, spec: NetworkOptimizersSpec, point: Point) -> int:
        """The dense Hessian, its eigenvectors, and the samples."""
        dim = weights_at_most(spec)
        dense = 8 * 6 * dim**2 if dim <= spec.surroundings.exact_below else 8 * dim * 64 * spec.surroundings.probes
        return int(dense + 2**27)

    def run_point(self, spec: NetworkOptimizersSpec, point: Point, path: Path, control: Control) -> bool:
        """Trials of step sizes, then seeds; one that was interrupted is made again, with the same random numbers."""
        from runs.experiments.network_optimizers_draw import Trials, measure_neighbour, measure_run, measure_trial

        method, total = point.parameters["optimizer"], self.draws(spec, point)
        tried = len(spec.tuning.factors)
        beside = tried + 2 * spec.surroundings.neighbours
        trials = Trials.of(path, tried)

        def measure(draw: int) -> Mapping[str, Any]:
            if draw < tried:
                return measure_trial(spec, method, draw, trials)
            if draw < beside:
                return measure_neighbour(spec, method, draw - tried, trials)
            return measure_run(spec, method, draw - beside, trials)

        return run_draws(_file(spec, point, path), total, measure, point_seed(spec.seed, point.name), control)

    def assemble(
        self, spec: NetworkOptimizersSpec, files: Mapping[str, Path], bins: int | None = None
    ) -> "xarray.Dataset":
        """Means over seeds, which are independent (`bins` has nothing to do), and paired differences."""
        from runs.experiments.network_optimizers_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Curves along training, ends beside each other, local entropies, step sizes tried."""
        from runs.experiments.network_optimizers_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Ends of each method, and differences with standard errors."""
        from runs.experiments.network_optimizers_summary import summary

        return summary(results)


def rising_shares(places: int) -> list[float]:
    """Shares of a run at which curves are taken, rising to 1; closer at the beginning."""
    return np.geomspace(2.0 ** (-places / 2.0), 1.0, places).tolist() if places > 1 else [1.0]


def weights_at_most(spec: OnNetworks) -> int:
    """Weights of the network, without the data at hand."""
    side = spec.data.side or {"digits": 8, "fashion-mnist": 28}.get(spec.data.name, 28)
    widths = [spec.data.features or side**2, *spec.network.hidden, spec.data.classes if spec.data.features else 10]
    return sum((a + 1) * b for a, b in pairwise(widths))


def _file(spec: NetworkOptimizersSpec, point: Point, path: Path) -> DrawFile:
    along, around = ("place",), ("estimator", "scale")
    columns = {
        "step_size": Column(np.float64, "step size"),
        "trial": Column(
            np.int8, "1: step size tried by cross-validation; 2: run at one beside the chosen; 0: run that is compared"
        ),
        "held_out": Column(np.float64, "error and loss on samples held out", "1", ("fold", "repeat", "measure")),
        "work": Column(np.float64, "sample gradients taken", "1", along),
        "test_error": Column(np.float64, "wrong fraction of the test samples", "1", along),
        "training_error": Column(np.float64, "wrong fraction of the training samples", "1", along),
        "training_loss": Column(np.float64, "energy over all training samples", "nats", along),
        "local_entropy": Column(np.float64, "u(x, t) - f(x) at the end", "nats", around),
        "own_error": Column(np.float64, "standard error of the local entropy by its estimator", "nats", around),
        "matched_loss": Column(np.float64, "training loss where a run first reaches the loss asked for", "nats"),
        "matched_entropy": Column(np.float64, "u(x, t) - f(x) there, by integration", "nats", ("scale",)),
        "matched_test_error": Column(np.float64, "wrong fraction of the test samples there"),
        "hessian_above": Column(np.float64, "eigenvalues of the Hessian above a level", "1", ("level",)),
        "hessian_below": Column(np.float64, "eigenvalues of the Hessian below minus a level", "1", ("level",)),
        "noise_above": Column(np.float64, "eigenvalues of D above a level", "1", ("level",)),
        "warned": Column(np.int64, "warnings of the estimators of local entropy", "1", around),
        **{name: Column(np.float64, text, units) for name, (text, units) in FEATURES.items()},
        "seconds": Column(np.float64, "duration", "s"),
    }
    lengths = {
        "fold": spec.tuning.folds, "repeat": spec.tuning.seeds, "measure": len(MEASURES), "place": spec.places + 1,
        "estimator": len(ESTIMATORS), "scale": len(spec.surroundings.scale), "level": LEVELS.size,
    }  # fmt: skip
    asked = spec.model_dump(mode="json", exclude={"grid", "experiment", "seed", "device"})
    return DrawFile(path, columns, lengths, {"optimizer": point.parameters["optimizer"]}, str(asked))
