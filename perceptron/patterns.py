"""Instances of the binary perceptron: patterns with their labels absorbed.

N weights w_i = +-1 and P = alpha N patterns xi^mu; the stability of pattern mu is Delta^mu = sum_i xi_i^mu w_i, and
the pattern is classified rightly when Delta^mu > 0, with a margin kappa when Delta^mu >= kappa sqrt(N). Entries are
+-1 ("binary") or standard normal ("gaussian"), independent; a random label does not change the law of xi.

With N odd a binary stability is never 0. With N even it can be, and what 0 counts as, the tie rule, is part of the
instance. Gaussian entries are multiples of 2^-20: every stability is then exact in double precision in any order of
summation, on any device. Krauth & Mezard 1989, J. Physique 50, 3057; Gardner & Derrida 1988, J. Phys. A 21, 271.
"""

import logging
import math
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mcmc.errors import ArgumentError, StoreError
from mcmc.random import Stream, normals, split_seed, uniforms, words
from perceptron.packing import pack_signs, unpack_signs

if TYPE_CHECKING:
    import xarray

Kind = Literal["binary", "gaussian"]
Tie = Literal["error", "correct"]

GRID = 2.0**-20
"""Gaussian entries are multiples of this."""

MOST = 2**24
"""Most weights or patterns: the counters of the compiled loops are made for fewer."""


