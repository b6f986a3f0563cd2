"""What was published with Entropy-SGD, Parle and Elastic-SGD, in NumPy line by line: oracles of the optimisers here.

`gradient(place, x)` is the gradient on the batch of inner step `place`, counted from 0; `normal(place)` its noise.
Where a program has several tensors of weights, here is one vector.
"""

import numpy as np


def entropy_sgd_algorithm(x, gradient, normal, loops, L, eta, eta_prime, eps, alpha, gamma0, gamma1):
    """arXiv:1611.01838, algorithm 1."""
    for k in range(loops):
        gamma = gamma0 * (1 + gamma1) ** k
        prime, mu = x.copy(), x.copy()
        for j in range(L):
            dx = gradient(k * L + j, prime) - gamma * (x - prime)
            prime = prime - eta_prime * dx + np.sqrt(eta_prime) * eps * normal(k * L + j)
            mu = (1 - alpha) * mu + alpha * prime
        x = x - eta * gamma * (x - mu)
    return x


def entropy_sgd_python(w, first, gradient, normal, loops, L, lr, eps, g0, g1, mom=0.9):
    """ucla-vision/entropy-sgd, python/optim.py, EntropySGD.step with nesterov; `first` initialises its `mdw`."""
    mdw, t, llr, beta1 = first.copy(), 0, 0.1, 0.75
    for k in range(loops):
        wc, mw, inner = w.copy(), w.copy(), np.zeros_like(w)
        g = g0 * (1 + g1) ** t
        for i in range(L):
            dw = gradient(k * L + i, w)
            inner = inner * mom + dw
            dw = dw + mom * inner
            dw = dw + -g * (wc - w) + eps / np.sqrt(0.5 * llr) * normal(k * L + i)
            w = w + -llr * dw
            mw = mw * beta1 + (1 - beta1) * w
        w = wc.copy()
        dw = w - mw
        mdw = mdw * mom + dw
        dw = dw + mom * mdw
        w = w + -lr * dw
    return w


def entropy_sgd_lua(x, gradient, normal, loops, L, lr, noise, gamma, scoping, mom=0.9):
    """ucla-vision/entropy-sgd, entropyoptim.lua, optim.entropysgd with nesterov."""
    lclr, counter = 0.1, 0
    for k in range(loops):
        xc, counter = x.copy(), counter + 1
        cgamma = gamma * (1 + scoping) ** counter
        lx, lmx, mdfdx = xc.copy(), xc.copy(), np.zeros_like(x)
        for i in range(L):
            ldfdx = gradient(k * L + i, lx)
            mdfdx = mdfdx * mom + ldfdx
            ldfdx = ldfdx + mom * mdfdx
            ldfdx = ldfdx - cgamma * (xc - lx) + noise / np.sqrt(0.5 * lclr) * normal(k * L + i)
            lx = lx - lclr * ldfdx
            lmx = lmx * 0.75 + (1 - 0.75) * lx
        x = xc - lr * (xc - lmx)
    return x


def parle_mpi(p, gradient, epochs, nb, L, lr, gamma, rho):
    """ucla-vision/parle, parle_mpi.py; `p` (replicas, dim), a row for each of its processes. Returns x^a and x."""
    n, mom, alpha = len(p), 0.9, 0.75
    rho0, t, place = rho * L * n, 0, 0
    za, xa, muy, mux, x = p.copy(), p.copy(), np.zeros_like(p), np.zeros_like(p), p.mean(axis=0)
    for _ in range(epochs):
        for _ in range(nb):
            for _ in range(L):
                now = min(gamma * (1 + 0.5 / nb) ** (t // L), 1)
                grad = gradient(place, p) + now * (p - xa)
                muy = muy * mom + grad
                grad = grad + muy
                p = p - lr * grad
                za = za * alpha + (1 - alpha) * p
                t, place = t + 1, place + 1
            pull = min(rho0 * (1 + 0.5 / nb) ** (t // L), 10)
            x = za.sum(axis=0) / n
            grad = (xa - za) + pull * (xa - x)
            mux = mux * mom + grad
            grad = grad + mux
            p = p - lr * grad
            xa = p.copy()
            x = xa.sum(axis=0) / n
        lr /= 10.0
    return xa, x


def parle_equations(x, gradient, loops, L, eta, alpha, gammas, rhos, mom=0.9):
    """The updates of arXiv:1707.00424, z started anew, with Nesterov's momentum in both loops; `x` (replicas, dim)."""
    outer = np.zeros_like(x)
    for k in range(loops):
        y, z, inner = x.copy(), x.copy(), np.zeros_like(x)
        for j in range(L):
            g = gradient(k * L + j, y) + (y - x) / gammas[k]
            inner = mom * inner + g
            y = y - eta * (g + mom * inner)
            z = alpha * z + (1 - alpha) * y
        g = (x - z) + (x - x.mean(axis=0)) / rhos[k]
        outer = mom * outer + g
        x = x - eta * (g + mom * outer)
    return x


def elastic_sgd(x, gradient, steps, eta, rho, tau=1):
    """arXiv:1412.6651, section 3, the elastic terms when tau divides t (its algorithm 1); `x` (replicas, dim).

    Returns x^i and the centre.
    """
    centre, alpha = x.mean(axis=0), eta * rho
    for t in range(steps):
        away = (x - centre) * (t % tau == 0)
        x = x - eta * gradient(t, x) - alpha * away
        centre = centre + alpha * away.sum(axis=0)
    return x, centre


def elastic_sgd_momentum(x, gradient, steps, eta, rho, delta):
    """The same with Nesterov's momentum, EAMSGD, section 3.2."""
    centre, alpha, v = x.mean(axis=0), eta * rho, np.zeros_like(x)
    for t in range(steps):
        away = x - centre
        v = delta * v - eta * gradient(t, x + delta * v)
        x = x + v - alpha * away
        centre = centre + alpha * away.sum(axis=0)
    return x, centre
