"""What a local entropy costs, one core: curves S(d) around solutions of the perceptron, u(x, t) in 100 dimensions."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from mcmc.local_entropy import integration
from perceptron import BinaryPerceptron, random_patterns, solve
from perceptron.local_entropy import bethe
from runs.benchmarks.timing import Row, cpu_seconds
from runs.experiments.well_widths_cases import case

DISTANCES = np.array([0.005, 0.008, 0.011, 0.014, 0.018, 0.022, 0.026, 0.03, 0.035, 0.04, 0.045, 0.05])
"""Inside the dense region around what a solver finds at alpha = 0.5; farther away chains of solutions freeze."""

ERROR = 0.002
SIZES = (501, 1001, 2001, 4001, 8001)
NEAR = DISTANCES[:4]
"""Distances that chains reach at every size in seconds."""


def spin_rows() -> Iterator[Row]:
    """S(d) of a solution of N = 1001, alpha = 0.5, at 12 distances: by integration, by belief propagation."""
    model, reference = _solved(1001)
    _warm_up()
    start = time.thread_time()
    curve = integration(model, reference, DISTANCES, seed=1)
    seconds = time.thread_time() - start
    worst = float(np.max(curve.error))
    met = seconds <= 60.0 and worst <= ERROR and curve.converged
    yield Row(
        f"integration, N = 1001, alpha = 0.5, 12 distances to 0.05: largest error {worst:.2g} nats per weight", seconds,
        "s", target=f"error <= {ERROR}, <= 60 s", met=met,
    )  # fmt: skip
    bethe(model, reference, DISTANCES[:1])
    start = time.thread_time()
    other = bethe(model, reference, DISTANCES)
    messages = time.thread_time() - start
    apart = float(np.max(np.abs(other.value - curve.value)))
    yield Row(
        f"belief propagation, the same distances: at most {apart:.2g} nats from integration", messages, "s",
        "integration", seconds, seconds / messages, "<= 2 s", messages <= 2.0 and other.converged,
    )  # fmt: skip


def cost_rows() -> Iterator[Row]:
    """Seconds to an error of 0.002 at four distances up to 0.014 against N, and the power of N that they follow."""
    _warm_up()
    spent = []
    for n in SIZES:
        model, reference = _solved(n)
        start = time.thread_time()
        curve = integration(model, reference, NEAR, seed=1)
        spent.append(time.thread_time() - start)
        worst = float(np.max(curve.error))
        yield Row(
            f"integration, N = {n}, 4 distances to 0.014: largest error {worst:.2g}", spent[-1], "s",
            target=f"error <= {ERROR}", met=bool(worst <= ERROR),
        )  # fmt: skip
    power = float(np.polyfit(np.log(SIZES), np.log(spent), 1)[0])
    yield Row(f"power of N, fitted to N = {SIZES[0]} to {SIZES[-1]}", power, "")


def smooth_rows() -> Iterator[Row]:
    """u(x, t) of a mixture in 100 dimensions to 1 %, against its closed form."""
    found = case("mixture-100")
    exact = found.exact(1.0)

    def estimate() -> Any:
        return integration(found.landscape, found.point, scale=[1.0], beta=1.0, seed=1, relative_error=0.01)

    estimate()
    curve = estimate()
    seconds = cpu_seconds(estimate)
    off, error = abs(float(curve.value[0]) / exact - 1.0), float(curve.error[0]) / abs(exact)
    yield Row(
        f"u(x, t) of a mixture, 100 dimensions: error {100 * error:.2g} %, off by {100 * off:.2g} %", seconds, "s",
 target="1 %, <= 10 s", met=bool(seconds <= 10.0 and off <= 0.01),
    )  # fmt: skip


def _solved(n: int) -> tuple[BinaryPerceptron, np.ndarray]:
    """An instance of n weights at alpha = 0.5 and a solution that SBPI finds."""
    instance = random_patterns(n, p=round(n / 2), seed=1)
    solution = solve(instance, "sbpi", seed=1)
    return BinaryPerceptron(instance), solution.weights


def _warm_up() -> None:
    """Compilation is not what is measured."""
    instance = random_patterns(101, p=30, seed=1)
    integration(BinaryPerceptron(instance), solve(instance, "sbpi", seed=1).weights, [0.02, 0.05], seed=1, sweeps=500)
