"""Samples that a loss is averaged over: inputs, targets, and those kept for testing."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.random import Stream, words

LARGEST_LABEL = 2**31 - 1
"""Beyond any number of classes that outputs could be made for."""


@dataclass(frozen=True)
class Data:
    """Training and test samples. Raises ArgumentError for shapes or values that do not fit together."""

    inputs: np.ndarray
    """(samples, features) floats, a copy; float64 unless given as float32."""
    targets: np.ndarray
    """(samples,) int64 labels, or (samples, outputs) float64 values."""
    test_inputs: np.ndarray | None = None
    """(test samples, features), or None."""
    test_targets: np.ndarray | None = None
    """As `targets`."""
    name: str = "arrays"

    def __post_init__(self) -> None:
        inputs, targets = _checked(self.inputs, self.targets, "")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "targets", targets)
        if (self.test_inputs is None) != (self.test_targets is None):
            raise ArgumentError("test_inputs, test_targets: only one of them is given; both or none are needed")
        if self.test_inputs is None:
            return
        tested = _checked(self.test_inputs, self.test_targets, "test_")
        if tested[0].shape[1:] != inputs.shape[1:] or tested[1].shape[1:] != targets.shape[1:]:
            raise ArgumentError(
                f"test_inputs: got samples of shape {tested[0].shape[1:]} with targets {tested[1].shape[1:]}; those of "
                f"the training samples, {inputs.shape[1:]} and {targets.shape[1:]}, are needed"
            )
        object.__setattr__(self, "test_inputs", tested[0].astype(inputs.dtype, copy=False))
        object.__setattr__(self, "test_targets", tested[1])

    @property
    def size(self) -> int:
        """Training samples."""
        return len(self.inputs)

    @property
    def labelled(self) -> bool:
        """Whether targets are class labels."""
        return self.targets.ndim == 1

    @property
    def outputs(self) -> int:
        """Outputs a network needs: classes, those of the test samples among them, or values a sample has."""
        if not self.labelled:
            return self.targets.shape[1]
        tested = 0 if self.test_targets is None else int(self.test_targets.max())
        return max(int(self.targets.max()), tested) + 1

    @cached_property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of shape, type and values of each array, as hexadecimal digits; "none" without test samples."""
        names = ("inputs", "targets", "test_inputs", "test_targets")
        arrays = ((name, getattr(self, name)) for name in names)
        return {f"{name}_sha256": "none" if values is None else array_checksum(values) for name, values in arrays}

    def subset_indices(self, fraction: float, seed: int, part: int = 0) -> np.ndarray:
        """Training samples of a part with `fraction` of all, (round(fraction size),) int64 in rising order.

        Parts are stretches, end to end around a ring, of one random order of the samples: disjoint as long as they all
        fit, and whatever their number no sample is in more than one part more than another. Raises ArgumentError for a
        fraction outside (0, 1], or one that leaves no sample, or a part below 0.
        """
        count = round(checked_fraction("fraction", fraction) * self.size)
        if count < 1:
            raise ArgumentError(
                f"fraction: got {fraction}, which leaves none of {self.size} samples; take a larger one"
            )
        if isinstance(part, bool) or not isinstance(part, (int, np.integer)) or part < 0:
            raise ArgumentError(f"part: got {part!r}; a whole number, 0 or more, is needed")
        places = (int(part) * count + np.arange(count)) % self.size
        return np.sort(random_order(self.size, seed)[places])

    def subset(self, fraction: float, seed: int, part: int = 0) -> "Data":
        """The training samples of `subset_indices`, with all test samples."""
        chosen = self.subset_indices(fraction, seed, part)
        name = f"{self.name}, part {part} of {fraction:g}"
        return Data(self.inputs[chosen], self.targets[chosen], self.test_inputs, self.test_targets, name)


def random_order(size: int, seed: int, chain: int = 0) -> np.ndarray:
    """A random order of `size` samples, (size,) int64, by seed and `chain` alone: words of 64 bits, sorted."""
    drawn = words(seed, Stream.DATA_SPLIT, np.arange(size), 0, chain).astype(np.uint64)
    return np.argsort((drawn[:, 0] << np.uint64(32)) | drawn[:, 1], kind="stable")


def checked_fraction(name: str, value: Any) -> float:
    """A share of samples as a float. Raises ArgumentError unless it is in (0, 1]."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not 0 < value <= 1:
        raise ArgumentError(f"{name}: got {value!r}; a share of the samples above 0 and up to 1 is needed")
    return float(value)


def checked_data(data: Any) -> Data:
    """`data` itself. Raises ArgumentError, with how to make Data of it, for anything else."""
    if isinstance(data, Data):
        return data
    if isinstance(data, (tuple, list, np.ndarray)):
        advice = "give Data(inputs, targets)"
    elif hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        advice = "give from_torch(dataset)"
    else:
        advice = "give Data(inputs, targets), or from_torch(dataset) for a Dataset of torch"
    raise ArgumentError(f"data: got {type(data).__name__}; samples as Data are needed: {advice}, both to be imported "
                        "from mcmc.landscapes.network")  # fmt: skip


def array_checksum(values: np.ndarray) -> str:
    """SHA-256 of shape, type and values of an array, as hexadecimal digits."""
    plain = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    said = hashlib.sha256(f"{plain.shape} {plain.dtype.str}".encode())
    said.update(plain.data if plain.size else b"")
    return said.hexdigest()


def plain_array(name: str, values: Any) -> np.ndarray:
    """Arrays, lists or torch tensors as a NumPy array of real numbers. Raises ArgumentError for anything else."""
    given = values.detach().cpu() if hasattr(values, "detach") else values
    try:
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(f"{name}: got {type(values).__name__}, which is no array of numbers ({error})") from error
    if array.dtype.kind not in "biuf":
        raise ArgumentError(f"{name}: got values of type {array.dtype}; an array of real numbers is needed")
    return array


def _checked(inputs: Any, targets: Any, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = plain_array(f"{prefix}inputs", inputs), plain_array(f"{prefix}targets", targets)
    # A copy: what happens to the caller's array later changes no energy.
    x = np.array(x, dtype=np.float32 if x.dtype == np.float32 else np.float64, order="C")
    if x.ndim != 2 or not x.size or not np.isfinite(x).all():
        raise ArgumentError(f"{prefix}inputs: got shape {x.shape}; finite numbers (samples, features) are needed")
    if y.ndim == 0 or len(y) != len(x):
        raise ArgumentError(f"{prefix}targets: got shape {y.shape} for {len(x)} samples; one a sample is needed")
    whole = np.issubdtype(y.dtype, np.integer)
    if whole and y.shape[1:] == (1,):
        raise ArgumentError(
            f"{prefix}targets: got shape {y.shape} of {y.dtype}; for class labels use targets[:, 0], for values to be "
            "fitted targets.astype(float)"
        )
    if whole and y.ndim == 1:
        if y.min() < 0 or y.max() > LARGEST_LABEL:
            wrong = y.min() if y.min() < 0 else y.max()
            raise ArgumentError(
                f"{prefix}targets: got label {wrong}; classes are numbered from 0 to at most {LARGEST_LABEL}"
            )
        return x, y.astype(np.int64)
    if y.ndim != 2 or not y.shape[1] or not np.isfinite(y).all():
        raise ArgumentError(
            f"{prefix}targets: got shape {y.shape} of {y.dtype}; labels (samples,) of whole numbers, or finite values "
            "(samples, outputs), are needed"
        )
    return x, np.array(y, dtype=np.float64, order="C")
