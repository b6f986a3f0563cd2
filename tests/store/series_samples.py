"""A small series with known values, for every test of the store."""

import numpy as np

from mcmc.store.provenance import Provenance
from mcmc.store.writer import SeriesWriter

SPEC = 'experiment = "xy"\nseed = 7\n'
DIMS = {"chain": 2, "draw": None, "temperature": 3}
TEMPERATURES = np.array([0.5, 1.0, 1.5])
VARIABLES = {
    "energy": (("chain", "draw", "temperature"), "f8", {"units": "J", "long_name": "total energy"}),
    "vortices": (("chain", "draw", "temperature"), "i4", {}),
    "swaps": (("draw", "chain"), "f4", {}),
}


def rows(first, last):
    """Draws first..last-1, arrays (draws, ...): every number tells its variable, draw, chain and temperature."""
    draw = np.arange(first, last)[:, None, None]
    chain = np.arange(2)[None, :, None]
    temperature = np.arange(3)[None, None, :]
    energy = draw + 0.1 * chain + 0.01 * temperature
    return {
        "energy": energy,
        "vortices": (1000 * draw + 10 * chain + temperature).astype(np.int32),
        "swaps": (draw + 0.5 * chain)[..., 0].astype(np.float32),
    }


def in_file_order(draws):
    """What a file with the first `draws` draws must hold."""
    values = rows(0, draws)
    return {
        "energy": np.moveaxis(values["energy"], 0, 1),
        "vortices": np.moveaxis(values["vortices"], 0, 1),
        "swaps": values["swaps"],
    }


def provenance(spec=SPEC, seed=7):
    return Provenance.collect(spec, seed)


def create(path, chunk_draws=4, **changes):
    arguments = {
        "dims": DIMS,
        "coords": {"temperature": (("temperature",), TEMPERATURES, {"units": "J/k_B"})},
        "variables": VARIABLES,
        "provenance": provenance(),
        "chunk_draws": chunk_draws,
    }
    return SeriesWriter.create(path, **(arguments | changes))


def finished(path, draws=10, **changes):
    with create(path, **changes) as writer:
        writer.append(rows(0, draws))
        writer.finish("done", {"sampling": 2.0})
    return path


def assert_holds(dataset, draws):
    """The dataset has exactly the first `draws` draws, bit for bit."""
    expected = in_file_order(draws)
    assert dataset.sizes["draw"] == draws
    for name, values in expected.items():
        np.testing.assert_array_equal(dataset[name].values, values, strict=True)
