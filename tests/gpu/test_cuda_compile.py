"""Every kernel compiles for sm_90 without a GPU, for one set of types, within its registers."""

import os
import re

import pytest
from offline_compile import TARGET, assemble, compile_to_ptx, link, recorder, tool

from mcmc.device import SIMULATOR_VARIABLE
from mcmc.landscapes import graphs

if os.environ.get(SIMULATOR_VARIABLE, "0") not in ("", "0"):
    pytest.skip("the simulator compiles nothing", allow_module_level=True)
if not (tool("ptxas") and tool("nvlink") and tool("cudadevrt")):
    pytest.skip("needs the wheels nvidia-cuda-nvcc and nvidia-cuda-nvrtc", allow_module_level=True)

from mcmc.landscapes.xy import cuda as kernels
from mcmc.landscapes.xy.cuda_model import CudaXYModel

NAMES = ("run_sweeps", "renormalise", "total_energy", "observe_edges")
MODELS = [
    (graphs.square(4), {}),
    (graphs.cubic(4), {"field": 0.5, "coupling": "gaussian", "phase": "uniform"}),
    (graphs.random_regular(10, 3, seed=1), {}),
    (graphs.chain(5), {"field": 1}),
]
MOST_REGISTERS = 65536 // (2 * kernels.THREADS)
"""With more, only one block of THREADS threads fits on an SM."""


@pytest.fixture(scope="module")
def signatures():
    """For each kernel the sets of types that models, updates and sizes launch it with."""
    device = recorder()
    for graph, options in MODELS:
        model = CudaXYModel(graph, **options, device=device)
        for chains in (1, 3):
            state = model.init(chains, 0)
            for update in model.updates:
                model.sweep(state, 1.0, 40, update, over_relaxation=2)
            model.observables(state)
    return device.signatures


def test_every_kernel_is_launched_with_one_set_of_types(signatures):
    """Another set would mean another compilation, in the midst of a run."""
    assert {kernel.__name__: len(types) for kernel, types in signatures.items()} == dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize("name", NAMES)
def test_kernel_compiles_for_hopper(name, signatures, tmp_path, monkeypatch, record_property, kernel_table):
    kernel = getattr(kernels, name)
    (types,) = signatures[kernel]
    ptx = compile_to_ptx(kernel, types, monkeypatch)
    assert f".target {TARGET}" in ptx
    used = assemble(ptx, tmp_path / f"{name}.cubin")
    link(tmp_path / f"{name}.cubin", tmp_path / f"{name}.linked.cubin")
    for quantity, value in used._asdict().items():
        record_property(quantity, value)
    kernel_table.append((name, used))
    assert 0 < used.registers <= MOST_REGISTERS
    assert used.spilled == 0


def test_spins_are_computed_in_single_precision(signatures, monkeypatch):
    """A double among the spins would halve the speed unseen; float64 is for energies, never for square roots."""
    (types,) = signatures[kernels.run_sweeps]
    ptx = compile_to_ptx(kernels.run_sweeps, types, monkeypatch)
    doubles = re.findall(r"^\s+(add|sub|mul|div|fma|sqrt)\S*\.f64", ptx, re.MULTILINE)
    # Making an energy change whole is one multiply-add.
    assert set(doubles) == {"fma"}
    assert "sqrt.rn.f32" in ptx
