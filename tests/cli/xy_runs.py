"""Small run files of the XY experiments, and how the tests run their points."""

import json

import pytest

from mcmc.errors import SpecError
from runs.experiments import Control, find
from runs.spec import validate

SMALL = {
    "experiment": "xy",
    "seed": 5,
    "landscape": {"lattice": "square"},
    "sampler": {"thermalization": 40, "sweeps": 200, "chains": 2, "thin": 5},
    "grid": {"size": [4, 6], "temperature": {"start": 0.7, "stop": 1.3, "num": 5}},
}
QUENCH = {
    "experiment": "xy-quench",
    "seed": 5,
    "landscape": {"lattice": "ring"},
    "quench": {"quenches": 48, "batch": 16, "most_sweeps": 20000, "tolerance": 1e-12},
    "grid": {"size": [8, 13]},
}


def changed(base, **tables):
    """A copy of a run file with some keys of its tables replaced."""
    copy = json.loads(json.dumps(base))
    for table, values in tables.items():
        copy[table] = {**copy.get(table, {}), **values} if isinstance(values, dict) else values
    return copy


def run_points(data, folder, control=None, source="test.toml"):
    """Run every point in this process; the spec, the experiment and the files by name."""
    experiment = find(data["experiment"])
    spec = validate(experiment.Spec, data, source)
    files = {}
    for point in experiment.points(spec):
        files[point.name] = folder / f"{point.name}.h5"
        experiment.run_point(spec, point, files[point.name], control or Control("", "cpu"))
    return spec, experiment, files


def stop_after(questions):
    """A stop that becomes true after that many questions."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= questions


def faults(data):
    with pytest.raises(SpecError) as caught:
        validate(find(data["experiment"]).Spec, data, "test.toml")
    return caught.value.faults


def point_names(data):
    experiment = find(data["experiment"])
    return [point.name for point in experiment.points(validate(experiment.Spec, data, "test.toml"))]
