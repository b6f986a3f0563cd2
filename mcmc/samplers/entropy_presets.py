"""Constants of the papers on Entropy-SGD and Parle, and of the programs published with them, which differ.

`ENTROPY_SGD_CODE.optimizer_on(f, gamma=0.03, batch_size=128)`. The programs are ucla-vision/entropy-sgd
(python/optim.py and train.py; entropyoptim.lua and train.lua, which made the paper's results) and ucla-vision/parle
(parle_mpi.py) on GitHub. Where they differ from the papers' algorithms, as read there:

- Noise. Paper: sqrt(eta') eps xi, beta = 2 / eps^2. Programs: eta' eps / sqrt(eta'/2) = sqrt(2 eta') eps, beta = 1 /
  eps^2. Parle's program has none. The energy is a mean over n samples, so that its posterior would be beta = n.
- Averaging. Algorithm 1 of Entropy-SGD: mu <- (1 - alpha) mu + alpha y with alpha = .75, which keeps a = .25. All
  programs, and Parle's paper: a = .75. Parle's program does not start mu anew from x in each inner loop.
- Outer step. Algorithm 1: x - eta gamma (x - mu). Programs, and Parle's paper: x - eta (x - mu). Parle's program takes
  it from the last y, pulls to the mean of the mu, and its coupling is rho L n, of the outer step after this one.
- Momentum .9, none in algorithm 1. Programs: Nesterov's in the inner loop, which then samples no Gibbs law. That of
  Entropy-SGD goes past the pull and the noise, with a buffer that starts from 0 each time; Parle's through the pull,
  with a buffer that lives on, and looks ahead by the whole buffer (g + b, not g + .9 b). Python programs have it in
  outer steps too.
- Scoping. Of Entropy-SGD's programs only the Lua one counts its steps, from 1: in the Python one gamma stays as it is.
- Parle's program counts inner steps once for every tensor of weights; here weights are one vector. It divides both step
  sizes by 10 after every epoch, B inner loops.

Constants that a paper leaves open are those of its program, so Parle's momentum in both loops and eta' = eta.

Not done as there: before each inner loop Entropy-SGD's programs take one more gradient at x for their log. The Python
one starts its outer buffer from the first of these (put it into `state.outer_buffer` to do the same). Weight decay is
the landscape's.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any, NamedTuple

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.inner_loop import LoopConventions
from mcmc.samplers.learning_rates import step_rates
from mcmc.samplers.number_checks import number_within, positive_number, share, whole_number
from mcmc.samplers.scoping import Scoping, parle_scoping, scale_scoping

PARLE_EPOCHS = 5


class Preset(NamedTuple):
    """Constants under their published names, and what becomes of them here."""

    optimizer: str
    """Name of the class they are for."""
    source: str
    build: Callable[..., dict[str, Any]]

    def arguments(self, **constants: Any) -> dict[str, Any]:
        """Keyword arguments of the class, with published constants replaced by `constants`.

        Raises ArgumentError for names it does not have, numbers out of range, and constants left out that have no
        published value.
        """
        known = signature(self.build).parameters
        for name in constants:
            if name not in known:
                raise ArgumentError(f"{name}: not a constant of {self.source}, which has {', '.join(known)}")
        for name, parameter in known.items():
            if parameter.default is parameter.empty and name not in constants:
                raise ArgumentError(f"{name}: left out, and {self.source} has no value for all problems; give one")
        return self.build(**constants)

    def optimizer_on(self, landscape: SmoothLandscape, **given: Any) -> Any:
        """The optimiser itself; `given` are published constants, and arguments of its class, which go before them.

        Raises ArgumentError for names of neither, and what `arguments` and the class refuse.
        """
        from mcmc import samplers

        cls = getattr(samplers, self.optimizer)
        constants = {name: value for name, value in given.items() if name in signature(self.build).parameters}
        others = {name: value for name, value in given.items() if name not in constants}
        known = list(signature(cls).parameters)[1:]
        for name in others:
            if name not in known:
                raise ArgumentError(
                    f"{name}: neither a constant of {self.source}, which has "
                    f"{', '.join(signature(self.build).parameters)}, nor an argument of {self.optimizer}"
                )
        return cls(landscape, **{**self.arguments(**constants), **others})


def _beta(noise: Any, times: float) -> float:
    """times / eps^2; infinity without noise."""
    eps = number_within("noise", noise, 0.0)
    return times / eps**2 if eps else float("inf")


def _scale(gamma: Any, scoping: Any) -> Scoping:
    """t = 1 / gamma, with errors that name what was given."""
    return scale_scoping(positive_number("gamma", gamma), number_within("scoping", scoping, 0.0))


def _falling(name: str, value: Any, last: float, argument: str) -> float:
    """A constant of Parle's that is lowered from `value` on to `last`."""
    if positive_number(name, value) < last:
        raise ArgumentError(
            f"{name}: got {value}; arXiv:1707.00424 lowers it to {last:g}, so {last:g} or more is needed; for less "
            f"give {argument} to Parle"
        )
    return float(value)


