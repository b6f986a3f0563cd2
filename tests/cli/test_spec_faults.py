"""Every fault of a run file is told at once, each with its place, its value, what is allowed and the nearest key."""

from typing import Literal

import pytest
from pydantic import Field

from mcmc.errors import SpecError
from runs.grid import Sizes, Temperatures
from runs.spec import RunSpec, Section, keys, validate


class Sampler(Section):
    kind: Literal["metropolis", "wolff", "tempering"] = "tempering"
    sweeps: int = Field(ge=1, description="measured sweeps")
    chains: int = Field(8, ge=1)


class Grid(Section):
    size: Sizes
    temperature: Temperatures


class Spec(RunSpec):
    sampler: Sampler
    grid: Grid


def table(**changes):
    data = {
        "experiment": "xy",
        "sampler": {"sweeps": 100},
        "grid": {"size": [8, 16], "temperature": [0.5, 1.0]},
    }
    for path, value in changes.items():
        *tables, key = path.split("__")
        inner = data
        for name in tables:
            inner = inner[name]
        inner[key] = value
    return data


def faults(data):
    with pytest.raises(SpecError) as caught:
        validate(Spec, data, "my.toml")
    return caught.value.faults


def test_a_sound_table_passes_and_defaults_are_filled_in():
    spec = validate(Spec, table(), "my.toml")
    assert (spec.seed, spec.device, spec.sampler.kind, spec.sampler.chains) == (0, "cpu", "tempering", 8)


def test_all_faults_come_at_once():
    data = table(sampler__kind="wolf", sampler__sweeps=0, grid__temperature=[-0.5], sed=3)
    assert faults(data) == [
        "sampler.kind = \"wolf\": needs one of 'metropolis', 'wolff' or 'tempering'; did you mean 'wolff'?",
        "sampler.sweeps = 0: needs a number >= 1",
        "grid.temperature[0] = -0.5: needs a number > 0",
        "sed: unknown key; did you mean seed? known here: experiment, seed, device, sampler, grid",
    ]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"grid__size": [8, 1]}, "grid.size[1] = 1: needs a number >= 2"),
        ({"grid__size": 1}, "grid.size = 1: needs a number >= 2"),
        ({"grid__size": [8, 8]}, "grid.size = [8, 8]: has 8 more than once; each value of an axis stands once"),
        ({"grid__size": [8.0]}, "grid.size[0] = 8.0: needs an integer"),
        ({"grid__size": []}, "grid.size = []: needs at least 1 entries"),
        ({"grid__size": [True]}, "grid.size[0] = true: needs an integer"),
        ({"grid__temperature": -1.0}, "grid.temperature = -1.0: needs a number > 0"),
        ({"grid__temperature": [0]}, "grid.temperature[0] = 0: needs a number > 0"),
        ({"grid__temperature": [float("nan")]}, "grid.temperature[0] = NaN: needs a finite number"),
        ({"grid__temperature": ["hot"]}, 'grid.temperature[0] = "hot": needs a number'),
        (
            {"grid__temperature": {"start": -1.0, "stop": 1.0, "num": 3}},
            "grid.temperature.start = -1.0: needs a number > 0",
        ),
        (
            {"grid__temperature": {"start": 0.5, "stop": 1.0, "nun": 3}},
            "grid.temperature.nun: unknown key; did you mean num? known here: start, stop, num, spacing",
        ),
        ({"seed": -1}, "seed = -1: needs a number >= 0"),
        ({"seed": 1.5}, "seed = 1.5: needs an integer"),
        ({"device": "gpu"}, "device = \"gpu\": needs one of 'cpu' or 'cuda'"),
        ({"sampler__chains": "8"}, 'sampler.chains = "8": needs an integer'),
        ({"sampler": [1]}, "sampler = [1]: needs a table"),
        ({"sweeps": 3}, "sweeps: unknown key; did you mean sampler.sweeps?"),
    ],
)
def test_a_fault_names_place_value_and_what_is_allowed(changes, fault):
    assert any(said.startswith(fault) for said in faults(table(**changes)))


def test_missing_keys_say_what_is_needed():
    data = table()
    del data["sampler"]["sweeps"], data["grid"]
    assert faults(data) == ["sampler.sweeps: missing; needs integer >= 1", "grid: missing; needs a table"]


def test_the_error_is_one_line_with_the_source():
    with pytest.raises(SpecError) as caught:
        validate(Spec, table(seed=-1), "my.toml")
    assert str(caught.value) == "my.toml: seed = -1: needs a number >= 0"


def test_keys_list_every_key_with_type_and_default():
    listed = {key.path: key for key in keys(Spec)}
    assert listed["sampler.kind"].allowed == "metropolis | wolff | tempering"
    assert listed["sampler.sweeps"][1:] == ("integer >= 1", "needed", "measured sweeps")
    assert listed["sampler.chains"].default == "8"
    assert listed["grid.size"].allowed == "integers >= 2: a list, or {start, stop, num}"
