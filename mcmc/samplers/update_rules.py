"""Update rules of the samplers and optimisers on mini-batches: compiled, in place, for all chains at once.

Arrays are (chains, dim) float64, gradients of any float type; `rate` (chains,) float64 is the step size of each chain.
Those named after an optimiser follow the definitions of torch.optim to rounding, with torch's names.
"""

import numpy as np

from mcmc.compiled import kernel_tied_to


@kernel_tied_to()
def add_steps(x, direction, rate):
    """x -= eta direction."""
    for c in range(x.shape[0]):
        row, along, size = x[c], direction[c], rate[c]
        for i in range(row.size):
            row[i] -= size * along[i]


@kernel_tied_to()
def add_steps_and_noise(x, direction, rate, scale, noise):
    """x += -eta direction + scale noise; `scale` (chains,), `noise` (chains, dim or more)."""
    for c in range(x.shape[0]):
        row, along, rough, size, spread = x[c], direction[c], noise[c], rate[c], scale[c]
        for i in range(row.size):
            row[i] += spread * np.float64(rough[i]) - size * along[i]


@kernel_tied_to()
def add_preconditioned(x, gradient, mean_square, rate, scale, noise, offset, decay):
    """V = decay V + (1 - decay) g^2, G = 1 / (offset + sqrt V); x += -eta G g + scale sqrt(G) noise.

    G is taken in float32: roots and divisions of float64 would be most of the time.
    """
    least, one = np.float32(offset), np.float32(1.0)
    for c in range(x.shape[0]):
        row, along, rough, square, size, spread = x[c], gradient[c], noise[c], mean_square[c], rate[c], scale[c]
        for i in range(row.size):
            square[i] = decay * square[i] + (1.0 - decay) * along[i] * along[i]
            share = one / (least + np.sqrt(np.float32(square[i])))
            row[i] += spread * np.float64(np.sqrt(share) * rough[i]) - size * np.float64(share) * along[i]


@kernel_tied_to()
def add_with_friction(x, velocity, gradient, rate, friction, scale, noise):
    """v = (1 - friction) v - eta g + scale noise; x += v."""
    for c in range(x.shape[0]):
        row, speed, along, rough, size, spread = x[c], velocity[c], gradient[c], noise[c], rate[c], scale[c]
        for i in range(row.size):
            speed[i] = (1.0 - friction) * speed[i] - size * along[i] + spread * np.float64(rough[i])
            row[i] += speed[i]


@kernel_tied_to()
def add_pulled(y, gradient, anchor, rate, pull):
    """y -= eta (g + pull (y - anchor)); `pull` (chains,), 1 / t of a proximal term |y - anchor|^2 / (2 t)."""
    for c in range(y.shape[0]):
        row, along, centre, size, strength = y[c], gradient[c], anchor[c], rate[c], pull[c]
        for i in range(row.size):
            row[i] -= size * (along[i] + strength * (row[i] - centre[i]))


@kernel_tied_to()
def add_pulled_and_noise(y, gradient, anchor, rate, pull, scale, noise):
    """y += -eta (g + pull (y - anchor)) + scale noise; `pull` and `scale` (chains,)."""
    for c in range(y.shape[0]):
        row, along, centre, rough = y[c], gradient[c], anchor[c], noise[c]
        size, strength, spread = rate[c], pull[c], scale[c]
        for i in range(row.size):
            row[i] += spread * np.float64(rough[i]) - size * (along[i] + strength * (row[i] - centre[i]))


@kernel_tied_to()
def add_sgd(x, gradient, momentum_buffer, rate, momentum, dampening, weight_decay, nesterov, first):
    """d = g + weight_decay x; buffer = momentum buffer + (1 - dampening) d, or d in the `first` step; x -= eta buffer.

    With `nesterov` x -= eta (d + momentum buffer). Without momentum the buffer, which may then be (chains, 0), is left
    alone and x -= eta d.
    """
    for c in range(x.shape[0]):
        row, along, buffer, size = x[c], gradient[c], momentum_buffer[c], rate[c]
        if momentum == 0.0:
            for i in range(row.size):
                row[i] -= size * (along[i] + weight_decay * row[i])
            continue
        keep, take = (0.0, 1.0) if first else (momentum, 1.0 - dampening)
        ahead, now = (momentum, 1.0) if nesterov else (1.0, 0.0)
        for i in range(row.size):
            slope = along[i] + weight_decay * row[i]
            buffer[i] = keep * buffer[i] + take * slope
            row[i] -= size * (now * slope + ahead * buffer[i])


