"""Modules whose loss would not be a function of weights and batch alone: refused, with what to do about it."""

import copy
from typing import Any

from mcmc.errors import ArgumentError


def fixed_module(torch: Any, model: Any, buffers: str | None) -> Any:
    """A copy of `model` in evaluation mode. Raises ArgumentError for dropout, buffers or statistics of a batch."""
    if not isinstance(model, torch.nn.Module):
        raise ArgumentError(f"model: got {type(model).__name__}; a torch.nn.Module is needed")
    if buffers not in (None, "frozen"):
        raise ArgumentError(f"buffers: got {buffers!r}; None or 'frozen' is needed")
    for name, module in model.named_modules():
        _refuse_randomness(torch, name, module)
        batch_norm = isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
        if batch_norm and not module.track_running_stats:
            raise ArgumentError(
                f"model: {name} normalises by the batch, so that the loss is no mean over samples; use "
                "track_running_stats with buffers='frozen', or GroupNorm"
            )
    kept = [name for name, _ in model.named_buffers()]
    if kept and buffers is None:
        raise ArgumentError(
            f"model: has buffers that all chains would share ({', '.join(kept[:3])}); give buffers='frozen' to hold "
            "them at their values"
        )
    if not any(parameter.numel() for parameter in model.parameters()):
        raise ArgumentError("model: has no parameters; a network with weights is needed")
    return copy.deepcopy(model).eval()


def _refuse_randomness(torch, name, module):
    if not module.training:
        return
    if isinstance(module, torch.nn.modules.dropout._DropoutNd) and module.p > 0:
        raise ArgumentError(
            f"model: {name} drops units at random with p = {module.p:g}; set p = 0, or call model.eval() to "
            "leave it out"
        )
    if isinstance(module, torch.nn.RNNBase) and module.dropout > 0:
        raise ArgumentError(
            f"model: {name} has dropout {module.dropout:g}; set 0, or call model.eval() to leave it out"
        )
