"""Files of `sample` on the perceptron: they keep the instance, and refuse to go on with any other law."""

import numpy as np
import pytest
import xarray
from test_bit_identity import assert_same_bits, copied

from mcmc.errors import ArgumentError, StoreError
from mcmc.landscapes.graphs import square
from mcmc.landscapes.xy import XYModel
from mcmc.samplers import CouplingTempering, HeatBath, Langevin, Metropolis, RejectionFree, Tempering, sample
from mcmc.samplers.identity import identified, identity_attributes
from mcmc.store.reader import open_run_file, read_attributes
from perceptron import (
    BinaryPerceptron,
    Replicated,
    SymmetricPerceptron,
    WithReference,
    from_arrays,
    planted_patterns,
    random_patterns,
)
from perceptron.entropy_driven import EntropyDriven
from perceptron.patterns import Patterns
from perceptron.smooth import SmoothPerceptron

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

N = 33
UPDATES = {"metropolis": Metropolis, "heat_bath": HeatBath, "rejection_free": RejectionFree}
ONES = np.ones(N, np.int8)
TURNED = np.where(np.arange(N) == 5, -1, 1).astype(np.int8)


def instance(seed=1, **more):
    return random_patterns(N, p=20, seed=seed, **more)


def model(seed=1, energy="errors", margin=0.0, **more):
    return BinaryPerceptron(instance(seed), energy, margin, **more)


def with_label_turned():
    """The same patterns, one label turned."""
    entries = instance().patterns.copy()
    entries[7] *= -1
    return BinaryPerceptron(from_arrays(entries))


def even(tie):
    return BinaryPerceptron(random_patterns(32, p=20, seed=1, tie=tie))


