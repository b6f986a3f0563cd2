"""D against loops over single samples and against torch, its spectrum by either route, numbers that follow from it."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.gradient_noise import gradient_noise
from mcmc.landscapes.network import Data, NetworkLoss, mlp, teacher_student


def network(samples=40, hidden=(5, 4), weight_decay=0.0, seed=3):
    return mlp(teacher_student(6, samples, teacher=(4,), classes=3, seed=seed), hidden, weight_decay=weight_decay)


def loop_covariance(f, x, chosen=None):
    """D from the gradients of batches of one sample, one after the other."""
    chosen = range(f.data_size) if chosen is None else chosen
    single = np.array([f.gradient(x[None], np.array([[k]]))[0] for k in chosen])
    mean = single.mean(axis=0)
    total = np.zeros((f.dim, f.dim))
    for g in single:
        total += np.outer(g, g)
    return total / len(single) - np.outer(mean, mean)


class Plain:
    """A landscape with data and nothing but the protocol."""

    def __init__(self, f):
        self.f, self.dim, self.data_size = f, f.dim, f.data_size

    def energy(self, x, batch=None):
        return self.f.energy(x, batch)

    def gradient(self, x, batch=None):
        return self.f.gradient(x, batch)


class WithGradients(Plain):
    """... with the gradients of samples."""

    def per_sample_gradients(self, x, batch=None):
        return self.f.per_sample_gradients(x, batch)


@pytest.mark.parametrize("samples", [40, 300])
@pytest.mark.parametrize("kind", [None, Plain, WithGradients])
def test_it_is_what_a_loop_over_samples_gives(samples, kind, seed):
    """Both routes: 40 samples are fewer than the 74 weights, 300 are more."""
    f = network(samples, weight_decay=0.3)
    x = f.initial_x([0], seed)[0]
    noise = gradient_noise(f if kind is None else kind(f), x)
    assert noise.route == ("gram" if samples < f.dim else "dense")
    expected = loop_covariance(f, x)
    largest = np.linalg.eigvalsh(expected)[-1]
    assert np.abs(noise.matrix() - expected).max() < 1e-13 * largest
    values = np.concatenate([noise.eigenvalues, np.zeros(noise.zeros)])
    assert values.size == f.dim
    assert np.abs(values - np.linalg.eigvalsh(expected)[::-1]).max() < 1e-12 * largest
    assert np.isclose(noise.trace, np.trace(expected), rtol=1e-12)
    v = np.random.default_rng(seed).normal(size=(3, f.dim))
    assert np.allclose(noise.times(v), v @ expected, atol=1e-12)
    assert np.allclose(noise.times(v[0]), v[0] @ expected, atol=1e-12)
    assert np.allclose(noise.form(v), np.einsum("vi,ij,vj->v", v, expected, v), rtol=1e-11)
    assert np.isclose(noise.form(v[1]), v[1] @ expected @ v[1], rtol=1e-11)


@pytest.mark.parametrize("samples", [40, 300])
def test_eigenvectors_are_those_of_d(samples, seed):
    f = network(samples)
    noise = gradient_noise(f, f.initial_x([0], seed))
    d, vectors = noise.matrix(), noise.eigenvectors(12)
    assert np.allclose(vectors @ vectors.T, np.eye(12), atol=1e-12)
    assert np.abs(vectors @ d - noise.eigenvalues[:12, None] * vectors).max() < 1e-11 * noise.eigenvalues[0]
    with pytest.raises(ArgumentError, match="rank of D"):
        noise.eigenvectors(noise.rank().count + 1)


def test_gradients_by_torch(seed):
    torch = pytest.importorskip("torch")
    f = network()
    module = torch.nn.Sequential(
        torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)
    )
    loss = NetworkLoss(module, "cross_entropy", f.data)
    x = loss.initial_x([0], seed)[0]
    noise = gradient_noise(loss, x)
    rows = []
    for inputs, target in zip(torch.from_numpy(f.data.inputs), torch.from_numpy(f.data.targets), strict=True):
        weights, begin = {}, 0
        for name, parameter in module.double().named_parameters():
            end = begin + parameter.numel()
            weights[name] = torch.from_numpy(x[begin:end]).reshape(parameter.shape).requires_grad_()
            begin = end
        out = torch.func.functional_call(module, weights, (inputs,))
        grads = torch.autograd.grad(torch.nn.functional.cross_entropy(out, target), list(weights.values()))
        rows.append(torch.cat([g.reshape(-1) for g in grads]).numpy())
    expected = np.cov(np.array(rows).T, bias=True)
    assert np.abs(noise.matrix() - expected).max() < 1e-13
    assert np.allclose(noise.eigenvalues, np.linalg.eigvalsh(expected)[::-1][: noise.eigenvalues.size], atol=1e-14)


def test_some_of_the_samples(seed):
    f = network()
    x = f.initial_x([0], seed)[0]
    chosen = np.array([3, 30, 7, 8, 22])
    noise = gradient_noise(f, x, batch=chosen)
    assert np.abs(noise.matrix() - loop_covariance(f, x, chosen)).max() < 1e-14
    assert noise.eigenvalues.size == noise.rank().count == 4
    assert noise.zeros == f.dim - 4


def test_float32_is_summed_in_float64(seed):
    f = network()
    data = Data(f.data.inputs.astype(np.float32), f.data.targets)
    x = f.initial_x([0], seed)[0]
    exact, rough = gradient_noise(f, x), gradient_noise(mlp(data, (5, 4)), x.astype(np.float32))
    assert np.abs(rough.eigenvalues - exact.eigenvalues).max() < 1e-6 * exact.eigenvalues[0]
    assert rough.rank() == rough.rank("float32")
    assert exact.rank() == exact.rank("float64")


def test_numbers_of_the_spectrum(seed):
    """Against all eigenvalues of D, and each threshold against counting."""
    f = network(25)
    noise = gradient_noise(f, f.initial_x([0], seed))
    values = np.maximum(np.linalg.eigvalsh(noise.matrix()), 0)
    assert np.isclose(noise.mean, values.mean())
    assert np.isclose(noise.spread, values.std())
    assert np.isclose(noise.participation_ratio, values.sum() ** 2 / (values**2).sum())
    assert 1 <= noise.participation_ratio <= noise.rank().count <= 24
    for name, eps in (("float64", 2.0**-52), ("float32", 2.0**-23)):
        rank = noise.rank(name)
        assert np.isclose(rank.threshold, values[-1] * f.dim * eps)
        assert rank.count == (values > rank.threshold).sum()
        assert rank.share == rank.count / f.dim
    half = noise.rank(0.5 * noise.eigenvalues[0])
    assert half.count == (values > 0.5 * values[-1]).sum()
    table = noise.to_xarray()
    assert table.eigenvalue_of_d.size == 24
    assert table.rank_float32.threshold == noise.rank("float32").threshold


def test_equal_gradients_make_no_noise():
    data = Data(np.ones((7, 2)), np.zeros(7, int))
    noise = gradient_noise(mlp(data, (2,)), np.linspace(-1, 1, 9))
    assert noise.trace == pytest.approx(0, abs=1e-15)
    assert noise.eigenvalues.max() < 1e-15


def test_temperature_and_share():
    """arXiv:1710.11029: eta / (2 b), and without replacement eta / (2 b) (1 - b / N)."""
    f = network(40)
    noise = gradient_noise(f, f.initial_x([0], 1))
    assert noise.temperature(0.2, 10, True) == pytest.approx(0.01)
    assert noise.temperature(0.2, 10, False) == noise.temperature(0.2, 10) == pytest.approx(0.01 * 0.75)
    assert noise.noise_share(10, True) == pytest.approx(0.1)
    assert noise.noise_share(10, False) == pytest.approx(30 / (10 * 39))
    assert 0.1 * noise.noise_share(10) == pytest.approx(noise.temperature(0.2, 10) * 40 / 39)
    assert noise.noise_share(40) == noise.temperature(0.2, 40) == 0


@pytest.mark.parametrize(("change", "named"), [
    ({"x": np.zeros((2, 74))}, "x: got shape"), ({"x": np.full(74, np.nan)}, "not finite"), ({"batch": [3]}, "batch"),
    ({"batch": [0, 40]}, "samples 0 to 39"), ({"batch": [0.5, 1]}, "batch"), ({"landscape": object()}, "landscape"),
    ({"x": ["a"] * 74}, "x: got"),
])  # fmt: skip
def test_what_is_refused(change, named):
    f = network()
    arguments = {"landscape": f, "x": np.zeros(f.dim), "batch": None} | change
    with pytest.raises(ArgumentError, match=named):
        gradient_noise(arguments["landscape"], arguments["x"], batch=arguments["batch"])


def test_what_a_noise_refuses():
    f = network()
    noise = gradient_noise(f, f.initial_x([0], 1))
    for call in (
        lambda: noise.rank("float16"), lambda: noise.rank(-1.0), lambda: noise.times(np.zeros(3)),
        lambda: noise.temperature(0.0, 4), lambda: noise.temperature(0.1, 41), lambda: noise.eigenvectors(0),
    ):  # fmt: skip
        with pytest.raises(ArgumentError):
            call()


def test_gradients_that_are_not_finite():
    f = network()

    class Broken(Plain):
        def gradient(self, x, batch=None):
            return np.full_like(x, np.inf)

    with pytest.raises(LandscapeError, match="finite"):
        gradient_noise(Broken(f), np.zeros(f.dim))
