"""Updates of optimisers with inner loops and coupled replicas: compiled, in place, for all lanes at once.

Lanes are (chains * replicas, dim) float64, those of a chain one after the other; centres are (chains, dim). Gradients
are of any float type.
"""

import numpy as np

from mcmc.compiled import kernel_tied_to


@kernel_tied_to()
def replica_means(x, out):
    """Mean over the replicas of each chain, (chains, dim)."""
    replicas = x.shape[0] // out.shape[0]
    for c in range(out.shape[0]):
        middle = out[c]
        middle[:] = x[c * replicas]
        for a in range(1, replicas):
            row = x[c * replicas + a]
            for i in range(middle.size):
                middle[i] += row[i]
        for i in range(middle.size):
            middle[i] /= replicas


@kernel_tied_to()
def add_to_average(average, y, kept):
    """mu = kept mu + (1 - kept) y."""
    for c in range(y.shape[0]):
        row, mean = y[c], average[c]
        for i in range(row.size):
            mean[i] = kept * mean[i] + (1.0 - kept) * row[i]


@kernel_tied_to()
def add_pulled_with_momentum(
    y, gradient, anchor, buffer, rate, pull, momentum, now, ahead, whole, scale, noise
):  # fmt: skip
    """p = pull (y - anchor), s = g + p or, unless `whole`, g; b = momentum b + s; d = now s + ahead b, p added unless
    `whole`; y += -eta d + scale noise. Heavy ball: now 0, ahead 1. Nesterov: now 1, ahead the momentum.

    `rate`, `pull`, `scale` (lanes,); `noise` (lanes, dim or more), or (lanes, 0) for none.
    """
    for c in range(y.shape[0]):
        row, along, centre, velocity, rough = y[c], gradient[c], anchor[c], buffer[c], noise[c]
        size, strength, spread = rate[c], pull[c], scale[c]
        inside, outside = (1.0, 0.0) if whole else (0.0, 1.0)
        for i in range(row.size):
            back = strength * (row[i] - centre[i])
            slope = along[i] + inside * back
            velocity[i] = momentum * velocity[i] + slope
            row[i] -= size * (now * slope + ahead * velocity[i] + outside * back)
        if noise.shape[1] > 0:
            for i in range(row.size):
                row[i] += spread * np.float64(rough[i])


@kernel_tied_to()
def outer_step(x, average, centre, rate, strength, coupling):
    """x -= eta [strength (x - mu) + coupling (x - centre)], written so that eta strength = 1 gives mu to the bit."""
    replicas = x.shape[0] // centre.shape[0]
    for c in range(x.shape[0]):
        row, mean, middle = x[c], average[c], centre[c // replicas]
        share, pull = rate[c] * strength, rate[c] * coupling
        for i in range(row.size):
            row[i] = (1.0 - share) * row[i] + share * mean[i] - pull * (row[i] - middle[i])


@kernel_tied_to()
def outer_step_with_momentum(
    x, start, average, centre, buffer, rate, strength, coupling, momentum, now, ahead
):  # fmt: skip
    """d = strength (x - mu) + coupling (x - centre); b = momentum b + d; x = start - eta (now d + ahead b).

    `start` is x itself, or the last inner y.
    """
    replicas = x.shape[0] // centre.shape[0]
    for c in range(x.shape[0]):
        row, begin, mean, middle, velocity = x[c], start[c], average[c], centre[c // replicas], buffer[c]
        for i in range(row.size):
            slope = strength * (row[i] - mean[i]) + coupling * (row[i] - middle[i])
            velocity[i] = momentum * velocity[i] + slope
            row[i] = begin[i] - rate[c] * (now * slope + ahead * velocity[i])


@kernel_tied_to()
def coupled_gradient(out, gradient, x, centre, coupling):
    """out = g + coupling (x - centre)."""
    replicas = x.shape[0] // centre.shape[0]
    for c in range(x.shape[0]):
        row, along, place, middle = out[c], gradient[c], x[c], centre[c // replicas]
        for i in range(row.size):
            row[i] = along[i] + coupling * (place[i] - middle[i])


@kernel_tied_to()
def move_centre(centre, x, rate, coupling):
    """centre += eta coupling sum over replicas of (x - centre)."""
    replicas = x.shape[0] // centre.shape[0]
    total = np.empty(centre.shape[1])
    for c in range(centre.shape[0]):
        middle, pull = centre[c], rate[c * replicas] * coupling
        total[:] = 0.0
        for a in range(replicas):
            row = x[c * replicas + a]
            for i in range(total.size):
                total[i] += row[i] - middle[i]
        for i in range(total.size):
            middle[i] += pull * total[i]


@kernel_tied_to()
def add_with_velocity(x, velocity, gradient, centre, rate, coupling, momentum):
    """v = momentum v - eta g; x += v - eta coupling (x - centre). EAMSGD, arXiv:1412.6651, section 3.2."""
    replicas = x.shape[0] // centre.shape[0]
    for c in range(x.shape[0]):
        row, speed, along, middle = x[c], velocity[c], gradient[c], centre[c // replicas]
        size, pull = rate[c], rate[c] * coupling
        for i in range(row.size):
            speed[i] = momentum * speed[i] - size * along[i]
            row[i] += speed[i] - pull * (row[i] - middle[i])
