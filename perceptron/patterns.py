"""Instances of the binary perceptron: patterns with their labels absorbed.

N weights w_i = +-1 and P = alpha N patterns xi^mu; the stability of pattern mu is Delta^mu = sum_i xi_i^mu w_i, and
the pattern is classified rightly when Delta^mu > 0, with a margin kappa when Delta^mu >= kappa sqrt(N). Entries are
+-1 ("binary") or standard normal ("gaussian"), independent; a random label does not change the law of xi.

With N odd a binary stability is never 0. With N even it can be, and what 0 counts as, the tie rule, is part of the
instance. Gaussian entries are multiples of 2^-20: every stability is then exact in double precision in any order of
summation, on any device; one of exactly 0 is as good as impossible, and without a tie rule it counts as correct at
margin 0. A user's own "gaussian" entries that are whole numbers with an even sum need the tie rule.
Krauth & Mezard 1989, J. Physique 50, 3057; Gardner & Derrida 1988, J. Phys. A 21, 271.
"""

import hashlib
import logging
import math
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError, StoreError
from mcmc.random import Stream, uniforms
from perceptron.packing import pack_signs, unpack_signs
from perceptron.pattern_entries import (
    GRID,
    LARGEST_ENTRY,
    Kind,
    Tie,
    checked_array,
    checked_entries,
    draw_entries,
    row_blocks,
)

if TYPE_CHECKING:
    import xarray

MOST = 2**24
"""Most weights or patterns: the counters of the compiled loops are made for fewer."""

FEW = 64
"""Configurations up to which errors are counted one by one."""

UNIFORM_BYTES = 150
"""Memory that drawing one of the teacher's weights or one label's noise takes on the way."""

_rounded: set[tuple[int, float]] = set()
"""Sizes whose rounding was said already."""


