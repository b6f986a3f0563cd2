"""One draw of "perceptron-to-network": a solution of a binary perceptron, or the weights of a network."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.perceptron_spec import instance_of
from runs.experiments.perceptron_to_network import TEACHER, PerceptronToNetworkSpec, Recipe, instances_of
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    from mcmc.landscapes.network import MLP
    from perceptron.patterns import Patterns

PIECE = 8
"""Steps between two looks at the training loss, until it is near the one asked for."""
NEAR = 1.5
FIRST = {"step_size": 0.3, "batch_size": 32, "momentum": 0.9}
"""SGD that learns the wrong labels: any that reaches the loss would do."""


def measure_solution(spec: PerceptronToNetworkSpec, point: Point, draw: int) -> dict[str, Any]:
    """Every column of one instance; NaN where the solver found no solution."""
    from perceptron.local_entropy import bethe
    from perceptron.packing import pack_signs

    instance = instance_of(instances_of(spec), spec.seed, point, draw)
    weights = _solution(spec, point, draw, instance)
    distances = spec.perceptron.measured
    row: dict[str, Any] = {
        "solved": weights is not None, "overlap": math.nan, "test_error": math.nan,
        "entropy": np.full(len(distances), math.nan), "error": np.full(len(distances), math.nan),
        "weights": pack_signs(np.ones(instance.n, np.int8) if weights is None else weights),
    }  # fmt: skip
    if weights is not None:
        curve = bethe(instance, weights, distances)
        overlap = float(weights.astype(np.int64) @ np.asarray(instance.teacher)) / instance.n
        row |= {"overlap": overlap, "test_error": math.acos(overlap) / math.pi}
        row |= {"entropy": curve.value, "error": curve.error}
    return row


def _solution(spec: PerceptronToNetworkSpec, point: Point, draw: int, instance: "Patterns") -> np.ndarray | None:
    from perceptron.solvers import solve

    source = point.parameters["source"]
    if source == TEACHER:
        return instance.teacher
    seed = point_seed(spec.seed, f"solver {point.name} instance-{draw}")
    found = solve(instance, source, seed, **spec.solver.get(source, {}))
    return found.weights if found.solved else None


def measure_network(spec: PerceptronToNetworkSpec, point: Point, draw: int) -> dict[str, Any]:
    """Every column of one network; NaN where the training loss was not reached."""
    count = len(spec.training.displacement)
    nothing = np.full(count, math.nan)
    row: dict[str, Any] = dict.fromkeys(("training_loss", "test_error", "length"), math.nan)
    row |= {"sweeps": -1, **dict.fromkeys(("scale", "entropy", "error", "laplace", "laplace_error"), nothing)}
    row |= dict.fromkeys(("hessian_trace", "hessian_trace_error", "fixed_entropy", "fixed_error"), math.nan)
    model = spec.landscape()
    targets = np.asarray(model.data.test_targets)
    row["missed"] = np.full(len(targets), -1, np.int8)
    recipe = next(r for r in spec.training.recipe if r.text == point.parameters["recipe"])
    sweeps, x = trained(spec, model, float(point.parameters["wrong"]), recipe, draw)
    if x is None:
        return row
    missed = model.outputs(x, model.data.test_inputs)[0].argmax(axis=-1) != targets
    row |= {"sweeps": sweeps, "training_loss": model.energy(x)[0], "test_error": missed.mean(), "missed": missed}
    return row | {"length": float(np.linalg.norm(x))} | _surroundings(spec, model, x[0], draw)


def trained(
    spec: PerceptronToNetworkSpec, model: "MLP", wrong: float, recipe: Recipe, draw: int
) -> tuple[int, np.ndarray | None]:
    """Steps and weights (1, dim) at which the training loss was reached; None where it was not."""
    from mcmc.landscapes.network.datasets import noisy_labels

    # Networks of one number start from the same weights, and from the same first training, whatever comes after.
    seed = point_seed(spec.seed, "networks")
    start = None
    if wrong:
        labels = noisy_labels(model.data.targets, model.data.outputs, wrong, point_seed(spec.seed, f"wrong {draw}"))
        other = spec.landscape(replace(model.data, targets=labels))
        _, start = _descended(spec, other, None, {**FIRST, "batch_size": min(32, other.data.size)}, draw, seed, True)
        if start is None:
            return -1, None
    return _descended(spec, model, start, recipe.model_dump(), draw, seed, False)


def _descended(
    spec: PerceptronToNetworkSpec, model: "MLP", start: Any, steps: dict[str, Any], draw: int, seed: int, first: bool
) -> tuple[int, np.ndarray | None]:
    from mcmc.samplers import SGD

    level = spec.training.first_loss if first else spec.training.loss
    sampler = SGD(model, **steps)
    state = sampler.init([draw], seed)
    if start is not None:
        state.x[:], state.energy[:] = start, model.energy(start)
    while int(state.sweep) < spec.training.max_sweeps and np.isfinite(state.energy[0]):
        state, _ = sampler.step(state, PIECE if state.energy[0] > NEAR * level else 1)
        if state.energy[0] <= level:
            return int(state.sweep), state.x
    return -1, None


def _surroundings(spec: PerceptronToNetworkSpec, model: "MLP", x: np.ndarray, draw: int) -> dict[str, Any]:
    """Smoothed free energy at beta = the number of samples, the scale of the likelihood, and the Hessian's trace."""
    from mcmc.local_entropy import surroundings

    beta, dim = float(model.data.size), model.dim
    share = np.array(spec.training.displacement)
    # A Gaussian of variance t / beta a weight has the length sqrt(dim t / beta).
    scale = np.append(beta * (share * np.linalg.norm(x)) ** 2 / dim, spec.training.scale)
    seed = point_seed(spec.seed, f"probes {draw}")
    found = surroundings(
        model, x[None], scale, beta=beta, seed=seed, exact_below=0, integrate=True,
        options={"sweeps": spec.training.steps},
    )  # fmt: skip
    value, error = -found.integration[0] * beta / dim, found.integration_error[0] * beta / dim
    return {
        "scale": scale[:-1],
        "entropy": value[:-1],
        "error": error[:-1],
        "fixed_entropy": value[-1],
        "fixed_error": error[-1],
        "laplace": -found.laplace[0, :-1] * beta / dim,
        "laplace_error": found.laplace_error[0, :-1] * beta / dim,
        "hessian_trace": found.trace[0],
        "hessian_trace_error": found.trace_error[0],
    }
