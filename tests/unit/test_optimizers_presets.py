"""Published constants of Entropy-SGD and Parle, number by number, and what is refused under their published names."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscapes.analytic import Quadratic
from mcmc.samplers import (
    ENTROPY_SGD_CODE,
    ENTROPY_SGD_LUA,
    ENTROPY_SGD_PAPER,
    PARLE_CODE,
    PARLE_PAPER,
    EntropySGD,
    LoopConventions,
    Parle,
)

BOWL = Quadratic([1.0, 2.0])
NESTEROV = {"momentum": 0.9, "nesterov": True}


def checked(found, wanted):
    """All constants, and no others; scopings apart."""
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert found[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), name


def along(scoping, steps):
    return [scoping.value(step) for step in steps]


def test_entropy_sgd_as_in_its_paper():
    """arXiv:1611.01838, algorithm 1: L = 20, eta' = .1, alpha = .75, eps = 1e-4, gamma0 = 1e-4, gamma1 = 1e-3."""
    found = ENTROPY_SGD_PAPER.arguments(step_size=1.0)
    scale = found.pop("scale")
    # mu <- (1 - alpha) mu + alpha y; sqrt(eta') eps = sqrt(2 eta' / beta).
    checked(found, {"beta": 2e8, "step_size": 1.0, "steps": 20, "inner_step_size": 0.1, "averaging": 0.25})
    assert along(scale, (0, 1, 500)) == pytest.approx([1e4, 1e4 / 1.001, 1e4 / 1.001**500])


# optim.py and entropyoptim.lua of ucla-vision/entropy-sgd: eps 1e-4, L 20 (train scripts), llr = .1, beta1 = .75,
# noise eps / sqrt(.5 llr) before the factor llr, momentum .9 with nesterov past the pull, outer step lr (x - mu).
BOTH_PROGRAMS = {
    "beta": 1e8, "steps": 20, "inner_step_size": 0.1, "averaging": 0.75, "outer": "average",
    "conventions": LoopConventions(whole_momentum=False), **NESTEROV,
}  # fmt: skip


def test_entropy_sgd_as_in_its_python_program():
    """python/optim.py: lr = .1, g0 = 1e-4, whose scoping never counts; momentum .9 in outer steps too."""
    found = ENTROPY_SGD_CODE.arguments()
    scale = found.pop("scale")
    checked(found, {**BOTH_PROGRAMS, "step_size": 0.1, "outer_momentum": 0.9})
    assert along(scale, (0, 1, 5000)) == pytest.approx([1e4] * 3)


def test_entropy_sgd_as_in_its_lua_program():
    """train.lua: lr = 1, gamma = .03, scoping = 1e-3; entropyoptim.lua counts its steps from 1."""
    found = ENTROPY_SGD_LUA.arguments()
    scale = found.pop("scale")
    checked(found, {**BOTH_PROGRAMS, "step_size": 1.0, "outer_momentum": 0.0})
    assert along(scale, (0, 9)) == pytest.approx([1 / (0.03 * 1.001), 1 / (0.03 * 1.001**10)])


def test_parle_as_in_its_paper():
    """arXiv:1707.00424: L = 25, alpha = .75, momentum .9, n = 3, gamma from 100 to 1, rho from 1 to .1, 1 - 1/(2 B)."""
    found = PARLE_PAPER.arguments(batches=40)
    scale, coupling = found.pop("scale"), found.pop("coupling")
    checked(found, {
        "replicas": 3, "step_size": 0.1, "inner_step_size": 0.1, "steps": 25, "averaging": 0.75,
        "outer_momentum": 0.9, **NESTEROV,
    })  # fmt: skip
    assert along(scale, (0, 1, 10**4)) == pytest.approx([100.0, 100 * (1 - 1 / 80), 1.0])
    assert along(coupling, (0, 1, 10**4)) == pytest.approx([1.0, 1 / (1 - 1 / 80), 10.0])


