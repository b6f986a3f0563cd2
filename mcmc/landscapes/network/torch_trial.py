"""A trial of a torch module and its loss on a few samples, so that what does not fit is said before a run begins.

What is needed: outputs (samples, out) of each sample alone, no random numbers, and a loss that is the mean over the
samples of losses with a gradient, also where each chain has samples of its own.
"""

import copy
import warnings
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError

SAMPLES = 5
SEEDS = (1, 2, 3)


def try_network(network: Any, model: Any) -> None:
    """Raise ArgumentError for whatever of a NetworkLoss does not work; `model` is the module as the user gave it."""
    torch = network._torch
    chosen = np.arange(SAMPLES) % network.data.size
    inputs, targets = network._inputs[chosen], network._targets[chosen]
    weights = network._start()[None]
    if network.batched_loss is None:
        outputs = _outputs(network, weights, inputs)
    _refuse_random_training(torch, network, model, inputs)
    if network.batched_loss is None:
        _refuse_mixing(torch, network, weights, inputs, outputs)
        if not isinstance(network.loss, str):
            _try_loss(torch, network.loss, outputs[0], targets)

    def losses(points, given, wanted, axis):
        if network.batched_loss is not None:
            return network.batched_loss(points, given, wanted)
        return torch.func.vmap(network._mean_loss, in_dims=(0, axis, axis))(network._pieces(points), given, wanted)

    name = "loss" if network.batched_loss is None else "batched_loss"
    weighted = name == "loss" and getattr(network.loss, "weight", None) is not None
    _refuse_no_mean(torch, name, losses, torch.cat([weights, 1.1 * weights + 0.01]), inputs, targets, weighted)


def called(network: Any, weights: Any, inputs: Any) -> Any:
    """What the module gives for weights (chains, dim) and inputs (samples, features).

    Raises ArgumentError, with what to do about it, where it cannot be called.
    """
    try:
        return network._forward(network._pieces(weights), inputs)
    except Exception as error:
        if network.batched_loss is not None:
            raise ArgumentError(
                f"outputs: {type(network.model).__name__} cannot be called for all chains at once, and batched_loss "
                f"gives losses alone ({_first_line(error)})"
            ) from error
        raise ArgumentError(_why(error, f"model: cannot be called on inputs {tuple(inputs.shape)}", IMAGES)) from error


def _outputs(network, weights, inputs):
    with network._torch.no_grad():
        outputs = called(network, weights, inputs)
    if not isinstance(outputs, network._torch.Tensor):
        raise ArgumentError(f"model: gives {type(outputs).__name__}; one tensor (samples, outputs) is needed")
    shape, asked = tuple(outputs.shape[1:]), network.data.outputs
    wide = len(shape) == 2 and shape[0] == len(inputs)
    fits = {"cross_entropy": wide and shape[-1] >= asked, "squared": wide and shape[-1] == asked}
    if not wide or (isinstance(network.loss, str) and not fits[network.loss]):
        raise ArgumentError(
            f"model: gives outputs {shape} for {len(inputs)} samples; outputs ({len(inputs)}, {asked}) are needed"
        )
    return outputs


IMAGES = "for images begin with torch.nn.Unflatten(1, (channels, height, width))"


def _why(error: Exception, what: str, advice: str) -> str:
    """One line for an error of torch's."""
    text, name = _first_line(error), what.split(":")[0]
    if "rrelu" in text:
        return "model: has RReLU, which cannot be worked on for all chains at once; use LeakyReLU, its evaluation mode"
    if "random" in text:
        return (
            f"{name}: draws random numbers, in evaluation mode too; give functional dropout "
            "training=self.training, or leave it out"
        )
    if "data-dependent" in text or ".item()" in text:
        return (
            f"{name}: decides by the values of its tensors, which cannot be done for all chains at once; "
            "use torch.where in place of if, and no .item()"
        )
    if "Batching rule" in text:
        return (
            f"{name}: has an operation that torch cannot do for all chains at once, as recurrent layers "
            f"have; write it in others, or give batched_loss ({text.split(';')[0]})"
        )
    if "Double" in text or "double" in text:
        mend = "register them as buffers" if name == "model" else f"use {name}.double(), or double tensors in it"
        return f"{what}: some of its numbers are float32, and the data float64; {mend}, or dtype='float32' ({text})"
    return f"{what}; {advice} ({type(error).__name__}: {text})"


def _first_line(error):
    return (str(error).strip().splitlines() or [""])[0]


