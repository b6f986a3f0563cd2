"""Memory is reckoned before a run starts, and a run beyond the machine is refused."""

import pytest

from mcmc.errors import MemoryLimitError
from runs import execute, load, memory

GIB = 2**30


def test_the_largest_points_count_at_the_worst_moment():
    found = memory.plan({"a": GIB, "b": 3 * GIB, "c": GIB}, workers=2, limit=64 * GIB)
    assert found == (2, 4 * GIB + 2 * memory.PROCESS_BYTES, 64 * GIB, 0)


def test_default_workers_are_as_many_as_memory_allows(monkeypatch):
    monkeypatch.setattr(memory, "cores", lambda: 8)
    assert memory.plan(dict.fromkeys("abcdefgh", 3 * GIB), None, limit=10 * GIB).workers == 2


def test_more_workers_than_memory_allows_are_refused_with_the_number_that_fits():
    with pytest.raises(MemoryLimitError, match=r"8 workers would need about .* use --workers 2"):
        memory.plan(dict.fromkeys("abcdefgh", 3 * GIB), 8, limit=10 * GIB)


def test_a_point_that_never_fits_is_named():
    with pytest.raises(MemoryLimitError, match="point large alone needs about"):
        memory.plan({"small": GIB, "large": 20 * GIB}, None, limit=10 * GIB)


def test_the_analysis_counts_after_the_workers():
    found = memory.plan({"a": GIB}, workers=1, limit=10 * GIB, analysis=3 * GIB)
    assert found.peak == GIB + memory.PROCESS_BYTES
    assert found.analysis == 3 * GIB + memory.PROCESS_BYTES
    assert ", then 3.34 GiB for the analysis, of 10 GiB" in found.line()
    with pytest.raises(MemoryLimitError, match="the analysis of the largest point needs about 20"):
        memory.plan({"a": GIB}, workers=1, limit=10 * GIB, analysis=20 * GIB)


def test_workers_elsewhere_have_their_own_memory_and_the_analysis_has_not():
    found = memory.plan(dict.fromkeys("abc", 2**50), 3, 10 * GIB, analysis=GIB, elsewhere=True)
    assert "TiB for the largest point on its worker, then 1.34 GiB for the analysis here" in found.line(elsewhere=True)
    with pytest.raises(MemoryLimitError, match="the analysis"):
        memory.plan({"a": 1}, 1, 10 * GIB, analysis=20 * GIB, elsewhere=True)


def test_the_analysis_of_an_xy_run_grows_with_its_longest_series():
    runs = [load.load("xy-bkt-quick", [f"sampler.sweeps={n}"]) for n in (4000, 8000)]
    small, large = (run.experiment.analysis_memory(run.spec) for run in runs)
    assert large == 2 * small > 0


@pytest.mark.parametrize(("device", "workers"), [("cpu", 2), ("cuda", 1)])
def test_a_gpu_has_one_worker_unless_asked_for_more(monkeypatch, device, workers):
    monkeypatch.setattr(memory, "cores", lambda: 2)
    monkeypatch.setattr(memory, "machine_memory", lambda: 64 * GIB)
    run = load.load("xy-bkt-quick", device=device)
    names = [point.name for point in run.experiment.points(run.spec)]
    assert execute._plan(run, names, None, None).workers == workers
    assert execute._plan(run, names, 2, None).workers == 2


def test_this_machine_has_memory_and_cores():
    assert memory.machine_memory() > 2**28
    assert memory.cores() >= 1


@pytest.mark.parametrize(("count", "text"), [(512, "512 B"), (3 * 2**20, "3 MiB"), (1.5 * 2**30, "1.5 GiB")])
def test_bytes_are_shown_in_binary_units(count, text):
    assert memory.show_bytes(count) == text
