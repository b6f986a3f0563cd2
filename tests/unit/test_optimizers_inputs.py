"""Optimisers refuse what they cannot use, in one line that says what to do."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError, MemoryLimitError
from mcmc.gradient_noise import regression_covariance
from mcmc.landscapes.analytic import Quadratic
from mcmc.landscapes.network import Data, mlp
from mcmc.samplers import (
    HMC,
    MALA,
    PARLE_PAPER,
    SAGA,
    SGD,
    SGLD,
    SVRG,
    AdaGrad,
    Adam,
    EntropySGD,
    LoopConventions,
    ProximalPoint,
    ReplicatedSGD,
    RMSprop,
    step_rates,
)

NETWORK = mlp(Data(np.random.default_rng(1).normal(size=(14, 3)), np.arange(14) % 3), (4,))
BOWL = Quadratic([1.0, 2.0])
PLAIN = np.random.default_rng(1).normal(size=(9, 2))


def regression(**changed):
    given = {"inputs": PLAIN, "targets": PLAIN[:, 0] ** 2, "step_size": 0.1, "batch_size": 3, **changed}
    return regression_covariance(given.pop("inputs"), given.pop("targets"), **given)


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: Adam(NETWORK, betas=(0.9, 1.0)), ArgumentError, r"betas\[1\]: got 1.0; a number below 1"),
        (lambda: Adam(NETWORK, betas=(-0.1, 0.9)), ArgumentError, r"betas\[0\]: got -0.1"),
        (lambda: Adam(NETWORK, betas=0.9), ArgumentError, "betas: got 0.9; two numbers"),
        (lambda: Adam(NETWORK, betas=(0.9, 0.99, 0.999)), ArgumentError, "betas: got .*two numbers"),
        (lambda: Adam(NETWORK, betas=("a", 0.9)), ArgumentError, r"betas\[0\]: got 'a'"),
        (lambda: Adam(NETWORK, eps=-1e-8), ArgumentError, "eps: got -1e-08"),
        (lambda: Adam(NETWORK, eps=np.nan), ArgumentError, "eps: got nan"),
        (lambda: Adam(NETWORK, weight_decay=-1), ArgumentError, "weight_decay: got -1"),
        (lambda: Adam(NETWORK, step_size=0.0), ArgumentError, "step_size: got 0.0"),
        (lambda: Adam(NETWORK, batch_size=15), ArgumentError, "batch_size: got 15; a whole number from 1 to the 14"),
        (lambda: Adam(NETWORK, rates=0.1), ArgumentError, "rates: got float"),
        (lambda: Adam(lambda x: x), ArgumentError, "landscape: got function; a SmoothLandscape"),
        (lambda: RMSprop(NETWORK, alpha=1.0), ArgumentError, "alpha: got 1.0"),
        (lambda: RMSprop(NETWORK, momentum=1.5), ArgumentError, "momentum: got 1.5"),
        (lambda: RMSprop(NETWORK, weight_decay="0.1"), ArgumentError, "weight_decay: got '0.1'"),
        (lambda: AdaGrad(NETWORK, rate_decay=-0.1), ArgumentError, "rate_decay: got -0.1"),
        (lambda: AdaGrad(NETWORK, eps=None), ArgumentError, "eps: got None"),
        (lambda: SGD(NETWORK, step_size=0.1, dampening=1.0), ArgumentError, "dampening: got 1.0"),
        (lambda: SGD(NETWORK, step_size=0.1, nesterov=True), ArgumentError, "nesterov: .*momentum above 0"),
        (
            lambda: SGD(NETWORK, step_size=0.1, momentum=0.9, nesterov="no"),
            ArgumentError,
            "nesterov: got 'no'; True or",
        ),
        (lambda: Adam(NETWORK, decoupled=0), ArgumentError, "decoupled: got 0; True or False"),
        (lambda: RMSprop(NETWORK, centered=None), ArgumentError, "centered: got None; True or False"),
        (
            lambda: ReplicatedSGD(NETWORK, step_size=0.1, coupling=1.0, same_start="own"),
            ArgumentError,
            "same_start: got 'own'; True or False",
        ),
        (lambda: MALA(NETWORK, target="a"), ArgumentError, "target: got 'a'; a number below 1"),
        (lambda: MALA(NETWORK, target=0.0), ArgumentError, "target: got 0.0; an acceptance between .*, 0.7 is usual"),
        (
            lambda: HMC(NETWORK, target=0),
            ArgumentError,
            "target: got 0; an acceptance between 0 and 1 .*, 0.8 is usual",
        ),
        (lambda: HMC(NETWORK, np.inf), ArgumentError, "beta: got inf; HMC needs finite beta"),
        (
            lambda: PARLE_PAPER.arguments(batches=9, gamma=0.5),
            ArgumentError,
            "gamma: got 0.5; .* lowers it to 1, so 1 or",
        ),
        (
            lambda: PARLE_PAPER.arguments(batches=9, rho=0.01),
            ArgumentError,
            "rho: got 0.01; .*0.1 or more .*coupling to",
        ),
        (lambda: SVRG(NETWORK, step_size=0.1, batch_size=2, period=0), ArgumentError, "period: got 0; a whole number"),
        (lambda: SVRG(NETWORK, step_size=0.1, batch_size=2, period=2.5), ArgumentError, "period: got 2.5"),
        (lambda: SVRG(NETWORK, step_size=0.1, batch_size=2, period=True), ArgumentError, "period: got True"),
        (
            lambda: SVRG(NETWORK, step_size=0.1),
            ArgumentError,
            "batch_size: got None; SVRG needs .* 1 to 14, or use SGD",
        ),
        (lambda: SAGA(NETWORK, step_size=0.1), ArgumentError, "batch_size: got None; SAGA needs"),
        (lambda: SAGA(NETWORK, step_size=0.1, batch_size=20), ArgumentError, "batch_size: got 20"),
        (lambda: SAGA(NETWORK, step_size=0.1, batch_size=2, samples=[[0, 14]]), ArgumentError, "samples: got index 14"),
        (lambda: SAGA(BOWL, step_size=0.1, batch_size=2), LandscapeError, "no mean over data .*SAGA.*use SGD"),
        (lambda: SVRG(BOWL, step_size=0.1), LandscapeError, "no mean over data .*SVRG.*use SGD"),
        (lambda: SAGA(None, step_size=0.1, batch_size=2), ArgumentError, "landscape: got NoneType"),
        (lambda: SGD(NETWORK, step_size="fast"), ArgumentError, "step_size: got 'fast'; a finite number above 0"),
        (lambda: SGD(NETWORK, step_size="0.1"), ArgumentError, "step_size: got '0.1'; a finite number"),
        (lambda: SGD(NETWORK, step_size=True), ArgumentError, "step_size: got True"),
        (lambda: SGD(NETWORK, step_size=[]), ArgumentError, r"step_size: got \[\]"),
        (lambda: SGD(NETWORK, step_size=[[0.1], [0.1, 0.2]]), ArgumentError, "step_size: got .*one per chain"),
        (lambda: SGD(NETWORK, step_size=np.r_[np.ones(99), -1.0]), ArgumentError, "step_size: got -1.0; a finite"),
        (lambda: SGLD(NETWORK, "cold", step_size=0.1), ArgumentError, "beta: got 'cold'; a number above 0"),
        (lambda: SGLD(NETWORK, np.nan, step_size=0.1), ArgumentError, "beta: got nan; a number above 0"),
        (lambda: HMC(NETWORK, "a"), ArgumentError, "beta: got 'a'; a number above 0"),
        (lambda: HMC(NETWORK, [[1.0], [1.0, 2.0]]), ArgumentError, "beta: got "),
        (lambda: SGD(NETWORK, step_size=1.0, samples=[[1, 2], [3]]), ArgumentError, "samples: got rows of different"),
        (lambda: SGD(NETWORK, step_size=1.0, samples="all"), ArgumentError, "samples: got shape"),
        (lambda: step_rates(5), ArgumentError, "milestones: got 5; a list of rising step numbers"),
        (lambda: step_rates("57"), ArgumentError, "milestones: got '57'"),
        (
            lambda: EntropySGD(
                NETWORK, 1.0, step_size=1.0, scale=1.0, inner_step_size=0.1, conventions=LoopConventions(look_ahead="x")
            ),
            ArgumentError,
            "conventions: look_ahead: got 'x'; a finite number",
        ),
        (lambda: ProximalPoint(NETWORK, step_size=0.1, scale="wide"), ArgumentError, "scale: got 'wide'; a finite"),
        (lambda: regression(replacement="epoch"), ArgumentError, "replacement: got 'epoch'; True or False"),
        (lambda: regression(step_size=-0.1), ArgumentError, "step_size: got -0.1"),
        (lambda: regression(step_size=50.0), ArgumentError, "step_size: got 50.0; second moments grow"),
        (lambda: regression(batch_size=10), ArgumentError, "batch_size: got 10"),
        (lambda: regression(targets=np.ones(8)), ArgumentError, r"got shapes \(9, 2\), \(8,\)"),
        (lambda: regression(targets=["a"] * 9), ArgumentError, "finite numbers"),
        (lambda: regression(targets=np.full(9, np.nan)), ArgumentError, "not finite"),
        (lambda: regression(inputs=np.ones((9, 2))), ArgumentError, "inputs: mean x x' .* is singular"),
    ],
)
def test_faults_are_named_in_one_line(build, error, says):
    with pytest.raises(error, match=says) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_a_table_that_does_not_fit_is_refused_before_it_is_made():
    sampler = SAGA(NETWORK, step_size=0.1, batch_size=2)
    with pytest.raises(MemoryLimitError, match=r"SAGA's table of 1000000000 x 14 x 31 .* take fewer .* or SVRG"):
        sampler._require_room(10**9)
    assert sampler.init(3, 0).table.shape == (3, 14, 31)


@pytest.mark.parametrize("chains", ["a", [0.5, 1.2], [0, "a"], [[0], [1, 2]], [True, False], [], [-1], [2**32], [3, 3]])
def test_what_is_no_chain_id(chains):
    with pytest.raises(ArgumentError, match=r"chains: got .*a count, or distinct ids"):
        SGD(NETWORK, step_size=0.1).init(chains, 0)
    with pytest.raises(ArgumentError, match=r"chains: got .*a count, or distinct ids"):
        NETWORK.initial_x(chains, 0)


def test_chain_ids_of_any_whole_type():
    for chains in ([2, 0], (2, 0), np.array([2, 0], np.uint8), np.array([2, 0], np.uint64)):
        assert SGD(NETWORK, step_size=0.1).init(chains, 0).chain.tolist() == [2, 0]


def test_infinite_momentum_is_not_taken_for_a_number():
    with pytest.raises(ArgumentError, match="momentum"):
        SGD(NETWORK, step_size=0.1, momentum=np.inf)


def test_an_optimizer_without_data_takes_whole_gradients():
    """Adam and the like need no data: on a bowl they find its bottom."""
    for sampler in (Adam(BOWL, step_size=0.05), RMSprop(BOWL), AdaGrad(BOWL, step_size=0.5)):
        state, _ = sampler.step(sampler.init(3, 1), 4000)
        assert (sampler.energy(state) < 1e-3).all()
        assert np.array_equal(sampler.statistics(state)["sample_gradients"], np.full(3, 4000.0))