# What a file was written for, and another landscape of the same type and size, by what tells them apart.
OTHERS = {
    "instance": (model(), model(2), "patterns_sha256"),
    "label": (model(), with_label_turned(), "patterns_sha256"),
    "number of patterns": (model(), BinaryPerceptron(random_patterns(N, p=21, seed=1)), "with p 20, this call has 21"),
    "tie": (even("error"), even("correct"), "with tie error, this call has correct"),
    "energy": (model(), model(energy="hinge"), "with energy_name errors, this call has hinge"),
    "margin": (model(), model(margin=0.5), "with margin 0.0, this call has 0.5"),
    "visit": (model(), model(visit="random"), "with visit systematic, this call has random"),
    "kappa": (SymmetricPerceptron(instance(), 0.8), SymmetricPerceptron(instance(), 1.2), "with kappa 0.8"),
    "entries": (
        BinaryPerceptron(instance(kind="gaussian")),
        BinaryPerceptron(instance(2, kind="gaussian")),
        "patterns_sha256",
    ),
    "kind": (model(), BinaryPerceptron(instance(kind="gaussian")), "with patterns_kind binary"),
    "gamma": (
        WithReference(model(), ONES, 0.1),
        WithReference(model(), ONES, 0.7),
        "with gamma 0.1, this call has 0.7",
    ),
    "reference": (WithReference(model(), ONES, 0.1), WithReference(model(), TURNED, 0.1), "reference_sha256"),
    "model": (
        WithReference(model(), ONES, 0.1),
        WithReference(SymmetricPerceptron(instance(), 0.8), ONES, 0.1),
        "with energy_name errors, this call has symmetric",
    ),
    "strength between replicas": (Replicated(model(), 3, 0.1), Replicated(model(), 3, 0.2), "with gamma 0.1"),
    "coupling": (
        Replicated(model(), 3, 0.1),
        Replicated(model(), 3, 0.1, coupling="pairs"),
        "with coupling centre, this call has pairs",
    ),
    "control": (
        WithReference(model(), ONES, 0.1),
        WithReference(model(), ONES, 0.1, control="gamma", beta=1.0),
        "with control beta, this call has gamma",
    ),
    "temperature": (
        WithReference(model(), ONES, control="gamma", beta=1.0),
        WithReference(model(), ONES, control="gamma", beta=2.0),
        "with beta 1.0, this call has 2.0",
    ),
    "instance under a coupling": (
        WithReference(model(), ONES, control="gamma", beta=1.0),
        WithReference(model(2), ONES, control="gamma", beta=1.0),
        "patterns_sha256",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_files_of_another_law_are_neither_resumed_nor_returned(name, tmp_path):
    mine, other, says = OTHERS[name]
    path = tmp_path / "run.h5"
    sample(Metropolis(mine, 1.0), 20, path=path)
    kept = path.read_bytes(), path.with_suffix(".checkpoint").read_bytes()
    for sweeps in (20, 40):
        with pytest.raises(StoreError, match=says):
            sample(Metropolis(other, 1.0), sweeps, path=path)
    assert (path.read_bytes(), path.with_suffix(".checkpoint").read_bytes()) == kept
    longer = sample(Metropolis(mine, 1.0), 40, path=path)
    assert np.array_equal(longer["energy"], sample(Metropolis(mine, 1.0), 40)["energy"])


def test_without_an_identity_two_laws_share_a_file(tmp_path, monkeypatch):
    """Control: it is the identity that refuses above."""
    monkeypatch.setattr(WithReference, "identity", lambda self: {})
    sample(Metropolis(WithReference(model(), ONES, 0.1), 1.0), 20, path=tmp_path / "run.h5")
    assert sample(Metropolis(WithReference(model(), ONES, 0.7), 1.0), 40, path=tmp_path / "run.h5").sizes["draw"] == 40


def test_the_landscape_is_found_through_wrapped_samplers(tmp_path):
    path = tmp_path / "run.h5"
    sample(Tempering(Metropolis(model()), [0.5, 1.0]), 5, path=path)
    with pytest.raises(StoreError, match="patterns_sha256"):
        sample(Tempering(Metropolis(model(2)), [0.5, 1.0]), 5, path=path)
    coupled = CouplingTempering(HeatBath(WithReference(model(), ONES, control="gamma", beta=1.0)), [0.0, 0.1])
    assert identified(coupled) is coupled.sampler.landscape
    driven = EntropyDriven(random_patterns(9, p=3, seed=1), 1.0)
    assert identity_attributes(driven, {})["p"] == 3
    assert identity_attributes(Metropolis(XYModel(square(4)), 1.0), {}) == {}


@pytest.mark.parametrize("change", [{"loss": "hinge"}, {"lam": 2.0}, {"margin": 0.1}, {"prior": "none"}])
def test_smooth_landscapes_refuse_another_law(change, tmp_path):
    path = tmp_path / "run.h5"
    sample(Langevin(SmoothPerceptron(instance()), step_size=0.01), 5, path=path)
    with pytest.raises(StoreError, match=next(iter(change)) if "loss" not in change else "energy_name"):
        sample(Langevin(SmoothPerceptron(instance(), **change), step_size=0.01), 5, path=path)
    assert np.array_equal(Patterns.load(path).patterns, instance().patterns)


def test_threads_are_no_part_of_the_law(tmp_path):
    path = tmp_path / "run.h5"
    sample(Metropolis(model(), 1.0), 20, chains=3, path=path)
    more = sample(Metropolis(model(threads=2), 1.0), 40, chains=3, path=path)
    assert np.array_equal(more["energy"], sample(Metropolis(model(), 1.0), 40, chains=3)["energy"])


@pytest.mark.parametrize(
    "patterns",
    [
        instance(),
        planted_patterns(N, p=70, seed=2, label_noise=0.1),
        random_patterns(32, p=20, seed=3, tie="correct"),
        instance(kind="gaussian"),
        from_arrays(instance().patterns),
    ],
    ids=["binary", "planted", "even", "gaussian", "own"],
)
def test_the_instance_comes_back_from_the_file(patterns, tmp_path):
    path = tmp_path / "run.h5"
    seen = sample(Metropolis(BinaryPerceptron(patterns, margin=0.25), 1.0), 3, path=path)
    assert "patterns" not in seen
    with xarray.open_dataset(path) as dataset:
        found = Patterns.from_dataset(dataset)
    assert np.array_equal(found.patterns, patterns.patterns)
    assert found.patterns.dtype == patterns.patterns.dtype
    assert (found.tie, found.seed, found.label_noise) == (patterns.tie, patterns.seed, patterns.label_noise)
    assert (found.teacher is None) == (patterns.teacher is None)
    if found.teacher is not None:
        assert np.array_equal(found.teacher, patterns.teacher)
    said = read_attributes(path)
    assert (said["n"], said["p"], said["margin"]) == (patterns.n, patterns.p, 0.25)
    assert (said["energy_name"], said["energy_normalisation"]) == ("errors", "total")
    # Control: what was read is this instance, not just any.
    assert found.identity() == patterns.identity()
    assert found.identity() != instance(9).identity()


def test_a_file_killed_before_its_first_commit_gets_its_instance(tmp_path, monkeypatch):
    from mcmc.samplers.file_record import FileRecord

    path, put = tmp_path / "run.h5", FileRecord._put_disorder

    def killed(record):
        raise KeyboardInterrupt

    monkeypatch.setattr(FileRecord, "_put_disorder", killed)
    with pytest.raises(KeyboardInterrupt):
        sample(Metropolis(model(), 1.0), 20, path=path)
    monkeypatch.setattr(FileRecord, "_put_disorder", put)
    assert not open_run_file(path)["patterns"].values.any()
    again = sample(Metropolis(model(), 1.0), 20, path=path)
    assert np.array_equal(again["energy"], sample(Metropolis(model(), 1.0), 20)["energy"])
    assert np.array_equal(Patterns.load(path).patterns, instance().patterns)


def test_measured_names_may_not_be_those_of_the_instance(tmp_path):
    with pytest.raises(ArgumentError, match="observe: patterns"):
        sample(
            Metropolis(model(), 1.0),
            5,
            path=tmp_path / "run.h5",
            observe=lambda sampler, s: {"patterns": s.spins.energy},
        )
    assert not (tmp_path / "run.h5").exists()


def test_an_identity_has_names_of_its_own():
    class Named:
        def identity(self):
            return {"thin": 2}

    class Seeded:
        def identity(self):
            return {"seed": 2}

    with pytest.raises(ArgumentError, match="thin"):
        identity_attributes(Named(), {"thin": 1})
    with pytest.raises(ArgumentError, match="seed"):
        identity_attributes(Seeded(), {})


# Many weights move at once at a high temperature, where sweeps cut short would show.
BIG = random_patterns(301, 0.6, seed=1)
CROWDED = {
    "errors": lambda threads: BinaryPerceptron(BIG, threads=threads),
    "symmetric": lambda threads: SymmetricPerceptron(BIG, 0.9, threads=threads),
    "reference": lambda threads: WithReference(BinaryPerceptron(BIG, threads=threads), BIG.patterns[0], 0.2),
    "replicated": lambda threads: Replicated(BinaryPerceptron(BIG, threads=threads), 3, 0.2),
    "gaussian": lambda threads: BinaryPerceptron(
        random_patterns(301, 0.6, seed=1, kind="gaussian"), threads=threads
    ),
}  # fmt: skip


def crowded(name, update, chunks, threads=1, between=lambda state: state):
    """State and flips of four chains at beta = 0.3 after calls of the given lengths."""
    landscape = CROWDED[name](threads)
    state, flipped = landscape.init(4, 77), np.zeros(4, np.int64)
    for sweeps in chunks:
        flipped = flipped + landscape.sweep(state, np.full(4, 0.3), sweeps, update).flipped
        state = between(state)
    return state._replace(spins=np.ascontiguousarray(state.spins)), {"flipped": flipped}


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("name", CROWDED)
def test_one_call_of_twelve_sweeps_and_two_of_six(name, update):
    whole = crowded(name, update, [12])
    assert_same_bits(whole, crowded(name, update, [6, 6], threads=2))
    assert_same_bits(whole, crowded(name, update, [1, 4, 7], between=copied))
    with pytest.raises(AssertionError):
        assert_same_bits(whole, crowded(name, update, [6, 5]))


@pytest.mark.parametrize("update", UPDATES)
def test_checkpoints_give_back_the_bits(update, tmp_path):
    """Through files, also when nothing of the first process is left but they."""
    path = tmp_path / "run.h5"
    make = UPDATES[update]
    whole = sample(make(WithReference(model(), ONES, 0.1), 0.3), 24, chains=3)
    for sweeps in (6, 12, 24):
        parts = sample(make(WithReference(model(), ONES, 0.1), 0.3), sweeps, chains=3, path=path)
    for name, values in whole.data_vars.items():
        assert values.values.tobytes() == parts[name].values.tobytes(), name
