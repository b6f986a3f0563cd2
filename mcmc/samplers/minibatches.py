"""Which samples a step looks at: a function of seed, step and chain, so that no permutation is part of a state.

Without replacement an epoch is one random order of all samples, cut into floor(n / b) batches; the n mod b samples left
over wait for the next order. With replacement every index is drawn anew. Indices are (word * count) >> 32: uniform to
count / 2^32.
"""

from typing import Any

import numpy as np

from mcmc.compiled import kernel_tied_to
from mcmc.errors import ArgumentError
from mcmc.random import Stream, philox4x32, split_seed, stream_word

STREAM = int(Stream.MINIBATCH)


@kernel_tied_to()
def fill_orders(out, epoch, chain, k0, k1):
    """A random order of the samples for each chain, (chains, n) int64; Fisher & Yates, Durstenfeld 1964."""
    fourth = stream_word(STREAM, 0)
    n = out.shape[1]
    for c in range(out.shape[0]):
        order = out[c]
        for i in range(n):
            order[i] = i
        for i in range(n - 1, 0, -1):
            # Two swaps a call would be possible; an order is drawn once an epoch.
            word, _, _, _ = philox4x32(np.uint32(i), np.uint32(epoch), chain[c], fourth, k0, k1)
            j = np.int64((np.uint64(word) * np.uint64(i + 1)) >> np.uint64(32))
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


class Minibatches:
    """Batches of `size` out of `data_size` samples, each chain its own; `size` None means all samples, every time.

    Raises ArgumentError for a size that is no whole number from 1 to the number of samples.
    """

    def __init__(self, data_size: int | None, size: int | None, *, replacement: bool = False):
        if size is not None:
            if data_size is None:
                raise ArgumentError(f"batch_size: got {size}; this landscape is no mean over data, leave it out")
            whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
            if not whole or not 1 <= size <= data_size:
                raise ArgumentError(
                    f"batch_size: got {size!r}; a whole number from 1 to the {data_size} samples there are is needed"
                )
        self.data_size, self.size, self.replacement = data_size, None if size is None else int(size), bool(replacement)
        self._kept: tuple[Any, np.ndarray] | None = None

    @property
    def per_epoch(self) -> int:
        """Batches of an epoch: floor(n / b), 1 where every batch is all data."""
        return 1 if self.size is None else int(self.data_size or 1) // self.size

    def epoch(self, step: int) -> float:
        """Passes through the data before a step."""
        return step / self.per_epoch

    def indices(self, step: int, chain: np.ndarray, seed: int) -> np.ndarray | None:
        """Samples of each chain in a step, (chains, b) int64; None for all data."""
        if self.size is None:
            return None
        k0, k1 = split_seed(seed)
        if self.replacement:
            out = np.empty((chain.size, self.size), np.int64)
            fill_draws(out, self.data_size, step, chain, k0, k1)
            return out
        epoch, place = divmod(step, self.per_epoch)
        orders = self._orders(epoch, chain, seed)
        return orders[:, place * self.size : (place + 1) * self.size]

    def _orders(self, epoch: int, chain: np.ndarray, seed: int) -> np.ndarray:
        """Orders of an epoch; those of the last one asked for are kept."""
        key = (epoch, seed, chain.tobytes())
        if self._kept is None or self._kept[0] != key:
            orders = np.empty((chain.size, int(self.data_size or 0)), np.int64)
            fill_orders(orders, epoch, chain, *split_seed(seed))
            self._kept = key, orders
        return self._kept[1]
