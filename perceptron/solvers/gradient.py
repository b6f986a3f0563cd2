"""Stochastic gradient descent on real hidden variables whose signs are the weights, for one or several replicas.

Each replica a has hidden variables x^a and weights w^a = sign x^a. A step takes a mini-batch B of the replica's own
random order and moves
x^a <- x^a + eta sum_(mu in B) f(Delta^mu(w^a)) xi^mu + lambda (<c> - w^a),
f = -dl/dDelta up to a factor. The loss is read at the weights, its gradient is handed through the sign as if that were
the identity. <c_i> = tanh(gamma sum_b w_i^b) is the mean of a centre c of +-1 that is coupled to every replica with
field gamma and traced out, so the last term is the gradient of -|c - w^a|^2/2 averaged over the centre: robust ensemble
of Baldassi, Borgs, Chayes, Ingrosso, Lucibello, Saglietti & Zecchina 2016, PNAS 113, E7655 (arXiv:1605.06444).
With d = (Delta - least)/sqrt(n), the room above what is just right, the losses and their forces are
- perceptron: -d where wrong; f = 1 for d < 0, else 0;
- hinge: max(0, width - d); f = 1 for d < width, else 0;
- cross_entropy: width log(1 + exp(-d/width)); f = 1/(1 + exp(d/width)).
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from perceptron.arguments import checked_count, checked_number, one_of
from perceptron.kernels import lanes
from perceptron.solvers import presentation
from perceptron.solvers.epochs import Epochs
from perceptron.solvers.presentation import count_errors, read_out, shuffle, stability
from perceptron.solvers.solution import Solution

if TYPE_CHECKING:
    from perceptron.patterns import Patterns

kernel = kernel_tied_to(lanes.__file__, presentation.__file__)

LOSSES = ("perceptron", "hinge", "cross_entropy")
NEGLIGIBLE = 20.0
"""Room in units of the width beyond which the force of cross-entropy, below 2e-9, is taken as 0."""


@piece
def force(room, width, loss):
    """f of a pattern, float64; `room` and `width` are in units of Delta."""
    if loss == 2:
        return 1.0 / (1.0 + math.exp(room / width)) if room < NEGLIGIBLE * width else 0.0
    return 1.0 if room < width else 0.0


@piece
def pull(hidden, entry, step):
    """x_i += step xi_i, hidden (n,) of float32 or float64."""
    number = hidden.dtype.type
    size = number(step)
    for i in range(np.uint64(hidden.size)):
        hidden[i] += size * number(entry[i])


@piece
def attract(hidden, weights, agreed, towards, replicas, strength):
    """x_i += lambda (<c_i> - w_i); towards[S + replicas] is <c> where the replicas' weights sum to S, agreed (n,)."""
    number = hidden.dtype.type
    size = number(strength)
    for i in range(np.uint64(hidden.size)):
        hidden[i] += size * (towards[agreed[i] + replicas] - number(weights[i]))


@piece
def decide(hidden, weights, agreed):
    """w_i = sign x_i, and the sums over replicas brought up to date."""
    for i in range(np.uint64(hidden.size)):
        w = np.int32(1) if hidden[i] > 0 else np.int32(-1)
        agreed[i] = np.int32(np.int32(agreed[i] + w) - np.int32(weights[i]))
        weights[i] = np.int8(w)


@piece
def disagreements(weights, agreed):
    """Weights that differ from the centre, the sign of the sums (+1 for 0), int64."""
    apart = np.int64(0)
    for i in range(np.uint64(weights.size)):
        apart += np.int64((weights[i] > 0) != (agreed[i] >= 0))
    return apart


@piece
def keep_fewest(read, errors, best, fewest):
    """Keep this read-out when it has the fewest errors so far."""
    if errors < fewest[0]:
        fewest[0] = errors
        best[:] = read


