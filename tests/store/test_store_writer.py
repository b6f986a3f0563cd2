"""Rows come back bit for bit, however they were cut into appends, commits and sessions."""

import numpy as np
import pytest
from series_samples import DIMS, VARIABLES, assert_holds, create, finished, provenance, rows

from mcmc.errors import ArgumentError, StoreError
from mcmc.store.reader import open_run_file, read_attributes, read_history, read_spec
from mcmc.store.writer import SeriesWriter


@pytest.mark.parametrize("pieces", [[10], [1] * 10, [4, 4, 2], [3, 5, 2], [7, 0, 3], [12]])
def test_rows_come_back(tmp_path, pieces):
    path, done = tmp_path / "a.h5", 0
    with create(path) as writer:
        for piece in pieces:
            writer.append(rows(done, done + piece))
            done += piece
        assert writer.n_appended == done
        assert writer.n_committed == done - done % 4
        writer.finish()
    assert_holds(open_run_file(path), done)


def test_only_committed_rows_are_read(tmp_path):
    path = tmp_path / "a.h5"
    with create(path) as writer:
        writer.append(rows(0, 6))
        assert_holds(open_run_file(path), 4)
        writer.commit()
        assert_holds(open_run_file(path), 6)
        writer.append(rows(6, 7))
        assert_holds(open_run_file(path), 6)
        writer.close()
    assert_holds(open_run_file(path), 6)


def test_finished_file_is_extended(tmp_path):
    path = finished(tmp_path / "a.h5", draws=10)
    for last in (11, 12, 13, 40):
        with SeriesWriter.open(path) as writer:
            writer.append(rows(writer.n_committed, last))
            writer.finish("done", {"sampling": 1.0})
        assert_holds(open_run_file(path), last)
    assert read_attributes(path)["timings"] == '{"sampling": 6.0}'
    assert [entry["last_draw"] for entry in read_history(path)] == [10, 11, 12, 13, 40]


@pytest.mark.parametrize("back", [0, 3, 4, 9, 10])
@pytest.mark.parametrize("last", [10, 17])
def test_rewound_rows_are_the_same_bits(tmp_path, back, last):
    path, twin = tmp_path / "a.h5", finished(tmp_path / "b.h5", draws=last)
    with create(path) as writer:
        writer.append(rows(0, 10))
        writer.commit()
        writer.close()
    with SeriesWriter.open(path) as writer:
        writer.rewind(back)
        assert_holds(open_run_file(path), back)
        writer.append(rows(back, last))
        writer.finish()
    assert_holds(open_run_file(path), last)
    assert open_run_file(path).equals(open_run_file(twin))


def test_rewind_in_the_same_session_drops_buffered_rows(tmp_path):
    path = tmp_path / "a.h5"
    with create(path) as writer:
        writer.append(rows(0, 7))
        writer.commit()
        writer.append(rows(7, 8))
        writer.append({name: -values for name, values in rows(8, 11).items()})
        writer.rewind(4)
        writer.append(rows(4, 9))
        writer.finish()
    assert_holds(open_run_file(path), 9)


def test_rows_beyond_the_end_are_cut_when_the_file_is_finished(tmp_path):
    import h5py

    path = finished(tmp_path / "a.h5", draws=30)
    with SeriesWriter.open(path) as writer:
        writer.rewind(9)
        writer.finish("stopped")
    with h5py.File(path) as file:
        assert [file[name].shape for name in ("energy", "swaps", "draw")] == [(2, 9, 3), (9, 2), (9,)]
    assert_holds(open_run_file(path), 9)


def test_rewinding_beyond_the_rows_is_refused(tmp_path):
    path = finished(tmp_path / "a.h5", draws=10)
    with pytest.raises(StoreError, match=r"a\.h5: holds 10 draws, its checkpoint was taken after 11"):
        SeriesWriter.open(path).rewind(11)
    assert_holds(open_run_file(path), 10)


def test_constants_are_kept_beside_the_series(tmp_path):
    path = tmp_path / "a.h5"
    variables = VARIABLES | {"acceptance": (("chain", "temperature"), "f8", {"long_name": "acceptance"})}
    with create(path, variables=variables) as writer:
        writer.append(rows(0, 5))
        assert np.isnan(open_run_file(path)["acceptance"]).all()
        writer.put("acceptance", np.full((2, 3), 0.25))
        writer.commit()
        assert (open_run_file(path)["acceptance"] == 0.25).all()
        writer.put("acceptance", np.full((2, 3), 0.5))
        writer.finish()
    found = open_run_file(path)
    assert (found["acceptance"] == 0.5).all()
    assert found["acceptance"].dims == ("chain", "temperature")


