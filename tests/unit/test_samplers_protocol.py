"""Every sampler is held to one protocol: names, signatures, states of arrays, shapes, and the errors it gives."""

import inspect

import numpy as np
import pytest
from small_systems import ising

from mcmc import samplers
from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.landscapes.graphs import lattice
from mcmc.landscapes.network import Data, mlp
from mcmc.landscapes.xy.model import XYModel
from mcmc.samplers import (
    HMC,
    MALA,
    SAGA,
    SGD,
    SGHMC,
    SGLD,
    SVRG,
    AdaGrad,
    Adam,
    Annealing,
    CouplingTempering,
    ElasticSGD,
    EntropySGD,
    GridTempering,
    HeatBath,
    Langevin,
    Metropolis,
    OverRelaxation,
    Parle,
    ProximalPoint,
    Quench,
    RejectionFree,
    ReplicatedAnnealing,
    ReplicatedSGD,
    RMSprop,
    Scoping,
    Tempering,
    Wolff,
    cosine_rates,
    coupling_schedule,
    linear_ramp,
    place_temperatures,
    schedule,
    warm_up,
)
from perceptron import BinaryPerceptron, Replicated, WithReference, random_patterns

TEMPERATURES = [0.8, 1.0, 1.4]


def network():
    rng = np.random.default_rng(1)
    return mlp(Data(rng.normal(size=(12, 3)), rng.integers(0, 2, 12)), (3,), weight_decay=0.1)


def every_sampler():
    xy = XYModel(lattice("square", 4))
    well = DoubleWell(2)
    model = BinaryPerceptron(random_patterns(15, p=9, seed=1))
    near = WithReference(model, np.ones(15, np.int8), control="gamma", beta=1.0)
    ramps = coupling_schedule(linear_ramp(0.5, 2.0, 30), linear_ramp(0.0, 1.0, 30))
    plain = {
        "metropolis": Metropolis(ising(), 0.4),
        "metropolis xy": Metropolis(xy, 1.0, over_relaxation=2),
        "heat bath": HeatBath(xy, 1.0, over_relaxation=1),
        "over-relaxation": OverRelaxation(xy, 1.0),
        "wolff": Wolff(xy, 1.0),
        "langevin": Langevin(well, 1.0, step_size=0.05),
        "hmc": HMC(well, 1.0, steps=4),
        "hmc xy": HMC(xy, 1.0, steps=3),
        "mala": MALA(well, 1.0),
        "mala xy": MALA(xy, 1.0),
        "rejection-free": RejectionFree(model, 2.0),
    }
    tempered = {f"tempering {name}": Tempering(sampler, TEMPERATURES) for name, sampler in plain.items()}
    cooled = {
        f"annealing {name}": Annealing(plain[name], schedule([2.0, 1.0], 30))
        for name in ("metropolis", "heat bath", "mala", "rejection-free")
    }
    others = {
        "quench": Quench(xy),
        "quench metropolis": Quench(ising()),
        "quench perceptron": Quench(model),
        "tempering in gamma": CouplingTempering(Metropolis(near), [0.0, 0.2, 0.5]),
        "tempering on a grid": GridTempering(WithReference(model, np.ones(15, np.int8)), [1.0, 0.5], [0.0, 0.2, 0.5]),
        "adagrad": AdaGrad(network(), batch_size=5, rate_decay=0.01),
        "adam": Adam(network(), batch_size=5, decoupled=True, weight_decay=0.01),
        "rmsprop": RMSprop(network(), batch_size=5, momentum=0.5, centered=True),
        "saga": SAGA(network(), step_size=0.05, batch_size=5),
        "svrg": SVRG(network(), step_size=0.05, batch_size=5, period=7),
        "sgd": SGD(network(), step_size=0.05, batch_size=5, momentum=0.9, nesterov=True),
        "hmc network": HMC(network(), 50.0, step_size=0.02, steps=5),
        "proximal point": ProximalPoint(network(), step_size=0.05, scale=1.0, steps=7, batch_size=5),
        "sghmc": SGHMC(network(), 50.0, step_size=0.05, batch_size=5, replacement=True),
        "sgld": SGLD(network(), 50.0, step_size=0.05, batch_size=5, rates=warm_up(40, cosine_rates(900, 0.2))),
        "sgld preconditioned": SGLD(network(), 50.0, step_size=0.01, batch_size=4, replacement=False, precondition=0.1),
        "entropy-sgd": EntropySGD(
            network(), 50.0, step_size=0.5, scale=Scoping(2.0, 0.9, 1.0), steps=7, inner_step_size=0.05, batch_size=5
        ),
        "elastic-sgd": ElasticSGD(
            network(), step_size=0.05, coupling=Scoping(0.5, 1.1, 2.0, 10), batch_size=4, momentum=0.5
        ),
        "replicated sgd": ReplicatedSGD(network(), step_size=0.05, coupling=0.5, batch_size=4, same_start=False),
        "parle": Parle(network(), step_size=0.5, scale=2.0, coupling=0.4, steps=7, inner_step_size=0.02, batch_size=4),
        "replicated annealing": ReplicatedAnnealing(Replicated(model, 3), ramps),
    }
    return {**plain, **tempered, **cooled, **others}


