"""Data sets to train on: scikit-learn's digits, random teachers, any torch Dataset. Splits depend on the seed alone."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscapes.network.data import Data, checked_fraction, plain_array, random_order
from mcmc.landscapes.network.optional import optional_module
from mcmc.memory import require_memory
from mcmc.random import Stream, normals, uniforms

SCALES = ("standard", "unit")


def digits(test_fraction: float = 0.2, seed: int = 0, scale: str = "standard") -> Data:
    """1797 digits of 8 x 8 pixels, 10 classes (UCI optical digits, bundled with scikit-learn).

    `test_fraction` of every class, rounded, is kept for testing; 0 keeps none. `scale` "unit": pixels in [0, 1];
    "standard": each pixel less its mean over the training samples, in units of its standard deviation, those that never
    change 0. Raises LandscapeError without scikit-learn, ArgumentError for arguments out of range.
    """
    if test_fraction != 0 and checked_fraction("test_fraction", test_fraction) == 1:
        raise ArgumentError("test_fraction: got 1; a share of the samples from 0 and below 1 is needed")
    check_scale(scale)
    bundle = optional_module("sklearn.datasets", "digits").load_digits()
    inputs, targets = bundle.data / 16.0, bundle.target.astype(np.int64)
    train, test = split_by_class(targets, float(test_fraction), seed)
    held: Any = (inputs[test], targets[test]) if test.size else (None, None)
    return scaled(Data(inputs[train], targets[train], held[0], held[1], name="digits"), scale)


def split_by_class(targets: np.ndarray, test_fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of training and test samples, random but with `test_fraction` of each class, rounded, among the latter."""
    order = random_order(targets.size, seed)
    tested = np.zeros(targets.size, bool)
    for label in np.unique(targets):
        members = order[targets[order] == label]
        tested[members[: round(test_fraction * members.size)]] = True
    return order[~tested[order]], order[tested[order]]


def check_scale(scale: str) -> None:
    """Raise ArgumentError unless `scale` is one of SCALES."""
    if scale not in SCALES:
        raise ArgumentError(f"scale: got {scale!r}; one of {', '.join(SCALES)} is needed")


def scaled(data: Data, scale: str) -> Data:
    """`data` as it is for "unit"; for "standard" of mean 0 and variance 1 over the training samples, by feature."""
    if scale == "unit":
        return data
    mean, spread = data.inputs.mean(axis=0), data.inputs.std(axis=0)
    # Rounding leaves a constant feature a spread of 1e-17: it would come out as noise of order 1.
    spread = np.where(spread > 1e-9 * (1.0 + abs(mean)), spread, np.inf)
    test = None if data.test_inputs is None else (data.test_inputs - mean) / spread
    return Data((data.inputs - mean) / spread, data.targets, test, data.test_targets, data.name)


def teacher_student(
    features: int,
    samples: int,
    *,
    teacher: str | Sequence[int] = "perceptron",
    classes: int = 2,
    label_noise: float = 0.0,
    test_samples: int = 0,
    seed: int = 0,
) -> Data:
    """Standard normal inputs, labelled by a random teacher.

    `teacher` "perceptron": label 1 where w.x > 0, w standard normal (Gardner & Derrida 1989, J. Phys. A 22, 1983); or
    widths of the hidden layers of a tanh network with weights of variance 1 / in and no biases, whose largest output
    gives the class. A training label becomes any of the other classes with probability `label_noise`; test labels are
    the teacher's. Raises ArgumentError for arguments out of range.
    """
    checked = [("features", features, 1), ("samples", samples, 1), ("classes", classes, 2)]
    for name, value, least in [*checked, ("test_samples", test_samples, 0)]:
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ArgumentError(f"{name}: got {value!r}; a whole number, {least} or more, is needed")
    sizes = _teacher_sizes(features, teacher, classes)
    number = isinstance(label_noise, (int, float, np.number)) and not isinstance(label_noise, bool)
    if not number or not 0 <= label_noise <= 1:
        raise ArgumentError(f"label_noise: got {label_noise!r}; a probability, 0 to 1, is needed")
    count = samples + test_samples
    require_memory(32.0 * count * features, f"{count} samples of {features} features", "take fewer samples")
    inputs = _normal_matrix(count, features, seed, Stream.PATTERNS, 0)
    labels = _taught(inputs, sizes, seed)
    targets = noisy_labels(labels[:samples], classes, label_noise, seed)
    held: Any = (inputs[samples:], labels[samples:]) if test_samples else (None, None)
    return Data(inputs[:samples], targets, held[0], held[1], name="teacher-student")


