"""The solvers that are shown patterns one by one, in plain Python from their definitions: oracles for the loops."""

import numpy as np

from mcmc.random import Stream, uniforms, words


def first_weights(n, seed, chain=0):
    return np.where(uniforms(seed, Stream.INITIAL, np.arange(n), 0, chain)[:, 0] < 0.5, 1, -1)


def epoch_order(p, seed, epoch, chain=0):
    """Fisher & Yates from the last place down; word t % 4 of counter t // 4 chooses among places 0..t."""
    order = list(range(p))
    for t in range(p - 1, 0, -1):
        word = int(words(seed, Stream.SOLVER_ORDER, t // 4, epoch, chain)[t % 4])
        place = (word * (t + 1)) >> 32
        order[t], order[place] = order[place], order[t]
    return order


def sign(x):
    return np.where(x > 0, 1, -1)


def sbpi(patterns, seed, epochs, theta, chance, bound, least=1):
    """Hidden variables after some epochs, or after the first one without errors."""
    xi = patterns.patterns.astype(float)
    h = first_weights(patterns.n, seed).astype(float)
    for epoch in range(epochs):
        for t, mu in enumerate(epoch_order(patterns.p, seed, epoch)):
            w = sign(h)
            delta = xi[mu] @ w
            if delta < least:
                h = np.clip(h + 2 * xi[mu], -bound, bound)
            elif delta < least + theta and words(seed, Stream.SOLVER, t, epoch, 0)[0] < chance * 2**32:
                h = np.where(xi[mu] * w > 0, np.clip(h + 2 * xi[mu], -bound, bound), h)
        if (xi @ sign(h) >= least).all():
            break
    return h


def cpr(patterns, seed, epochs, chance, bound, least=1, calm=0.0):
    xi = patterns.patterns.astype(float)
    h = first_weights(patterns.n, seed).astype(float)
    last = patterns.p
    for epoch in range(epochs):
        mistakes = 0
        for t, mu in enumerate(epoch_order(patterns.p, seed, epoch)):
            if xi[mu] @ sign(h) < least:
                h = np.clip(h + 2 * xi[mu], -bound, bound)
                mistakes += 1
            site, draw = -1, 0
            while last > calm * np.sqrt(patterns.n) and site < patterns.n:
                u = uniforms(seed, Stream.SOLVER, t, epoch, 0, draw // 2)[draw % 2]
                site += 1 + int(np.log(u) / np.log1p(-chance))
                draw += 1
                if site < patterns.n:
                    h[site] = np.clip(h[site] + 2 * np.sign(h[site]), -bound, bound)
        last = mistakes
        if (xi @ sign(h) >= least).all():
            break
    return h


def gradient_force(loss, room, width):
    if loss == "perceptron":
        return float(room < 0)
    return float(room < width) if loss == "hinge" else 1 / (1 + np.exp(room / width))


def replicated_descent(
    patterns, seed, epochs, loss, width, eta, batch, replicas=1, coupling=0.0, gamma=0.0, gamma_step=0.0
):
    """Hidden variables (replicas, n) after some epochs, from the same start, with no early end."""
    xi, n = patterns.patterns.astype(float), patterns.n
    x = np.repeat(first_weights(n, seed)[None].astype(float), replicas, axis=0)
    w = sign(x)
    for epoch in range(epochs):
        orders = [epoch_order(patterns.p, seed, epoch, a) for a in range(replicas)]
        towards = gamma + gamma_step * epoch
        for begin in range(0, patterns.p, batch):
            for a in range(replicas):
                for mu in orders[a][begin : begin + batch]:
                    room = (xi[mu] @ w[a] - patterns.least_stability()) / np.sqrt(n)
                    x[a] += eta * gradient_force(loss, room, width) * xi[mu]
                x[a] += coupling * (np.tanh(towards * w.sum(axis=0)) - w[a])
                w[a] = sign(x[a])
    return x
