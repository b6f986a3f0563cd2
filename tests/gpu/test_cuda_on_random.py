"""Random numbers in kernels are those of the CPU, word for word."""

import numpy as np
import pytest
from numba import cuda

from mcmc import random
from mcmc.device import resolve
from mcmc.landscapes.xy.cuda import draw_pair, philox4x32
from mcmc.random import Stream

VECTORS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
"""Counter, key, output: Random123 1.14, tests/kat_vectors."""


@cuda.jit
def fill_words(counter, key, out):
    i = cuda.grid(1)
    if i < out.shape[0]:
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = philox4x32(
            counter[i, 0], counter[i, 1], counter[i, 2], counter[i, 3], key[i, 0], key[i, 1]
        )


@cuda.jit
def fill_pairs(slot, sweep, chain, k0, k1, out):
    i = cuda.grid(1)
    if i < out.shape[0]:
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = draw_pair(slot[i], sweep[i], chain[i], k0, k1)


def launched(device, kernel, out, *arguments):
    """What the kernel writes to `out`, one thread a row."""
    processor = resolve(device)
    on_device = [processor.view(processor.put(a)) if isinstance(a, np.ndarray) else a for a in arguments]
    filled = processor.put(out)
    processor.launch(kernel, -(-len(out) // processor.threads), *on_device, processor.view(filled))
    return filled if processor.simulated else filled.get()


def words(texts):
    return np.array([[int(word, 16) for word in text.split()] for text in texts], dtype=np.uint32)


def test_published_vectors_in_a_kernel(device):
    counters, keys, outputs = (words(column) for column in zip(*VECTORS, strict=True))
    assert (launched(device, fill_words, np.zeros_like(outputs), counters, keys) == outputs).all()


def test_words_of_the_cpu_in_a_kernel(device):
    seed = 0x0123456789ABCDEF
    rng = np.random.default_rng(0)
    counters = rng.integers(2**32, size=(40, 4), dtype=np.uint32)
    counters[:, 3] = (np.uint32(Stream.SWAP) << np.uint32(24)) | (counters[:, 3] >> np.uint32(8))
    keys = np.tile(np.array(random.split_seed(seed)), (40, 1))
    site, sweep, chain, fourth = counters.T
    expected = random.words(seed, Stream.SWAP, site, sweep, chain, fourth & np.uint32(0xFFFFFF))
    assert (launched(device, fill_words, np.zeros((40, 4), np.uint32), counters, keys) == expected).all()


@pytest.mark.parametrize("edge", [0, 2**31 - 1, 2**32 - 40])
def test_uniforms_of_the_cpu_in_a_kernel(device, edge):
    slot = np.arange(edge, edge + 40, dtype=np.int64).astype(np.uint32)
    sweep, chain = slot[::-1].copy(), np.full(40, 3, np.uint32)
    k0, k1 = random.split_seed(7)
    drawn = launched(device, fill_pairs, np.zeros((40, 4), np.float32), slot, sweep, chain, k0, k1)
    expected = random.words(7, Stream.METROPOLIS, slot, sweep, chain)
    symmetric = [[random.symmetric32(word) for word in row] for row in expected[:, 0::2]]
    uniform = [[random.uniform32(word) for word in row] for row in expected[:, 1::2]]
    assert (drawn[:, 0::2] == np.array(symmetric, np.float32)).all()
    assert (drawn[:, 1::2] == np.array(uniform, np.float32)).all()
