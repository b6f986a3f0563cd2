"""A state comes back exactly, or is refused with the name of what does not fit."""

import os
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from series_samples import provenance

from mcmc.errors import ArgumentError, StoreError
from mcmc.store import replacing
from mcmc.store.checkpoint import check_checkpoint, load_checkpoint, read_meta, save_checkpoint
from mcmc.store.verify import verify


class Inner(NamedTuple):
    spins: np.ndarray
    energy: np.ndarray
    sweep: np.ndarray


class Outer(NamedTuple):
    inner: Inner
    order: np.ndarray
    flags: np.ndarray
    pair: tuple
    named: dict
    step: float
    count: int
    nothing: None


def state(shift=0):
    rng = np.random.default_rng(3 + shift)
    return Outer(
        Inner(rng.normal(size=(3, 5, 2)).astype("f4"), rng.normal(size=2), np.int64(2**60 + shift)),
        np.array([2**64 - 1, shift], np.uint64),
        np.array([True, False, True]),
        (np.zeros((0, 3)), np.array(shift, np.uint8)),
        {"a": rng.normal(size=1), "b": np.asfortranarray(rng.normal(size=(2, 3)))},
        0.1 + shift,
        7 + shift,
        None,
    )


def assert_same(found, wanted):
    if isinstance(wanted, dict):
        found, wanted = tuple(found.items()), tuple(wanted.items())
    if isinstance(wanted, tuple):
        assert type(found) is type(wanted)
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, (np.ndarray, np.generic)):
        np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted), strict=True)
    else:
        assert type(found) is type(wanted)
        assert found == wanted


def test_nested_state_comes_back(tmp_path):
    path = tmp_path / "a.checkpoint"
    meta = {"draws": 12, "sampler": "tempering", "width": [0.1, 2], "nested": {"x": None}}
    save_checkpoint(path, state(), meta)
    found, said = load_checkpoint(path, state(1))
    assert_same(found, state())
    assert said == meta == read_meta(path) == check_checkpoint(path)
    found.inner.spins[0] = 1.0


def test_newer_checkpoint_replaces_the_older(tmp_path):
    path = tmp_path / "a.checkpoint"
    save_checkpoint(path, state(), {"draws": 1}, provenance())
    save_checkpoint(path, state(1), {"draws": 2}, provenance())
    found, meta = load_checkpoint(path, state())
    assert_same(found, state(1))
    assert meta == {"draws": 2}
    assert os.listdir(tmp_path) == ["a.checkpoint"]
    with h5py.File(path) as file:
        assert file["provenance/spec"][()] == provenance().spec_text.encode()
        assert {"versions", "rng_layout", "start_time"} <= file.attrs.keys()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"order": np.zeros(3, np.uint64)}, r"state\.order is uint64 \(2,\), uint64 \(3,\) is needed"),
        ({"order": np.zeros(2, np.int64)}, r"state\.order is uint64 \(2,\), int64 \(2,\) is needed"),
        ({"inner": Inner(np.zeros((3, 5, 2)), np.zeros(2), np.int64(0))}, r"state\.inner\.spins is float32"),
        ({"pair": (np.zeros((0, 3)),)}, r"state\.pair holds \['0', '1'\], \['0'\] is needed"),
        ({"named": {"a": np.zeros(1), "c": np.zeros(1)}}, r"state\.named holds \['a', 'b'\], \['a', 'c'\]"),
        ({"named": np.zeros(1)}, r"state\.named is a group, an array is needed"),
        ({"nothing": np.zeros(1)}, r"state\.nothing is empty"),
        ({"flags": None}, r"state\.flags is an array, None is needed"),
    ],
)
def test_state_of_another_run_is_refused(tmp_path, change, said):
    path = tmp_path / "a.checkpoint"
    save_checkpoint(path, state())
    with pytest.raises(StoreError, match=said) as caught:
        load_checkpoint(path, state()._replace(**change))
    assert str(caught.value).startswith(f"{path}: does not fit this run")
    assert "resume with the settings that wrote it" in str(caught.value)


def test_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "a.checkpoint"
    save_checkpoint(path, state())
    with h5py.File(path, "r+") as file:
        file["state/inner/energy"][1] += 1e-9
    with pytest.raises(StoreError, match=r"is damaged \(state\.inner\.energy fails its checksum\)"):
        load_checkpoint(path, state())
    assert [finding.ok for finding in verify(path)] == [True, False]


def test_another_layout_of_random_numbers_is_refused(tmp_path):
    path = tmp_path / "a.checkpoint"
    save_checkpoint(path, state())
    with h5py.File(path, "r+") as file:
        file.attrs.modify("rng_layout", 99)
    with pytest.raises(StoreError, match="written with random-number layout 99, this version has"):
        load_checkpoint(path, state())


def test_truncated_checkpoint(tmp_path):
    path = tmp_path / "a.checkpoint"
    save_checkpoint(path, state())
    os.truncate(path, path.stat().st_size - 100)
    with pytest.raises(StoreError, match="is truncated"):
        load_checkpoint(path, state())


@pytest.mark.parametrize(("bad", "meta"), [(np.array(["a"]), {}), (object(), {}), (np.zeros(1), {"x": np.zeros(1)})])
def test_what_cannot_be_stored(tmp_path, bad, meta):
    path = tmp_path / "a.checkpoint"
    save_checkpoint(path, state())
    before = path.read_bytes()
    with pytest.raises(ArgumentError):
        save_checkpoint(path, (bad,), meta)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.checkpoint"]


def test_interrupted_replacement_keeps_the_older(tmp_path, monkeypatch):
    path = tmp_path / "a.checkpoint"
    save_checkpoint(path, state(), {"draws": 1})
    for step in ("replace", "fsync"):
        with monkeypatch.context() as patch:

            def interrupt(*arguments):
                raise KeyboardInterrupt

            patch.setattr(os, step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                save_checkpoint(path, state(1), {"draws": 2})
        assert load_checkpoint(path, state())[1] == {"draws": 1}
    assert os.listdir(tmp_path) == ["a.checkpoint"]


def test_leftovers_of_killed_processes_are_removed(tmp_path):
    left = replacing.temporary_name(tmp_path / "a.checkpoint")
    left.touch()
    kept = [tmp_path / name for name in ("a.checkpoint", ".a.tmp", "a.0123456789ab.tmp", ".entroscape.lock")]
    for path in kept:
        path.touch()
    assert replacing.remove_temporary_files(tmp_path) == 1
    assert sorted(tmp_path.iterdir()) == sorted(kept)


class OnDevice:
    """Stands for a CuPy array: NumPy content behind `get`, refused by np.asarray."""

    def __init__(self, content):
        self.content, self.dtype, self.shape = content, content.dtype, content.shape
        self.__cuda_array_interface__ = {}

    def get(self):
        return self.content

    def __array__(self, *arguments, **options):
        raise TypeError("implicit conversion")


def test_arrays_on_a_device_return_to_it(tmp_path, monkeypatch):
    import sys
    from types import SimpleNamespace

    monkeypatch.setitem(sys.modules, "fakecupy", SimpleNamespace(asarray=OnDevice))
    monkeypatch.setattr(OnDevice, "__module__", "fakecupy.core")
    path = tmp_path / "a.checkpoint"
    save_checkpoint(path, (OnDevice(np.arange(3.0)),))
    (found,), _ = load_checkpoint(path, (OnDevice(np.zeros(3)),))
    assert isinstance(found, OnDevice)
    assert found.content.tolist() == [0, 1, 2]
