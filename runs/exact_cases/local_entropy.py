"""Local entropies that are known: by enumeration, in closed form, by quadrature, from the laws of singular models."""

import math
from collections.abc import Iterator

import numpy as np

from mcmc.local_entropy import convolution, flat_histogram, integration, learning_coefficient
from mcmc.local_entropy.result import LocalEntropy
from perceptron import BinaryPerceptron, random_patterns
from perceptron.local_entropy import enumeration
from runs.exact_cases.case import Case

FLIPS = np.array([2, 3, 5])
"""What is one flip away is counted exactly, and no case for chance."""


def spin_cases(seed: int) -> Iterator[Case]:
    """N = 15 around a solution, at beta = 2 and for solutions only, each estimator against counts."""
    from runs.experiments.local_entropy_agreement import reference_for

    model = BinaryPerceptron(random_patterns(15, p=6, seed=1))
    reference = reference_for(model.patterns, "uniform", 0.0, 1)
    assert reference is not None, "this instance has solutions"
    distance = FLIPS / 15
    for beta in (2.0, math.inf):
        exact = enumeration(model, reference, distance, beta=beta).value
        curve = integration(model, reference, distance, beta=beta, seed=seed)
        curves = {
            "integration": curve,
            "mbar": curve.companions["mbar"],
            "flat histogram": flat_histogram(model, reference, distance, beta=beta, seed=seed, sweeps=8000),
        }
        for name, found in curves.items():
            yield from _rows(f"N = 15, P = 6, beta = {beta:g}, {name}, d =", found, exact)


def smooth_cases(seed: int) -> Iterator[Case]:
    """u(x, t) of a quadratic, a mixture and double wells."""
    from runs.experiments.well_widths_cases import case

    scale = [0.5, 2.0]
    for name in ("quadratic-5", "mixture-2", "well-1", "well-3"):
        found = case(name)
        exact = np.array([found.exact(t) for t in scale])
        curve = integration(found.landscape, found.point, scale=scale, beta=found.beta, seed=seed, sweeps=1500)
        curves = {"integration": curve, "bar": curve.companions["bar"], "mbar": curve.companions["mbar"]}
        curves["convolution"] = convolution(found.landscape, found.point, scale, beta=found.beta, seed=seed)
        for estimator, one in curves.items():
            yield from _rows(f"{name}, {estimator}, t =", one, exact)


def learning_cases(seed: int) -> Iterator[Case]:
    """A localised quadratic at s = 50: (1/2) sum s h / (s h + g); Lau et al., arXiv:2308.12108."""
    from mcmc.landscapes.analytic import Quadratic

    curvature, s, pull = np.array([0.5, 1.0, 4.0]), 50.0, 10.0
    found = learning_coefficient(Quadratic(curvature), np.zeros(3), beta=s, localisation=pull, seed=seed)
    exact = 0.5 * (s * curvature / (s * curvature + pull)).sum()
    yield Case("quadratic, s = 50, localisation 10, MALA", float(found.value), float(found.error), float(exact))


def _rows(name: str, curve: LocalEntropy, exact: np.ndarray) -> Iterator[Case]:
    for at, value, error, known in zip(curve.scale, curve.value, curve.error, exact, strict=True):
        if np.isneginf(known):
            continue
        yield Case(f"{name} {at:.3g}", float(value), float(error), float(known))
