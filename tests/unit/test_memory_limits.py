"""How much memory a process has: the least of the machine's and those of its control groups, up to the root."""

import os

import pytest

from mcmc.errors import MemoryLimitError
from mcmc.memory import machine_memory, require_memory

MIB = 2**20
MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def limits(folder, groups, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "own").write_text(groups)
    return machine_memory(folder, folder / "own")


@pytest.mark.parametrize(("groups", "files", "expected"), [
    ("0::/\n", {"memory.max": f"{MIB}\n"}, MIB),
    ("0::/user/job\n", {"user/job/memory.max": f"{2 * MIB}\n", "user/memory.max": "max\n"}, 2 * MIB),
    ("0::/user/job\n", {"user/job/memory.max": "max\n", "user/memory.max": f"{3 * MIB}\n"}, 3 * MIB),
    ("5:cpu:/a\n4:memory:/b\n", {"memory/b/memory.limit_in_bytes": f"{MIB}", "a/memory.max": "1"}, MIB),
    ("4:cpu,memory:/b\n", {"memory/memory.limit_in_bytes": f"{MIB}"}, MIB),
    ("0::/../../a:b\n", {"a:b/memory.max": f"{MIB}"}, MIB),
    ("0::/gone\nnonsense\n::\n", {"other/memory.max": "1"}, MACHINE),
    ("", {"memory.max": "a lot"}, MACHINE),
])  # fmt: skip
def test_the_least_limit_counts(groups, files, expected, tmp_path):
    assert limits(tmp_path, groups, files) == expected


def test_without_control_groups_it_is_the_machine(tmp_path):
    assert machine_memory(tmp_path / "none", tmp_path / "none") == MACHINE


def test_only_more_than_there_is_is_refused():
    require_memory(2**20, "a small array", "nothing")
    require_memory(machine_memory(), "all of it", "nothing")
    with pytest.raises(MemoryLimitError, match=r"all atoms needs about 1.05e\+06 TiB of memory .*; take fewer"):
        require_memory(2**60, "all atoms", "take fewer")
