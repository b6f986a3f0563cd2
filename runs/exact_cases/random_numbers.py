"""Random numbers: the published vectors of Philox4x32-10, and that bits depend on the seed alone."""

from collections.abc import Iterator

import numpy as np

from runs.exact_cases.case import Case

VECTORS = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)
"""Counter, key, output: Random123 (Salmon et al. 2011), kat_vectors."""


def cases(seed: int) -> Iterator[Case]:
    """Equalities: published words, and spins after the same sweeps in other chunks and other company."""
    from mcmc.random import philox4x32

    equal = 0
    for counter, key, output in VECTORS:
        words = philox4x32(*(np.uint32(word) for word in (*counter, *key)))
        equal += sum(int(word) == known for word, known in zip(words, output, strict=True))
    yield Case("Philox4x32-10, words equal to the published", equal, 0.0, 12)

    from mcmc.landscapes.graphs import square
    from mcmc.landscapes.xy import XYModel

    model = XYModel(square(8))
    whole, chunked, alone = model.init(16, seed), model.init(16, seed), model.init([3], seed)
    model.sweep(whole, 1.1, 100)
    for _ in range(10):
        model.sweep(chunked, 1.1, 10)
    model.sweep(alone, 1.1, 100)
    differing = int((whole.spins != chunked.spins).sum())
    yield Case("spins that differ, 1 call of 100 sweeps and 10 of 10", differing, 0.0, 0)
    differing = int((whole.spins[..., 3] != alone.spins[..., 0]).sum())
    yield Case("spins that differ, a chain alone and among 16", differing, 0.0, 0)
