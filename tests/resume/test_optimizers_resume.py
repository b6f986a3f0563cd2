"""Samplers and optimisers on mini-batches: any stop and resume gives the same bits, alone or among other chains."""

import sys
from itertools import count

import numpy as np
import pytest

from mcmc import samplers
from mcmc.errors import NonFiniteEnergyError, StoreError
from mcmc.landscapes.network import Data, mlp
from mcmc.samplers import (
    SAGA,
    SGD,
    SGHMC,
    SGLD,
    SVRG,
    AdaGrad,
    Adam,
    ElasticSGD,
    EntropySGD,
    Parle,
    ProximalPoint,
    ReplicatedSGD,
    RMSprop,
    cosine_rates,
    retracing,
    sample,
    step_rates,
    warm_up,
)
from mcmc.samplers.stochastic import StochasticSampler
from mcmc.store.checkpoint import check_checkpoint
from mcmc.store.reader import open_run_file, read_attributes

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

NETWORK = mlp(
    Data(np.random.default_rng(1).normal(size=(14, 3)), np.random.default_rng(2).integers(0, 3, 14)), (4,),
    weight_decay=0.01,
)  # fmt: skip
PARTS = np.arange(14).reshape(2, 7)
# A snapshot every 7 or 8 sweeps, an epoch of 4 or 2: of the stops below one falls inside of each.
SAMPLERS = {
    "sgd": (SGD, {}),
    "sgd nesterov": (SGD, {"momentum": 0.9, "nesterov": True, "replacement": False}),
    "sgd scheduled": (SGD, {"samples": PARTS, "rates": warm_up(9, cosine_rates(50, 0.1))}),
    "adam": (Adam, {"weight_decay": 0.1}),
    "adamw": (Adam, {"weight_decay": 0.1, "decoupled": True, "replacement": True}),
    "rmsprop": (RMSprop, {"momentum": 0.5, "centered": True}),
    "adagrad": (AdaGrad, {"rate_decay": 0.1}),
    "svrg": (SVRG, {"period": 7}),
    "svrg parts": (SVRG, {"period": 8, "samples": PARTS}),
    "saga": (SAGA, {"replacement": True}),
    "saga parts": (SAGA, {"samples": PARTS}),
    "sgld": (SGLD, {"beta": 40.0}),
    "sgld preconditioned": (SGLD, {"beta": 40.0, "precondition": 0.1}),
    "sghmc": (SGHMC, {"beta": 40.0}),
}
# A sweep is a step of an inner loop of 5: the stops fall inside of it.
INNER = {"steps": 5, "scale": 2.0}
LOOPS = {
    "proximal point": (ProximalPoint, INNER),
    "entropy-sgd": (EntropySGD, {"beta": 1e4, "inner_step_size": 0.1, "momentum": 0.5, **INNER}),
    "elastic sgd": (ElasticSGD, {"coupling": 0.5, "momentum": 0.5}),
    "replicated sgd": (ReplicatedSGD, {"coupling": 0.5, "momentum": 0.5}),
    "parle": (Parle, {"beta": 1e4, "inner_step_size": 0.1, "coupling": 0.5, **INNER}),
}
LAST_GOOD = {"proximal point": 6, "entropy-sgd": 9, "parle": 9}
"""Sweeps: y is lost one step after the long one; outer steps, of which the second is long, end sweeps 5 and 10."""
ARGUMENTS = {"chains": [1, 6, 3], "seed": 17, "burn_in": 9, "thin": 2}
SWEEPS = 24


def build(name, **changed):
    cls, given = {**SAMPLERS, **LOOPS}[name]
    return cls(NETWORK, **{"step_size": 0.05, "batch_size": 3, **given, **changed})


@pytest.fixture
def single_sweeps(monkeypatch):
    """`stop` is asked after every sweep."""
    monkeypatch.setattr(sys.modules["mcmc.samplers.sample"], "PIECE_SECONDS", 0.0)


def test_every_sampler_on_mini_batches_is_in_the_table():
    classes = {getattr(samplers, name) for name in samplers.__all__}
    on_batches = {cls for cls in classes if isinstance(cls, type) and issubclass(cls, StochasticSampler)}
    assert on_batches == {cls for cls, _ in (*SAMPLERS.values(), *LOOPS.values())}


