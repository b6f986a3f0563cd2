"""What the built-in network and its data may be given: one clear sentence for each fault, never a wrong number."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError, MemoryLimitError
from mcmc.landscapes.network import Data, from_torch, mlp

INPUTS = np.random.default_rng(0).normal(size=(40, 5))
DATA = Data(INPUTS, np.arange(40) % 3)
MODEL = mlp(DATA, (4,))
X = MODEL.initial_x(2, seed=1)
CALLS = {
    "energy": MODEL.energy,
    "gradient": MODEL.gradient,
    "hessian_vector": lambda x, batch=None: MODEL.hessian_vector(x, x, batch),
}


@pytest.mark.parametrize("batch", [
    [-1, 0], [0, 40], np.array([0, 200], np.uint8), [0.0, 1.0], [[0], [1], [2]], [], [[[0]]], [True, False], "ab", 3,
    [[0, 1], [2]],
])  # fmt: skip
@pytest.mark.parametrize("call", CALLS)
def test_wrong_batches(call, batch):
    with pytest.raises(ArgumentError, match="batch: got"):
        CALLS[call](X, batch)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint32, np.int8])
def test_right_batches_of_any_whole_type(dtype):
    batch = np.array([[0, 39], [7, 7]], dtype)
    assert np.array_equal(MODEL.energy(X, batch), MODEL.energy(X, batch.tolist()))
    assert np.array_equal(MODEL.energy(X, batch[:, ::-1])[1:], MODEL.energy(X, batch)[1:])


def extra(x):
    return np.concatenate([x, x[:, :1]], axis=1)


@pytest.mark.parametrize("wrong", [extra, lambda x: x[0], lambda x: x[:, 1:], list, lambda x: x[:0], lambda x: x + 1j])
@pytest.mark.parametrize("call", [*CALLS, "test_error", "outputs"])
def test_wrong_points(call, wrong):
    calls = CALLS | {"test_error": MODEL.training_error, "outputs": lambda x: MODEL.outputs(x, INPUTS)}
    with pytest.raises(ArgumentError, match=r"^[xv]: got"):
        calls[call](wrong(X))


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.longdouble, ">f8", np.float16])
def test_points_of_any_number_type(dtype):
    model = mlp(DATA, (4,), weight_decay=0.1)
    x = np.arange(2.0 * model.dim).reshape(2, -1)
    for call in (model.energy, model.gradient, lambda y: model.hessian_vector(y, y), model.training_error):
        assert np.array_equal(call(x.astype(dtype)), call(x))
    assert np.array_equal(model.per_sample_gradients(x[0].astype(dtype)), model.per_sample_gradients(x[0]))
    assert np.array_equal(model.outputs(x, INPUTS.astype(">f8")), model.outputs(x, INPUTS))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_data_are_what_they_were_when_given(dtype):
    inputs, values = INPUTS.astype(dtype), INPUTS[:, :2].copy()
    data = Data(inputs, values, inputs, values)
    model = mlp(data, (4,))
    x = model.initial_x(2, seed=1)
    energy, error = model.energy(x), model.test_error(x)
    inputs[:], values[:] = 0.0, 7.0
    assert np.array_equal(model.energy(x), energy)
    assert np.array_equal(model.test_error(x), error)
    assert data.inputs.dtype == dtype


def test_one_point_or_as_many_as_directions():
    along, batch = np.random.default_rng(1).normal(size=(3, MODEL.dim)), np.arange(6).reshape(3, 2)
    each = MODEL.hessian_vector(np.repeat(X[:1], 3, axis=0), along, batch)
    assert np.allclose(MODEL.hessian_vector(X[:1], along, batch), each, rtol=1e-12)
    with pytest.raises(ArgumentError, match="x: got 2 chains"):
        MODEL.hessian_vector(X, along)
    for wrong in (X, X[0, 1:], X[0].tolist()):
        with pytest.raises(ArgumentError, match="x: got"):
            MODEL.per_sample_gradients(wrong)


@pytest.mark.parametrize("inputs", [INPUTS[:, 1:], INPUTS[0], INPUTS.astype(complex), "abc", [[1.0] * 5, [2.0]]])
def test_wrong_inputs_of_outputs(inputs):
    with pytest.raises(ArgumentError, match="inputs: got"):
        MODEL.outputs(X, inputs)


@pytest.mark.parametrize(("arrays", "says"), [
    ((INPUTS, DATA.targets[:, None]), r"use targets\[:, 0\]"),
    ((INPUTS + 1j, DATA.targets), "inputs: got values of type complex128"),
    ((INPUTS, 3), "targets: got shape"),
    ((INPUTS, None), "targets: got values of type object"),
    ((INPUTS, ["a"] * 40), "targets: got values of type <U1"),
    ((INPUTS.astype(str), DATA.targets), "inputs: got values of type <U"),
    (([[1.0, 2.0], [3.0]], [0, 1]), "inputs: got list"),
    ((INPUTS, np.zeros((40, 0))), "targets: got shape"),
    ((INPUTS, DATA.targets, INPUTS, DATA.targets[:, None]), "use targets"),
    ((INPUTS, np.full(40, 2**63, np.uint64)), "targets: got label 9223372036854775808; classes are numbered"),
    ((INPUTS, DATA.targets - 1), "targets: got label -1; classes are numbered"),
])  # fmt: skip
def test_wrong_data(arrays, says):
    with pytest.raises(ArgumentError, match=says):
        Data(*arrays)


def test_classes_among_the_test_samples_alone_have_an_output():
    data = Data(INPUTS, DATA.targets, INPUTS[:2], np.array([1, 6]))
    assert data.outputs == 7
    model = mlp(data, ())
    x = np.zeros((1, model.dim))
    x[0, -1] = 1.0
    assert model.test_error(x) == 0.5


class Pairs:
    def __len__(self):
        return 40

    def __getitem__(self, i):
        return INPUTS[i], int(DATA.targets[i])


class Unreadable(Pairs):
    def __getitem__(self, i):
        raise RuntimeError("no disk\nno tape")


def test_a_dataset_that_cannot_be_read():
    with pytest.raises(ArgumentError, match=r"^dataset: got Unreadable; a Dataset .* is needed \(no disk\)$"):
        from_torch(Unreadable())


@pytest.mark.parametrize(("given", "says"), [
    ((INPUTS, DATA.targets), r"give Data\(inputs, targets\)"), (INPUTS, r"Data\(inputs"), (Pairs(), r"from_torch\(d"),
    (None, "from_torch"),
])  # fmt: skip
def test_what_is_no_data(given, says):
    with pytest.raises(ArgumentError, match=f"data: got {type(given).__name__}.*{says}"):
        mlp(given)


def test_tensors_with_gradients_become_data():
    torch = pytest.importorskip("torch")
    inputs = torch.from_numpy(INPUTS).requires_grad_()
    dataset = torch.utils.data.TensorDataset(inputs, torch.from_numpy(DATA.targets))
    assert np.array_equal(from_torch(dataset).inputs, INPUTS)
    assert np.array_equal(Data(inputs, DATA.targets).inputs, INPUTS)
    with pytest.raises(ArgumentError, match=r"x: got a torch tensor; .*x.detach\(\)"):
        MODEL.energy(torch.from_numpy(X))
    with pytest.raises(ArgumentError, match="from_torch"):
        mlp(dataset)


def test_more_weights_than_memory():
    with pytest.raises(MemoryLimitError, match="take fewer units"):
        mlp(DATA, (10**12,)).initial_x(1, seed=1)