def test_opening_and_closing_changes_no_byte(tmp_path):
    path = finished(tmp_path / "a.h5")
    before = path.read_bytes()
    with SeriesWriter.open(path) as writer:
        writer.close()
    SeriesWriter.open(path).close()
    assert path.read_bytes() == before


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "failed"), (KeyboardInterrupt, "stopped")])
def test_an_exception_leaves_its_status(tmp_path, error, status):
    path = tmp_path / "a.h5"
    writer = create(path)
    writer.append(rows(0, 6))
    with pytest.raises(error), writer:
        raise error
    assert read_attributes(path)["status"] == status
    assert_holds(open_run_file(path), 4)


def test_a_block_without_finish_stops_the_file(tmp_path):
    path = tmp_path / "a.h5"
    with create(path) as writer:
        writer.append(rows(0, 6))
    assert read_attributes(path)["status"] == "stopped"
    assert_holds(open_run_file(path), 6)
    with pytest.raises(StoreError, match="is closed"):
        writer.append(rows(6, 7))


def test_changed_run_file_is_recorded_and_the_older_one_kept(tmp_path):
    import h5py

    path = finished(tmp_path / "a.h5")
    with SeriesWriter.open(path, provenance("sweeps = 20\n" * 40)) as writer:
        writer.append(rows(10, 12))
        writer.finish()
    assert read_spec(path) == "sweeps = 20\n" * 40
    with h5py.File(path) as file:
        assert file["provenance/spec_0"][()] == provenance().spec_text.encode()
    assert len({entry["spec_sha256"] for entry in read_history(path)}) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"energy": None}, r"missing \['energy'\]"),
        ({"extra": np.zeros((2, 2))}, r"unknown \['extra'\]"),
        ({"energy": np.zeros((3, 2, 3))}, "as many of each variable are needed"),
        ({"energy": np.zeros((2, 3, 2))}, r"energy: got shape \(2, 3, 2\); \(draws, 2, 3\)"),
        ({"vortices": np.zeros((2, 2, 3))}, "vortices: got type float64; int32 is needed"),
        ({"swaps": np.float32(1.0)}, r"swaps: got shape \(\)"),
    ],
)
def test_wrong_rows_are_refused_and_nothing_is_added(tmp_path, change, said):
    values = {name: value for name, value in (rows(0, 2) | change).items() if value is not None}
    with create(tmp_path / "a.h5") as writer:
        with pytest.raises(ArgumentError, match=said):
            writer.append(values)
        assert writer.n_appended == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dims": {"chain": 2, "draw": 5, "temperature": 3}}, "exactly 'draw' must have the length None"),
        ({"dims": DIMS | {"chain": 0}}, "got 0 for chain"),
        ({"variables": {"a": (("chain",), "f8", {})}}, "at least one with the dimension 'draw'"),
        ({"variables": {"a": (("chain", "draw", "x"), "f8", {})}}, "a: got dimensions"),
        ({"variables": {"draw": (("chain", "draw"), "f8", {})}}, "draw: names a dimension"),
        ({"variables": {"a": (("chain", "draw"), "O", {})}}, "integers and floats"),
        ({"coords": {"temperature": [1.0, 2.0]}}, r"coords temperature: got shape \(2,\)"),
        ({"chunk_draws": 0}, "chunk_draws: got 0"),
        ({"attributes": {"seed": 1}}, "seed is written by the store"),
        ({"attributes": {"long": "x" * 70_000}}, "at most 65000"),
    ],
)
def test_wrong_layouts_are_refused_and_no_file_is_left(tmp_path, change, said):
    with pytest.raises(ArgumentError, match=said):
        create(tmp_path / "a.h5", **change)
    assert list(tmp_path.iterdir()) == []


def test_default_chunks_are_a_quarter_megabyte(tmp_path):
    variables = {"energy": (("chain", "draw", "temperature"), "f8", {})}
    dims = {"chain": 8, "draw": None, "temperature": 25}
    with create(tmp_path / "a.h5", dims=dims, coords={}, variables=variables, chunk_draws=None) as writer:
        assert writer.chunk_draws == 128
