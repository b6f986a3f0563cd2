"""`entroscape validate`: every case passes on this machine, and a wrong number fails the command."""

import math

import numpy as np
import pytest

from runs import validate
from runs.cli import main
from runs.exact_cases import random_numbers, xy
from runs.exact_cases.case import Case, chain_means, from_chains


def test_z_is_the_deviation_in_standard_errors():
    assert Case("a", 1.3, 0.1, 1.0).z == pytest.approx(3.0)
    assert Case("a", 1.3, 0.1, 1.0).passed
    assert not Case("a", 1.5, 0.1, 1.0).passed
    assert Case("a", 12, 0.0, 12).passed
    assert Case("a", 11, 0.0, 12).z == math.inf
    for lost in (math.nan, math.inf):
        assert not Case("a", lost, 0.1, 1.0).passed
        assert not Case("a", 1.0, lost, 1.0).passed


def test_error_is_the_spread_between_chains():
    values = np.array([1.0, 2.0, 3.0, 4.0])
    case = from_chains("a", values, 2.0)
    assert case.measured == 2.5
    assert case.error == pytest.approx(values.std(ddof=1) / 2.0)


@pytest.mark.parametrize("title", [title for title, _ in validate.groups()])
def test_every_case_passes(seed, title):
    cases = list(dict(validate.groups())[title](seed))
    assert cases
    assert not [case for case in cases if not case.passed]


def test_statistical_cases_are_sharp():
    """Control: with exact values 2 % colder, the torus fails."""
    model = xy.XYModel(xy.graphs.square(3))
    energy = chain_means(xy.HeatBath(model, 1.0 / 0.9), 5, xy.CHAINS)["energy"] / 9
    assert from_chains("right", energy, xy.TORUS[0.9][0]).passed
    wrong = xy.TORUS[0.9][0] - 0.02 * 0.9 * xy.TORUS[0.9][1]
    assert not from_chains("wrong", energy, wrong).passed


def test_command_prints_a_table_and_tells_failure_by_its_exit_code(monkeypatch, capsys):
    monkeypatch.setattr(validate, "groups", lambda: [("Random numbers", random_numbers.cases)])
    assert main(["validate"]) == 0
    out = capsys.readouterr().out
    for word in ("Philox", "measured", "exact", "verdict", "ok", "3 of 3"):
        assert word in out

    def broken(seed):
        yield Case("a sound one", 1.0, 0.1, 1.1)
        yield Case("a broken one", 1.0, 0.1, 2.0)

    monkeypatch.setattr(validate, "groups", lambda: [("Control", broken)])
    assert main(["validate"]) == 1
    out = capsys.readouterr().out
    assert "failed: a broken one" in out
    assert "1 of 2" in out


def test_bits_that_depend_on_chunking_would_fail(monkeypatch):
    """Control: a sweep that draws from the call instead of the clock."""
    sweep = xy.XYModel.sweep

    def forgetful(self, state, *arguments, **options):
        done = int(state.sweep)
        state.sweep[...] = 0
        info = sweep(self, state, *arguments, **options)
        state.sweep[...] += done
        return info

    monkeypatch.setattr(xy.XYModel, "sweep", forgetful)
    chunked = list(random_numbers.cases(1))[1]
    assert chunked.measured > 0
    assert not chunked.passed
