"""Files open in xarray by themselves, and read the same through the reader."""

import threading
import warnings

import h5py
import numpy as np
import pytest
import xarray
from series_samples import SPEC, TEMPERATURES, VARIABLES, assert_holds, create, finished, provenance, rows

from mcmc.errors import StoreError
from mcmc.store import reader
from mcmc.store.assembled import write_dataset
from mcmc.store.reader import open_run_file, read_attributes, read_spec


def test_xarray_opens_the_file_by_itself(tmp_path):
    path = finished(tmp_path / "a.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xarray.open_dataset(path, engine="h5netcdf") as found:
            found.load()
    assert found["energy"].dims == ("chain", "draw", "temperature")
    assert found["energy"].attrs == {"units": "J", "long_name": "total energy"}
    assert found["temperature"].attrs == {"units": "J/k_B"}
    np.testing.assert_array_equal(found["temperature"], TEMPERATURES)
    np.testing.assert_array_equal(found["draw"], np.arange(10))
    assert_holds(found, 10)
    own = open_run_file(path)
    xarray.testing.assert_identical(found.drop_attrs(), own.drop_attrs())
    assert found.attrs.keys() == own.attrs.keys()
    with xarray.open_dataset(path, group="provenance", engine="h5netcdf") as group:
        assert group["spec"].item() == SPEC


def test_provenance_is_in_the_attributes(tmp_path):
    attributes = read_attributes(finished(tmp_path / "a.h5"))
    assert attributes["schema"] == "entroscape"
    assert attributes["schema_version"] == 1
    assert attributes["seed"] == 7
    assert attributes["status"] == "done"
    assert attributes["spec_sha256"] == provenance().spec_sha256
    assert attributes["start_time"] < attributes["end_time"]
    assert attributes["timings"] == '{"sampling": 2.0}'
    assert '"numpy"' in attributes["versions"]
    assert {"git_commit", "device", "rng_layout", "n_committed"} <= attributes.keys()
    assert read_spec(tmp_path / "a.h5") == SPEC


def test_no_python_objects_and_no_links_in_a_file(tmp_path):
    finished(tmp_path / "a.h5")
    write_dataset(tmp_path / "b.h5", xarray.Dataset({"name": ("n", ["a", "bc"])}), provenance())
    for path in tmp_path.iterdir():
        with h5py.File(path) as file:
            kinds = []
            file.visititems(lambda _, node, kinds=kinds: kinds.append(getattr(node, "dtype", np.dtype("f8")).kind))
            assert set(kinds) <= set("iufS")
            assert all(isinstance(file.get(name, getlink=True), h5py.HardLink) for name in file)
            assert all(value.dtype.kind != "O" for value in map(np.asarray, file.attrs.values()))


def test_selected_variables_bring_their_coordinates(tmp_path):
    found = open_run_file(finished(tmp_path / "a.h5"), variables=["swaps"])
    assert set(found.data_vars) == {"swaps"}
    assert set(found.coords) == {"chain", "draw"}
    with pytest.raises(StoreError, match=r"has no variable swap; did you mean swaps\? it holds energy"):
        open_run_file(tmp_path / "a.h5", variables=["swap"])


def test_coordinates_of_text_and_along_other_dimensions(tmp_path):
    path = tmp_path / "a.h5"
    coords = {
        "temperature": ["ä", "b", "c"],
        "beta": (("temperature",), 1 / TEMPERATURES, {"units": "1/J"}),
        "chain": np.array([4, 9]),
    }
    with create(path, coords=coords) as writer:
        writer.append(rows(0, 3))
    by_itself = xarray.load_dataset(path, engine="h5netcdf")
    for found in (open_run_file(path), by_itself):
        assert found["temperature"].values.tolist() == ["ä", "b", "c"]
        assert found["chain"].values.tolist() == [4, 9]
        assert "beta" in found["energy"].coords
        assert "beta" not in found["swaps"].coords
        assert found["beta"].attrs == {"units": "1/J"}


def test_caller_may_hold_the_file_open(tmp_path):
    path = finished(tmp_path / "a.h5")
    with h5py.File(path):
        assert_holds(open_run_file(path), 10)
    with xarray.open_dataset(path, engine="h5netcdf"):
        assert_holds(open_run_file(path), 10)


def test_file_is_read_while_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "BLOCK_BYTES", 1000)
    path, stop, seen = tmp_path / "a.h5", threading.Event(), []
    writer = create(path)

    def write():
        while not stop.wait(0.01):
            writer.append(rows(writer.n_committed, writer.n_committed + 4))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(20):
            found = open_run_file(path)
            assert_holds(found, found.sizes["draw"])
            seen.append(found.sizes["draw"])
    finally:
        stop.set()
        thread.join()
        writer.close()
    assert_holds(open_run_file(path), writer.n_committed)
    assert seen == sorted(seen)
    assert seen[-1] > 0