def _refuse_random_training(torch, network, model, inputs):
    """A module that draws in training mode would lose its noise without a word: it is worked on in evaluation mode."""
    if not any(module.training for module in model.modules()):
        return
    found = []
    with torch.random.fork_rng(devices=[] if network.device == "cpu" else None), torch.no_grad():
        for seed in SEEDS:
            # A copy for each pass: some modules count their calls in training mode.
            own = copy.deepcopy(model).to(device=network.device, dtype=inputs.dtype)
            torch.manual_seed(seed)
            try:
                found.append(own(inputs))
            except Exception:
                # Whether it can be called in evaluation mode has been tried; in training mode it need not be.
                return
    if not all(torch.allclose(found[0], other, equal_nan=True) for other in found[1:]):
        raise ArgumentError(
            "model: draws random numbers in training mode (dropout or noise in its forward); set them to 0, or call "
            "model.eval() to leave them out"
        )


def _refuse_mixing(torch, network, weights, inputs, outputs):
    with torch.no_grad():
        alone = [network._forward(network._pieces(weights), one[None])[0] for one in inputs]
    if not _close(torch, torch.cat(alone), outputs[0]):
        raise ArgumentError(
            "model: outputs of a sample change with the other samples of the batch, so that the loss is no mean over "
            "samples; leave out what works across the first axis"
        )


def _try_loss(torch, loss, outputs, targets):
    """What the user's loss makes of outputs (samples, out)."""
    given = outputs.detach().clone().requires_grad_()
    got = f"outputs {tuple(given.shape)} and targets {tuple(targets.shape)} of {targets.dtype}"
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*target size.*")
        try:
            value = loss(given, targets)
        except Exception as error:
            advice = "give a function of both, such as torch.nn.functional.cross_entropy for class labels"
            raise ArgumentError(_why(error, f"loss: cannot be called on {got}", advice)) from error
    if not isinstance(value, torch.Tensor) or tuple(value.shape) not in ((), (len(given),)):
        shape = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise ArgumentError(
            f"loss: gives {shape} for {got}; a tensor ({len(given)},) of the samples' losses, or their mean, is needed"
        )
    if not value.requires_grad:
        raise ArgumentError("loss: has no gradient by the outputs; a differentiable function of them is needed")


def _refuse_no_mean(torch, name, losses, weights, inputs, targets, weighted):
    """Two chains: samples together and alone, shared and one's own, a chain with the other and alone."""
    own = [part.expand(2, *part.shape).clone() for part in (inputs, targets)]
    point = weights.clone().requires_grad_(name == "batched_loss")
    try:
        joint = losses(point, inputs, targets, None)
        each = losses(point, *own, 0)
        single = [losses(point, inputs[i : i + 1], targets[i : i + 1], None) for i in range(len(inputs))]
        first = losses(point[:1], inputs, targets, None)
    except Exception as error:
        raise ArgumentError(_why(error, f"{name}: cannot be called for 2 chains", NEEDED[name])) from error
    for found, chains in ((joint, 2), (each, 2), (first, 1), *((one, 2) for one in single)):
        if not isinstance(found, torch.Tensor) or tuple(found.shape) != (chains,):
            shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise ArgumentError(f"{name}: gives {shape} for {chains} chains; a tensor ({chains},) is needed")
    if name == "batched_loss" and not joint.requires_grad:
        raise ArgumentError(f"{name}: has no gradient by x; a differentiable function of it is needed")
    if not _close(torch, torch.stack(single).mean(0), joint):
        alone = torch.stack(single).mean(0)[0].item()
        advice = "reduction='mean' or 'none', nothing across samples"
        if weighted:
            advice = "with class weights reduction='mean' divides by those of the batch: use reduction='none'"
        raise ArgumentError(
            f"{name}: of {len(inputs)} samples together is {joint[0].item():.6g}, and the mean of their losses alone "
            f"{alone:.6g}; a mean over samples is needed ({advice})"
        )
    if not (_close(torch, each, joint) and _close(torch, first, joint[:1])):
        raise ArgumentError(f"{name}: of a chain changes with the other chains, or samples of its own; {NEEDED[name]}")


NEEDED = {
    "loss": "a function of outputs (samples, out) and targets of torch's own functions is needed",
    "batched_loss": "a function of x (chains, dim), inputs (samples, features) or (chains, samples, features), and "
    "targets, to (chains,) is needed",
}


def _close(torch, found, wanted):
    tolerance = 1e-3 if found.dtype == torch.float32 else 1e-7
    return torch.allclose(found, wanted, rtol=tolerance, atol=tolerance, equal_nan=True)