@dataclass(frozen=True, eq=False, repr=False)
class Patterns:
    """One instance; `random_patterns`, `planted_patterns` and `from_arrays` make it and check what they are given.

    Its arrays are read-only: packed forms and energies made from them stay right.
    """

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

    def __post_init__(self):
        object.__setattr__(self, "patterns", _read_only(self.patterns))
        if self.teacher is not None:
            object.__setattr__(self, "teacher", _read_only(self.teacher))

    def __repr__(self) -> str:
        said = [f"{self.n} weights", f"{self.p} {self.kind} patterns"]
        said += [] if self.seed is None else [f"seed {self.seed}"]
        said += [] if self.tie is None else [f"tie={self.tie!r}"]
        said += [] if self.teacher is None else [f"labels of a teacher with noise {self.label_noise:.4g}"]
        return f"Patterns({', '.join(said)})"

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
        return _read_only(pack_signs(self.patterns))

    @cached_property
    def columns(self) -> np.ndarray:
        """Patterns packed along the patterns, (n, ceil(p / 64)) uint64. Raises ArgumentError unless binary."""
        self._require_binary("columns")
        return _read_only(pack_signs(self.patterns.T))

    def stabilities(self, weights: np.ndarray) -> np.ndarray:
        """Delta = xi . w for weights (..., n) of +-1: (..., p) int64, or float64 for Gaussian patterns.

        Raises ArgumentError for weights of another length or other values.
        """
        signs = checked_weights(weights, self.n)
        real, out = signs.astype(np.float64), np.empty((*signs.shape[:-1], self.p), self._stability_dtype)
        # Whole numbers below 2^24 and multiples of 2^-20 are exact in double precision, and BLAS is fast there.
        for first, last in row_blocks(self.p, self.n):
            out[..., first:last] = real @ self.patterns[first:last].astype(np.float64, copy=False).T
        return out

    def least_stability(self, margin: float = 0.0) -> int | float:
        """The smallest stability that counts as right; a pattern is an error where Delta is below it.

        For binary patterns an integer with the parity of n, for Gaussian ones a multiple of 2^-20; `margin` is in
        units of sqrt(n). A margin that no stability can reach, or that every one does, stands for any other such one:
        the result lies within twice the largest stability possible. Raises ArgumentError for a margin that is not a
        finite number.
        """
        if not math.isfinite(_real(margin)):
            raise ArgumentError(f"margin: got {margin!r}; a finite number, in units of sqrt(n), is needed")
        beyond = 2.0 * self.n * (LARGEST_ENTRY if self.kind == "gaussian" else 1.0)
        bound = min(max(float(margin) * math.sqrt(self.n), -beyond), beyond)
        if self.kind == "gaussian":
            least = math.ceil(bound / GRID) * GRID
            return least + GRID if margin == 0 and self.tie == "error" else least
        least = math.ceil(bound)
        least += (least - self.n) % 2
        return least + 2 if margin == 0 and self.tie == "error" else least

    def errors(self, weights: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Number of patterns that weights (..., n) get wrong, (...,) int64."""
        signs, least = checked_weights(weights, self.n), self.least_stability(margin)
        # For few weights packed patterns are read an order of magnitude faster than real numbers are made of them.
        if self.kind != "binary" or signs.size > self.n * FEW:
            return (self.stabilities(signs) < least).sum(axis=-1)
        packed = pack_signs(signs.reshape(-1, self.n))
        differing = [np.bitwise_count(self.rows ^ one).sum(axis=1, dtype=np.int64) for one in packed]
        wrong = [np.count_nonzero(self.n - 2 * count < least) for count in differing]
        return np.array(wrong, np.int64).reshape(signs.shape[:-1])[()]

    def identity(self) -> dict[str, str | int | float]:
        """What sets the instance apart, entries by checksum (SHA-256). See mcmc.landscape.IdentifiedLandscape."""
        return {
            "n": self.n,
            "p": self.p,
            "patterns_kind": self.kind,
            "tie": self.tie or "none",
            "patterns_sha256": self._checksum,
            "teacher_sha256": "none" if self.teacher is None else signs_checksum(self.teacher),
        }

    @cached_property
    def _checksum(self) -> str:
        if self.kind == "binary":
            return signs_checksum(self.patterns)
        return hashlib.sha256(np.ascontiguousarray(self.patterns, "<f8").tobytes()).hexdigest()

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
        """Inverse of `to_dataset`; also reads the file of a `sample` on these patterns.

        Raises StoreError naming `source` for a dataset that holds no patterns.
        """
        try:
            said = dataset.attrs
            kind, n = str(said["patterns_kind"]), int(said["n"])
            values = np.asarray(dataset["patterns"].values)
            patterns = unpack_signs(values, n) if kind == "binary" else values
            teacher = unpack_signs(dataset["teacher"].values, n) if "teacher" in dataset else None
            tie, seed = said.get("tie"), said.get("patterns_seed")
            tie = None if tie == "none" else tie
            return cls(patterns, kind, tie, None if seed is None else int(seed), teacher, float(said["label_noise"]))  # type: ignore[arg-type]
        except (KeyError, ValueError, TypeError) as error:
            raise StoreError(f"{source}: holds no patterns as Patterns.save writes them ({error})") from error

    def save(self, path: os.PathLike | str) -> None:
        """Write a new HDF5 file. Raises StoreError when it exists, ArgumentError for what names no file."""
        from mcmc.store.assembled import write_dataset
        from mcmc.store.provenance import Provenance

        _check_path(path)
        if os.path.lexists(path):
            raise StoreError(f"{path}: exists already; nothing was written, choose another name")
        write_dataset(path, self.to_dataset(), Provenance.collect("", self.seed or 0))

    @classmethod
    def load(cls, path: os.PathLike | str) -> "Patterns":
        """Read what `save` wrote. Raises StoreError for a missing or another file, ArgumentError for no file name."""
        import xarray

        _check_path(path)
        try:
            with xarray.open_dataset(path, engine="h5netcdf") as dataset:
                return cls.from_dataset(dataset.load(), str(path))
        except (OSError, ValueError) as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"{path}: cannot be read as a file of patterns ({error})") from error

    @property
    def _stability_dtype(self) -> type:
        return np.float64 if self.kind == "gaussian" else np.int64

    def _require_binary(self, name: str) -> None:
        if self.kind != "binary":
            raise ArgumentError(f"{name}: Gaussian patterns have no packed form; use `patterns`, or kind='binary'")


def signs_checksum(signs: np.ndarray) -> str:
    """SHA-256 of entries +-1 (..., n), packed, as hexadecimal digits."""
    return hashlib.sha256(pack_signs(signs).astype("<u8", copy=False).tobytes()).hexdigest()


def checked_weights(weights: Any, n: int, name: str = "weights") -> np.ndarray:
    """Weights (..., n) as int8. Raises ArgumentError unless every entry is +1 or -1."""
    values = checked_array(name, weights)
    if values.ndim == 0 or values.shape[-1] != n:
        raise ArgumentError(f"{name}: got shape {values.shape}; the last axis must have the n = {n} weights")
    if values.dtype.kind not in "iuf":
        raise ArgumentError(f"{name}: got values of type {values.dtype}; +1 and -1 only are allowed")
    wrong = np.abs(values) != 1
    if wrong.any():
        raise ArgumentError(f"{name}: got {values[wrong].flat[0]}; +1 and -1 only are allowed")
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
    begins with the same patterns. `tie` is required for even n and refused for odd n. Raises ArgumentError, and
    MemoryLimitError, before it starts, for more entries than the machine has memory for.
    """
    n, p = _checked_size(n, alpha, p)
    _check_kind(kind, n, tie)
    return Patterns(draw_entries(n, p, seed, kind), kind, tie, int(seed))


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
    if not 0.0 <= _real(label_noise) <= 0.5:
        raise ArgumentError(f"label_noise: got {label_noise!r}; a probability from 0 to 1/2 is needed")
    entries = draw_entries(n, p, seed, kind, UNIFORM_BYTES * (n + p))
    teacher = (2 * (uniforms(seed, Stream.TEACHER, np.arange(n), 0, 0)[:, 0] < 0.5) - 1).astype(np.int8)
    flipped = uniforms(seed, Stream.LABEL_NOISE, np.arange(p), 0, 0)[:, 0] < label_noise
    for first, last in row_blocks(p, n):
        block = entries[first:last]
        negative = block.astype(np.float64, copy=False) @ teacher.astype(np.float64) < 0
        block *= np.where(negative ^ flipped[first:last], -1, 1).astype(entries.dtype)[:, None]
    return Patterns(entries, kind, tie, int(seed), teacher, float(label_noise))


def from_arrays(patterns: Any, labels: Any = None, *, kind: Kind = "binary", tie: Tie | None = None) -> Patterns:
    """Patterns (p, n) and labels (p,) of +-1 of your own; without labels they are taken as absorbed already.

    kind "binary" wants entries +-1, kind "gaussian" takes any finite numbers, the largest of each pattern between
    2^-10 and 256, and rounds them to multiples of 2^-20. A tie rule is needed where stabilities can be exactly 0: for
    binary patterns with even n, and for Gaussian ones of whole numbers with an even sum. The arrays are copied.
    Raises ArgumentError for NaN, other values, other shapes, no pattern, or a tie rule that is missing.
    """
    values = checked_array("patterns", patterns)
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "iufb":
        raise ArgumentError(
            f"patterns: got shape {values.shape} of {values.dtype}; numbers of shape (p, n) with p and n of at least "
            "1 are needed"
        )
    _checked_size(values.shape[1], None, values.shape[0])
    _check_kind(kind, values.shape[1], tie)
    entries = checked_entries(values, kind, tie)
    if labels is not None:
        signs = checked_array("labels", labels)
        if signs.shape != (values.shape[0],):
            raise ArgumentError(f"labels: got shape {signs.shape}; one for each of the {values.shape[0]} patterns")
        entries = entries * checked_weights(signs, signs.size, "labels").astype(entries.dtype)[:, None]
    return Patterns(np.ascontiguousarray(entries), kind, tie)


def _checked_size(n: Any, alpha: Any, p: Any) -> tuple[int, int]:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n < MOST:
        raise ArgumentError(f"n: got {n!r}; a whole number of weights from 1 to {MOST - 1} is needed")
    if (alpha is None) == (p is None):
        raise ArgumentError(f"alpha, p: got alpha={alpha!r}, p={p!r}; give one of them")
    if p is None:
        if not 0 < _real(alpha) < MOST:
            raise ArgumentError(f"alpha: got {alpha!r}; a number of patterns per weight above 0 is needed")
        exact = float(alpha) * int(n)
        p = math.floor(exact + 0.5)
        if p < 1:
            raise ArgumentError(f"alpha: got {alpha!r}, which makes alpha * n = {exact:.4g} patterns; 1 is the least")
        if abs(exact - p) > 1e-9 * exact:
            _say_rounding(int(n), float(alpha), exact, p)
    if isinstance(p, bool) or not isinstance(p, (int, np.integer)) or not 1 <= p < MOST:
        raise ArgumentError(f"p: got {p!r}; a whole number of patterns from 1 to {MOST - 1} is needed")
    return int(n), int(p)


def _check_kind(kind: Any, n: int, tie: Any) -> None:
    if not isinstance(kind, str) or kind not in ("binary", "gaussian"):
        raise ArgumentError(f"kind: got {kind!r}; 'binary' (+-1) or 'gaussian' entries are known")
    if tie is not None and (not isinstance(tie, str) or tie not in ("error", "correct")):
        raise ArgumentError(f"tie: got {tie!r}; 'error' or 'correct': what a stability of exactly 0 counts as")
    if kind == "binary" and n % 2 == 0 and tie is None:
        raise ArgumentError(
            f"n: got the even number {n}, whose stabilities can be exactly 0; take n odd, or say what 0 counts as: "
            "tie='error' or tie='correct'"
        )
    if kind == "binary" and n % 2 and tie is not None:
        raise ArgumentError(f"tie: got {tie!r}, but with the odd n = {n} no stability is 0; leave it out")


def _say_rounding(n: int, alpha: float, exact: float, p: int) -> None:
    """Once for each size: a loop over instances says it once."""
    if (n, alpha) not in _rounded:
        _rounded.add((n, alpha))
        logging.getLogger("entroscape").warning(
            "alpha * n = %.10g rounded to p = %d patterns, alpha = %.10g; give p to choose it", exact, p, p / n
        )


def _real(value: Any) -> float:
    """A real number as a float, infinite where it is too large; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.setflags(write=False)
    return view


def _check_path(path: Any) -> None:
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"path: got {path!r}; the name of a file is needed")