def weights(sampler, state):
    """A few numbers that no difference of the states' bits leaves as they are."""
    found = sampler.weights(state)
    energy = sampler.energy(state).copy()
    norm = np.linalg.norm(found, axis=1).reshape(-1, *[1] * (energy.ndim - 1))
    return {"energy": energy, "norm": np.broadcast_to(norm, energy.shape).copy()}


def same(a, b):
    assert set(a.variables) == set(b.variables)
    for name in a.variables:
        assert np.array_equal(a[name], b[name]), name


def after(asks):
    counter = count()
    return lambda: next(counter) >= asks


@pytest.mark.parametrize("name", [*SAMPLERS, *LOOPS])
def test_stopped_at_any_sweep_and_resumed_the_bits_are_the_same(name, tmp_path, single_sweeps):
    given = {**ARGUMENTS, "observe": weights}
    whole = sample(build(name), SWEEPS, **given)
    for sweeps in (4, 17):
        path = tmp_path / f"{sweeps}.h5"
        part = sample(build(name), SWEEPS, **given, path=path, stop=after(sweeps))
        assert part.attrs["status"] == "stopped"
        # A new sampler: nothing but the file and its checkpoint is left of the first.
        same(whole, sample(build(name), SWEEPS, **given, path=path))
        assert read_attributes(path)["status"] == "done"
    assert not np.array_equal(whole["energy"], sample(build(name), SWEEPS, **{**given, "seed": 18})["energy"])


class Forgetful(SGD):
    """Keeps its momentum outside of its state."""

    _buffer = 0.0

    def _move(self, state, direction, rate, sweep):
        self._buffer = 0.9 * self._buffer + direction
        state.x[:] -= rate[:, None] * self._buffer


def test_what_is_not_in_the_state_is_seen_to_be_lost(tmp_path, single_sweeps):
    def fresh():
        return Forgetful(NETWORK, step_size=0.05, batch_size=3)

    given, path = {**ARGUMENTS, "observe": weights}, tmp_path / "run.h5"
    whole = sample(fresh(), SWEEPS, **given)
    sample(fresh(), SWEEPS, **given, path=path, stop=after(17))
    with pytest.raises(AssertionError):
        same(whole, sample(fresh(), SWEEPS, **given, path=path))


@pytest.mark.parametrize("name", [*SAMPLERS, *LOOPS])
def test_a_chain_does_not_depend_on_the_others(name):
    many, _ = build(name).step(build(name).init([0, 3, 5, 2], 5), 30)
    alone, _ = build(name).step(build(name).init([3], 5), 30)
    for field, value in many._asdict().items():
        if value.ndim:
            # Replicas of a chain are rows one after the other.
            rows = len(value) // 4
            assert np.array_equal(value[rows : 2 * rows], getattr(alone, field)), field
    assert not np.array_equal(many.x[0], many.x[1])


@pytest.mark.parametrize("name", [*SAMPLERS, *LOOPS])
def test_calls_of_any_length_are_one(name):
    sampler = build(name)
    once, _ = sampler.step(sampler.init(2, 5), 23)
    state = sampler.init(2, 5)
    for n in (1, 6, 0, 3, 13):
        state, _ = sampler.step(state, n)
    assert all(np.array_equal(a, b) for a, b in zip(once, state, strict=True))


@pytest.mark.parametrize("name", [*SAMPLERS, *LOOPS])
def test_a_diverging_chain_is_named_and_its_file_stays_of_use(name, tmp_path, single_sweeps):
    """Steps of the chain of id 6 from the sixth on are longer than squares of weights can be."""
    sampler = build(name, step_size=np.array([1e-202, 0.05, 1e-202]), rates=step_rates([5], 1e200))
    good = LAST_GOOD.get(name, 5)
    path, given = tmp_path / "run.h5", {"chains": [1, 6, 3], "seed": 17, "observe": weights}
    says = (
        rf"energy is (inf|nan) at sweep {good + 1} \(finite at sweep {good}\) in chain 6(, replica 0)?; "
        "take a smaller step_size( or inner_step_size)?, with a new path; "
        rf"the last good checkpoint is .*, at sweep {good}"
    )
    with np.errstate(all="ignore"):
        # The same call again goes on from the checkpoint, to the same end.
        for _ in range(2):
            with pytest.raises(NonFiniteEnergyError, match=says) as caught:
                sample(sampler, 40, **given, path=path, checkpoint_every=0.0)
            assert "\n" not in str(caught.value)
            assert read_attributes(path)["status"] == "failed"
            assert check_checkpoint(path.with_suffix(".checkpoint")) is not None
    assert np.array_equal(open_run_file(path)["energy"], sample(sampler, good, **given)["energy"])
    same(sample(sampler, good, **given), sample(sampler, good, **given, path=path))


