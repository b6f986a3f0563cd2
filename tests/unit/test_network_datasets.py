"""Data sets: shapes, balance, splits that depend on the seed alone, files that are read or refused."""

import gzip

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.network import Data, digits, fashion_mnist, from_torch, idx_folder, pooled, teacher_student


def test_digits_are_split_by_class():
    pytest.importorskip("sklearn")
    data, again, other = digits(0.25, seed=1, scale="unit"), digits(0.25, seed=1, scale="unit"), digits(0.25, seed=2)
    assert data.size + len(data.test_inputs) == 1797
    assert data.inputs.shape[1] == 64
    assert data.inputs.min() == 0
    assert data.inputs.max() == 1
    together = np.bincount(np.concatenate([data.targets, data.test_targets]))
    assert (np.abs(np.bincount(data.test_targets) - 0.25 * together) <= 0.5).all()
    assert np.array_equal(data.inputs, again.inputs)
    assert not np.array_equal(data.targets, other.targets)
    spread = other.inputs.std(axis=0)
    assert np.allclose(other.inputs.mean(axis=0), 0)
    assert (np.isclose(spread, 1) | (spread == 0)).all()
    assert digits(0).test_inputs is None


def test_parts_are_disjoint_and_even():
    data = Data(np.arange(40.0)[:, None], np.zeros(40, int))
    quarters = [data.subset_indices(0.25, seed=3, part=p) for p in range(4)]
    assert np.array_equal(np.sort(np.concatenate(quarters)), np.arange(40))
    halves = np.concatenate([data.subset_indices(0.5, seed=3, part=p) for p in range(3)])
    assert set(np.bincount(halves, minlength=40)) == {1, 2}
    assert np.array_equal(data.subset(0.25, 3, 2).inputs[:, 0], quarters[2])
    assert not np.array_equal(data.subset_indices(0.25, seed=4), quarters[0])
    for wrong in (0.0, 1.5, 0.001, "half"):
        with pytest.raises(ArgumentError, match="fraction"):
            data.subset_indices(wrong, 3)


def test_a_perceptron_teaches():
    data = teacher_student(21, 4000, test_samples=100, seed=5)
    assert data.inputs.shape == (4000, 21)
    assert data.test_inputs.shape == (100, 21)
    assert abs(data.targets.mean() - 0.5) < 4.9 * 0.5 / np.sqrt(4000)
    signs = 2 * data.targets - 1
    hebb = signs @ data.inputs
    assert ((data.test_inputs @ hebb > 0) == data.test_targets).mean() > 0.9
    noisy = teacher_student(21, 4000, label_noise=0.2, seed=5)
    assert np.array_equal(noisy.inputs, data.inputs)
    assert abs((noisy.targets != data.targets).mean() - 0.2) < 4.9 * np.sqrt(0.16 / 4000)


def test_a_network_teaches():
    data = teacher_student(10, 500, teacher=(8,), classes=4, label_noise=1.0, seed=1)
    clean = teacher_student(10, 500, teacher=(8,), classes=4, seed=1)
    assert set(clean.targets) == {0, 1, 2, 3}
    assert (data.targets != clean.targets).all()


@pytest.mark.parametrize(("arguments", "named"), [
    ({"features": 0}, "features"), ({"teacher": "oracle"}, "teacher"), ({"classes": 3}, "classes"),
    ({"label_noise": 2}, "label_noise"), ({"teacher": (0,)}, "teacher"),
])  # fmt: skip
def test_wrong_teachers(arguments, named):
    with pytest.raises(ArgumentError, match=named):
        teacher_student(**({"features": 3, "samples": 5} | arguments))


def test_averaging_keeps_the_mean_and_the_places():
    images = np.random.default_rng(1).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    small = pooled(images, 7)
    assert small.shape == (3, 49)
    assert np.isclose(small[1, 7 * 2 + 5], images[1, 8:12, 20:24].mean())
    assert np.array_equal(small, pooled(images.reshape(3, 784), 7))
    for wrong in (29, 0, 2.5):
        with pytest.raises(ArgumentError, match="side"):
            pooled(images, wrong)


@pytest.mark.parametrize(("full", "side"), [(8, 7), (28, 5), (8, 3), (9, 6)])
def test_averaging_over_squares_that_cut_pixels(full, side):
    """Against whole blocks of the image drawn `side` times finer, where no pixel is cut."""
    images = np.random.default_rng(2).random((3, full, full))
    fine = np.repeat(np.repeat(images, side, axis=1), side, axis=2)
    small = pooled(images, side)
    assert np.allclose(small, pooled(fine, side), rtol=1e-13)
    assert np.allclose(small.mean(axis=1), images.mean(axis=(1, 2)))
    assert not np.allclose(small[:, ::-1], small)


def write_idx(path, array):
    lengths = b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(gzip.compress(bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes()))


def test_files_of_images(tmp_path):
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 256, (30, 28, 28)).astype(np.uint8), rng.integers(0, 10, 30).astype(np.uint8)
    for kind in ("train", "t10k"):
        write_idx(tmp_path / f"{kind}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{kind}-labels-idx1-ubyte.gz", labels)
    data = fashion_mnist(tmp_path, scale="unit", test_samples=4)
    assert np.array_equal(data.inputs, images.reshape(30, 784) / 255)
    assert np.array_equal(data.targets, labels)
    assert data.test_inputs.shape == (4, 784)
    assert idx_folder(tmp_path, 7, samples=5).inputs.shape == (5, 49)
    with pytest.raises(ArgumentError, match="samples"):
        fashion_mnist(tmp_path, samples=31)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"none"))
    with pytest.raises(LandscapeError, match="idx file"):
        fashion_mnist(tmp_path)
    with pytest.raises(LandscapeError, match=r"sudo apt install dataset-fashion-mnist, and leave `path` out"):
        fashion_mnist(tmp_path / "nowhere")


def test_a_torch_dataset():
    torch = pytest.importorskip("torch")
    images = torch.arange(24.0).reshape(3, 2, 4)
    data = from_torch(torch.utils.data.TensorDataset(images, torch.tensor([0, 1, 2])))
    assert np.array_equal(data.inputs, images.numpy().reshape(3, 8))
    assert data.targets.dtype == np.int64
    for wrong in (5, [(np.zeros(2), 0), (np.zeros(3), 0)], []):
        with pytest.raises(ArgumentError, match="dataset"):
            from_torch(wrong)