def _entropy_sgd_paper(step_size, gamma=1e-4, scoping=1e-3, noise=1e-4, steps=20, inner_step_size=0.1, alpha=0.75):
    return {
        "beta": _beta(noise, 2.0),
        "step_size": step_size,
        "scale": _scale(gamma, scoping),
        "steps": steps,
        "inner_step_size": inner_step_size,
        "averaging": 1.0 - share("alpha", alpha),
    }


def _entropy_sgd_code(step_size=0.1, gamma=1e-4, noise=1e-4, steps=20):
    return {
        "beta": _beta(noise, 1.0),
        "step_size": step_size,
        "scale": _scale(gamma, 0.0),
        "steps": steps,
        "inner_step_size": 0.1,
        "averaging": 0.75,
        "momentum": 0.9,
        "nesterov": True,
        "outer_momentum": 0.9,
        "outer": "average",
        "conventions": LoopConventions(whole_momentum=False),
    }


def _entropy_sgd_lua(step_size=1.0, gamma=0.03, scoping=1e-3, noise=1e-4, steps=20):
    scale = _scale(gamma, scoping)
    return {
        **_entropy_sgd_code(step_size, gamma, noise, steps),
        "scale": scale._replace(first=scale.first * scale.ratio),
        "outer_momentum": 0.0,
    }


def _parle_paper(batches, replicas=3, step_size=0.1, gamma=100.0, rho=1.0, steps=25):
    return {
        "replicas": replicas,
        "step_size": positive_number("step_size", step_size),
        "inner_step_size": step_size,
        "scale": parle_scoping(_falling("gamma", gamma, 1.0, "scale"), batches, 1.0),
        "coupling": parle_scoping(_falling("rho", rho, 0.1, "coupling"), batches, 0.1, inverse=True),
        "steps": steps,
        "averaging": 0.75,
        "momentum": 0.9,
        "nesterov": True,
        "outer_momentum": 0.9,
    }


def _parle_code(batches, replicas=3, step_size=0.1, gamma=0.01, rho=0.01, steps=25):
    number, length, copies = (
        whole_number(name, value) for name, value in (("batches", batches), ("steps", steps), ("replicas", replicas))
    )
    growth = 1.0 + 0.5 / number
    coupling = number_within("rho", rho, 0.0) * length * copies * growth
    return {
        "replicas": copies,
        "step_size": positive_number("step_size", step_size),
        "inner_step_size": step_size,
        "scale": scale_scoping(min(positive_number("gamma", gamma), 1.0), growth - 1.0, 1.0),
        "coupling": Scoping(min(coupling, 10.0), growth, 10.0) if coupling else 0.0,
        "steps": length,
        "averaging": 0.75,
        "momentum": 0.9,
        "nesterov": True,
        "outer_momentum": 0.9,
        "rates": step_rates([number * length * epoch for epoch in range(1, PARLE_EPOCHS)], 0.1),
        "conventions": LoopConventions(
            keep_momentum=True, keep_average=True, look_ahead=1.0, start_from_inner=True, couple_to_averages=True,
            inner_rates=True,
        ),
    }  # fmt: skip


ENTROPY_SGD_PAPER = Preset("EntropySGD", "arXiv:1611.01838", _entropy_sgd_paper)
ENTROPY_SGD_CODE = Preset("EntropySGD", "ucla-vision/entropy-sgd, python", _entropy_sgd_code)
ENTROPY_SGD_LUA = Preset("EntropySGD", "ucla-vision/entropy-sgd, Lua", _entropy_sgd_lua)
PARLE_PAPER = Preset("Parle", "arXiv:1707.00424", _parle_paper)
PARLE_CODE = Preset("Parle", "ucla-vision/parle, parle_mpi.py", _parle_code)
