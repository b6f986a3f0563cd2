"""The kernel of the perceptrons compiles for sm_90 without a GPU, for one set of types, within its resources."""

import os
import re

import numpy as np
import pytest
from offline_compile import TARGET, assemble, compile_to_ptx, link, recorder, tool
from perceptron_configurations import landscapes

from mcmc.device import SIMULATOR_VARIABLE
from perceptron import BinaryPerceptron, Replicated, random_patterns

if os.environ.get(SIMULATOR_VARIABLE, "0") not in ("", "0"):
    pytest.skip("the simulator compiles nothing", allow_module_level=True)
if not (tool("ptxas") and tool("nvlink") and tool("cudadevrt")):
    pytest.skip("needs the wheels nvidia-cuda-nvcc and nvidia-cuda-nvrtc", allow_module_level=True)

from perceptron.cuda_model import TWINS, device_model
from perceptron.kernels import cuda as kernels

MOST_REGISTERS = 65536 // (5 * kernels.THREADS)
"""With more, fewer than 5 chains run on an SM at the same time."""
BLOCK_SHARED = 48 * 1024
"""Bytes of shared memory that a block has without asking the driver for more."""


@pytest.fixture(scope="module")
def launches():
    """The sets of types that landscapes, updates, schedules and sizes launch kernels with."""
    device = recorder()
    for model in landscapes().values():
        twin = device_model(model, device)
        for chains in (1, 3):
            state = twin.init(chains, 0)
            for update in twin.updates:
                twin.sweep(state, 0.5, 2, update)
            twin.sweep_schedule(state, np.ones(4), None)
            twin.observables(state)
    return device.signatures


@pytest.fixture(scope="module")
def compiled(launches, tmp_path_factory):
    """PTX and resources of the kernel, linked."""
    folder = tmp_path_factory.mktemp("sm_90")
    with pytest.MonkeyPatch.context() as patch:
        ptx = compile_to_ptx(kernels.run_sweeps, *launches[kernels.run_sweeps], patch)
    used = assemble(ptx, folder / "run_sweeps.cubin")
    link(folder / "run_sweeps.cubin", folder / "run_sweeps.linked.cubin")
    return ptx, used


def test_every_landscape_launches_one_kernel_with_one_set_of_types(launches):
    """Another set would mean another compilation, in the midst of a run."""
    assert {kernel.__name__: len(types) for kernel, types in launches.items()} == {"run_sweeps": 1}


def test_kernel_compiles_for_hopper(compiled, record_property, kernel_table):
    ptx, used = compiled
    assert f".target {TARGET}" in ptx
    for quantity, value in used._asdict().items():
        record_property(quantity, value)
    kernel_table.append(("perceptron", used))
    assert 0 < used.registers <= MOST_REGISTERS
    assert used.spilled == used.stack == 0
    assert 0 < used.shared <= BLOCK_SHARED - kernels.SHARED_BYTES


def test_patterns_are_counted_by_32_bit_instructions(compiled):
    """A count of 64 bits takes twice the instructions unseen; doubles belong to Gaussian patterns, exact sums all."""
    ptx, _ = compiled
    assert "popc.b32" in ptx
    assert "popc.b64" not in ptx
    doubles = set(re.findall(r"^\s+(add|sub|mul|div|fma|sqrt|ex2|lg2)\S*\.f64", ptx, re.MULTILINE))
    assert doubles <= {"add", "sub", "mul", "fma"}


@pytest.mark.parametrize(
    ("n", "p", "y", "fits"),
    [(1001, 500, 1, True), (10001, 5000, 1, True), (1001, 400, 7, True), (10001, 5000, 7, False)],
)
def test_what_fits_into_shared_memory(n, p, y, fits):
    """Offsets, two masks and the planes of counters up to n: within the limit, and refused beyond it."""
    model = BinaryPerceptron(random_patterns(n, p=p, seed=1))
    twin = device_model(model if y == 1 else Replicated(model, y, 0.1), recorder())
    assert type(twin) in TWINS.values()
    inside, taken = twin._shared_memory()
    planes = y * 8 * model.layout.couplings.words * model.layout.couplings.bits
    needed = 4 * y + planes + 8 * y * -(-p // 32)
    assert inside == fits == (needed <= kernels.SHARED_BYTES)
    assert taken == (needed if fits else max(4 * y, 8))