def test_block_by_block_reading_gives_the_same(tmp_path, monkeypatch):
    path = finished(tmp_path / "a.h5", draws=50)
    whole = open_run_file(path)

    def busy_at_first(path, read, attempts=reader.ATTEMPTS, settled=reader.read_consistently):
        if attempts == 2:
            raise reader._BusyError
        return settled(path, read)

    monkeypatch.setattr(reader, "BLOCK_BYTES", 200)
    monkeypatch.setattr(reader, "read_consistently", busy_at_first)
    xarray.testing.assert_identical(open_run_file(path), whole)


def test_assembled_results_come_back(tmp_path):
    path = tmp_path / "results.h5"
    dataset = xarray.Dataset(
        {
            "energy": (("size", "temperature"), np.arange(6.0).reshape(2, 3), {"units": "J"}),
            "done": (("size",), np.array([True, False])),
            "t_bkt": ((), 0.893),
        },
        coords={
            "size": [8, 16],
            "temperature": ("temperature", TEMPERATURES, {"units": "J/k_B"}),
            "beta": ("temperature", 1 / TEMPERATURES),
            "kind": ("size", ["small", "large"]),
        },
        attrs={"title": "ü", "count": 3, "seed": 99},
    )
    write_dataset(path, dataset, provenance(), timings={"assemble": 0.5})
    for found in (open_run_file(path), xarray.load_dataset(path, engine="h5netcdf")):
        xarray.testing.assert_equal(found.assign(done=found["done"].astype(bool)), dataset)
        assert found["energy"].attrs == {"units": "J"}
        assert found.attrs["title"] == "ü"
        assert found.attrs["seed"] == 7
        assert found.attrs["timings"] == '{"assemble": 0.5}'
    write_dataset(path, dataset.assign(t_bkt=1.893), provenance())
    assert open_run_file(path)["t_bkt"] == 1.893


def test_unstorable_results_leave_the_older_ones(tmp_path):
    path = tmp_path / "results.h5"
    write_dataset(path, xarray.Dataset({"a": 1.0}), provenance())
    before = path.read_bytes()
    with pytest.raises(StoreError, match="b: type object cannot be stored"):
        write_dataset(path, xarray.Dataset({"b": ("n", np.array([{}, None]))}), provenance())
    with pytest.raises(StoreError, match="status: got 'over'"):
        write_dataset(path, xarray.Dataset({"a": 1.0}), provenance(), "over")
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.h5"]


def test_series_is_not_overwritten_by_results(tmp_path):
    path = finished(tmp_path / "a.h5")
    with pytest.raises(StoreError, match="holds 'series', not results"):
        write_dataset(path, xarray.Dataset({"a": 1.0}), provenance())
    assert_holds(open_run_file(path), 10)


def test_variables_of_many_dimensions(tmp_path, seed):
    names = ("chain", "draw", "a", "b", "c")
    dims = {"chain": 2, "draw": None, "a": 2, "b": 3, "c": 2}
    values = np.random.default_rng(seed).normal(size=(150, 2, 2, 3, 2))
    with create(tmp_path / "a.h5", 2, dims=dims, coords={}, variables={"v": (names, "f8", {})}) as writer:
        writer.append({"v": values})
    np.testing.assert_array_equal(open_run_file(tmp_path / "a.h5")["v"], np.moveaxis(values, 0, 1))
    assert VARIABLES.keys().isdisjoint(open_run_file(tmp_path / "a.h5").data_vars)
