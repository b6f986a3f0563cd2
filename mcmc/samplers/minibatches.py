"""Which samples a step looks at: a function of seed, step and chain, so that no permutation is part of a state.

In epochs: one random order of all samples, cut into floor(n / b) batches; the n mod b samples left over wait for the
next order, and the batches of an epoch are correlated. Without replacement: every batch is a random subset, independent
of all others. With replacement: every index is drawn anew. The covariance of a batch's gradient is D / b with
replacement and (n - b) / (b (n - 1)) D else (arXiv:1710.11029). Indices are (word * count) >> 32: uniform to count /
2^32.
"""

from typing import Any, Literal

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.errors import ArgumentError
from mcmc.random import Stream, philox4x32, split_seed, stream_word

STREAM = int(Stream.MINIBATCH)


@kernel_tied_to()
def fill_orders(out, epoch, chain, k0, k1):
    """A random order of the samples for each chain, (chains, n) int64; Fisher & Yates, Durstenfeld 1964."""
    fourth = stream_word(STREAM, 0)
    n = out.shape[1]
    # All words first, in vector lanes, which the exchanges would keep them out of.
    words = np.empty(n, np.uint32)
    for c in range(out.shape[0]):
        order, identity = out[c], chain[c]
        for i in range(np.uint32(n)):
            # Two swaps a call would be possible; an order is drawn once an epoch.
            word, _, _, _ = philox4x32(np.uint32(i), np.uint32(epoch), identity, fourth, k0, k1)
            words[i] = word
        for i in range(n):
            order[i] = i
        for i in range(n - 1, 0, -1):
            j = np.int64((np.uint64(words[i]) * np.uint64(i + 1)) >> np.uint64(32))
            order[i], order[j] = order[j], order[i]


