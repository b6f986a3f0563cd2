"""Where references come from: solvers, uniform draws from all solutions, equilibrium samples, teachers."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from perceptron.solvers import METHODS
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    from perceptron.patterns import Patterns
    from runs.experiments.perceptron_local_entropy import LocalEntropySpec, Sampling

SOLVED, UNSOLVED, WITHOUT_SOLUTIONS, NOT_IN_EQUILIBRIUM = range(4)
"""Values of `status`."""


class Reference(NamedTuple):
    """What a source gave."""

    status: int
    weights: np.ndarray | None
    """(n,) int8 of +-1, also where they are no solution; None where there are none."""
    r_hat: float = math.nan
    round_trips: float = math.nan

    @property
    def solved(self) -> bool:
        """Whether there is a solution to look around."""
        return self.status == SOLVED


def reference_of(spec: "LocalEntropySpec", point: Point, draw: int, instance: "Patterns") -> Reference:
    """The reference of a draw of a point on its instance."""
    source = point.parameters["source"]
    if source in METHODS:
        from perceptron.solvers import solve

        seed = point_seed(spec.seed, f"solver {point.name} instance-{draw}")
        found = solve(instance, source, seed, margin=spec.patterns.margin, **spec.solver.get(source, {}))
        return Reference(SOLVED if found.solved else UNSOLVED, found.weights)
    seed = point_seed(spec.seed, f"reference {point.name} instance-{draw}")
    if source == "enumerated":
        return uniform_solution(instance, seed, spec.patterns.margin)
    if source == "sampled":
        return equilibrium_solution(instance, seed, spec.sampling, spec.patterns.margin)
    assert instance.teacher is not None, "planted instances have a teacher"
    solved = int(instance.errors(instance.teacher, spec.patterns.margin)) == 0
    return Reference(SOLVED if solved else UNSOLVED, instance.teacher)


def uniform_solution(instance: "Patterns", seed: int, margin: float = 0.0) -> Reference:
    """A solution drawn uniformly from all 2^n configurations."""
    from mcmc.random import Stream, uniforms
    from perceptron.enumeration import enumerate_configurations
    from perceptron.packing import unpack_signs

    every = enumerate_configurations(instance, margin=margin, histogram=False, threads=1)
    if every.solution_count == 0:
        return Reference(WITHOUT_SOLUTIONS, None)
    packed = every.packed_solutions
    chosen = packed[int(uniforms(seed, Stream.INITIAL, 0, 0, 0)[0] * packed.size)]
    return Reference(SOLVED, unpack_signs(np.array([chosen], np.uint64), instance.n))


def equilibrium_solution(instance: "Patterns", seed: int, sampling: "Sampling", margin: float = 0.0) -> Reference:
    """A solution drawn from those that tempered chains visited at their coldest temperature, each visit alike.

    Refused, with its weights kept, when the chains disagree on the energy at any temperature or too few replicas
    travelled between the coldest and beta = 0, where a heat bath forgets everything: then solutions are not visited
    with equal chance.
    """
    from mcmc.random import Stream, uniforms
    from mcmc.samplers import HeatBath, Tempering
    from mcmc.statistics.convergence import r_hat
    from perceptron import BinaryPerceptron

    model: Any = BinaryPerceptron(instance, "errors", margin)
    temperatures = [math.inf if beta == 0.0 else 1.0 / beta for beta in sampling.beta]
    sampler = Tempering(HeatBath(model), temperatures)
    state, _ = sampler.thermalize(sampler.init(sampling.chains, seed), sampling.thermalization)
    energies = np.empty((sampling.chains, sampling.draws, len(temperatures)))
    visited: list[np.ndarray] = []
    for draw in range(sampling.draws):
        state, _ = sampler.step(state, sampling.thin)
        energies[:, draw] = sampler.energy(state)
        weights = model.weights(state.replicas.spins)[state.lane[:, 0]]
        visited.extend(weights[energies[:, draw, 0] == 0])
    worst = float(np.max(r_hat(energies)))
    trips = float(sampler.statistics(state)["round_trips"].min())
    if not visited:
        return Reference(UNSOLVED, None, worst, trips)
    # Not the last of them: solutions that are easily left come last more often.
    chosen = visited[int(uniforms(seed, Stream.INITIAL, 0, 1, 0)[0] * len(visited))]
    agreed = worst <= sampling.r_hat and trips >= sampling.round_trips
    return Reference(SOLVED if agreed else NOT_IN_EQUILIBRIUM, chosen, worst, trips)