SAMPLERS = every_sampler()
METHODS = {
    "init": ["self", "chains", "seed"],
    "step": ["self", "state", "n"],
    "thermalize": ["self", "state", "n"],
    "energy": ["self", "state"],
    "recompute_energy": ["self", "state"],
    "observables": ["self", "state"],
    "attributes": ["self"],
    "statistics": ["self", "state"],
}


def leaves(state):
    for value in state:
        if isinstance(value, tuple):
            yield from leaves(value)
        else:
            yield value


def test_every_exported_class_is_held_to_the_protocol():
    classes = {name for name in samplers.__all__ if hasattr(getattr(samplers, name), "step")}
    assert classes == {type(sampler).__name__ for sampler in SAMPLERS.values()}


@pytest.mark.parametrize("cls", sorted({type(s) for s in SAMPLERS.values()}, key=lambda c: c.__name__))
def test_signatures(cls):
    for name, parameters in METHODS.items():
        assert list(inspect.signature(getattr(cls, name)).parameters) == parameters, name
        assert inspect.getdoc(getattr(cls, name)), name
    module = inspect.getmodule(cls)
    for suffix in ("State", "Info"):
        assert hasattr(module, f"{cls.__name__}{suffix}")


@pytest.mark.parametrize("name", SAMPLERS)
def test_states_and_shapes(name):
    sampler = SAMPLERS[name]
    shape = (2, *(len(sampler.coords[dim]) for dim in sampler.dims))
    state = sampler.init([3, 8], 5)
    assert all(isinstance(leaf, np.ndarray) for leaf in leaves(state))
    assert state.sweep.shape == ()
    assert int(state.sweep) == 0
    state, _ = sampler.thermalize(state, 25)
    state, info = sampler.step(state, 3)
    assert int(state.sweep) == 28
    assert isinstance(info, tuple)
    assert hasattr(info, "_fields")
    assert sampler.energy(state).shape == shape
    observed = sampler.observables(state)
    assert "energy" in observed
    assert set(observed) == set(sampler.attributes())
    for value in observed.values():
        assert value.shape == shape
        assert value.dtype == np.float64
    for entry in sampler.attributes().values():
        assert set(entry) == {"long_name", "units"}
    for value in sampler.statistics(state).values():
        assert value.shape in (shape, shape[:1])
        assert value.dtype == np.float64
    assert isinstance(sampler.stationary, bool)


@pytest.mark.parametrize("name", SAMPLERS)
def test_carried_energy_is_the_recomputed_one(name):
    sampler = SAMPLERS[name]
    state, _ = sampler.thermalize(sampler.init(3, 1), 100)
    state, _ = sampler.step(state, 300)
    # Spins of single precision carry up to 2^-24 of each of 32 bonds a sweep until the energy is renewed.
    assert np.allclose(sampler.energy(state), sampler.recompute_energy(state), rtol=0, atol=32 * 300 * 2.0**-24)


def test_over_relaxation_keeps_the_energy_and_moves_the_spins():
    sampler = OverRelaxation(XYModel(lattice("square", 8)))
    state = sampler.init(4, 2)
    energy, spins = sampler.recompute_energy(state), state.spins.spins.copy()
    state, _ = sampler.step(state, 50)
    assert np.allclose(sampler.recompute_energy(state), energy, atol=64 * 2 * 50 * 2.0**-23)
    assert np.abs(state.spins.spins - spins).max() > 0.5


def test_metropolis_tunes_to_its_target_and_then_freezes():
    for start in (1e-3, 0.5):
        sampler = Metropolis(XYModel(lattice("square", 8)), 1.2, width=start, target=0.4)
        state, _ = sampler.thermalize(sampler.init(20, 1), 400)
        width = state.width.copy()
        state, info = sampler.step(state, 400)
        assert np.array_equal(state.width, width)
        assert np.abs(info.acceptance.mean() - 0.4) < 0.02


def test_in_tempering_tuned_numbers_belong_to_the_temperature():
    sampler = Tempering(Metropolis(XYModel(lattice("square", 6)), target=0.4), [0.3, 0.5, 0.8, 1.2])
    state, _ = sampler.thermalize(sampler.init(8, 1), 800)
    state, _ = sampler.step(state, 400)
    assert (state.round_trips > 0).all()
    assert np.abs(sampler.statistics(state)["acceptance"] - 0.4).max() < 0.05
    width = state.replicas.width[state.lane]
    assert (np.diff(width, axis=1) > 0).all()
    assert np.array_equal(state.replicas.beta[state.lane], np.tile(sampler.beta, (8, 1)))