def from_torch(dataset: Any, test: Any = None) -> Data:
    """All samples (input, target) of a torch Dataset, and of another for testing, inputs flattened to (features,).

    A network on images begins with torch.nn.Unflatten(1, (channels, height, width)). Raises ArgumentError for a dataset
    without length or items, or whose samples differ in shape.
    """
    held: Any = (None, None) if test is None else _stacked(test, "test")
    inputs, targets = _stacked(dataset, "dataset")
    return Data(inputs, targets, held[0], held[1], name=type(dataset).__name__)


def _stacked(dataset, name):
    try:
        pairs = [dataset[i] for i in range(len(dataset))]
        inputs = [plain_array("inputs", pair[0]).reshape(-1) for pair in pairs]
        targets = [plain_array("targets", pair[1]) for pair in pairs]
        return np.stack(inputs), np.stack(targets)
    except Exception as error:
        # A dataset reads and changes its items by code of its own, which may fail in any way.
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArgumentError(
            f"{name}: got {type(dataset).__name__}; a Dataset with a length, of pairs (input, target) of one shape, "
            f"is needed ({said})"
        ) from error


def _teacher_sizes(features, teacher, classes):
    """Widths of all layers, the last 1 for a perceptron."""
    if isinstance(teacher, str):
        if teacher != "perceptron":
            raise ArgumentError(f"teacher: got {teacher!r}; perceptron, or widths of hidden layers, are needed")
        if classes != 2:
            raise ArgumentError(f"classes: got {classes}; a perceptron has 2, give hidden layers as teacher for more")
        return [features, 1]
    widths = list(teacher) if isinstance(teacher, (list, tuple, np.ndarray)) else [teacher]
    if any(isinstance(w, bool) or not isinstance(w, (int, np.integer)) or w < 1 for w in widths):
        raise ArgumentError(f"teacher: got {teacher!r}; widths of hidden layers, whole numbers from 1, are needed")
    return [features, *widths, classes]


def _taught(inputs, sizes, seed):
    level = inputs
    for layer, (a, b) in enumerate(pairwise(sizes)):
        level = (np.tanh(level) if layer else level) @ _normal_matrix(a, b, seed, Stream.TEACHER, layer) / np.sqrt(a)
    return (level[:, 0] > 0).astype(np.int64) if sizes[-1] == 1 else level.argmax(axis=1)


def noisy_labels(labels: np.ndarray, classes: int, label_noise: float, seed: int) -> np.ndarray:
    """Labels (samples,) of which each is any of the other classes with probability `label_noise`."""
    drawn = uniforms(seed, Stream.LABEL_NOISE, np.arange(labels.size), 0, 0)
    shift = 1 + np.minimum((drawn[:, 1] * (classes - 1)).astype(np.int64), classes - 2)
    return np.where(drawn[:, 0] < label_noise, (labels + shift) % classes, labels)


def _normal_matrix(rows, columns, seed, stream, sweep):
    """Standard normals (rows, columns); a row does not depend on how many there are."""
    calls = -(-columns // 2)
    drawn = normals(seed, stream, np.arange(calls)[None, :], sweep, np.arange(rows)[:, None])
    return drawn.reshape(rows, 2 * calls)[:, :columns].copy()
