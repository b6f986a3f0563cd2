"""Data and networks of run files that cannot be: all faults at once, one clear line each, before anything runs."""

import numpy as np
import pytest
from entroscape_command import entroscape
from xy_runs import changed, faults

from mcmc.landscapes.network import images
from runs.experiments import find
from runs.experiments.network_spec import DIGITS_BY_CLASS, Network, OnNetworks, Samples

DATA = {
    "experiment": "network-phase-diagram",
    "data": {"name": "digits"},
    "grid": {"step_size": [0.1], "batch": [2]},
}
TEACHER = {"name": "teacher-student", "features": 5}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"name": "teacher-student"}, "teacher-student data need `features`"),
        ({**TEACHER, "side": 7}, "data.side = 7: belongs to images"),
        ({**TEACHER, "classes": 3}, "data.classes = 3: a perceptron as teacher has 2"),
        ({**TEACHER, "features": 0}, "data.features = 0: needs a number >= 1"),
        ({**TEACHER, "train": 1}, "data.train = 1: needs a number >= 2"),
        ({**TEACHER, "teacher": [0], "classes": 3}, "data.teacher[0] = 0: needs a number >= 1"),
        ({"name": "digits", "features": 5}, "data.features = 5: belongs to name"),
        ({"name": "digits", "teacher": [5]}, "data.teacher = [5]: belongs to name"),
        ({"name": "digits", "classes": 3}, "data.classes = 3: belongs to name"),
        ({"name": "digits", "side": 9}, "data.side = 9: digits have 8 x 8 pixels"),
        ({"name": "digits", "side": 0}, "data.side = 0: needs a number >= 1"),
        ({"name": "images", "side": 9}, "data.side = 9: digits have 8 x 8 pixels"),
        ({"name": "digits", "train": 1500}, "train = 1500: 1438 digits are left for training when 359 are tested on"),
        ({"name": "digits", "train": 1000, "test": 1000}, "are left for training when"),
        ({"name": "digits", "test": 1700}, "data.test = 1700: at most 1617"),
        ({"name": "fashion-mnist", "train": 60001}, "train = 60001: fashion-mnist has 60000"),
        ({"name": "fashion-mnist", "test": 10001}, "data.test = 10001: fashion-mnist has 10000"),
        ({"name": "digits", "label_noise": 1.5}, "data.label_noise = 1.5: needs a number <= 1"),
        ({"name": "digit"}, "did you mean 'digits'?"),
        ({"name": "digits", "seed": -1}, "data.seed = -1: needs a number >= 0"),
        ({"name": "digits", "noise": 0.1}, "data.noise: unknown key; did you mean label_noise?"),
    ],
)
def test_data_that_cannot_be_are_refused_in_one_line(data, said):
    found = faults({**DATA, "data": data})
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"network": {"hidden": [0]}}, "network.hidden[0] = 0: needs a number >= 1"),
        ({"network": {"activation": "tan"}}, "did you mean 'tanh'?"),
        ({"network": {"weight_decay": -1.0}}, "network.weight_decay = -1.0: needs a number >= 0"),
        ({"device": "cuda"}, "the network experiments run on the cpu"),
    ],
)
def test_networks_that_cannot_be_are_refused_in_one_line(tables, said):
    found = faults(changed(DATA, **tables))
    assert len(found) == 1
    assert said in found[0]


def test_all_faults_come_at_once(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(
        'experiment = "network-phase-diagram"\n[data]\nname = "teacher-student"\nside = 7\nlabel_noise = 2.0\n'
        "[network]\nhidden = [0]\n[grid]\nstep_size = [0.1]\nbatch = [2]\n"
    )
    done = entroscape("run", path, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "entroscape: bad.toml: 4 faults"
    assert [line.split(":")[0].split(" =")[0].strip() for line in lines[1:]] == [
        "data.side", "data.label_noise", "data", "network.hidden[0]",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == [path]


def test_absent_images_are_told_with_the_command_before_a_folder_is_made(tmp_path, monkeypatch, capsys):
    from runs.cli import main

    monkeypatch.setattr(images, "DEBIAN_FOLDER", tmp_path / "nothing")
    monkeypatch.chdir(tmp_path)
    assert main(["run", "network-phase-diagram-fashion"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "sudo apt install dataset-fashion-mnist" in said[0]
    assert list(tmp_path.iterdir()) == []


def test_data_that_exceed_memory_are_refused_before_anything_runs():
    from mcmc.errors import MemoryLimitError

    data = {**DATA, "data": {"name": "teacher-student", "features": 10**6, "train": 10**6}}
    spec = find(data["experiment"]).Spec.model_validate(data)
    assert isinstance(spec, OnNetworks)
    with pytest.raises(MemoryLimitError, match="take fewer samples"):
        spec.require()


@pytest.mark.parametrize("test", [None, 100, 1000, 1617])
def test_digits_are_counted_as_they_are_drawn(test):
    pytest.importorskip("sklearn")
    found = Samples.model_validate({"name": "digits", "test": test})
    drawn = found.draw()
    assert found.training_samples == drawn.size
    every = np.concatenate([drawn.targets, drawn.test_targets])
    assert np.bincount(every).tolist() == list(DIGITS_BY_CLASS)


def test_images_are_counted_where_they_are_installed(tmp_path, monkeypatch):
    """Samples, pixels and weights of what will be drawn: Fashion-MNIST where its folder is, else digits."""
    data = {"name": "images", "test": 100}
    network = Network.model_validate({"hidden": [5]})
    monkeypatch.setattr(images, "DEBIAN_FOLDER", tmp_path)
    clothes = Samples.model_validate(data)
    assert (clothes.source, clothes.training_samples, clothes.inputs) == ("fashion-mnist", 60_000, 784)
    assert network.weights(clothes) == 785 * 5 + 6 * 10
    large = changed(DATA, data=data, grid={"batch": [2000]})
    assert find(large["experiment"]).Spec.model_validate(large)
    monkeypatch.setattr(images, "DEBIAN_FOLDER", tmp_path / "nothing")
    digits = Samples.model_validate(data)
    assert (digits.source, digits.inputs) == ("digits", 64)
    assert digits.training_samples == Samples.model_validate({**data, "name": "digits"}).training_samples
    assert network.weights(digits) == 65 * 5 + 6 * 10
    assert "batch = 2000: there are" in faults(large)[0]
    noise = {"experiment": "network-noise", "data": data, "grid": {"batch": [2000]}}
    assert "batch = 2000: there are" in faults(noise)[0]


@pytest.mark.parametrize(
    "data", [{**TEACHER, "teacher": [3], "classes": 4, "train": 500}, {"name": "digits", "side": 4}]
)
def test_weights_are_counted_as_they_are_made(data):
    pytest.importorskip("sklearn")
    data = {"data": data, "network": {"hidden": [6, 7]}, "experiment": "network-phase-diagram"}
    spec = OnNetworks.model_validate({**data, "seed": 1})
    assert spec.network.weights(spec.data) == spec.landscape().dim
