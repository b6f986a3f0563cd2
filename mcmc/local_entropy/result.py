"""What every estimator of the local entropy returns: values over distances or scales, with errors and diagnostics.

Around a reference configuration r of N spins +-1, at distance d = (1 - r.w / N) / 2 (a fraction of flipped spins),

    S(d) = (1/N) ln sum_(w at distance d from r) exp(-beta E(w)),

in nats per weight; at beta = infinity the number of configurations of energy 0 (solutions) is counted. Around a point x
of a smooth landscape, at scale t,

    u(x, t) = -(1/beta) ln [ G_(t/beta) * exp(-beta f) ](x),   G_s(x) = (2 pi s)^(-dim/2) exp(-|x|^2 / (2 s)),

the solution of the viscous Hamilton-Jacobi equation that starts from f (Chaudhari, Oberman, Osher, Soatto & Carlier
2018, arXiv:1704.04932). Local entropy with the sign and constants of Entropy-SGD (arXiv:1611.01838), F(x, gamma) =
ln int exp(-beta f(y) - beta gamma |x - y|^2 / 2) dy with gamma = 1 / t, is `entropy_sgd_value`.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError, StoreError

if TYPE_CHECKING:
    import xarray

DISTANCE, SCALE = "distance", "scale"

_SAID = {
    DISTANCE: ("distance", "normalised Hamming distance from the reference", "local entropy per weight", "nats"),
    SCALE: ("scale", "scale t of the smoothing", "smoothed free energy u(x, t)", "energy"),
}


@dataclass(frozen=True)
class Ladder:
    """The strengths at which an estimator sampled, and how well neighbours are joined."""

    gamma: np.ndarray
    """(rungs,) float64: coupling to the reference; 1 / t for smooth landscapes."""
    beta: np.ndarray
    """(rungs,) float64: inverse temperature of each rung."""
    overlap: np.ndarray
    """(rungs - 1,) float64: share of samples that a rung has in common with the next, 0 to 1; NaN where not known."""
    effective_samples: np.ndarray
    """(rungs,) float64: independent samples behind each rung."""


@dataclass(frozen=True)
class LocalEntropy:
    """Local entropy around one reference. Arrays over points are (points,) float64, in the order asked for."""

    kind: str
    """"distance": S(d) of spins; "scale": u(x, t) of a smooth landscape."""
    scale: np.ndarray
    """(points,): distance d, or scale t."""
    value: np.ndarray
    """(points,): S(d) in nats per weight, or u in units of energy. -inf where nothing was found and none can be."""
    error: np.ndarray
    """(points,): one standard error, autocorrelation and integration error in it; 0 where exact, NaN where unknown."""
    method: str
    """What estimated it, "integration" for instance."""
    reference: np.ndarray
    """(sites,) int8 of +-1 or (dim,) float64: the configuration at distance 0."""
    beta: float
    """Inverse temperature; infinity for solutions only."""
    gamma: np.ndarray | None = None
    """(points,): coupling at which each distance is typical, (1/2) dS/dd; 1 / t for smooth landscapes."""
    effective_samples: np.ndarray | None = None
    """(points,): independent samples behind each value; infinity where exact."""
    ladder: Ladder | None = None
    warnings: tuple[str, ...] = ()
    """What is not as it should be, and by how much; empty when all is well."""
    more: Mapping[str, tuple[tuple[str, ...], np.ndarray, str]] = field(default_factory=dict)
    """Further results by name: dims, of which the first is `distance` or `scale`, values and what they are."""
    companions: Mapping[str, "LocalEntropy"] = field(default_factory=dict)
    """The same curve by other estimators from the same samples, by method."""

    def __post_init__(self) -> None:
        if self.kind not in _SAID:
            raise ArgumentError(f"kind: got {self.kind!r}; 'distance' or 'scale' is needed")
        for name in ("scale", "value", "error", "gamma", "effective_samples"):
            given = getattr(self, name)
            if given is None and name in ("gamma", "effective_samples"):
                given = np.full(np.shape(self.scale), np.nan)
            array = np.atleast_1d(np.asarray(given, dtype=np.float64))
            if array.shape != np.atleast_1d(self.scale).shape or array.ndim != 1:
                raise ArgumentError(f"{name}: got shape {array.shape}; one value a point is needed")
            object.__setattr__(self, name, array)

    @property
    def converged(self) -> bool:
        """Whether there is nothing to warn about."""
        return not self.warnings

    @property
    def dim(self) -> int:
        """Spins or coordinates of the reference."""
        return int(np.size(self.reference))

    def entropy_sgd_value(self) -> np.ndarray:
        """F(x, gamma) of arXiv:1611.01838 with gamma = 1 / t, (points,): -beta u - (dim / 2) ln(beta / (2 pi t)).

        Raises ArgumentError for a curve over distances.
        """
        if self.kind != SCALE:
            raise ArgumentError("entropy_sgd_value: the curve is over distances; smooth landscapes have this form")
        return -self.beta * self.value - 0.5 * self.dim * np.log(self.beta / (2.0 * math.pi * self.scale))

    def z_scores(self, exact: Any, exact_error: Any = 0.0) -> np.ndarray:
        """(value - exact) in standard errors of the difference, (points,); 0 where both are the same and exact."""
        known = np.asarray(exact, dtype=np.float64)
        spread = np.hypot(self.error, exact_error)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where((self.value == known) & (spread == 0), 0.0, (self.value - known) / spread)

    def to_xarray(self) -> "xarray.Dataset":
        """The curve over dim `distance` or `scale`, with errors, ladder and companions; units in the attributes."""
        import xarray

        dim, said, quantity, units = _SAID[self.kind]
        energy = f"one standard error of the {quantity}"
        variables: dict[str, Any] = {
            "value": (dim, self.value, {"long_name": quantity, "units": units}),
            "error": (dim, self.error, {"long_name": energy, "units": units}),
            "gamma": (dim, self.gamma, {"long_name": "coupling to the reference", "units": "1"}),
            "effective_samples": (dim, self.effective_samples, {"long_name": "independent samples", "units": "1"}),
            "reference": ("site", self.reference, {"long_name": "reference configuration", "units": "1"}),
        }
        for name, (dims, values, text) in self.more.items():
            variables[name] = (dims, values, {"long_name": text, "units": "1"})
        for name, other in self.companions.items():
            variables[f"{name}_value"] = (dim, other.value, {"long_name": f"{quantity}, by {name}", "units": units})
            variables[f"{name}_error"] = (dim, other.error, {"long_name": f"{energy}, by {name}", "units": units})
        if self.ladder is not None:
            variables |= _ladder_variables(self.ladder)
        coords = {dim: (dim, self.scale, {"long_name": said, "units": "1"})}
        attributes = {
            "method": self.method, "beta": self.beta, "landscape_kind": self.kind,
            "warnings": "\n".join(self.warnings), "companions": "\n".join(self.companions),
        }  # fmt: skip
        return xarray.Dataset(variables, coords, attributes)

    @classmethod
    def from_xarray(cls, dataset: "xarray.Dataset", source: str = "dataset") -> "LocalEntropy":
        """What `to_xarray` made. Of companions only values and errors are kept there.

        Raises StoreError, which names `source`, when something is missing.
        """
        try:
            return _from_xarray(dataset)
        except (KeyError, ValueError, TypeError) as error:
            raise StoreError(f"{source}: holds no local entropy as LocalEntropy.save writes it ({error})") from error

    def save(self, path: os.PathLike | str) -> None:
        """Write a new HDF5 file. Raises StoreError when it exists or cannot be written, ArgumentError for no name."""
        from mcmc.store.assembled import write_dataset
        from mcmc.store.provenance import Provenance

        if os.path.lexists(_file_name(path)):
            raise StoreError(f"{path}: exists already; nothing was written, choose another name")
        write_dataset(path, self.to_xarray(), Provenance.collect("", 0))

    @classmethod
    def load(cls, path: os.PathLike | str) -> "LocalEntropy":
        """Read what `save` wrote. Raises StoreError for a missing or another file, ArgumentError for no file name."""
        from mcmc.store.reader import open_run_file

        return cls.from_xarray(open_run_file(_file_name(path)), str(path))


def _file_name(path: Any) -> os.PathLike | str:
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"path: got {path!r}; a file name is needed")
    return path


def _from_xarray(dataset: "xarray.Dataset") -> LocalEntropy:
    kind = DISTANCE if DISTANCE in dataset.dims else SCALE
    beta, names = float(dataset.attrs["beta"]), [str(name) for name in dataset.attrs["companions"].split("\n") if name]
    given = {name: dataset[name].values for name in ("value", "error", "gamma", "effective_samples", "reference")}
    scale = dataset[kind].values
    companions = {
        name: LocalEntropy(
            kind,
            scale,
            dataset[f"{name}_value"].values,
            dataset[f"{name}_error"].values,
            name,
            given["reference"],
            beta,
        )
        for name in names
    }
    ladder = None
    if "ladder_gamma" in dataset:
        parts = [dataset[f"ladder_{name}"].values for name in ("gamma", "beta", "overlap", "effective_samples")]
        ladder = Ladder(parts[0], parts[1], parts[2][:-1], parts[3])
    known = {*given, *(f"{name}_{part}" for name in names for part in ("value", "error"))}
    more = {
        str(name): (tuple(str(dim) for dim in found.dims), found.values, str(found.attrs.get("long_name", "")))
        for name, found in dataset.data_vars.items()
        if name not in known and not str(name).startswith("ladder_")
    }
    said = tuple(text for text in str(dataset.attrs["warnings"]).split("\n") if text)
    return LocalEntropy(
        kind=kind, scale=scale, method=str(dataset.attrs["method"]), beta=beta, ladder=ladder, warnings=said,
        more=more, companions=companions, **given,
    )  # fmt: skip


def _ladder_variables(ladder: Ladder) -> dict[str, Any]:
    overlap = np.append(ladder.overlap, np.nan) if ladder.gamma.size else np.empty(0)
    return {
        "ladder_gamma": ("rung", ladder.gamma, {"long_name": "coupling of the rung", "units": "1"}),
        "ladder_beta": ("rung", ladder.beta, {"long_name": "inverse temperature of the rung", "units": "1"}),
        "ladder_overlap": ("rung", overlap, {"long_name": "overlap with the next rung", "units": "1"}),
        "ladder_effective_samples": (
            "rung", ladder.effective_samples, {"long_name": "independent samples of the rung", "units": "1"},
        ),
    }  # fmt: skip