@kernel_tied_to()
def add_adam(x, gradient, mean, mean_square, rate, beta1, beta2, eps, weight_decay, decoupled, count):
    """m += (1 - beta1) (g - m), v = beta2 v + (1 - beta2) g^2; x -= eta m^ / (sqrt(v^) + eps), m^ and v^ unbiased.

    `count` is the number of this step, from 1. Weight decay is added to g, or taken off x first if `decoupled`.
    Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101.
    """
    first = 1.0 / (1.0 - beta1**count)
    second = 1.0 / np.sqrt(1.0 - beta2**count)
    added = 0.0 if decoupled else weight_decay
    for c in range(x.shape[0]):
        row, along, m, v, size = x[c], gradient[c], mean[c], mean_square[c], rate[c]
        kept = 1.0 - size * weight_decay if decoupled else 1.0
        for i in range(row.size):
            slope = along[i] + added * row[i]
            m[i] += (1.0 - beta1) * (slope - m[i])
            v[i] = beta2 * v[i] + (1.0 - beta2) * slope * slope
            row[i] = kept * row[i] - size * first * m[i] / (np.sqrt(v[i]) * second + eps)


@kernel_tied_to()
def add_rmsprop(
    x, gradient, mean_square, mean, momentum_buffer, rate, alpha, eps, weight_decay, momentum, centered
):  # fmt: skip
    """v = alpha v + (1 - alpha) g^2; x -= eta g / (sqrt v + eps), or along buffer = momentum buffer + g / (...).

    `centered` takes the square of the mean gradient off v. `mean` and `momentum_buffer` may be (chains, 0) where they
    are not needed. Tieleman & Hinton 2012; Graves 2013, arXiv:1308.0850.
    """
    for c in range(x.shape[0]):
        row, along, v, m, buffer, size = x[c], gradient[c], mean_square[c], mean[c], momentum_buffer[c], rate[c]
        for i in range(row.size):
            slope = along[i] + weight_decay * row[i]
            v[i] = alpha * v[i] + (1.0 - alpha) * slope * slope
            spread = v[i]
            if centered:
                m[i] += (1.0 - alpha) * (slope - m[i])
                # Rounding may leave the variance of a constant gradient below 0.
                spread = max(spread - m[i] * m[i], 0.0)
            change = slope / (np.sqrt(spread) + eps)
            if momentum > 0.0:
                buffer[i] = momentum * buffer[i] + change
                change = buffer[i]
            row[i] -= size * change


@kernel_tied_to()
def add_adagrad(x, gradient, square_sum, rate, rate_decay, eps, weight_decay, count):
    """S += g^2; x -= eta / (1 + (count - 1) rate_decay) g / (sqrt S + eps); `count` the number of this step, from 1.

    Duchi, Hazan & Singer 2011, J. Mach. Learn. Res. 12, 2121.
    """
    for c in range(x.shape[0]):
        row, along, s = x[c], gradient[c], square_sum[c]
        size = rate[c] / (1.0 + (count - 1) * rate_decay)
        for i in range(row.size):
            slope = along[i] + weight_decay * row[i]
            s[i] += slope * slope
            row[i] -= size * slope / (np.sqrt(s[i]) + eps)


@kernel_tied_to()
def corrected_gradient(out, fresh, old, mean):
    """out = fresh - old + mean: the gradient of SVRG."""
    for c in range(out.shape[0]):
        row, new, before, middle = out[c], fresh[c], old[c], mean[c]
        for i in range(row.size):
            row[i] = new[i] - before[i] + middle[i]


@kernel_tied_to()
def saga_gradient(out, fresh, table, mean, batch):
    """out = mean over the batch of (fresh - table) + mean; then the table takes `fresh`, and `mean` is kept its mean.

    `fresh` (chains, b, dim), `table` (chains, n, dim), `batch` (chains, b). A sample that is twice in a batch is
    counted twice in `out` and changes the table once.
    """
    count, total = batch.shape[1], table.shape[1]
    for c in range(out.shape[0]):
        row, middle = out[c], mean[c]
        row[:] = 0.0
        for k in range(count):
            new, old = fresh[c, k], table[c, batch[c, k]]
            for i in range(row.size):
                row[i] += new[i] - old[i]
        for i in range(row.size):
            row[i] = row[i] / count + middle[i]
        for k in range(count):
            new, old = fresh[c, k], table[c, batch[c, k]]
            for i in range(row.size):
                middle[i] += (new[i] - old[i]) / total
                old[i] = new[i]
