"""What a local entropy carries, and that a file gives it back."""

import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError, StoreError
from mcmc.local_entropy import Ladder, LocalEntropy


def a_curve(**change):
    companion = LocalEntropy("distance", [0.1, 0.3], [0.21, 0.39], [0.02, 0.01], "mbar", np.ones(11, np.int8), math.inf)
    ladder = Ladder(np.array([0.0, 0.5, 1.0]), np.full(3, math.inf), np.array([0.6, 0.7]), np.array([90.0, 80.0, 70.0]))
    given = {
        "kind": "distance",
        "scale": [0.1, 0.3],
        "value": [0.2, -math.inf],
        "error": [0.01, 0.0],
        "method": "integration",
        "reference": np.ones(11, np.int8),
        "beta": math.inf,
        "gamma": [1.0, 0.4],
        "effective_samples": [100.0, math.inf],
        "ladder": ladder,
        "warnings": ("rungs 0 and 1: little overlap", "distance 0.3: too few sweeps"),
        "more": {"internal_error": (("distance",), np.array([0.1, 0.2]), "a result whose name ends as an error's")},
        "companions": {"mbar": companion},
    }
    return LocalEntropy(**(given | change))


def assert_same(read, curve):
    for name in ("kind", "method", "beta", "warnings"):
        assert getattr(read, name) == getattr(curve, name)
    for name in ("scale", "value", "error", "gamma", "effective_samples", "reference"):
        np.testing.assert_array_equal(getattr(read, name), getattr(curve, name))
    assert read.reference.dtype == curve.reference.dtype
    assert read.more.keys() == curve.more.keys()
    assert read.companions.keys() == curve.companions.keys()
    for name, other in curve.companions.items():
        np.testing.assert_array_equal(read.companions[name].value, other.value)
        np.testing.assert_array_equal(read.companions[name].error, other.error)
    assert read.to_xarray().identical(curve.to_xarray())


def test_a_file_gives_back_what_was_saved(tmp_path):
    curve = a_curve()
    curve.save(tmp_path / "curve.h5")
    read = LocalEntropy.load(tmp_path / "curve.h5")
    assert_same(read, curve)
    for name in ("gamma", "beta", "overlap", "effective_samples"):
        np.testing.assert_array_equal(getattr(read.ladder, name), getattr(curve.ladder, name))


def test_a_curve_over_scales_without_ladder_comes_back(tmp_path):
    curve = LocalEntropy("scale", [0.5, 1.0], [1.0, 2.0], [0.1, math.nan], "laplace", np.array([0.1, 0.2]), 2.0)
    curve.save(str(tmp_path / "curve.h5"))
    read = LocalEntropy.load(str(tmp_path / "curve.h5"))
    assert_same(read, curve)
    assert read.ladder is None
    assert read.converged


def test_units_are_said():
    dataset = a_curve().to_xarray()
    assert dataset.value.attrs["units"] == "nats"
    assert all("units" in found.attrs and found.attrs["long_name"] for found in dataset.variables.values())


def test_what_is_no_curve_is_refused(tmp_path):
    curve = a_curve()
    curve.save(tmp_path / "curve.h5")
    with pytest.raises(StoreError, match="exists already"):
        curve.save(tmp_path / "curve.h5")
    with pytest.raises(StoreError):
        LocalEntropy.load(tmp_path / "missing.h5")
    with pytest.raises(StoreError, match="holds no local entropy"):
        LocalEntropy.from_xarray(curve.to_xarray().drop_vars("value"))
    (tmp_path / "text.h5").write_text("no file of results")
    with pytest.raises(StoreError):
        LocalEntropy.load(tmp_path / "text.h5")
    for refused in (curve.save, LocalEntropy.load):
        with pytest.raises(ArgumentError, match="path"):
            refused(3)


def test_shapes_and_kinds_are_checked():
    with pytest.raises(ArgumentError, match="kind"):
        a_curve(kind="volume")
    with pytest.raises(ArgumentError, match="error: got shape"):
        a_curve(error=[0.1])


def test_z_scores_are_differences_in_standard_errors():
    curve = a_curve(value=[0.2, 0.4], error=[0.03, 0.0])
    np.testing.assert_allclose(curve.z_scores([0.17, 0.4], [0.04, 0.0]), [0.6, 0.0])
    assert np.isinf(curve.z_scores([0.2, 0.5])[1])


def test_the_convention_of_entropy_sgd_is_that_of_its_integral():
    """F = ln int exp(-beta h y^2 / 2 - beta |x - y|^2 / (2 t)) dy of a quadratic, by its closed form."""
    h, t, beta, x = 2.0, 0.3, 1.5, 0.7
    u = h * x * x / (2 * (1 + h * t)) + math.log1p(h * t) / (2 * beta)
    curve = LocalEntropy("scale", [t], [u], [0.0], "exact", np.array([x]), beta)
    exact = -beta * h * x * x / (2 * (1 + h * t)) + 0.5 * math.log(2 * math.pi / (beta * (h + 1 / t)))
    np.testing.assert_allclose(curve.entropy_sgd_value(), [exact], rtol=1e-13)
    with pytest.raises(ArgumentError, match="distances"):
        a_curve().entropy_sgd_value()
