"""Ornstein-Uhlenbeck processes seen at equal intervals, y' = A y + e: fits to trajectories, spectra, surrogates.

With C0 = <y y'> and C1 = <y_(k+1) y_k'>, A = C1 C0^-1 and the covariance of e is C0 - A C0 A' (Yule & Walker; see
Luetkepohl 2005, "New introduction to multiple time series analysis", chapter 3). The lagged moments are divided by the
number of pairs, or, where that gives no stationary process, of draws, which always does (and is too low by the share
1 / draws, which many short chains would show). Gaussian, the process has detailed balance if and only if C1 = C1': the
nearest that has it takes the symmetric part of C1 and keeps C0.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mcmc.random import Stream, split_seed
from mcmc.samplers.gaussian_noise import fill_noise

STREAM = int(Stream.TRAJECTORY_SURROGATE)
ROOM = 2**25
"""Bytes of surrogates made at once."""


class OrnsteinUhlenbeck(NamedTuple):
    """A stationary Gaussian process of k coordinates; matrices are (k, k) float64."""

    matrix: np.ndarray
    """A, by which the mean decays from one draw to the next."""
    covariance: np.ndarray
    """C0, of one draw."""

    @property
    def noise(self) -> np.ndarray:
        """Covariance of e, C0 - A C0 A'."""
        return self.covariance - self.matrix @ self.covariance @ self.matrix.T

    def reversible(self) -> "OrnsteinUhlenbeck":
        """The same C0, with the symmetric part of C1 = A C0: detailed balance."""
        lagged = self.matrix @ self.covariance
        return OrnsteinUhlenbeck(_divided(0.5 * (lagged + lagged.T), self.covariance), self.covariance)

    def correlation(self, lags: np.ndarray) -> np.ndarray:
        """tr C(t) / tr C0 at the lags t (lags,), in draws: (lags,)."""
        rates, weights = self._modes()
        return (weights * rates ** np.asarray(lags)[:, None]).sum(axis=1).real / weights.sum().real

    def spectrum(self, frequency: float) -> np.ndarray:
        """(I - A z)^-1 <e e'> (I - A z)^-1' conjugate, z = exp(-2 pi i f) with f in cycles per draw: (k, k) complex."""
        inverse = np.linalg.inv(np.eye(len(self.matrix)) - self.matrix * np.exp(-2j * np.pi * frequency))
        return inverse @ self.noise @ inverse.conj().T

    def increment_power(self, frequency: np.ndarray, draws: float) -> np.ndarray:
        """Expected periodogram of the increments of `draws` draws, mean over coordinates, (frequencies,).

        For infinitely many it is the power spectrum.

        `frequency` is in cycles per draw. Of n increments d_k it is <|sum_k d_k exp(-2 pi i f k)|^2> / n = c(0) + 2 Re
        sum_(0 < t < n) (1 - t / n) c(t) exp(-2 pi i f t), with the sum over modes l of A done in closed form.
        """
        rates, weights = self._modes()
        count = draws - 1
        turn = np.exp(-2j * np.pi * np.asarray(frequency))[:, None]
        z = rates * turn
        # Of c(t) = -w (1 - l)^2 l^(t - 1); at f = 0 with l = 1 nothing moves.
        near = turn / (1.0 - z)
        if np.isfinite(count):
            near -= turn * (1.0 - z**count) / (count * (1.0 - z) ** 2)
        power = 2.0 * weights * (1.0 - rates) - 2.0 * weights * (1.0 - rates) ** 2 * near
        return power.sum(axis=1).real / len(rates)

    def surrogates(self, count: int, chains: int, draws: int, seed: int) -> Iterator[np.ndarray]:
        """`count` independent trajectories (chains, draws, k), around their own means; by seed and number alone."""
        size = len(self.matrix)
        each = max(1, ROOM // (8 * chains * draws * size))
        for begin in range(0, count, each):
            some = min(each, count - begin)
            made = self._paths(np.arange(begin * chains, (begin + some) * chains, dtype=np.uint32), draws, seed)
            paths = made.reshape(draws, some, chains, size).transpose(1, 2, 0, 3)
            for path in paths:
                yield path - path.mean(axis=(0, 1))

    def _paths(self, identity, draws, seed):
        """(draws, paths, k): from C0 at the start, one path for each identity."""
        size = len(self.matrix)
        noise = np.empty((identity.size, -(-size // 4) * 4), np.float32)
        first, later, kept = _root(self.covariance).T, _root(self.noise).T, np.ascontiguousarray(self.matrix.T)
        paths = np.empty((draws, identity.size, size))
        for draw in range(draws):
            fill_noise(noise, draw, identity, STREAM, *split_seed(seed))
            normal = noise[:, :size].astype(np.float64)
            paths[draw] = normal @ first if draw == 0 else paths[draw - 1] @ kept + normal @ later
        return paths

    def _modes(self):
        """Eigenvalues l_m of A, and the weights with tr A^t C0 = sum_m w_m l_m^t; both complex (k,)."""
        rates, vectors = np.linalg.eig(self.matrix.astype(complex))
        return rates, np.einsum("mi,ij,jm->m", np.linalg.inv(vectors), self.covariance, vectors)


def fitted(values: np.ndarray, *, coupled: bool = True) -> OrnsteinUhlenbeck:
    """The process of the moments C0 and C1 of a trajectory (chains, draws, k) around zero.

    `coupled` False takes each coordinate as a process by itself, a discrete AR(1).
    """
    size = values.shape[2]
    flat = values.reshape(-1, size)
    before, after = (part.reshape(-1, size) for part in (values[:, :-1], values[:, 1:]))
    covariance, lagged = flat.T @ flat / len(flat), after.T @ before / len(before)
    if not coupled:
        covariance, lagged = np.diag(np.diag(covariance)), np.diag(np.diag(lagged))
    process = OrnsteinUhlenbeck(_divided(lagged, covariance), covariance)
    if np.linalg.eigvalsh(process.noise)[0] > 0:
        return process
    return OrnsteinUhlenbeck(process.matrix * (len(before) / len(flat)), covariance)


def _divided(lagged: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    return np.linalg.solve(covariance, lagged.T).T


def _root(covariance: np.ndarray) -> np.ndarray:
    """R with R R' = covariance; eigenvalues that rounding made negative count as zero."""
    values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
    return vectors * np.sqrt(np.maximum(values, 0.0))
