"""What integration over the coupling refuses, and how it says so."""

import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.local_entropy import integration
from mcmc.samplers import GridTempering
from perceptron import BinaryPerceptron, WithReference, random_patterns

MODEL = BinaryPerceptron(random_patterns(13, p=5, seed=3))
ONES = np.ones(13, np.int8)


class Angles:
    """A landscape whose agreement takes any value."""

    sites, levels, reference, updates = 4, None, np.zeros(4), ("metropolis",)

    def with_reference(self, reference):
        return self


def told(**more):
    return {"model": MODEL, "reference": ONES, "distance": [1 / 13], "beta": 1.0} | more


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"distance": None}, "neither"),
        ({"scale": [0.1]}, "both"),
        ({"reference": ONES[:5]}, "reference"),
        ({"reference": 2 * ONES}, "reference"),
        ({"distance": [1.5]}, "from 0 to 1"),
        ({"distance": [0.1]}, "multiples of 1/13"),
        ({"beta": 0}, "beta: got 0"),
        ({"beta": -1.0}, "beta: got -1"),
        ({"beta": math.nan}, "beta: got nan"),
        ({"beta": "cold"}, "beta: got 'cold'"),
        ({"beta": math.inf, "reference": -ONES}, "energy is"),
        ({"error": 0}, "error: got 0"),
        ({"budget": -5}, "budget: got -5"),
        ({"sweeps": 3}, "sweeps: got 3"),
        ({"chains": 0}, "chains: got 0"),
        ({"seed": -1}, "seed: got -1"),
        ({"gammas": [1.0]}, "gammas"),
        ({"gammas": "many"}, "gammas: got 'many'"),
        ({"betas": "some"}, "betas: got 'some'"),
        ({"betas": [2.0]}, "from 0 to beta = 1"),
        ({"width": 3}, "width: no such option"),
        ({"model": object()}, "with_reference"),
    ],
)
def test_wrong_arguments_are_named(more, text):
    reference = more.get("reference", ONES)
    if more.get("beta") == math.inf:
        energy = MODEL.with_reference(reference).cost(MODEL.with_reference(reference).at_reference(1, 0))[0]
        more = more if energy else {**more, "reference": -reference}
    with pytest.raises(ArgumentError, match=text):
        integration(**told(**more))


def test_couplings_without_overlap_name_the_rungs_and_what_to_add():
    model = BinaryPerceptron(random_patterns(301, p=3, seed=1))
    with pytest.raises(ArgumentError, match=r"rungs 1 and 2 \(gamma = 2.5 and 0.2\) overlap by 0.*add gamma = "):
        integration(model, np.ones(301, np.int8), [0.1], beta=1.0, gammas=[3.0, 2.5, 0.2], sweeps=100)
    with pytest.raises(ArgumentError, match="the reference was never met; add gamma = "):
        integration(model, np.ones(301, np.int8), [0.4], beta=1.0, gammas=[0.2, 0.15], sweeps=100)


def test_angles_and_unknown_updates_are_refused():
    with pytest.raises(LandscapeError, match="angles"):
        integration(**told(model=Angles(), reference=np.zeros(4)))
    with pytest.raises(LandscapeError, match="update 'wolff'"):
        integration(**told(update="wolff"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((MODEL, [1.0], [0.0, 1.0]), "landscape"),
        ((WithReference(MODEL, ONES, control="gamma"), [1.0], [0.0, 1.0]), "control"),
        ((WithReference(MODEL, ONES), [1.0], [0.5]), "one place"),
        ((WithReference(MODEL, ONES), [-1.0], [0.0, 0.5]), "betas: got -1"),
        ((WithReference(MODEL, ONES), [1.0], [0.0, math.inf]), "infinite"),
        ((WithReference(MODEL, ONES), [1.0, 1.0], [0.0, 0.5]), "distinct"),
        ((WithReference(MODEL, ONES), ["hot"], [0.0, 0.5]), "list of numbers"),
    ],
)
def test_a_grid_says_what_is_wrong(arguments, text):
    with pytest.raises(ArgumentError, match=text):
        GridTempering(*arguments)
