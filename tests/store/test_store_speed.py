"""Safe writing costs no more than a plain loop over h5py, itself compared in the same minute."""

import time

import h5py
import numpy as np
import pytest
from series_samples import provenance

from mcmc.store.writer import SeriesWriter

NAMES = [f"v{place}" for place in range(10)]
CHAINS, TEMPERATURES, DRAWS, PIECE = 8, 25, 5120, 16


def stored(path, values):
    dims = {"chain": CHAINS, "draw": None, "temperature": TEMPERATURES}
    variables = {name: (("chain", "draw", "temperature"), "f8", {}) for name in NAMES}
    writer = SeriesWriter.create(path, dims=dims, variables=variables, provenance=provenance(), chunk_draws=128)
    start = time.perf_counter()
    for _ in range(0, DRAWS, PIECE):
        writer.append(values)
    writer.commit(sync=False)
    return time.perf_counter() - start


def plain(path, values):
    pieces = {name: np.concatenate([np.moveaxis(array, 0, 1)] * (128 // PIECE), 1) for name, array in values.items()}
    with h5py.File(path, "w") as file:
        shape = {"shape": (CHAINS, 0, TEMPERATURES), "maxshape": (CHAINS, None, TEMPERATURES)}
        for name in NAMES:
            file.create_dataset(name, chunks=(CHAINS, 128, TEMPERATURES), dtype="f8", **shape)
        start = time.perf_counter()
        for first in range(0, DRAWS, 128):
            for name in NAMES:
                file[name].resize(first + 128, axis=1)
                file[name][:, first : first + 128] = pieces[name]
            file.flush()
        return time.perf_counter() - start


@pytest.mark.validate
def test_writing_is_as_fast_as_plain_h5py(tmp_path, seed):
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(size=(PIECE, CHAINS, TEMPERATURES)) for name in NAMES}
    times = [(stored(tmp_path / f"a{k}.h5", values), plain(tmp_path / f"b{k}.h5", values)) for k in range(5)]
    own, reference = np.min(times, axis=0)
    megabytes = DRAWS * CHAINS * TEMPERATURES * 8 * len(NAMES) / 1e6
    print(f"store {megabytes / own:.0f} MB/s, plain h5py {megabytes / reference:.0f} MB/s")
    assert own < 1.5 * reference
