"""What steps on network losses cost, one core: a 64-32-10 network on digits, 16 replicas x batches of 64.

Times are CPU times of the whole process, since linear algebra may have threads of its own.
"""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mcmc.errors import LandscapeError
from mcmc.gradient_noise import gradient_noise
from mcmc.landscapes.network import MLP, Data, NetworkLoss, digits, mlp, teacher_student
from mcmc.samplers import SGHMC, SGLD, EntropySGD, Parle
from runs.benchmarks.timing import Row, median_seconds, paired_seconds

MICRO = 1e6
REPLICAS, BATCH, SAMPLES = 16, 64, 1797
STEPS = 1000
"""Steps of a timed run: the energy of all data, taken at its end, costs as much as a dozen of them."""
MANY = 128
MANY_MEGABYTES = 100.0


def sampler_rows() -> Iterator[Row]:
    """What SGLD, its preconditioned form and SGHMC add to the time that their gradients take in the same run."""
    with one_linear_algebra_thread():
        yield from _sampler_rows()


def _sampler_rows() -> Iterator[Row]:
    landscape = Timed(network())
    keywords: dict[str, Any] = {"step_size": 1e-3, "batch_size": BATCH}
    samplers: dict[str, Any] = {
        "SGLD": SGLD(landscape, 1e5, **keywords),
        "SGLD, preconditioned": SGLD(landscape, 1e5, precondition=0.1, **keywords),
        "SGHMC": SGHMC(landscape, 1e5, **keywords),
    }
    for name, sampler in samplers.items():
        total, gradients = timed_run(landscape, sampler)
        added, target = 100.0 * (total / gradients - 1.0), "" if name != "SGLD" else "<= 15 % added"
        yield Row(
            f"{name}, {REPLICAS} replicas x {BATCH}, {STEPS} steps", total * MICRO, "us/step", "its gradients, % added",
            gradients * MICRO, added, target, added <= 15.0 if target else None,
        )  # fmt: skip
        if target:
            yield Row(f"{name}: a step", total * MICRO, "us", target="<= 800 us", met=total <= 800e-6)


def torch_rows() -> Iterator[Row]:
    """Gradients through NetworkLoss beside vmap(grad) alone and beside a loop of .backward()."""
    try:
        with one_torch_thread():
            yield from _torch_rows()
    except LandscapeError as error:
        yield Row(f"torch: left out: {error}", float("nan"), "")


def noise_rows() -> Iterator[Row]:
    """Gradients of all samples, and the eigenvalues of their covariance."""
    with one_linear_algebra_thread():
        yield from _noise_rows()


def _noise_rows() -> Iterator[Row]:
    landscape = network()
    x = landscape.initial_x([0], 1)[0]
    seconds = median_seconds(lambda: landscape.per_sample_gradients(x), process_seconds)
    yield Row(
        f"gradients of {SAMPLES} samples, {landscape.dim} weights", 1e3 * seconds, "ms", target="<= 10 ms",
        met=seconds <= 0.01,
    )  # fmt: skip
    seconds = median_seconds(lambda: gradient_noise(landscape, x).eigenvalues, process_seconds, 3)
    yield Row(
        f"spectrum of their covariance D, {landscape.dim} weights", seconds, "s", target="<= 1 s", met=seconds <= 1.0
    )


def memory_rows() -> Iterator[Row]:
    """Peak of all arrays of a run of 128 replicas; with four times the data only the orders of samples grow."""
    peaks = {size: peak_megabytes(size) for size in (SAMPLES, 4 * SAMPLES)}
    small, large = peaks.values()
    yield Row(
        f"SGLD, {MANY} replicas, {SAMPLES} samples: peak", small, "MB", target=f"<= {MANY_MEGABYTES:g} MB",
        met=small <= MANY_MEGABYTES,
    )  # fmt: skip
    # One index of 8 bytes for each replica and sample; the data itself is not counted.
    orders = 8e-6 * MANY * 3 * SAMPLES
    yield Row(
        f"SGLD, {MANY} replicas, {4 * SAMPLES} samples: peak", large, "MB", "that, and orders of samples",
        small + orders, target="no more than 1 % above", met=large <= 1.01 * (small + orders),
    )  # fmt: skip


def parle_rows() -> Iterator[Row]:
    """Parle with 3 replicas beside one Entropy-SGD of as many steps, with the same inner loop."""
    landscape = network()
    keywords: dict[str, Any] = {
        "step_size": 0.1, "inner_step_size": 0.1, "scale": 1.0, "steps": 25, "momentum": 0.9, "outer": "average",
        "batch_size": BATCH,
    }  # fmt: skip
    for beta, noise in ((np.inf, "no noise"), (1e5, "beta = 1e5")):
        parle = Parle(landscape, beta, replicas=3, coupling=1.0, **keywords)
        alone = EntropySGD(landscape, beta, **keywords)
        for chains in (1, 5):
            states = parle.init(chains, 1), alone.init(chains, 1)

            def many(sampler=parle, state=states[0]):
                sampler.step(state, 200)

            def one(sampler=alone, state=states[1]):
                sampler.step(state, 200)

            ours, theirs, ratio = paired_seconds(many, one, process_seconds, 9)
            yield Row(
                f"Parle, 3 replicas, {chains} chain{'s' * (chains > 1)}, {noise}", ours / 200 * MICRO, "us/step",
                "Entropy-SGD, times it", theirs / 200 * MICRO, 1.0 / ratio, "<= 3.2", 1.0 / ratio <= 3.2,
            )  # fmt: skip


