"""Starting weights of a torch module, drawn from torch's own laws by the engine's random numbers.

Linear and convolution: weights and biases uniform in +-1 / sqrt(fan-in), the fan-in that of the weight's shape behind
its first axis (what kaiming_uniform_ with a = sqrt 5 comes to). Recurrent layers: +-1 / sqrt(hidden size). Embedding:
standard normal. Normalisations and PReLU: as the module has them.
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.random import Stream, normals, uniforms


class Law(NamedTuple):
    """How a parameter starts."""

    kind: str
    """"uniform" in +-scale, "normal" times scale, or "kept"."""
    scale: float


def initial_laws(torch: Any, model: Any) -> list[Law | None]:
    """The law of each parameter in the order of `named_parameters`, None where the layer's kind is not known."""
    laws: dict[int, Law | None] = {}
    for module in model.modules():
        own = dict(module.named_parameters(recurse=False))
        for parameter in own.values():
            laws.setdefault(id(parameter), _law(torch.nn, module, own))
    return [laws[id(parameter)] for parameter in model.parameters()]


def _law(nn, module, own):
    if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
        if "weight" not in own:
            return None
        return Law("uniform", 1.0 / np.sqrt(max(1, own["weight"][0].numel())))
    if isinstance(module, nn.RNNBase):
        return Law("uniform", 1.0 / np.sqrt(module.hidden_size))
    if isinstance(module, nn.Embedding):
        return Law("normal", 1.0)
    norms = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.PReLU)
    return Law("kept", 1.0) if isinstance(module, norms) else None


def drawn_weights(laws, names, spans, start: np.ndarray, ids: np.ndarray, seed: int) -> np.ndarray:
    """Weights (chains, dim) float64; `start` (dim,) has those of the module itself, `spans` where each parameter lies.

    Raises ArgumentError for a parameter of a layer whose law is not known.
    """
    lacking = [name for name, law in zip(names, laws, strict=True) if law is None]
    if lacking:
        raise ArgumentError(
            f"initialise: got None, and torch's law for {', '.join(lacking[:3])} is not known here; give "
            "initialise(chains, seed), which returns (chains, dim)"
        )
    x = np.repeat(start[None, :], ids.size, axis=0)
    counters = np.arange(-(-start.size // 2))[None, :], 0, ids[:, None]
    even = 2.0 * uniforms(seed, Stream.INITIAL, *counters).reshape(ids.size, -1) - 1.0
    for (begin, end), law in zip(spans, laws, strict=True):
        if law.kind == "uniform":
            x[:, begin:end] = law.scale * even[:, begin:end]
        elif law.kind == "normal":
            bell = normals(seed, Stream.INITIAL, *counters, 1).reshape(ids.size, -1)
            x[:, begin:end] = law.scale * bell[:, begin:end]
    return x
