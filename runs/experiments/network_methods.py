"""Every optimiser that experiments on networks compare: its name, what is tuned, and how it is built from a run file.

The step size, the one number that is tuned, is that of each gradient: of the inner steps where a method has two.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from runs.spec import Section

if TYPE_CHECKING:
    from mcmc.landscape import SmoothLandscape
    from mcmc.samplers.scoping import Scoping

Kept = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Above = Annotated[float, Field(gt=0)]
Steps = Annotated[int, Field(ge=1)]
Replicas = Annotated[int, Field(ge=1, le=64)]


class StepSizes(Section):
    """Middle of the sweep over step sizes of each method; `tuning.factors` multiply it."""

    sgd: Above = Field(0.3, description="SGD")
    momentum: Above = Field(0.03, description="SGD with momentum")
    adam: Above = Field(0.01, description="Adam")
    rmsprop: Above = Field(0.003, description="RMSprop")
    adagrad: Above = Field(0.03, description="AdaGrad")
    svrg: Above = Field(0.3, description="SVRG")
    saga: Above = Field(0.3, description="SAGA")
    entropy_sgd: Above = Field(0.3, description="inner steps of Entropy-SGD")
    elastic_sgd: Above = Field(1.0, description="Elastic-SGD")
    replicated_sgd: Above = Field(1.0, description="replicated SGD")
    parle: Above = Field(0.3, description="inner steps of Parle, which have momentum")


class EntropyOptions(Section):
    """Entropy-SGD (arXiv:1611.01838)."""

    scale: Above = Field(100.0, description="t = 1 / gamma of the local entropy whose gradient is followed")
    last_scale: Above = Field(1.0, description="t at the end of the run, geometrically (scoping)")
    steps: Steps = Field(20, description="L: inner steps for one outer step")
    outer: Share = Field(1.0, description="outer step, as a share of the way from x to the mean of the inner steps")
    averaging: Kept = Field(0.75, description="weight of the past in that mean")
    beta: Above = Field(
        2e8,
        description="inverse temperature of the inner steps, which sample exp(-beta f); this is 2 / noise^2 of the "
        "paper's noise, 1e-4; inf: no noise is added",
    )
    momentum: Kept = Field(0.0, description="of the inner steps")


class ElasticOptions(Section):
    """Elastic-SGD (Zhang, Choromanska & LeCun 2015)."""

    replicas: Replicas = Field(3, description="replicas")
    coupling: Above = Field(0.1, description="rho: pull of the centre on each replica")
    last_coupling: Above = Field(1.0, description="rho at the end of the run, geometrically")
    momentum: Kept = Field(0.0, description="of each replica")


class ReplicatedOptions(Section):
    """Replicated SGD (arXiv:1605.06444)."""

    replicas: Replicas = Field(3, description="replicas")
    coupling: Above = Field(0.1, description="gamma: pull of the mean on each replica")
    last_coupling: Above = Field(1.0, description="gamma at the end of the run, geometrically")
    momentum: Kept = Field(0.0, description="of each replica")


class ParleOptions(Section):
    """Parle (arXiv:1707.00424)."""

    replicas: Replicas = Field(3, description="replicas")
    scale: Above = Field(100.0, description="t of each replica's local entropy; the paper's gamma")
    last_scale: Above = Field(1.0, description="t at the end of the run, geometrically (scoping)")
    coupling: Above = Field(0.1, description="pull of the centre on each replica in an outer step; the paper's 1 / rho")
    last_coupling: Above = Field(1.0, description="the same at the end of the run, geometrically")
    steps: Steps = Field(25, description="L: inner steps for one outer step")
    outer: Share = Field(1.0, description="outer step, as a share of the way from x to the mean of the inner steps")
    averaging: Kept = Field(0.75, description="weight of the past in that mean")
    momentum: Kept = Field(0.9, description="of the inner steps")


class Methods(Section):
    """What is not tuned."""

    momentum: Kept = Field(0.9, description="of SGD with momentum")
    nesterov: bool = Field(True, description="Nesterov's momentum in it")
    entropy_sgd: EntropyOptions = Field(default_factory=lambda: EntropyOptions.model_validate({}))
    elastic_sgd: ElasticOptions = Field(default_factory=lambda: ElasticOptions.model_validate({}))
    replicated_sgd: ReplicatedOptions = Field(default_factory=lambda: ReplicatedOptions.model_validate({}))
    parle: ParleOptions = Field(default_factory=lambda: ParleOptions.model_validate({}))


Build = Callable[["SmoothLandscape", float, Methods, Mapping[str, Any], int], Any]


class Method(NamedTuple):
    """An optimiser of the comparison."""

    label: str
    build: Build
    """(landscape, step size, what is not tuned, keywords of batches and rates, sweeps of the run) to the sampler."""


def _named(name: str) -> Build:
    """Optimisers that are told a step size and batches alone."""

    def build(f: Any, step_size: float, methods: Methods, batches: Mapping[str, Any], sweeps: int) -> Any:
        import mcmc.samplers

        return getattr(mcmc.samplers, name)(f, step_size=step_size, **batches)

    return build


def _momentum(f: Any, step_size: float, methods: Methods, batches: Mapping[str, Any], sweeps: int) -> Any:
    from mcmc.samplers import SGD

    nesterov = methods.nesterov and methods.momentum > 0
    return SGD(f, step_size=step_size, momentum=methods.momentum, nesterov=nesterov, **batches)


def _entropy_sgd(f: Any, step_size: float, methods: Methods, batches: Mapping[str, Any], sweeps: int) -> Any:
    from mcmc.samplers import EntropySGD

    options = methods.entropy_sgd
    return EntropySGD(
        f, options.beta, step_size=options.outer, outer="average",
        scale=_along(options.scale, options.last_scale, sweeps // options.steps), steps=options.steps,
        inner_step_size=step_size, averaging=options.averaging, momentum=options.momentum,
        nesterov=options.momentum > 0, **batches,
    )  # fmt: skip


def _elastic_sgd(f: Any, step_size: float, methods: Methods, batches: Mapping[str, Any], sweeps: int) -> Any:
    from mcmc.samplers import ElasticSGD

    options = methods.elastic_sgd
    return ElasticSGD(
        f, step_size=step_size, replicas=options.replicas, momentum=options.momentum,
        coupling=_along(options.coupling, options.last_coupling, sweeps), **batches,
    )  # fmt: skip


def _replicated_sgd(f: Any, step_size: float, methods: Methods, batches: Mapping[str, Any], sweeps: int) -> Any:
    from mcmc.samplers import ReplicatedSGD

    options = methods.replicated_sgd
    return ReplicatedSGD(
        f, step_size=step_size, replicas=options.replicas, momentum=options.momentum,
        coupling=_along(options.coupling, options.last_coupling, sweeps), **batches,
    )  # fmt: skip


def _parle(f: Any, step_size: float, methods: Methods, batches: Mapping[str, Any], sweeps: int) -> Any:
    from mcmc.samplers import Parle

    options = methods.parle
    loops = sweeps // options.steps
    return Parle(
        f, step_size=options.outer, replicas=options.replicas, scale=_along(options.scale, options.last_scale, loops),
        coupling=_along(options.coupling, options.last_coupling, loops), steps=options.steps,
        inner_step_size=step_size, averaging=options.averaging, momentum=options.momentum,
        nesterov=options.momentum > 0, **batches,
    )  # fmt: skip


def _along(first: float, last: float, steps: int) -> "float | Scoping":
    """From the first value to the last in `steps` steps, geometrically."""
    from mcmc.samplers.scoping import Scoping

    if first == last or steps < 2:
        return first
    return Scoping(first, (last / first) ** (1.0 / (steps - 1)), last)


METHODS: dict[str, Method] = {
    "sgd": Method("SGD", _named("SGD")),
    "momentum": Method("momentum SGD", _momentum),
    "adam": Method("Adam", _named("Adam")),
    "rmsprop": Method("RMSprop", _named("RMSprop")),
    "adagrad": Method("AdaGrad", _named("AdaGrad")),
    "svrg": Method("SVRG", _named("SVRG")),
    "saga": Method("SAGA", _named("SAGA")),
    "entropy_sgd": Method("Entropy-SGD", _entropy_sgd),
    "elastic_sgd": Method("Elastic-SGD", _elastic_sgd),
    "replicated_sgd": Method("replicated SGD", _replicated_sgd),
    "parle": Method("Parle", _parle),
}
"""By the name that run files use."""


def constants(name: str, methods: Methods) -> str:
    """What is not tuned of a method, in words."""
    own = getattr(methods, name, None) if name != "momentum" else None
    if own is None:
        said = {
            "momentum": f"momentum {methods.momentum:g}{', Nesterov' if methods.nesterov else ''}",
            "adam": "betas .9, .999, eps 1e-8", "rmsprop": "alpha .99, eps 1e-8", "adagrad": "eps 1e-10",
            "svrg": "full gradients every two epochs",
        }.get(name, "no other constant")  # fmt: skip
        return f"{METHODS[name].label}: {said}"
    words = {"beta": "beta", "replicas": "replicas", "steps": "L", "scale": "t", "coupling": "coupling",
             "averaging": "averaging", "outer": "outer step", "momentum": "momentum"}  # fmt: skip
    parts = []
    for key, word in words.items():
        if hasattr(own, key):
            last = getattr(own, f"last_{key}", None)
            parts.append(f"{word} {getattr(own, key):g}{'' if last is None else f' to {last:g}'}")
    if name == "parle":
        parts.insert(0, "beta inf")
    return f"{METHODS[name].label}: {', '.join(parts)}"


def noise_factor(name: str, methods: Methods) -> float:
    """1 / (1 - momentum): how many steps a gradient acts for, by which momentum multiplies the step size."""
    own = getattr(methods, name, 0.0)
    return 1.0 / (1.0 - float(own if isinstance(own, float) else own.momentum))


REPLICATED = ("elastic_sgd", "replicated_sgd", "parle")
"""Those with replicas."""
