"""Files of `sample`: any stop and resume gives the same bits, runs extend, and other runs are refused."""

import os
import signal
import subprocess
import sys
import time
from itertools import count

import numpy as np
import pytest
from small_systems import ising

from mcmc.errors import NonFiniteEnergyError, StoreError
from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.landscapes.graphs import lattice
from mcmc.landscapes.xy.model import XYModel
from mcmc.samplers import MALA, Langevin, Metropolis, Quench, Tempering, Wolff, sample
from mcmc.store.reader import open_run_file, read_attributes

XY = XYModel(lattice("square", 4))
SAMPLERS = {
    "metropolis": Metropolis(ising(), 0.4),
    "wolff": Wolff(XY, 1.0),
    "tempering": Tempering(Metropolis(XY, over_relaxation=1), [0.7, 0.9, 1.2]),
    "tempering mala": Tempering(MALA(DoubleWell(2)), [0.5, 1.0]),
    "langevin": Langevin(DoubleWell(1), step_size=0.05),
    "quench": Quench(XY),
}
ARGUMENTS = {"chains": 3, "seed": 17, "burn_in": 45, "thin": 3}

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")


@pytest.fixture
def single_sweeps(monkeypatch):
    """`stop` is asked after every sweep."""
    monkeypatch.setattr(sys.modules["mcmc.samplers.sample"], "PIECE_SECONDS", 0.0)


def same(a, b):
    assert set(a.variables) == set(b.variables)
    for name in a.variables:
        assert a[name].dtype == b[name].dtype
        assert np.array_equal(a[name], b[name], equal_nan=a[name].dtype.kind == "f"), name


def after(asks):
    counter = count()
    return lambda: next(counter) >= asks


@pytest.mark.parametrize("name", SAMPLERS)
def test_stopped_at_any_sweep_and_resumed_the_bits_are_the_same(name, tmp_path, single_sweeps):
    sampler = SAMPLERS[name]
    whole = sample(sampler, 60, **ARGUMENTS)
    for sweeps in (1, 20, 45, 46, 50, 104):
        path = tmp_path / f"{sweeps}.h5"
        part = sample(sampler, 60, **ARGUMENTS, path=path, stop=after(sweeps))
        assert part.sizes["draw"] == max(0, sweeps - 45) // 3
        assert part.attrs["status"] == "stopped"
        same(whole, sample(sampler, 60, **ARGUMENTS, path=path))
        assert read_attributes(path)["status"] == "done"


def test_stopped_again_and_again(tmp_path, single_sweeps):
    sampler, path = SAMPLERS["tempering"], tmp_path / "run.h5"
    for _ in range(40):
        sample(sampler, 60, **ARGUMENTS, path=path, stop=after(3))
    same(sample(sampler, 60, **ARGUMENTS), open_run_file(path))


@pytest.mark.parametrize("name", SAMPLERS)
def test_more_sweeps_extend_and_the_same_again_returns(name, tmp_path):
    sampler, path = SAMPLERS[name], tmp_path / "run.h5"
    sample(sampler, 30, **ARGUMENTS, path=path)
    content = path.read_bytes()
    same(sample(sampler, 30, **ARGUMENTS), sample(sampler, 30, **ARGUMENTS, path=path))
    assert path.read_bytes() == content
    longer = sample(sampler, 90, **ARGUMENTS, path=path)
    same(sample(sampler, 90, **ARGUMENTS), longer)
    fewer = sample(sampler, 30, **ARGUMENTS, path=path)
    assert fewer.sizes["draw"] == 10
    assert np.array_equal(fewer["energy"], longer["energy"][:, :10])


def test_killed_without_checkpoint_or_between_commit_and_checkpoint(tmp_path, monkeypatch):
    """The file may be ahead of its checkpoint: the draws after it are taken again, and are the same."""
    sampler, path = SAMPLERS["metropolis"], tmp_path / "run.h5"
    whole = sample(sampler, 60, **ARGUMENTS)
    sample(sampler, 60, **ARGUMENTS, path=path, stop=after(10**9))
    path.with_suffix(".checkpoint").unlink()
    sample(sampler, 30, **ARGUMENTS, path=tmp_path / "short.h5")
    (tmp_path / "short.checkpoint").rename(path.with_suffix(".checkpoint"))
    longer = sample(sampler, 90, **ARGUMENTS, path=path)
    assert np.array_equal(longer["energy"][:, :20], whole["energy"])
    same(sample(sampler, 90, **ARGUMENTS), longer)
    path.with_suffix(".checkpoint").unlink()
    same(sample(sampler, 120, **ARGUMENTS), sample(sampler, 120, **ARGUMENTS, path=path))