@dataclass(frozen=True, eq=False)
class Patterns:
    """One instance; `random_patterns`, `planted_patterns` and `from_arrays` make it and check what they are given."""

    patterns: np.ndarray
    """(p, n) int8 of +-1 (kind "binary") or float64 multiples of 2^-20 (kind "gaussian"), labels absorbed."""
    kind: Kind = "binary"
    tie: Tie | None = None
    """What a stability of exactly 0 counts as at margin 0; None for odd n."""
    seed: int | None = None
    """Seed of the random numbers; None for patterns of the user's own."""
    teacher: np.ndarray | None = None
    """(n,) int8 of +-1: the weights that gave the labels; None where there are none."""
    label_noise: float = 0.0
    """Probability that the teacher's label was flipped."""

    @property
    def p(self) -> int:
        """Number of patterns P."""
        return self.patterns.shape[0]

    @property
    def n(self) -> int:
        """Number of weights N."""
        return self.patterns.shape[1]

    @property
    def alpha(self) -> float:
        """P / N."""
        return self.p / self.n

    @cached_property
    def rows(self) -> np.ndarray:
        """Patterns packed along the weights, (p, ceil(n / 64)) uint64. Raises ArgumentError unless binary."""
        self._require_binary("rows")
        return pack_signs(self.patterns)

    @cached_property
    def columns(self) -> np.ndarray:
        """Patterns packed along the patterns, (n, ceil(p / 64)) uint64. Raises ArgumentError unless binary."""
        self._require_binary("columns")
        return pack_signs(np.ascontiguousarray(self.patterns.T))

    def stabilities(self, weights: np.ndarray) -> np.ndarray:
        """Delta = xi . w for weights (..., n) of +-1: (..., p) int64, or float64 for Gaussian patterns.

        Raises ArgumentError for weights of another length or other values.
        """
        signs = checked_weights(weights, self.n)
        # Whole numbers below 2^24 and multiples of 2^-20 are exact in double precision, and BLAS is fast there.
        product = signs.astype(np.float64) @ self.patterns.astype(np.float64, copy=False).T
        return product if self.kind == "gaussian" else np.rint(product).astype(np.int64)

    def least_stability(self, margin: float = 0.0) -> int | float:
        """The smallest stability that counts as right; a pattern is an error where Delta is below it.

        For binary patterns an integer with the parity of n, for Gaussian ones a multiple of 2^-20; `margin` is in
        units of sqrt(n). Raises ArgumentError for a margin that is not a finite number.
        """
        if isinstance(margin, bool) or not isinstance(margin, (int, float, np.number)) or not math.isfinite(margin):
            raise ArgumentError(f"margin: got {margin!r}; a finite number, in units of sqrt(n), is needed")
        bound = float(margin) * math.sqrt(self.n)
        if self.kind == "gaussian":
            least = math.ceil(bound / GRID) * GRID
            return least + GRID if margin == 0 and self.tie == "error" else least
        least = math.ceil(bound)
        least += (least - self.n) % 2
        return least + 2 if margin == 0 and self.tie == "error" else least

    def errors(self, weights: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Number of patterns that weights (..., n) get wrong, (...,) int64."""
        return (self.stabilities(weights) < self.least_stability(margin)).sum(axis=-1)

    def to_dataset(self) -> "xarray.Dataset":
        """Everything, packed, as a dataset that `from_dataset` reads."""
        import xarray

        said: dict[str, Any] = {"patterns_kind": self.kind, "n": self.n, "label_noise": self.label_noise}
        said |= {} if self.tie is None else {"tie": self.tie}
        said |= {} if self.seed is None else {"patterns_seed": str(self.seed)}
        packed = "signs packed little-endian, 64 to a word: bit set for +1"
        if self.kind == "binary":
            variables: dict[str, Any] = {
                "patterns": (("pattern", "word"), self.rows, {"long_name": "patterns times labels", "packing": packed})
            }
        else:
            variables = {"patterns": (("pattern", "site"), self.patterns, {"long_name": "patterns times labels"})}
        if self.teacher is not None:
            variables["teacher"] = (
                "teacher_word", pack_signs(self.teacher), {"long_name": "weights of the teacher", "packing": packed},
            )  # fmt: skip
        return xarray.Dataset(variables, attrs=said)

    @classmethod
    def from_dataset(cls, dataset: "xarray.Dataset", source: str = "dataset") -> "Patterns":
        """Inverse of `to_dataset`. Raises StoreError naming `source` for one that holds no patterns."""
        try:
            said = dataset.attrs
            kind, n = str(said["patterns_kind"]), int(said["n"])
            values = np.asarray(dataset["patterns"].values)
            patterns = unpack_signs(values, n) if kind == "binary" else values
            teacher = unpack_signs(dataset["teacher"].values, n) if "teacher" in dataset else None
            tie, seed = said.get("tie"), said.get("patterns_seed")
            return cls(patterns, kind, tie, None if seed is None else int(seed), teacher, float(said["label_noise"]))  # type: ignore[arg-type]
        except (KeyError, ValueError, TypeError) as error:
            raise StoreError(f"{source}: holds no patterns as Patterns.save writes them ({error})") from error

    def save(self, path: os.PathLike | str) -> None:
        """Write a new HDF5 file. Raises StoreError when it exists."""
        from mcmc.store.assembled import write_dataset
        from mcmc.store.provenance import Provenance

        if os.path.lexists(path):
            raise StoreError(f"{path}: exists already; nothing was written, choose another name")
        write_dataset(path, self.to_dataset(), Provenance.collect("", self.seed or 0))

    @classmethod
    def load(cls, path: os.PathLike | str) -> "Patterns":
        """Read what `save` wrote. Raises StoreError for a missing file or another one."""
        import xarray

        try:
            with xarray.open_dataset(path, engine="h5netcdf") as dataset:
                return cls.from_dataset(dataset.load(), str(path))
        except (OSError, ValueError) as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{path}: cannot be read as a file of patterns ({error})") from error

    def _require_binary(self, name: str) -> None:
        if self.kind != "binary":
            raise ArgumentError(f"{name}: Gaussian patterns have no packed form; use `patterns`, or kind='binary'")


def checked_weights(weights: Any, n: int, name: str = "weights") -> np.ndarray:
    """Weights (..., n) as int8. Raises ArgumentError unless every entry is +1 or -1."""
    values = np.asarray(weights)
    if values.ndim == 0 or values.shape[-1] != n:
        raise ArgumentError(f"{name}: got shape {values.shape}; the last axis must have the n = {n} weights")
    if not (np.abs(values) == 1).all() or values.dtype.kind not in "iuf":
        wrong = values[~(np.abs(values) == 1)]
        raise ArgumentError(f"{name}: got {wrong.flat[0] if wrong.size else values.dtype}; +1 and -1 only are allowed")
    return values.astype(np.int8)


def random_patterns(
    n: int,
    alpha: float | None = None,
    *,
    p: int | None = None,
    seed: int = 0,
    kind: Kind = "binary",
    tie: Tie | None = None,
) -> Patterns:
    """Patterns with independent entries and random labels: the storage problem.

    Give `alpha`, which makes p = alpha n rounded half up, or `p`. An instance with more patterns and the same seed
    begins with the same patterns. `tie` is required for even n and refused for odd n. Raises ArgumentError.
    """
    n, p = _checked_size(n, alpha, p)
    _check_kind(kind, n, tie)
    return Patterns(_entries(n, p, seed, kind), kind, tie, int(seed))


def planted_patterns(
    n: int,
    alpha: float | None = None,
    *,
    p: int | None = None,
    seed: int = 0,
    kind: Kind = "binary",
    label_noise: float = 0.0,
    tie: Tie | None = None,
) -> Patterns:
    """Patterns labelled by a random teacher, each label flipped with probability `label_noise`.

    Without noise the teacher is a solution; with noise e^-beta / (1 + e^-beta) it is a typical configuration at
    inverse temperature beta, and the Nishimori identities hold. A pattern with teacher's stability 0 (even n) gets
    the label +1. Other arguments and errors as for `random_patterns`; the noise lies in [0, 1/2].
    """
    n, p = _checked_size(n, alpha, p)
    _check_kind(kind, n, tie)
    if isinstance(label_noise, bool) or not 0.0 <= label_noise <= 0.5:
        raise ArgumentError(f"label_noise: got {label_noise!r}; a probability from 0 to 1/2 is needed")
    entries = _entries(n, p, seed, kind)
    teacher = (2 * (uniforms(seed, Stream.TEACHER, np.arange(n), 0, 0)[:, 0] < 0.5) - 1).astype(np.int8)
    stability = entries.astype(np.float64) @ teacher.astype(np.float64)
    labels = np.where(stability < 0, -1, 1)
    flipped = uniforms(seed, Stream.LABEL_NOISE, np.arange(p), 0, 0)[:, 0] < label_noise
    labels = np.where(flipped, -labels, labels).astype(entries.dtype)
    return Patterns(entries * labels[:, None], kind, tie, int(seed), teacher, float(label_noise))


def from_arrays(patterns: Any, labels: Any = None, *, kind: Kind = "binary", tie: Tie | None = None) -> Patterns:
    """Patterns (p, n) and labels (p,) of +-1 of your own; without labels they are taken as absorbed already.

    kind "binary" wants entries +-1, kind "gaussian" takes any finite numbers and rounds them to multiples of 2^-20.
    Raises ArgumentError for NaN, other values, other shapes, no pattern, or an even n without a tie rule.
    """
    values = np.asarray(patterns)
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "iufb":
        raise ArgumentError(
            f"patterns: got shape {values.shape} of {values.dtype}; numbers of shape (p, n) with p and n of at least "
            "1 are needed"
        )
    _checked_size(values.shape[1], None, values.shape[0])
    _check_kind(kind, values.shape[1], tie)
    entries = _checked_entries(values, kind)
    if labels is not None:
        signs = np.asarray(labels)
        if signs.shape != (values.shape[0],):
            raise ArgumentError(f"labels: got shape {signs.shape}; one for each of the {values.shape[0]} patterns")
        entries = entries * checked_weights(signs, signs.size, "labels").astype(entries.dtype)[:, None]
    return Patterns(np.ascontiguousarray(entries), kind, tie)


def _checked_entries(values: np.ndarray, kind: Kind) -> np.ndarray:
    right = np.isfinite(values) if kind == "gaussian" else np.abs(values.astype(np.float64)) == 1
    if not right.all():
        mu, i = np.argwhere(~right)[0]
        needed = "finite numbers" if kind == "gaussian" else "+1 and -1 (or kind='gaussian' for real entries)"
        raise ArgumentError(f"patterns[{mu}, {i}]: got {values[mu, i]}; {needed} are needed")
    if kind == "binary":
        return values.astype(np.int8)
    if np.abs(values).max() >= 2.0**8:
        raise ArgumentError(
            f"patterns: got entries up to {np.abs(values).max():.4g}; scale them below 256, so that sums stay exact"
        )
    return np.rint(values.astype(np.float64) / GRID) * GRID


def _checked_size(n: Any, alpha: Any, p: Any) -> tuple[int, int]:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n < MOST:
        raise ArgumentError(f"n: got {n!r}; a whole number of weights from 1 to {MOST - 1} is needed")
    if (alpha is None) == (p is None):
        raise ArgumentError(f"alpha, p: got alpha={alpha!r}, p={p!r}; give one of them")
    if p is None:
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float, np.number)) or not 0 < alpha < MOST:
            raise ArgumentError(f"alpha: got {alpha!r}; a number of patterns per weight above 0 is needed")
        exact = float(alpha) * int(n)
        p = math.floor(exact + 0.5)
        if abs(exact - p) > 1e-9 * exact:
            logging.getLogger("entroscape").info("alpha * n = %.10g rounded to p = %d patterns", exact, p)
        if p < 1:
            raise ArgumentError(f"alpha: got {alpha!r}, which makes alpha * n = {exact:.4g} patterns; 1 is the least")
    if isinstance(p, bool) or not isinstance(p, (int, np.integer)) or not 1 <= p < MOST:
        raise ArgumentError(f"p: got {p!r}; a whole number of patterns from 1 to {MOST - 1} is needed")
    return int(n), int(p)


def _check_kind(kind: Any, n: int, tie: Any) -> None:
    if kind not in ("binary", "gaussian"):
        raise ArgumentError(f"kind: got {kind!r}; 'binary' (+-1) or 'gaussian' entries are known")
    if tie not in (None, "error", "correct"):
        raise ArgumentError(f"tie: got {tie!r}; 'error' or 'correct': what a stability of exactly 0 counts as")
    if kind == "binary" and n % 2 == 0 and tie is None:
        raise ArgumentError(
            f"n: got the even number {n}, whose stabilities can be exactly 0; take n odd, or say what 0 counts as: "
            "tie='error' or tie='correct'"
        )
    if kind == "binary" and n % 2 and tie is not None:
        raise ArgumentError(f"tie: got {tie!r}, but with the odd n = {n} no stability is 0; leave it out")


def _entries(n: int, p: int, seed: int, kind: Kind) -> np.ndarray:
    """Entries (p, n); each depends on (seed, pattern, site) alone."""
    split_seed(seed)
    if kind == "gaussian":
        pairs = -(-n // 2)
        drawn = normals(seed, Stream.PATTERNS, np.arange(pairs)[None, :], 0, np.arange(p)[:, None], draw=1)
        return np.rint(drawn.reshape(p, 2 * pairs)[:, :n] / GRID) * GRID
    calls = -(-n // 128)
    drawn = words(seed, Stream.PATTERNS, np.arange(calls)[None, :], 0, np.arange(p)[:, None])
    octets = drawn.reshape(p, 4 * calls).astype("<u4", copy=False).view("<u8")
    return unpack_signs(octets, n)
