"""Scoping as data, replicas as lanes, calls that end inside an inner loop, files that resume, and bad input."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError, NonFiniteEnergyError, StoreError
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.landscapes.network import Data, mlp
from mcmc.samplers import (
    ElasticSGD,
    EntropySGD,
    LoopConventions,
    Parle,
    ProximalPoint,
    ReplicatedSGD,
    Scoping,
    parle_scoping,
    sample,
    scale_scoping,
    step_rates,
)
from mcmc.samplers.entropy_presets import PARLE_CODE


def network():
    rng = np.random.default_rng(1)
    return mlp(Data(rng.normal(size=(12, 3)), rng.integers(0, 2, 12)), (3,), weight_decay=0.1)


def test_scoping_is_that_of_entropy_sgd_and_parle():
    steps = np.arange(0, 4000, 37)
    scale = scale_scoping(1e-2, 1e-3, limit=0.5)
    assert np.allclose([1 / scale.value(k) for k in steps], np.minimum(1e-2 * (1 + 1e-3) ** steps, 0.5), rtol=1e-10)
    gamma, rho = parle_scoping(100.0, 40, 1.0), parle_scoping(1.0, 40, 0.1, inverse=True)
    fall = (1 - 1 / 80) ** steps
    assert np.allclose([gamma.value(k) for k in steps], np.maximum(100 * fall, 1), rtol=1e-10)
    assert np.allclose([1 / rho.value(k) for k in steps], np.maximum(fall, 0.1), rtol=1e-10)
    slow = Scoping(2.0, 0.5, None, 10)
    assert [slow.value(k) for k in (0, 9, 10, 25)] == [2.0, 2.0, 1.0, 0.5]
    assert Scoping(1.0, 2.0).value(10**6) == np.inf
    assert Scoping(1.0, 0.5).value(10**6) == 0.0
    assert Scoping(3.0).value(10**6) == 3.0
    assert [Scoping(5.0, 1.0, limit).value(k) for limit in (2.0, 9.0) for k in (0, 99)] == [5.0] * 4


def every_optimizer():
    f, given = network(), {"batch_size": 5, "rates": step_rates([20], 0.5)}
    inner = {"steps": 7, "inner_step_size": 0.05, "scale": Scoping(2.0, 0.9, 1.0), "momentum": 0.5, **given}
    kept = LoopConventions(keep_momentum=True, keep_average=True, inner_rates=True, couple_to_averages=True)
    return {
        "entropy": EntropySGD(f, 40.0, step_size=0.5, outer_momentum=0.5, **inner),
        "parle": Parle(f, 40.0, step_size=0.5, coupling=0.4, **inner),
        "parle program": Parle(f, **PARLE_CODE.arguments(batches=2, steps=5), batch_size=5),
        "parle kept": Parle(f, step_size=0.5, coupling=0.4, conventions=kept, nesterov=True, **inner),
        "elastic": ElasticSGD(f, step_size=0.05, coupling=Scoping(0.5, 1.1, 2.0, 10), momentum=0.5, period=3, **given),
        "replicated": ReplicatedSGD(f, step_size=0.05, coupling=0.5, momentum=0.5, **given),
    }


OPTIMIZERS = every_optimizer()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bits_depend_neither_on_calls_nor_on_other_chains(name):
    sampler = OPTIMIZERS[name]
    whole, _ = sampler.step(sampler.init([3, 8], 5), 40)
    parts = sampler.init([8], 5)
    for length in (1, 5, 3, 11, 20):
        parts, _ = sampler.step(parts, length)
    lanes = sampler.replicas
    for field in ("x", "energy", "y", "average", "inner_buffer", "outer_buffer", "velocity", "momentum_buffer"):
        if hasattr(whole, field):
            assert np.array_equal(getattr(whole, field)[lanes:], getattr(parts, field)), field
    assert np.array_equal(sampler.weights(whole)[1:], sampler.weights(parts))
    other, _ = sampler.step(sampler.init([8], 6), 40)
    assert not np.allclose(other.x, parts.x)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_file_resumes_inside_an_inner_loop_with_the_same_bits(name, tmp_path):
    sampler = OPTIMIZERS[name]
    whole = sample(sampler, 24, chains=2, seed=3, path=tmp_path / "whole.h5")
    for sweeps in (10, 17, 24):
        parts = sample(sampler, sweeps, chains=2, seed=3, path=tmp_path / "parts.h5")
    assert set(whole) == set(parts)
    for variable in whole:
        assert np.array_equal(whole[variable], parts[variable]), variable
    assert whole["energy"].dims == ("chain", "draw", *sampler.dims)


def test_a_file_knows_the_scoping_it_was_made_with(tmp_path):
    def build(scale):
        return EntropySGD(network(), 40.0, step_size=0.5, scale=scale, inner_step_size=0.05, batch_size=5)

    sample(build(Scoping(2.0, 0.9)), 10, path=tmp_path / "run.h5")
    with pytest.raises(StoreError, match="sampler"):
        sample(build(Scoping(2.0, 0.8)), 20, path=tmp_path / "run.h5")


def test_scales_and_couplings_follow_their_scoping():
    sampler = Parle(
        network(), step_size=0.5, scale=Scoping(8.0, 0.5, 1.0), coupling=Scoping(1.0, 2.0, 4.0), steps=5,
        inner_step_size=0.05, batch_size=5,
    )  # fmt: skip
    state, seen = sampler.init(2, 0), []
    for _ in range(5):
        found = sampler.statistics(state)
        assert found["scale"].shape == (2, 3)
        seen.append((found["scale"][0, 0], found["coupling"][0, 0]))
        state, _ = sampler.step(state, 5)
    assert seen == [(8.0, 1.0), (4.0, 2.0), (2.0, 4.0), (1.0, 4.0), (1.0, 4.0)]


def test_centre_and_spread_are_those_of_the_replicas():
    sampler = ReplicatedSGD(network(), step_size=0.05, coupling=0.5, batch_size=4, same_start=False)
    state = sampler.init(2, 1)
    x = state.x.reshape(2, 3, -1)
    seen = sampler.observables(state)
    centre = x.mean(axis=1)
    assert np.allclose(sampler.weights(state), centre, rtol=1e-14)
    assert np.allclose(seen["spread"], ((x - centre[:, None]) ** 2).sum(axis=-1).mean(axis=1)[:, None], rtol=1e-12)
    assert np.allclose(seen["centre_energy"], network().energy(centre)[:, None], rtol=1e-12)
    assert np.allclose(seen["energy"], network().energy(state.x).reshape(2, 3), rtol=1e-14)
    assert (seen["spread"] > 0.1).all()
    assert np.array_equal(state.x, np.concatenate([network().initial_x([lane], 1) for lane in range(6)]))
    together = ReplicatedSGD(network(), step_size=0.05, coupling=0.5, batch_size=4)
    # The mean of three equal numbers may be off in its last bit.
    assert (together.observables(together.init(2, 1))["spread"] < 1e-30).all()


@pytest.mark.parametrize(
    "build",
    [
        lambda **same: ElasticSGD(network(), step_size=0.05, coupling=0.5, **same),
        lambda **same: Parle(network(), step_size=0.5, coupling=0.5, scale=1.0, inner_step_size=0.1, **same),
    ],
)
def test_replicas_start_apart_where_they_are_told_to(build):
    apart, together = (build(same_start=same).init([4, 7], 1) for same in (False, True))
    lanes = [12, 13, 14, 21, 22, 23]
    assert np.array_equal(apart.x, np.concatenate([network().initial_x([lane], 1) for lane in lanes]))
    assert np.array_equal(together.x, np.repeat(network().initial_x([4, 7], 1), 3, axis=0))
    assert np.allclose(apart.energy, network().energy(apart.x), rtol=1e-14)


@pytest.mark.parametrize("keep", [False, True])
def test_the_inner_point_lives_on_where_it_is_told_to(keep):
    """Without noise, on a parabola of curvature h: y - x is a number times what it was, which is known."""
    h, t, eta, steps = 1.5, 0.5, 0.1, 3
    sampler = EntropySGD(
        Quadratic([h]), np.inf, step_size=0.3, scale=t, steps=steps, inner_step_size=eta, averaging=0.0,
        outer="average", conventions=LoopConventions(keep_inner=keep),
    )  # fmt: skip
    state = sampler.init(1, 0)
    x = y = float(state.x[0, 0])
    for _ in range(4):
        y = y if keep else x
        for _ in range(steps):
            y -= eta * (h * y + (y - x) / t)
        x -= 0.3 * (x - y)
    state, _ = sampler.step(state, 4 * steps)
    assert np.allclose([state.x[0, 0], state.y[0, 0]], [x, y], rtol=1e-13)


def test_replicas_see_samples_of_their_own():
    halves = np.arange(12).reshape(2, 6)

    class Watched:
        dim, data_size, seen = 2, 12, {}

        def energy(self, x, batch=None):
            return np.zeros(len(x))

        def gradient(self, x, batch=None):
            for lane, rows in enumerate(batch):
                self.seen.setdefault(lane, set()).update(rows.tolist())
            return x

    sampler = Parle(
        Watched(), step_size=1.0, replicas=2, scale=1.0, coupling=1.0, inner_step_size=0.1, batch_size=4,
        samples=halves,
    )  # fmt: skip
    sampler.step(sampler.init([0, 5], 0), 12)
    assert Watched.seen == {lane: set(halves[lane % 2]) for lane in range(4)}


def test_a_lost_proximal_point_is_named_before_its_loop_ends(tmp_path):
    sampler = ProximalPoint(DoubleWell(2), step_size=30.0, scale=1.0, steps=1000)
    says = r"take a smaller step_size, with a new path; "
    with pytest.raises(NonFiniteEnergyError, match=says), np.errstate(all="ignore"):
        sample(sampler, 500, seed=1, path=tmp_path / "run.h5")
    state, _ = sampler.step(sampler.init(1, 1), 500)
    assert np.isnan(sampler.energy(state)).all()
    assert np.isfinite(state.x).all()


@pytest.mark.parametrize("inner_step_size", [30.0, 1e200])
def test_a_lost_inner_loop_is_named_before_it_ends(inner_step_size, tmp_path):
    sampler = Parle(
        DoubleWell(2), step_size=0.5, scale=1.0, coupling=0.5, steps=1000, inner_step_size=inner_step_size, replicas=2
    )  # fmt: skip
    with pytest.raises(NonFiniteEnergyError, match="chain 0, replica 0; "), np.errstate(all="ignore"):
        sample(sampler, 500, seed=1, path=tmp_path / "run.h5")


def given(cls, **changed):
    plain = {
        EntropySGD: {"beta": 1.0, "step_size": 1.0, "scale": 1.0, "inner_step_size": 0.1},
        Parle: {"step_size": 1.0, "scale": 1.0, "coupling": 1.0, "inner_step_size": 0.1},
        ElasticSGD: {"step_size": 0.1, "coupling": 1.0},
        ReplicatedSGD: {"step_size": 0.1, "coupling": 1.0},
    }[cls]
    return lambda: cls(network(), **plain | changed)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (given(Parle, replicas=0), "replicas: got 0"),
        (given(ElasticSGD, replicas=2.5), "replicas: got 2.5"),
        (given(EntropySGD, scale=0.0), "scale: got 0.0"),
        (given(EntropySGD, scale=-1.0), "scale: got -1.0"),
        (given(EntropySGD, scale=np.inf), "scale: got inf"),
        (given(Parle, scale="wide"), "scale: got 'wide'"),
        (given(Parle, coupling=-0.1), "coupling: got -0.1"),
        (given(ReplicatedSGD, coupling=np.inf), "coupling: got inf"),
        (given(ElasticSGD, coupling=np.nan), "coupling: got nan"),
        (given(Parle, steps=0), "steps: got 0"),
        (given(EntropySGD, steps=True), "steps: got True"),
        (given(EntropySGD, inner_step_size=0.0), "inner_step_size: got 0.0"),
        (given(EntropySGD, step_size=-1.0), "step_size: got -1.0"),
        (given(EntropySGD, beta=0.0), "beta: got 0.0"),
        (given(EntropySGD, averaging=1.5), "averaging: got 1.5"),
        (given(Parle, averaging=-0.1), "averaging: got -0.1"),
        (given(Parle, momentum=1.0), "momentum: got 1.0"),
        (given(EntropySGD, nesterov=True), "nesterov: got momentum 0"),
        (given(ReplicatedSGD, nesterov=True), "nesterov: got momentum 0"),
        (given(Parle, outer="both"), "outer: got 'both'"),
        (given(Parle, conventions={"keep_average": True}), "conventions: got dict"),
        (given(ElasticSGD, centre="median"), "centre: got 'median'"),
        (given(ElasticSGD, period=0), "period: got 0"),
        (given(Parle, scale=Scoping(0.0)), "scale: first: got 0.0"),
        (given(Parle, scale=Scoping(1.0, -0.5)), "scale: ratio: got -0.5"),
        (given(Parle, scale=Scoping(1.0, 0.5, 2.0)), "leads away from the limit"),
        (given(Parle, coupling=Scoping(1.0, 2.0, np.nan)), "coupling: limit: got nan"),
        (given(Parle, coupling=Scoping(1.0, 2.0, None, 0)), "coupling: every: got 0"),
        (given(Parle, samples=np.arange(12).reshape(2, 6)), "samples: got 2 rows; one for each of the 3"),
        (lambda: given(Parle)().init([2**32 - 1], 0), "chains: got id 4294967295"),
        (lambda: scale_scoping(0.0, 0.1), "pull: got 0.0"),
        (lambda: scale_scoping(0.1, -0.1), "growth: got -0.1"),
        (lambda: parle_scoping(1.0, 0, 0.1), "batches: got 0"),
    ],
)
def test_faults_are_named_in_one_line(build, says):
    with pytest.raises(ArgumentError, match=says) as caught:
        build()
    assert "\n" not in str(caught.value)