def test_parle_as_in_its_program():
    """ucla-vision/parle, parle_mpi.py: gamma = rho = .01, up to 1 and 10, rho L n, L = 25, lr = .1 by 10 an epoch."""
    found = PARLE_CODE.arguments(batches=40)
    scale, coupling, rates = (found.pop(name) for name in ("scale", "coupling", "rates"))
    checked(found, {
        "replicas": 3, "step_size": 0.1, "inner_step_size": 0.1, "steps": 25, "averaging": 0.75, "outer_momentum": 0.9,
        "conventions": LoopConventions(
            keep_momentum=True, keep_average=True, look_ahead=1.0, start_from_inner=True, couple_to_averages=True,
            inner_rates=True,
        ),
        **NESTEROV,
    })  # fmt: skip
    assert along(scale, (0, 1, 10**4)) == pytest.approx([100.0, 100 / (1 + 1 / 80), 1.0])
    assert along(coupling, (0, 10**4)) == pytest.approx([0.01 * 25 * 3 * (1 + 1 / 80), 10.0])
    epoch = 40 * 25
    wanted = [1.0, 1.0, 0.1, 1e-2, 1e-4]
    assert [rates.factor(k) for k in (0, epoch - 1, epoch, 2 * epoch, 4 * epoch)] == pytest.approx(wanted)


def test_noise_of_the_presets_is_a_temperature():
    assert ENTROPY_SGD_PAPER.arguments(step_size=1.0, noise=1e-3)["beta"] == pytest.approx(2e6)
    assert ENTROPY_SGD_CODE.arguments(noise=1e-3)["beta"] == pytest.approx(1e6)
    assert ENTROPY_SGD_CODE.arguments(noise=0.0)["beta"] == np.inf


@pytest.mark.parametrize(
    ("preset", "needed", "cls"),
    [
        (ENTROPY_SGD_PAPER, {"step_size": 1.0}, EntropySGD),
        (ENTROPY_SGD_CODE, {}, EntropySGD),
        (ENTROPY_SGD_LUA, {}, EntropySGD),
        (PARLE_PAPER, {"batches": 9}, Parle),
        (PARLE_CODE, {"batches": 9}, Parle),
    ],
)
def test_presets_make_the_optimiser_they_are_for(preset, needed, cls):
    made = preset.optimizer_on(BOWL, **needed)
    assert type(made) is cls
    direct = cls(BOWL, **preset.arguments(**needed))
    states = [sampler.step(sampler.init(2, 0), 60)[0] for sampler in (made, direct)]
    assert np.isfinite(made.weights(states[0])).all()
    assert np.array_equal(states[0].x, states[1].x)
    assert preset.optimizer_on(BOWL, **needed, momentum=0.5).momentum == 0.5


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: ENTROPY_SGD_CODE.arguments(rho=1.0), "rho: not a constant of ucla-vision/entropy-sgd"),
        (lambda: ENTROPY_SGD_CODE.optimizer_on(BOWL, replicas=3), "replicas: neither a constant .* of EntropySGD"),
        (lambda: PARLE_PAPER.optimizer_on(BOWL, batches=3, alpha=0.5), "alpha: neither a constant of arXiv:1707.00424"),
        (lambda: ENTROPY_SGD_PAPER.arguments(), "step_size: left out"),
        (lambda: PARLE_PAPER.arguments(), "batches: left out"),
        (lambda: PARLE_CODE.arguments(batches=0), "batches: got 0"),
        (lambda: PARLE_PAPER.arguments(batches=0), "batches: got 0"),
        (lambda: ENTROPY_SGD_PAPER.arguments(step_size=1.0, alpha=1.5), "^alpha: got 1.5; a number from 0 to 1"),
        (lambda: ENTROPY_SGD_PAPER.arguments(step_size=1.0, gamma=0), "^gamma: got 0; a finite number above 0"),
        (lambda: ENTROPY_SGD_PAPER.arguments(step_size=1.0, scoping=-1), "^scoping: got -1"),
        (lambda: ENTROPY_SGD_LUA.arguments(gamma="small"), "^gamma: got 'small'"),
        (lambda: ENTROPY_SGD_CODE.arguments(noise=-1.0), "^noise: got -1.0"),
        (lambda: PARLE_PAPER.arguments(batches=3, rho=0.0), "^rho: got 0.0"),
        (lambda: PARLE_PAPER.arguments(batches=3, gamma=-1.0), "^gamma: got -1.0"),
        (lambda: PARLE_CODE.arguments(batches=3, gamma=0.0), "^gamma: got 0.0"),
        (lambda: PARLE_PAPER.arguments(batches=3, step_size=[0.1, 0.2]), r"^step_size: got \[0.1, 0.2\]; a finite"),
        (lambda: PARLE_CODE.arguments(batches=3, step_size="fast"), "^step_size: got 'fast'"),
    ],
)
def test_faults_are_named_as_they_were_given(build, says):
    with pytest.raises(ArgumentError, match=says) as caught:
        build()
    assert "\n" not in str(caught.value)
