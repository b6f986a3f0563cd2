"""Where sweeps run: the CPU, an NVIDIA GPU through CUDA, or Numba's simulator of a GPU on the CPU.

Nothing of CUDA is imported before a device is asked for. Kernels are compiled by numba-cuda; arrays that live on the
GPU are CuPy's. The simulator runs the same kernels as Python code on NumPy arrays: slow, and good for tests.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, DeviceError

NAMES = ("cpu", "cuda", "cuda-simulator")
INSTALL = 'pip install "entroscape[cuda]"'
SIMULATOR_VARIABLE = "NUMBA_ENABLE_CUDASIM"
# Few, so that blocks of the simulator, where each thread is a Python thread, stay cheap.
SIMULATED_THREADS = 16
SIMULATED_BLOCKS = 2
LARGEST_GRID = 1024


@dataclass(frozen=True)
class Device:
    """A processor that is there."""

    name: str
    """One of NAMES."""
    label: str
    """Name for the record of a run, with the model of a GPU."""
    arrays: ModuleType
    """NumPy or CuPy."""
    threads: int = 256
    """Threads of a block; what a kernel's shared memory is laid out for at most."""

    @property
    def simulated(self) -> bool:
        """Whether kernels run in the simulator."""
        return self.name == "cuda-simulator"

    def put(self, array: np.ndarray) -> Any:
        """Copy of a host array on the device."""
        return self.arrays.array(array)

    def view(self, array: Any) -> Any:
        """The same memory as kernels take it; a host array is copied to the device first."""
        if self.simulated:
            return np.asarray(array)
        cuda = _numba_cuda()
        # Everything runs on one stream, in order: nothing is waited for.
        return cuda.as_cuda_array(self.arrays.asarray(array), sync=False)

    def launch(self, kernel: Any, blocks: int, *arguments: Any, shared: int = 0) -> None:
        """Run a kernel on a grid of blocks of `threads` threads, each with `shared` bytes of dynamic shared memory."""
        if not self.simulated:
            kernel[blocks, self.threads, 0, shared](*arguments)
            return
        with warnings.catch_warnings():
            # Scalars of 32 bits warn where they wrap around, as the random numbers mean them to.
            warnings.simplefilter("ignore", RuntimeWarning)
            kernel[blocks, self.threads, 0, shared](*arguments)

    def most_blocks(self, kernel: Any, arguments: Sequence[Any], together: bool) -> int:
        """Blocks of the largest grid; `together`, all must be on the device at once, to wait for each other."""
        if self.simulated:
            return 1 if together else SIMULATED_BLOCKS
        if not together:
            return LARGEST_GRID
        compiled = kernel.compile(tuple(kernel.typeof_pyval(argument) for argument in arguments))
        return compiled.max_cooperative_grid_blocks(self.threads)


def resolve(name: str | Device) -> Device:
    """The device of that name. Raises DeviceError, with what to install, where it is not there."""
    if isinstance(name, Device):
        return name
    require(name)
    if name == "cpu":
        return Device("cpu", "cpu", np)
    if name == "cuda-simulator":
        return Device(name, name, np, SIMULATED_THREADS)
    cuda = _numba_cuda()
    # Grids are as large as the problem; a small problem is no fault.
    cuda.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0
    gpu = cuda.get_current_device()
    model = gpu.name.decode() if isinstance(gpu.name, bytes) else gpu.name
    capability = ".".join(map(str, gpu.compute_capability[:2]))
    return Device(name, f"cuda ({model}, compute capability {capability})", import_module("cupy"))


def require(name: str) -> None:
    """Raise DeviceError, in one line with the install command, unless the device is there.

    Raises ArgumentError for a name that is not in NAMES.
    """
    if name not in NAMES:
        raise ArgumentError(f"device: got {name!r}; one of {', '.join(NAMES)} is needed")
    if name == "cpu":
        return
    simulated = os.environ.get(SIMULATOR_VARIABLE, "0") not in ("", "0")
    if name == "cuda-simulator" and not simulated:
        raise DeviceError(f"device {name}: is off; set {SIMULATOR_VARIABLE}=1 before Python starts")
    if name == "cuda" and simulated:
        raise DeviceError(
            f"device cuda: {SIMULATOR_VARIABLE}={os.environ[SIMULATOR_VARIABLE]} replaces the GPU by a simulator; "
            "unset it, or use the device cuda-simulator"
        )
    for package, module in (("numba-cuda", "numba_cuda"), ("cupy-cuda13x", "cupy"))[: 1 if simulated else 2]:
        if find_spec(module) is None:
            raise DeviceError(f"device {name}: the package {package} is not installed; run: {INSTALL}")
    if name == "cuda":
        _require_gpu()


def present() -> tuple[str, ...]:
    """Names of the devices that are there, for this process."""
    return tuple(name for name in NAMES if _is_present(name))


def to_host(array: Any) -> np.ndarray:
    """NumPy array with the values of an array of any device; a NumPy array is returned as it is."""
    return array.get() if hasattr(array, "__cuda_array_interface__") else np.asarray(array)


def scalar(function: Any) -> Any:
    """A CPU scalar function for use in kernels: itself, or in the simulator, where kernels are Python, its source."""
    if not _numba_cuda().config.ENABLE_CUDASIM:
        return function
    source = function.py_func
    called = {name: source.__globals__[name] for name in source.__code__.co_names if name in source.__globals__}
    names = {name: scalar(value) if hasattr(value, "py_func") else value for name, value in called.items()}
    return FunctionType(source.__code__, names, source.__name__)


def _numba_cuda() -> Any:
    return import_module("numba.cuda")


def _is_present(name: str) -> bool:
    try:
        require(name)
    except DeviceError:
        return False
    return True


def _require_gpu() -> None:
    try:
        cuda = _numba_cuda()
        there = cuda.is_available() and len(cuda.gpus) > 0
        if there:
            import_module("cupy")
    except Exception as error:
        cause = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DeviceError(f"device cuda: the CUDA packages cannot be loaded ({cause}); run: {INSTALL}") from None
    if not there:
        raise DeviceError(
            f"device cuda: no NVIDIA GPU with a driver for CUDA 13 was found; with one, run: {INSTALL}; "
            "without, use the device cpu"
        )
