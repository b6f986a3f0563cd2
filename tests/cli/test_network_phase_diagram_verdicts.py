"""Verdicts of the collapse on eta / b: what is none, or a function of eta alone, is not taken for one."""

from collections import Counter

import numpy as np
import pytest
import xarray as xr

from runs.experiments.network_phase_diagram_collapse import SLOPES, collapse
from runs.experiments.network_phase_diagram_summary import verdicts
from runs.verdict import AGREES, DIFFERS, UNDECIDED, Verdict

REPEATS = 30
ETA, BATCH = (grid.ravel() for grid in np.meshgrid(0.1 * 2.0 ** np.arange(4), 8 * 2.0 ** np.arange(4), indexing="ij"))


def verdict(values) -> Verdict:
    """Of the test error (cells, seeds) at ETA and BATCH."""
    found = collapse(values, ETA, BATCH, 60, 1)._asdict()
    dims = "up_to", "observable"
    results = xr.Dataset(
        {f"collapse_{name}": (dims, [[value]]) for name, value in found.items()},
        {"up_to": [0.8], "observable": ["test_error"]},
    )
    (one,) = verdicts(results)
    return one


def states(seed, exponent, noise, swing=0.4):
    """How often each verdict is given to a function of eta b^exponent that varies by exp(+- swing), with three runs."""
    rng = np.random.default_rng(seed)
    z = np.log(ETA * BATCH**exponent)
    curve = np.exp(swing * np.tanh(0.5 * (z - z.mean())))[:, None]
    return Counter(verdict(curve * np.exp(noise * rng.normal(size=(16, 3)))).state for _ in range(REPEATS))


def test_noise_is_undecided(seed):
    """A range of twice the error of 16 means is as rare as five standard errors of a standard deviation."""
    assert states(seed, 0.0, 0.2, swing=0.0) == {UNDECIDED: REPEATS}


@pytest.mark.parametrize("noise", [0.1, 0.2])
def test_a_function_of_eta_alone_is_not_taken_for_one_of_eta_over_b(seed, noise):
    """Agreement needs 0 to be three errors away: one in 370 by chance, if that, and none where all is seen clearly."""
    assert states(seed, 0.0, noise)[AGREES] <= 1


def test_clear_functions_are_told_apart(seed):
    assert states(seed, 0.0, 0.04) == {DIFFERS: REPEATS}
    assert states(seed, -0.5, 0.04)[AGREES] <= 1
    # Errors of three runs are known to some 20 %: a few good fits lie beyond three of them.
    assert states(seed, -1.0, 0.04)[AGREES] >= REPEATS - 3


def test_the_reason_is_told():
    flat = verdict(1.0 + 0.1 * np.random.default_rng(1).normal(size=(16, 3)))
    assert flat.state == UNDECIDED
    assert "by chance" in flat.said


def test_a_bootstrap_that_runs_into_the_ends_gives_no_error():
    """A function of b alone is one of log eta + r log b at infinite r."""
    rng = np.random.default_rng(1)
    found = collapse((BATCH**0.5)[:, None] * np.exp(0.02 * rng.normal(size=(16, 3))), ETA, BATCH, 60, 1)
    assert found.at_end > 0.9
    assert abs(found.ratio) >= SLOPES[-1]
    assert np.isnan(found.ratio_error)
    one = verdict((BATCH**0.5)[:, None] * np.exp(0.02 * rng.normal(size=(16, 3))))
    assert one.said == "undecided: the error of r is not known"
    sure = collapse((ETA / BATCH)[:, None] * np.exp(0.02 * rng.normal(size=(16, 3))), ETA, BATCH, 60, 1)
    assert sure.at_end == 0.0
    assert sure.ratio_error < 0.1