def test_wolff_flips_about_every_spin_once_a_sweep():
    sites = 16 * 16
    for beta in (0.3, 1.0, 3.0):
        sampler = Wolff(XYModel(lattice("square", 16)), beta)
        state, _ = sampler.thermalize(sampler.init(8, 1), 600)
        clusters = state.clusters.copy()
        state, info = sampler.step(state, 200)
        assert np.array_equal(state.clusters, clusters)
        # Clusters at low temperature are as large as the lattice: whole numbers of them are a coarse measure.
        assert 0.6 < info.flipped.mean() / (200 * sites) < 1.7


def test_annealing_follows_its_schedule():
    sampler = Annealing(Metropolis(ising()), schedule([2.0, 1.0, 0.0], [5, 7, 3]))
    state = sampler.init(2, 0)
    seen = []
    for _ in range(20):
        state, _ = sampler.step(state, 1)
        seen.append(float(sampler.observables(state)["beta"][0]))
    assert seen == [0.5] * 5 + [1.0] * 7 + [np.inf] * 8


def test_quench_settles_in_minima_and_stays():
    sampler = Quench(ising())
    state, _ = sampler.step(sampler.init(50, 3), 200)
    assert sampler.finished(state)
    for site in range(9):
        assert (ising().delta_energy(state.spins, site, -state.spins.spins[site]) >= 0).all()
    spins = state.spins.spins.copy()
    state, info = sampler.step(state, 100)
    assert np.array_equal(spins, state.spins.spins)
    assert int(state.sweep) == 300
    assert not info.gain.any()


def test_quench_of_the_xy_model_leaves_no_force():
    model = XYModel(lattice("square", 8))
    sampler = Quench(model, tolerance=0)
    state, info = sampler.step(sampler.init(4, 3), 4000)
    assert (info.gain > 0).all()
    # A spin of single precision is parallel to its field of length up to 4 within some 1e-6 when nothing moves.
    assert np.abs(model.gradient(model.angles(state.spins))).max() < 1e-3


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: Metropolis(DoubleWell(1)), ArgumentError, "a SpinLandscape is needed"),
        (lambda: MALA(ising()), ArgumentError, "step|SmoothLandscape"),
        (lambda: HeatBath(ising()), LandscapeError, "heat_bath"),
        (lambda: Metropolis(ising(), over_relaxation=1), LandscapeError, "over_relaxation"),
        (lambda: Wolff(XYModel(lattice("square", 4), phase="uniform")), LandscapeError, "wolff"),
        (lambda: Metropolis(ising(), target=1.5), ArgumentError, "target: got 1.5"),
        (lambda: Metropolis(ising(), width=0.0), ArgumentError, "width: got 0.0"),
        (lambda: Metropolis(ising(), -1.0).init(1, 0), ArgumentError, "beta: got -1.0"),
        (lambda: Metropolis(ising()).init(0, 0), ArgumentError, "chains: got 0"),
        (lambda: Metropolis(ising()).init(1, -1), ArgumentError, "seed: got -1"),
        (lambda: Metropolis(ising()).step(Metropolis(ising()).init(1, 0), -1), ArgumentError, "n: got -1"),
        (lambda: Tempering(Metropolis(ising()), [1.0]), ArgumentError, "temperatures"),
        (lambda: Tempering(Metropolis(ising()), [1.0, 1.0]), ArgumentError, "distinct"),
        (lambda: Tempering(Metropolis(ising()), [0.0, 1.0]), ArgumentError, "above 0"),
        (lambda: Tempering(Tempering(Metropolis(ising()), [1, 2]), [1, 2]), ArgumentError, "dims"),
        (lambda: Annealing(Tempering(Metropolis(ising()), [1, 2]), schedule([1.0], 1)), ArgumentError, "dims"),
        (lambda: schedule([-1.0], 1), ArgumentError, "temperatures"),
        (lambda: schedule([1.0], 0), ArgumentError, "sweeps: got 0"),
        (lambda: Quench(ising(), tolerance=-1), ArgumentError, "tolerance: got -1"),
        (lambda: Langevin(DoubleWell(1), step_size=0), ArgumentError, "step_size: got 0"),
        (lambda: Langevin(DoubleWell(1), 0.0, step_size=0.1), ArgumentError, "beta: got 0.0"),
        (lambda: MALA(DoubleWell(1), np.inf), ArgumentError, "beta: got inf"),
        (lambda: place_temperatures([1.0, 2.0], [1.0, 2.0]), ArgumentError, "give one"),
        (lambda: place_temperatures([1.0], [1.0], count=3), ArgumentError, "two or more"),
        (lambda: place_temperatures([1.0, 2.0], [1.0, 2.0], swap_rate=1.5), ArgumentError, "swap_rate: got 1.5"),
        (lambda: Quadratic([[1.0, 2.0], [0.0, 1.0]]), ArgumentError, "not symmetric"),
        (lambda: Quadratic([-1.0]), ArgumentError, "eigenvalue"),
    ],
)
def test_faults_are_named_in_one_line(build, error, says):
    with pytest.raises(error, match=says) as caught:
        build()
    assert "\n" not in str(caught.value)