@kernel
def gradient_epochs(
    entries, rows, hidden, weights, read, agreed, centre, order, towards, least, width, loss, eta, batch, coupling,
    k0, k1, first, epochs, best, fewest, errors, centre_errors, apart,
):  # fmt: skip
    """Epochs from `first` on, until one ends with a replica or the centre without errors; returns how many were done.

    hidden, weights, read and order have a row for each replica; agreed (n,) int32 is the sum of the weights over them;
    centre (n,) int8 and the last row of `read` are for the centre. towards (epochs, 2 replicas + 1) is <c> by sum.
    errors are the fewest among replicas and centre, at the end of each epoch; apart sums the distances to the centre.
    """
    replicas, p, n = hidden.shape[0], entries.shape[0], entries.shape[1]
    for e in range(epochs):
        for a in range(replicas):
            shuffle(order[a], first + e, a, k0, k1)
        for begin in range(0, p, batch):
            for a in range(replicas):
                x, w, r = hidden[a], weights[a], read[a]
                for t in range(begin, min(begin + batch, p)):
                    mu = order[a, t]
                    f = force(stability(rows[mu], r, n) - least, width, loss)
                    if f > 0.0:
                        pull(x, entries[mu], eta * f)
                if coupling > 0.0:
                    attract(x, w, agreed, towards[e], replicas, coupling)
                decide(x, w, agreed)
                read_out(x, r)
        for i in range(n):
            centre[i] = np.int8(1) if agreed[i] >= 0 else np.int8(-1)
        read_out(centre, read[replicas])
        centre_errors[e] = count_errors(rows, read[replicas], n, least)
        errors[e] = centre_errors[e]
        keep_fewest(read[replicas], centre_errors[e], best, fewest)
        for a in range(replicas):
            wrong = count_errors(rows, read[a], n, least)
            errors[e] = min(errors[e], wrong)
            keep_fewest(read[a], wrong, best, fewest)
            apart[e] += disagreements(weights[a], agreed)
        if errors[e] == 0:
            return e + 1
    return epochs


def descend(
    method: str,
    patterns: "Patterns",
    *,
    seed: int,
    margin: float,
    loss: Any,
    width: Any,
    eta: Any,
    batch: Any,
    max_epochs: Any,
    replicas: Any = 1,
    coupling: Any = 0.0,
    gamma: Any = 0.0,
    gamma_step: Any = 0.0,
    same_start: bool = True,
) -> Solution:
    """Search with the arguments of `sgd` or `replicated_sgd`, which say what they mean. Raises ArgumentError."""
    epochs = Epochs(patterns, margin=margin, seed=seed, max_epochs=max_epochs)
    kind = LOSSES.index(one_of("loss", loss, LOSSES))
    root = math.sqrt(patterns.n)
    reach = 0.0 if kind == 0 else checked_number("width", width, 0.0, 1e3, above=True) * root
    step = checked_number("eta", eta, 0.0, 1e6, above=True)
    size = min(patterns.p, checked_count("batch", batch, 1))
    copies = checked_count("replicas", replicas, 1, 1000)
    strength = checked_number("coupling", coupling, 0.0, 1e6)
    field, growth = checked_number("gamma", gamma, 0.0, 1e6), checked_number("gamma_step", gamma_step, 0.0, 1e6)

    start = np.repeat(epochs.start(), copies, axis=0) if same_start else epochs.start(copies)
    real = np.float32 if epochs.packed else np.float64
    hidden, weights, agreed = start.astype(real), start.copy(), start.sum(axis=0, dtype=np.int32)
    centre = np.where(agreed >= 0, 1, -1).astype(np.int8)
    read = epochs.read(np.concatenate([start, centre[None]]))
    order = np.empty((copies, patterns.p), np.int64)
    sums = np.arange(-copies, copies + 1)

    def advance(first, count, best, fewest, errors, centre_errors, apart):
        fields = field + growth * np.arange(first, first + count)
        towards = np.tanh(fields[:, None] * sums).astype(real)
        return gradient_epochs(
            epochs.entries, epochs.rows, hidden, weights, read, agreed, centre, order, towards, epochs.least, reach,
            kind, step, size, strength, *epochs.key, first, count, best, fewest, errors, centre_errors, apart,
        )  # fmt: skip

    series = ("errors", "centre_errors", "distance_to_centre")
    return epochs.search(method, centre, advance, series, copies)
