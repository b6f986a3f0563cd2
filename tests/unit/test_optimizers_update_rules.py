"""Update rules against torch.optim on the same gradients, and learning rates against torch's schedulers."""

import numpy as np
import pytest

from mcmc.samplers import cosine_rates, step_rates, warm_up
from mcmc.samplers.update_rules import add_adagrad, add_adam, add_rmsprop, add_sgd

torch = pytest.importorskip("torch")
RATE = np.array([0.05, 0.02])
STEPS = 40


def slope(x):
    return np.sin(3 * x) + 0.4 * x


def sgd(momentum=0.0, dampening=0.0, decay=0.0, nesterov=False):
    def rule(x, g, a, k):
        add_sgd(x, g, a[0], RATE, momentum, dampening, decay, nesterov, k == 1)

    given = {"momentum": momentum, "dampening": dampening, "weight_decay": decay, "nesterov": nesterov}
    return rule, torch.optim.SGD, given


def adam(decoupled):
    def rule(x, g, a, k):
        add_adam(x, g, a[0], a[1], RATE, 0.9, 0.99, 1e-8, 0.1, decoupled, k)

    given = {"betas": (0.9, 0.99), "weight_decay": 0.1}
    return rule, torch.optim.AdamW if decoupled else torch.optim.Adam, given


def rmsprop(momentum, centered):
    def rule(x, g, a, k):
        add_rmsprop(x, g, a[0], a[1], a[2], RATE, 0.9, 1e-8, 0.1, momentum, centered)

    given = {"alpha": 0.9, "weight_decay": 0.1, "momentum": momentum, "centered": centered}
    return rule, torch.optim.RMSprop, given


def adagrad():
    def rule(x, g, a, k):
        add_adagrad(x, g, a[0], RATE, 0.1, 1e-10, 0.1, k)

    return rule, torch.optim.Adagrad, {"lr_decay": 0.1, "weight_decay": 0.1}


RULES = [sgd(), sgd(decay=0.1), sgd(0.9), sgd(0.9, 0.3, 0.1), sgd(0.9, 0.0, 0.1, True), adam(False), adam(True),
         rmsprop(0.0, False), rmsprop(0.9, False), rmsprop(0.9, True), adagrad()]  # fmt: skip


def torch_path(optimizer, given, start, rate):
    weights = torch.tensor(start, dtype=torch.float64)
    optimizer = optimizer([weights], lr=rate, **given)
    for _ in range(STEPS):
        weights.grad = torch.from_numpy(slope(weights.numpy()))
        optimizer.step()
    return weights.numpy()


@pytest.mark.parametrize(("rule", "optimizer", "given"), RULES)
def test_rules_are_those_of_torch(rule, optimizer, given):
    start = np.random.default_rng(3).normal(size=(2, 7))
    x, arrays = start.copy(), [np.zeros((2, 7)) for _ in range(3)]
    for k in range(1, STEPS + 1):
        rule(x, slope(x), arrays, k)
    expected = np.stack([torch_path(optimizer, given, start[c], RATE[c]) for c in range(2)])
    assert np.allclose(x, expected, rtol=1e-10, atol=1e-10)
    other = np.stack([torch_path(optimizer, given, start[c], 1.001 * RATE[c]) for c in range(2)])
    assert not np.allclose(x, other, rtol=1e-10, atol=1e-10)


def scheduled(build):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler, seen = build(optimizer), []
    for _ in range(20):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_learning_rates_are_those_of_torch():
    s = torch.optim.lr_scheduler
    cases = [
        (step_rates([3, 9], 0.5), lambda o: s.MultiStepLR(o, [3, 9], 0.5)),
        (cosine_rates(20, 0.1), lambda o: s.CosineAnnealingLR(o, 20, 0.1)),
        (warm_up(7), lambda o: s.LinearLR(o, total_iters=7)),
    ]
    for rates, build in cases:
        assert np.allclose([rates.factor(k) for k in range(20)], scheduled(build), rtol=1e-12)