def test_a_checkpoint_whose_file_is_gone_is_not_used(tmp_path):
    sampler, path = SAMPLERS["metropolis"], tmp_path / "run.h5"
    whole = sample(sampler, 60, **ARGUMENTS, path=path)
    path.unlink()
    same(whole, sample(sampler, 60, **ARGUMENTS, path=path).drop_attrs())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 18}, "with seed 17, this call has 18"),
        ({"thin": 2}, "with thin 3, this call has 2"),
        ({"burn_in": 0}, "with burn_in 45, this call has 0"),
        ({"chains": 4}, "with chains"),
        ({"observe": ["energy"]}, "with observables energy magnetization, this call has energy"),
        ({"sampler": Metropolis(ising(), 0.5)}, "with sampler beta 0.4, this call has beta 0.5"),
        ({"sampler": Wolff(XY, 0.4)}, "with sampler"),
    ],
)
def test_another_run_is_refused_and_nothing_is_lost(tmp_path, change, says):
    path = tmp_path / "run.h5"
    sample(SAMPLERS["metropolis"], 30, **ARGUMENTS, path=path)
    content = path.read_bytes()
    arguments = {**ARGUMENTS, **change}
    with pytest.raises(StoreError, match=says) as caught:
        sample(arguments.pop("sampler", SAMPLERS["metropolis"]), 90, **arguments, path=path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_another_landscape_of_the_same_size_is_refused(tmp_path):
    path = tmp_path / "run.h5"
    sample(MALA(Quadratic([1.0, 2.0])), 30, path=path)
    content = path.read_bytes()
    with pytest.raises(StoreError, match="the landscape is another one"):
        sample(MALA(Quadratic([1.0, 3.0])), 90, path=path)
    assert path.read_bytes() == content


def test_a_diverging_run_names_its_checkpoint(tmp_path):
    """Langevin at the edge of stability: the run stops, and what was committed before stays readable."""
    path = tmp_path / "run.h5"
    sampler = Langevin(Quadratic([1.0]), step_size=2.5)
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            NonFiniteEnergyError,
            match=r"chain 0; .*new path; the last good checkpoint is .*run\.checkpoint, at sweep \d+",
        ),
    ):
        sample(sampler, 10_000, path=path, checkpoint_every=0.0)
    assert read_attributes(path)["status"] == "failed"
    assert np.isfinite(open_run_file(path)["energy"]).all()


SCRIPT = """
import sys
sys.path[:0] = {paths!r}
from mcmc.landscapes.graphs import lattice
from mcmc.landscapes.xy.model import XYModel
from mcmc.samplers import Metropolis, Tempering, sample
sampler = Tempering(Metropolis(XYModel(lattice("square", 8))), [0.7, 0.9, 1.2])
arguments = dict(chains=2, seed=5, burn_in=200, path={path!r}, checkpoint_every=0.05)
sample(sampler, {sweeps}, **arguments, progress=lambda done, total: print("under way", flush=True))
"""


@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=pytest.mark.validate)])
def test_killed_at_random_times_the_file_ends_the_same(tmp_path, rounds, seed):
    rng = np.random.default_rng(seed)
    sampler = Tempering(Metropolis(XYModel(lattice("square", 8))), [0.7, 0.9, 1.2])
    path = tmp_path / "run.h5"
    text = SCRIPT.format(paths=sys.path, sweeps=10**7, path=str(path))
    for _ in range(rounds):
        process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(rng.uniform(0.05, 0.6))
        assert process.poll() is None, process.stderr.read().decode()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    # Past every committed draw, so that the checkpoint is used once more.
    sweeps = int(read_attributes(path)["n_committed"]) + 1000
    resumed = sample(sampler, sweeps, chains=2, seed=5, burn_in=200, path=path)
    straight = sample(sampler, sweeps, chains=2, seed=5, burn_in=200)
    assert np.array_equal(resumed["energy"], straight["energy"])
