"""Compile the CUDA kernels for a GPU that is not there: numba-cuda to PTX, NVIDIA's own tools to machine code.

No driver is needed, only the wheels of the `test` extra. What a launch passes is recorded by a device that runs
nothing, so the kernels are compiled for the very types that the model hands them.
"""

import re
import subprocess
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from mcmc.device import Device

CAPABILITY = (9, 0)
TARGET = "sm_90"


@dataclass(frozen=True)
class Recorder(Device):
    """A device that notes kernels and the types of their arguments, and runs nothing."""

    signatures: dict = field(default_factory=dict)

    def put(self, array):
        return np.array(array)

    def view(self, array):
        return np.asarray(array)

    def most_blocks(self, kernel, arguments, together):
        return 1

    def launch(self, kernel, blocks, *arguments, shared=0):
        types = tuple(kernel.typeof_pyval(argument) for argument in arguments)
        self.signatures.setdefault(kernel, set()).add(types)


def recorder():
    return Recorder("cuda", "recorder", np)


class Resources(NamedTuple):
    """What a kernel takes of the GPU, from `ptxas -v`."""

    registers: int
    """Of a thread; an SM has 65536."""
    spilled: int
    """Bytes a thread stores to and loads from memory for want of registers."""
    stack: int
    """Bytes a thread."""
    shared: int
    """Bytes of shared memory of a block that the kernel's own arrays take; dynamic shared memory comes on top."""


def tool(name):
    """Path of a program or library of NVIDIA's, None where its wheel is missing."""
    from cuda import pathfinder

    if name == "cudadevrt":
        return pathfinder.find_static_lib(name)
    return pathfinder.find_nvidia_binary_utility(name)


def compile_to_ptx(kernel, types, monkeypatch):
    """PTX of a kernel for TARGET."""
    from numba import cuda, void
    from numba.cuda import dispatcher

    # Functions that a kernel calls are compiled for the present GPU: one is put in its place.
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=CAPABILITY))
    ptx, _ = cuda.compile(kernel.py_func, void(*types), cc=CAPABILITY, abi="numba", device=False)
    return ptx


def assemble(ptx, out):
    """Machine code of a kernel, written to `out`, and the resources it takes."""
    source = out.with_suffix(".ptx")
    source.write_text(ptx)
    # Relocatable: a kernel whose blocks wait for each other calls a function of the CUDA runtime.
    said = run(tool("ptxas"), f"-arch={TARGET}", "-v", "-c", source, "-o", out)

    def number(pattern):
        found = re.search(pattern, said)
        return int(found[1]) if found else 0

    return Resources(
        number(r"Used (\d+) registers"),
        number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads"),
        number(r"(\d+) bytes stack frame"),
        # ptxas counts them only when it links.
        sum(int(size) for size in re.findall(r"^\S*\s*\.shared .*\[(\d+)\];", ptx, re.MULTILINE)),
    )


def link(code, out):
    """Link machine code with the CUDA device runtime; fails where a function is missing."""
    run(tool("nvlink"), f"-arch={TARGET}", code, tool("cudadevrt"), "-o", out)


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