class Timed:
    """A landscape that counts the time its gradients take."""

    def __init__(self, landscape: Any):
        self.landscape, self.dim, self.data_size = landscape, landscape.dim, landscape.data_size
        self.energy, self.initial_x = landscape.energy, landscape.initial_x
        self.seconds = 0.0

    def gradient(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """That of the landscape, (chains, dim)."""
        start = time.process_time()
        gradient = self.landscape.gradient(x, batch)
        self.seconds += time.process_time() - start
        return gradient


def timed_run(landscape: Timed, sampler: Any) -> tuple[float, float]:
    """Seconds of a step and of its gradients, of the run whose ratio of the two is the median of five."""
    state = sampler.init(REPLICAS, 1)
    sampler.step(state, 3)
    runs = []
    for _ in range(5):
        landscape.seconds = 0.0
        total = process_seconds(lambda: sampler.step(state, STEPS))
        runs.append((total / STEPS, landscape.seconds / STEPS))
    return sorted(runs, key=lambda run: run[0] / run[1])[len(runs) // 2]


def process_seconds(call: Callable[[], object]) -> float:
    """CPU time of all threads of the process in one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def network() -> MLP:
    """The 64-32-10 network on all digits, or on random data of their shape where scikit-learn is not installed."""
    try:
        return mlp(digits(0.0), (32,))
    except LandscapeError:
        return mlp(random_digits(SAMPLES), (32,))


def random_digits(samples: int) -> Data:
    """Random data of the shape of digits."""
    return teacher_student(64, samples, teacher=[16], classes=10)


def peak_megabytes(samples: int) -> float:
    """Most memory that arrays made by a run of 128 replicas took at once, in MB, without the data."""
    landscape = mlp(random_digits(samples), (32,))
    sampler = SGLD(landscape, 1e5, step_size=1e-3, batch_size=BATCH)
    # Compilation takes memory too, once.
    sampler.step(sampler.init(1, 1), 2)
    tracemalloc.start()
    try:
        sampler.step(sampler.init(MANY, 1), 40)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@contextmanager
def one_linear_algebra_thread() -> Iterator[None]:
    """One thread for BLAS where threadpoolctl, which comes with scikit-learn, is there: others spin while they wait."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """One thread for torch. Raises LandscapeError where it is not installed."""
    from mcmc.landscapes.network.optional import optional_module

    torch = optional_module("torch", "these rows")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _torch_rows() -> Iterator[Row]:
    import torch

    landscape = network()
    module = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10)).double()
    loss = NetworkLoss(module, "cross_entropy", landscape.data)
    batch = np.random.default_rng(1).integers(0, SAMPLES, (REPLICAS, BATCH))
    x = loss.initial_x(range(REPLICAS), 1)

    def ours() -> object:
        return loss.gradient(x, batch)

    references = {
        "vmap(grad) alone": (vmapped(torch, module, loss, x, batch), 1.0 / 1.1, "<= 1.1 times it"),
        "a loop of .backward()": (looped(torch, module, loss, x, batch), 3.0, ">= 3 times faster"),
    }
    for name, (reference, least, target) in references.items():
        apart = float(np.abs(reference() - ours()).max())
        seconds, other, ratio = paired_seconds(ours, reference, process_seconds, 25)
        yield Row(
            f"NetworkLoss: gradient, {REPLICAS} replicas x {BATCH}, {apart:.1g} from the reference", seconds * MICRO,
            "us", name, other * MICRO, ratio, target, ratio >= least and apart < 1e-12,
        )  # fmt: skip


def vmapped(torch: Any, module: Any, loss: Any, x: np.ndarray, batch: np.ndarray) -> Callable[[], np.ndarray]:
    """vmap of grad over flat weights, (replicas, dim), on samples already picked."""
    shapes = [(name, parameter.shape, parameter.numel()) for name, parameter in module.named_parameters()]
    inputs, targets = torch.from_numpy(loss.data.inputs[batch]), torch.from_numpy(loss.data.targets[batch])
    flat = torch.from_numpy(x)

    def mean_loss(weights, these, wanted):
        parts = torch.split(weights, [count for _, _, count in shapes])
        named = {name: part.view(shape) for (name, shape, _), part in zip(shapes, parts, strict=True)}
        return torch.nn.functional.cross_entropy(torch.func.functional_call(module, named, (these,)), wanted)

    gradient = torch.func.vmap(torch.func.grad(mean_loss))
    return lambda: gradient(flat, inputs, targets).numpy()


def looped(torch: Any, module: Any, loss: Any, x: np.ndarray, batch: np.ndarray) -> Callable[[], np.ndarray]:
    """A module for each replica, each with its own weights; samples picked and .backward() called one by one."""
    import copy

    modules = [copy.deepcopy(module) for _ in x]
    for one, weights in zip(modules, x, strict=True):
        for parameter in one.parameters():
            parameter.requires_grad_(True)
        torch.nn.utils.vector_to_parameters(torch.from_numpy(weights.copy()), one.parameters())
    inputs, targets = torch.from_numpy(loss.data.inputs), torch.from_numpy(loss.data.targets)
    chosen = torch.from_numpy(batch)

    def gradients():
        out = []
        for one, picked in zip(modules, chosen, strict=True):
            one.zero_grad()
            torch.nn.functional.cross_entropy(one(inputs[picked]), targets[picked]).backward()
            out.append(torch.cat([parameter.grad.reshape(-1) for parameter in one.parameters()]))
        return torch.stack(out).numpy()

    return gradients