@pytest.mark.parametrize("name", ["sgd nesterov", "parle"])
def test_the_sweep_of_divergence_is_found_in_a_long_piece(name, tmp_path):
    """Energies are looked at ten times a second: that of the end of a piece says nothing of the sweep."""
    sampler = build(name, step_size=np.array([1e-202, 0.05, 1e-202]), rates=step_rates([705], 1e200))
    path, given = tmp_path / "run.h5", {"chains": [1, 6, 3], "seed": 17, "burn_in": 100, "thin": 300}
    # An outer step, every 5 sweeps, is the first long one of loops.
    good = 709 if name == "parle" else 705
    says = rf"at sweep {good + 1} \(finite at sweep {good}\) in chain 6.*checkpoint is .*, at sweep {good}$"
    with np.errstate(all="ignore"):
        for _ in range(2):
            with pytest.raises(NonFiniteEnergyError, match=says):
                sample(sampler, 3000, **given, path=path)
        with pytest.raises(NonFiniteEnergyError, match=rf"finite at sweep {good}\).*nothing was saved"):
            sample(sampler, 3000, **given)
    draws = sample(sampler, 600, **given)["energy"]
    assert np.array_equal(open_run_file(path)["energy"], draws)
    assert np.array_equal(sample(sampler, 600, **given, path=path)["energy"], draws)


def test_a_state_too_large_to_be_kept_is_on_the_disk_from_the_first_piece_on(tmp_path, monkeypatch):
    monkeypatch.setattr(retracing, "KEPT_BYTES", -1)
    sampler = build("sgd", step_size=np.array([0.05, 1e-202]), rates=step_rates([705], 1e200))
    says = r"\(finite at sweep \d+\) in chain 0;.*the last good checkpoint is .*, at sweep 1$"
    with np.errstate(all="ignore"), pytest.raises(NonFiniteEnergyError, match=says):
        sample(sampler, 3000, thin=3000, chains=2, path=tmp_path / "run.h5")


@pytest.mark.parametrize("name", [*SAMPLERS, *LOOPS])
def test_samples_belong_to_the_identity_of_a_file(name, tmp_path):
    # 36 numbers or more are told apart by their checksum.
    rows = (LOOPS[name][0].dims if name in LOOPS else ()) and 3
    drawn = [np.random.default_rng(k).permuted(np.tile(np.arange(14), (rows or 4, 1)), axis=1)[:, :12] for k in (1, 2)]
    path = tmp_path / "run.h5"
    sample(build(name, samples=drawn[0]), 4, **ARGUMENTS, path=path)
    content = path.read_bytes()
    for other in (drawn[1], None):
        with pytest.raises(StoreError, match=r"was sampled with sampler samples.*, this call has samples"):
            sample(build(name, samples=other), 8, **ARGUMENTS, path=path)
    assert path.read_bytes() == content
    sample(build(name, samples=drawn[0]), 8, **ARGUMENTS, path=path)


@pytest.mark.parametrize("name", [*SAMPLERS, *LOOPS])
def test_a_file_of_other_noise_is_refused_where_noise_was_added(name, tmp_path):
    def older():
        found = build(name)
        vars(found).pop("noise_version", None)
        return found

    sample(older(), 4, **ARGUMENTS, path=tmp_path / "run.h5")
    if "beta" not in {**SAMPLERS, **LOOPS}[name][1]:
        sample(build(name), 8, **ARGUMENTS, path=tmp_path / "run.h5")
        return
    with pytest.raises(StoreError, match="sampler noise_version left out, this call has noise_version 2;"):
        sample(build(name), 8, **ARGUMENTS, path=tmp_path / "run.h5")


def test_a_refusal_names_the_numbers_that_differ(tmp_path):
    path = tmp_path / "run.h5"
    sample(build("sgd nesterov"), 4, **ARGUMENTS, path=path)
    says = r"sampler momentum 0.9, step_size 0.05, this call has momentum 0.8, step_size 0.04; use the same"
    with pytest.raises(StoreError, match=says):
        sample(build("sgd nesterov", momentum=0.8, step_size=0.04), 8, **ARGUMENTS, path=path)
    with pytest.raises(StoreError, match=r"sampler .*type SGD.* this call has .*type Adam"):
        sample(build("adam"), 8, **ARGUMENTS, path=path)
