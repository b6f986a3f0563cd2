"""Trajectories: what is refused, results over named dims, pictures, and the example of the documentation."""

import doctest
import importlib

import matplotlib as mpl
import numpy as np
import pytest

from mcmc.errors import ArgumentError, ConvergenceWarning
from mcmc.gradient_noise import circulation, plot_circulation, plot_spectra, trajectory_spectra

mpl.use("Agg")
X = np.random.default_rng(1).normal(size=(2, 200, 3))


@pytest.mark.parametrize("call", [circulation, trajectory_spectra])
@pytest.mark.parametrize(("x", "options", "named"), [
    (X[0, :, 0], {}, "x: got shape"),
    (X[:, :10], {}, "draws"),
    (np.where(X > 2, np.nan, X), {}, "x: got nan"),
    (np.ones((2, 200, 3)), {}, "do not move"),
    (X, {"components": 4}, "components: got 4"),
    (X, {"components": 0}, "components"),
    (X[..., [0, 1, 1]], {"components": 3}, "2 directions"),
    (X, {"interval": 0.0}, "interval"),
    (X, {"interval": "1"}, "interval"),
    (X, {"surrogates": 0}, "surrogates"),
    (X, {"seed": -1}, "seed"),
])  # fmt: skip
def test_refused(call, x, options, named):
    with pytest.raises(ArgumentError, match=named):
        call(x, **options)


@pytest.mark.parametrize(("call", "x", "options", "named"), [
    (circulation, X, {"null": "white"}, "null"),
    (circulation, X[..., :1], {}, "one direction"),
    (circulation, X, {"length": 100}, "blocks"),
    (circulation, X, {"length": 0}, "length"),
    (trajectory_spectra, X, {"lags": 51}, "lags: got 51"),
    (trajectory_spectra, X, {"lags": 0}, "lags"),
    (plot_spectra, None, {}, "spectra"),
    (plot_circulation, None, {}, "found"),
])  # fmt: skip
def test_refused_by_one_of_them(call, x, options, named):
    with pytest.raises(ArgumentError, match=named):
        call(x, **options)


def test_short_chains_are_said_to_be_short():
    walk = X.cumsum(axis=1)
    for call in (circulation, trajectory_spectra):
        with pytest.warns(ConvergenceWarning, match="x: chain of 200 draws is shorter"):
            call(walk, surrogates=9)


def test_results_over_named_dims_and_the_same_for_the_same_seed():
    import xarray

    named = xarray.DataArray(X.swapaxes(0, 1), dims=("draw", "chain", "weight"))
    for null in ("reversal", "ornstein-uhlenbeck"):
        found = circulation(X, null=null, surrogates=20, seed=5)
        dataset = found.to_xarray()
        assert dataset["circulation"].dims == ("coordinate", "other")
        assert dataset.attrs["p_value"] == found.p_value
        assert circulation(named, null=null, surrogates=20, seed=5).to_xarray().identical(dataset)
        assert not np.array_equal(circulation(X, null=null, surrogates=20, seed=6).null, found.null)
    spectra = trajectory_spectra(X, surrogates=20, seed=5, interval=3.0)
    dataset = spectra.to_xarray()
    assert dataset["power"].dims == ("frequency",)
    assert dataset["correlation"].dims == ("lag",)
    assert trajectory_spectra(named, surrogates=20, seed=5, interval=3.0).to_xarray().identical(dataset)
    assert dataset["lag"].values[1] == 3.0
    assert dataset["frequency"].values[-1] <= 1 / 6
    assert spectra.power_null.mean.shape == spectra.power.shape
    assert trajectory_spectra(X[0], surrogates=9).power.size > 3


def test_pictures():
    import matplotlib.pyplot as plt

    first, second = plot_spectra(trajectory_spectra(X, surrogates=20))
    assert first.get_xscale() == "log"
    assert "autocorrelation" in second.get_ylabel()
    assert "p = " in plot_circulation(circulation(X, surrogates=20)).get_legend().get_texts()[1].get_text()
    plt.close("all")


@pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")
def test_example_of_the_documentation():
    done = doctest.testmod(importlib.import_module("mcmc.gradient_noise.spectra_of_increments"))
    assert done.attempted > 5
    assert done.failed == 0
