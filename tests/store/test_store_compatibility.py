"""Files written by the first version of the schema keep opening; the files in data/ are never written again."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import xarray
from series_samples import SPEC, TEMPERATURES, VARIABLES, assert_holds, create, rows

from mcmc.random import LAYOUT_VERSION
from mcmc.store.checkpoint import check_checkpoint, load_checkpoint, save_checkpoint
from mcmc.store.provenance import Provenance
from mcmc.store.reader import open_run_file, read_attributes, read_history, read_spec
from mcmc.store.verify import verify
from mcmc.store.writer import SeriesWriter

DATA = Path(__file__).parent / "data"
SERIES, CHECKPOINT = DATA / "schema_v1.h5", DATA / "schema_v1.checkpoint"


class State(NamedTuple):
    spins: np.ndarray
    nested: tuple


STATE = State(np.arange(6, dtype=np.float32).reshape(2, 3), (np.array(22, np.int64), np.array([2**63], np.uint64)))


def write_data():
    """What made data/: run it again only beside a new file for a new schema version."""
    origin = Provenance(SPEC, 7, versions={"entroscape": "0.1.0"}, host="a", start_time="2026-01-01T00:00:00.000+00:00")
    coords = {"temperature": (("temperature",), TEMPERATURES, {"units": "J/k_B"}), "chain": ["odd", "even"]}
    variables = VARIABLES | {"acceptance": (("chain", "temperature"), "f8", {})}
    with create(SERIES, provenance=origin, coords=coords, variables=variables) as writer:
        writer.append(rows(0, 25))
        writer.put("acceptance", np.full((2, 3), 0.5))
        writer.rewind(22)
        writer.finish("done", {"sampling": 2.0})
    save_checkpoint(CHECKPOINT, STATE, {"draws": 22})


def test_series_opens():
    found = open_run_file(SERIES)
    assert_holds(found, 22)
    assert found["energy"].attrs == {"units": "J", "long_name": "total energy"}
    assert found["chain"].values.tolist() == ["odd", "even"]
    assert (found["acceptance"] == 0.5).all()
    assert read_spec(SERIES) == SPEC
    assert read_attributes(SERIES)["seed"] == 7
    assert [entry["last_draw"] for entry in read_history(SERIES)] == [22]
    assert all(finding.ok for finding in verify(SERIES))
    xarray.testing.assert_equal(found, xarray.load_dataset(SERIES, engine="h5netcdf"))


def test_series_is_extended(tmp_path):
    path = shutil.copy(SERIES, tmp_path / "a.h5")
    with SeriesWriter.open(path) as writer:
        writer.append(rows(22, 31))
    assert_holds(open_run_file(path), 31)


def test_checkpoint_opens():
    assert check_checkpoint(CHECKPOINT) == {"draws": 22}
    if LAYOUT_VERSION != 1:
        pytest.skip("its random numbers are of an older layout")
    state, meta = load_checkpoint(CHECKPOINT, STATE)
    assert meta == {"draws": 22}
    np.testing.assert_array_equal(state.spins, STATE.spins, strict=True)
    assert [int(value.item()) for value in state.nested] == [22, 2**63]
