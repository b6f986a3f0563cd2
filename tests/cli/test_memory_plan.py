"""Memory is reckoned before a run starts, and a run beyond the machine is refused."""

import pytest

from mcmc.errors import MemoryLimitError
from runs import memory

GIB = 2**30


def test_the_largest_points_count_at_the_worst_moment():
    found = memory.plan({"a": GIB, "b": 3 * GIB, "c": GIB}, workers=2, limit=64 * GIB)
    assert found == (2, 4 * GIB + 2 * memory.PROCESS_BYTES, 64 * GIB)


def test_default_workers_are_as_many_as_memory_allows(monkeypatch):
    monkeypatch.setattr(memory, "cores", lambda: 8)
    assert memory.plan(dict.fromkeys("abcdefgh", 3 * GIB), None, limit=10 * GIB).workers == 2


def test_more_workers_than_memory_allows_are_refused_with_the_number_that_fits():
    with pytest.raises(MemoryLimitError, match=r"8 workers would need about .* use --workers 2"):
        memory.plan(dict.fromkeys("abcdefgh", 3 * GIB), 8, limit=10 * GIB)


def test_a_point_that_never_fits_is_named():
    with pytest.raises(MemoryLimitError, match="point large alone needs about"):
        memory.plan({"small": GIB, "large": 20 * GIB}, None, limit=10 * GIB)


def test_this_machine_has_memory_and_cores():
    assert memory.machine_memory() > 2**28
    assert memory.cores() >= 1


@pytest.mark.parametrize(("count", "text"), [(512, "512 B"), (3 * 2**20, "3 MiB"), (1.5 * 2**30, "1.5 GiB")])
def test_bytes_are_shown_in_binary_units(count, text):
    assert memory.show_bytes(count) == text
