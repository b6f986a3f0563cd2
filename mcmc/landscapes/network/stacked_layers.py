"""Fully connected torch modules for all chains at once: products of stacked matrices, forwards and backwards.

A torch.nn.Sequential of linear layers and elementwise functions needs no vmap: layer by layer, chain c's outputs are
b_c + W_c h_c, one batched product for all chains, with samples as columns. Backwards, the derivative by W_c is
delta_c h_c' and goes straight to its place among the weights; what lies between two linear layers, and the loss, is
left to autograd. What a module is made of is looked at exactly: a layer of any other type, with hooks, or used twice,
is not taken.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

ELEMENTWISE = (
    "CELU", "Dropout", "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LeakyReLU", "LogSigmoid",
    "Mish", "ReLU", "ReLU6", "SELU", "Sigmoid", "SiLU", "Softplus", "Softsign", "Tanh", "Tanhshrink",
)  # fmt: skip
"""Types of torch.nn without parameters that, in evaluation mode, take each number for itself."""
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Product(NamedTuple):
    """A linear layer, by the names of its parameters."""

    weight: str
    bias: str | None


class StackedLayers:
    """The layers of a module in order: a Product, or an elementwise function of tensors."""

    def __init__(self, torch: Any, layers: list[Any]):
        self._torch, self.layers = torch, layers
        self.first = next(i for i, layer in enumerate(layers) if isinstance(layer, Product))

    def outputs(self, weights: Mapping[str, Any], inputs: Any) -> Any:
        """Outputs (chains, out, samples) for weights by name, (chains, *shape), and inputs (chains or 1, samples, in).

        No layer is kept for a derivative.
        """
        h = inputs.mT
        for layer in self.layers:
            h = self._product(layer, weights, h) if isinstance(layer, Product) else layer(h)
        return h

    def gradient(
        self, weights: Mapping[str, Any], inputs: Any, slope: Callable[[Any], tuple[Any, Any]], into: Mapping[str, Any]
    ) -> Any:
        """Losses (chains,); their derivatives by the weights go to `into`, tensors by name.

        `slope` gives the losses of outputs (chains, out, samples), and the derivatives by these.
        """
        passed = self._passed(weights, inputs)
        losses, delta = slope(passed.pop()[1].detach())
        for i in range(len(self.layers) - 1, self.first - 1, -1):
            (before, after), layer = passed[i], self.layers[i]
            if isinstance(layer, Product):
                delta = self._product_back(layer, weights, before, delta, into, i > self.first)
            elif type(layer) is self._torch.nn.Tanh:
                # Autograd takes half as long again for the most usual of them.
                delta = self._torch.ops.aten.tanh_backward(delta, after)
            else:
                (delta,) = self._torch.autograd.grad(after, before, delta)
        return losses

    def _passed(self, weights, inputs):
        """What went into each layer and what came out, with the small graph of a function; and the outputs, twice."""
        passed, h = [], inputs.mT
        for layer in self.layers:
            before = h.detach()
            if isinstance(layer, Product):
                with self._torch.no_grad():
                    h = self._product(layer, weights, before)
            elif type(layer) is self._torch.nn.Tanh:
                h = self._torch.tanh(before)
            else:
                with self._torch.enable_grad():
                    h = layer(before.requires_grad_())
            passed.append((before, h))
        return [*passed, (h, h)]

    def _product(self, layer, weights, h):
        weight = weights[layer.weight]
        columns = h.expand(len(weight), -1, -1)
        if layer.bias is None:
            return self._torch.bmm(weight, columns)
        return self._torch.baddbmm(weights[layer.bias][:, :, None], weight, columns)

    def _product_back(self, layer, weights, h, delta, into, further):
        """Derivatives by weight and bias, and, where `further`, that by the layer's inputs."""
        weight = weights[layer.weight]
        into[layer.weight].copy_(self._torch.bmm(delta, h.mT.expand(len(weight), -1, -1)))
        if layer.bias is not None:
            into[layer.bias].copy_(delta.sum(2))
        return self._torch.bmm(weight.mT, delta) if further else None


def cross_entropy_slope(outputs: Any, targets: Any) -> tuple[Any, Any]:
    """Mean -ln softmax(outputs)[target] over the samples, (chains,), and its derivative by the outputs.

    Outputs are (chains, out, samples), targets (chains or 1, samples). Autograd takes twice as long.
    """
    chosen = targets.expand(len(outputs), -1)[:, None]
    shares = outputs - outputs.amax(1, keepdim=True)
    own = shares.gather(1, chosen)
    total = shares.exp_().sum(1, keepdim=True)
    losses = (total.log() - own).mean((1, 2))
    share = 1.0 / outputs.shape[2]
    shares.mul_(share / total).scatter_add_(1, chosen, shares.new_full((1, 1, 1), -share).expand(chosen.shape))
    return losses, shares


def stacked_layers(torch: Any, model: Any) -> StackedLayers | None:
    """The layers of `model`, in evaluation mode, or None when it is anything else than linear layers in sequence.

    Layers that would work in place are told not to: the module must be one's own copy.
    """
    named, layers = list(_leaves(torch.nn, "", model)), []
    modules = [module for _, module in named if module is not None]
    parameters = [id(p) for module in modules for p in module.parameters()]
    plain = len(modules) == len(named) and len(set(parameters)) == len(parameters)
    if not plain or len(set(parameters)) != len(list(model.parameters())):
        return None
    for name, module in named:
        layer = _layer(torch.nn, name, module)
        if layer is None:
            return None
        layers.append(layer)
    return StackedLayers(torch, layers) if any(isinstance(layer, Product) for layer in layers) else None


def _leaves(nn, prefix, module):
    """Names and layers, in the order in which they are called; a layer with hooks is given as None."""
    hooked = any(getattr(module, name, None) for name in HOOKS) or "forward" in module.__dict__
    if type(module) is nn.Sequential and not hooked:
        # named_children would leave out a layer that is called a second time.
        for name, child in module._modules.items():
            yield from _leaves(nn, f"{prefix}{name}.", child)
    else:
        yield prefix, None if hooked else module


def _layer(nn, prefix, module):
    """A Product, an elementwise function, or None."""
    if type(module) is nn.Linear:
        return Product(prefix + "weight", None if module.bias is None else prefix + "bias")
    if type(module) in [getattr(nn, name) for name in ELEMENTWISE if hasattr(nn, name)]:
        if getattr(module, "inplace", False):
            module.inplace = False
        return module
    # Inputs are (samples, features), and no layer taken here makes more dimensions: nothing is left to flatten.
    flattens = type(module) is nn.Flatten and (module.start_dim, module.end_dim) == (1, -1)
    return nn.Identity() if flattens else None
