"""NumPy for NumPy arrays, CuPy for CuPy's: the module whose functions make and take arrays like those given."""

from importlib import import_module
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError


def array_module(like: Any) -> Any:
    """The package that the type of `like` comes from, numpy for NumPy's own."""
    return np if isinstance(like, np.ndarray) else import_module(type(like).__module__.partition(".")[0])


def checked_point(name: str, x: Any, dim: int, chains: int | None = None) -> Any:
    """`x` itself, or as float64 where it is neither that nor float32.

    Raises ArgumentError unless it is an array (chains, dim), and has as many chains as it should.
    """
    shape = getattr(x, "shape", None)
    if type(x).__module__.partition(".")[0] == "torch":
        raise ArgumentError(f"{name}: got a torch tensor; give a NumPy array, as {name}.detach().cpu().numpy()")
    if shape is None or len(shape) != 2 or shape[1] != dim or not shape[0] or x.dtype.kind not in "fiu":
        got = f"{type(x).__name__}" if shape is None else f"shape {tuple(shape)} of {x.dtype}"
        raise ArgumentError(f"{name}: got {got}; an array of weights (chains, {dim}) is needed")
    if chains is not None and shape[0] != chains:
        raise ArgumentError(f"{name}: got {shape[0]} chains; as many as the other array has, {chains}, are needed")
    return _as_float(x)


def single_point(x: Any, dim: int) -> Any:
    """One point (dim,) or (1, dim) as (1, dim). Raises ArgumentError for anything else."""
    point = x[None] if getattr(x, "ndim", 0) == 1 else x
    checked = checked_point("x", point, dim)
    if len(checked) != 1:
        raise ArgumentError(f"x: got shape {x.shape}; one point ({dim},) is needed")
    return checked


def checked_indices(batch: Any, size: int, chains: int) -> Any:
    """Indices of samples as an array, (samples,) or (chains, samples). Raises ArgumentError for any other.

    Lists become NumPy arrays; an array on a GPU stays there.
    """
    indices = batch if hasattr(batch, "__cuda_array_interface__") else _numpy("batch", batch)
    whole = indices.dtype.kind in "iu" and indices.size
    if not whole or indices.ndim not in (1, 2) or (indices.ndim == 2 and len(indices) != chains):
        raise ArgumentError(
            f"batch: got shape {indices.shape} of {indices.dtype}; indices (samples,) or ({chains}, samples) are needed"
        )
    # Seen as unsigned, what is below 0 is far above `size`: one pass over the indices finds both.
    if int(indices.view(f"u{indices.dtype.itemsize}").max()) >= size:
        raise ArgumentError(
            f"batch: got indices from {indices.min()} to {indices.max()}; those of {size} samples, from 0, are needed"
        )
    return indices


def checked_inputs(inputs: Any, features: int) -> Any:
    """`inputs` as an array of floats. Raises ArgumentError unless it is (samples, features) numbers."""
    given = inputs if hasattr(inputs, "__cuda_array_interface__") else _numpy("inputs", inputs)
    if given.ndim != 2 or given.shape[1] != features or not len(given) or given.dtype.kind not in "fiu":
        raise ArgumentError(
            f"inputs: got shape {given.shape} of {given.dtype}; numbers (samples, {features}) are needed"
        )
    return _as_float(given)


def _as_float(values):
    return values if values.dtype.char in "df" and values.dtype.isnative else values.astype(np.float64)


def _numpy(name, values):
    if isinstance(values, np.ndarray):
        return values
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(f"{name}: got {type(values).__name__}, which is no array of numbers ({error})") from error