@kernel_tied_to()
def fill_draws(out, count, step, chain, k0, k1):
    """Indices below `count`, drawn independently, for each chain: (chains, b) int64."""
    fourth = stream_word(STREAM, 1)
    size = out.shape[1]
    for c in range(out.shape[0]):
        for i in range(0, size, 4):
            words = philox4x32(np.uint32(i // 4), np.uint32(step), chain[c], fourth, k0, k1)
            for part in range(min(4, size - i)):
                out[c, i + part] = np.int64((np.uint64(words[part]) * np.uint64(count)) >> np.uint64(32))


@kernel_tied_to()
def fill_subsets(out, order, step, chain, k0, k1):
    """A random subset of the samples for each chain, (chains, b) int64; `order` (n,) int64 is 0, 1, ... and stays so.

    The first b exchanges of Fisher & Yates, then taken back: n samples cost no more than b.
    """
    fourth = stream_word(STREAM, 2)
    n, size = order.size, out.shape[1]
    for c in range(out.shape[0]):
        subset = out[c]
        for i in range(size):
            j = i + _below(n - i, i, step, chain[c], fourth, k0, k1)
            order[i], order[j] = order[j], order[i]
        for i in range(size):
            subset[i] = order[i]
        for i in range(size - 1, -1, -1):
            j = i + _below(n - i, i, step, chain[c], fourth, k0, k1)
            order[i], order[j] = order[j], order[i]


@piece
def _below(count, i, step, chain, fourth, k0, k1):
    """Index below `count`, the i-th of a batch."""
    word, _, _, _ = philox4x32(np.uint32(i), np.uint32(step), chain, fourth, k0, k1)
    return np.int64((np.uint64(word) * np.uint64(count)) >> np.uint64(32))


class Minibatches:
    """Batches of `size` out of `data_size` samples, each chain its own; `size` None means all samples, every time.

    `replacement` True draws every sample independently, False every batch as a subset independent of other batches;
    "epoch" cuts one random order of all samples into batches. `samples` (rows, count), distinct indices in each row,
    makes chain `id` see those of row `id` mod rows alone. Raises ArgumentError for anything else, or a size that is no
    whole number from 1 to the number of samples.
    """

    def __init__(
        self,
        data_size: int | None,
        size: int | None,
        *,
        replacement: bool | Literal["epoch"] = "epoch",
        samples: Any = None,
    ):
        if replacement != "epoch" and not isinstance(replacement, (bool, np.bool_)):
            raise ArgumentError(f"replacement: got {replacement!r}; True, False or 'epoch' is needed")
        self.samples = None if samples is None else checked_samples(samples, data_size)
        if self.samples is not None:
            data_size = self.samples.shape[1]
        if size is not None:
            if data_size is None:
                raise ArgumentError(f"batch_size: got {size}; this landscape is no mean over data, leave it out")
            whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
            if not whole or not 1 <= size <= data_size:
                raise ArgumentError(
                    f"batch_size: got {size!r}; a whole number from 1 to the {data_size} samples there are is needed"
                )
        self.data_size, self.size = data_size, None if size is None else int(size)
        self.replacement: bool | Literal["epoch"] = "epoch" if replacement == "epoch" else bool(replacement)
        self._kept: tuple[Any, np.ndarray] | None = None
        self._order: np.ndarray | None = None

    @property
    def per_epoch(self) -> int:
        """Batches of one order of the samples: floor(n / b), 1 where every batch is all data."""
        return 1 if self.size is None else int(self.data_size or 1) // self.size

    def epoch(self, step: int) -> float:
        """Samples in the batches before a step, b each, over those there are: step b / n.

        With "epoch" and a rest n mod b, orders begin a little sooner, every `per_epoch` steps.
        """
        return float(step) if self.size is None else step * self.size / int(self.data_size or 1)

    @property
    def noise_share(self) -> float:
        """Covariance of a batch's gradient in units of D: 1 / b, (n - b) / (b (n - 1)) without replacement."""
        if self.size is None:
            return 0.0
        n, b = int(self.data_size or 1), self.size
        return 1.0 / b if self.replacement is True else (n - b) / (b * max(1, n - 1))

    def indices(self, step: int, chain: np.ndarray, seed: int) -> np.ndarray | None:
        """Samples of each chain in a step, (chains, b) int64; None for all data."""
        if self.samples is None:
            return None if self.size is None else self._drawn(self.size, step, chain, seed)
        rows = self.samples[chain % np.uint32(len(self.samples))]
        return rows if self.size is None else np.take_along_axis(rows, self._drawn(self.size, step, chain, seed), 1)

    def _drawn(self, size: int, step: int, chain: np.ndarray, seed: int) -> np.ndarray:
        """Numbers below `data_size`, (chains, size) int64."""
        k0, k1 = split_seed(seed)
        if self.replacement != "epoch":
            out = np.empty((chain.size, size), np.int64)
            if self.replacement:
                fill_draws(out, self.data_size, step, chain, k0, k1)
                return out
            if self._order is None:
                self._order = np.arange(int(self.data_size or 0))
            fill_subsets(out, self._order, step, chain, k0, k1)
            return out
        epoch, place = divmod(step, self.per_epoch)
        orders = self._orders(epoch, chain, seed)
        return orders[:, place * size : (place + 1) * size]

    def _orders(self, epoch: int, chain: np.ndarray, seed: int) -> np.ndarray:
        """Orders of an epoch; those of the last one asked for are kept."""
        key = (epoch, seed, chain.tobytes())
        if self._kept is None or self._kept[0] != key:
            orders = np.empty((chain.size, int(self.data_size or 0)), np.int64)
            fill_orders(orders, epoch, chain, *split_seed(seed))
            self._kept = key, orders
        return self._kept[1]


def checked_samples(samples: Any, data_size: int | None) -> np.ndarray:
    """Indices of samples (rows, count) as int64. Raises ArgumentError for other shapes, indices not there or twice."""
    if data_size is None:
        raise ArgumentError("samples: got indices; this landscape is no mean over data, leave them out")
    try:
        found = np.asarray(samples)
    except ValueError:
        raise ArgumentError("samples: got rows of different lengths; as many samples in each row are needed") from None
    if found.ndim != 2 or not found.size or found.dtype.kind not in "iu":
        raise ArgumentError(
            f"samples: got shape {found.shape} of {found.dtype}; whole numbers (rows, samples of a row) are needed"
        )
    if found.min() < 0 or found.max() >= data_size:
        wrong = found.min() if found.min() < 0 else found.max()
        raise ArgumentError(f"samples: got index {wrong}; the data have samples 0 to {data_size - 1}")
    if (np.diff(np.sort(found, axis=1), axis=1) == 0).any():
        raise ArgumentError("samples: got an index twice in a row; each sample once is needed")
    return found.astype(np.int64)
