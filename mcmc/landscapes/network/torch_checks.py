"""Modules whose loss would not be a function of weights and batch alone: refused, with what to do about it."""

import copy
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError, DeviceError
from mcmc.landscapes.network.data import Data


def fixed_module(torch: Any, model: Any, buffers: str | None) -> Any:
    """A copy of `model` in evaluation mode. Raises ArgumentError for dropout, buffers or statistics of a batch."""
    if not isinstance(model, torch.nn.Module):
        raise ArgumentError(f"model: got {_said(model)}; a torch.nn.Module is needed")
    if buffers not in (None, "frozen"):
        raise ArgumentError(f"buffers: got {buffers!r}; None or 'frozen' is needed")
    _refuse_no_values(torch, model)
    for name, module in model.named_modules():
        _refuse_randomness(torch, name or type(module).__name__, module)
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
    if not any(parameter.numel() and parameter.requires_grad for parameter in model.parameters()):
        raise ArgumentError("model: has no parameters with requires_grad; a network with weights is needed")
    try:
        return copy.deepcopy(model).eval()
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise ArgumentError(f"model: cannot be copied ({str(error).splitlines()[0]}); make it anew") from error


def check_arguments(loss: Any, data: Data, weight_decay: Any, dtype: Any, functions: dict[str, Any]) -> None:
    """Raise ArgumentError for a loss, number, type or function that cannot be one."""
    _check_loss(loss, data)
    number = isinstance(weight_decay, (int, float, np.number)) and not isinstance(weight_decay, bool)
    if not number or not 0 <= weight_decay < np.inf:
        raise ArgumentError(f"weight_decay: got {weight_decay!r}; a finite number, 0 or more, is needed")
    if dtype not in ("float64", "float32"):
        raise ArgumentError(f"dtype: got {dtype!r}; float64 or float32 is needed")
    for name, function in functions.items():
        if function is not None and (not callable(function) or isinstance(function, type)):
            raise ArgumentError(f"{name}: got {_said(function)}; a function is needed, or None")


def checked_device(torch: Any, device: Any) -> str:
    """The device as torch writes it. Raises ArgumentError for none of torch's, DeviceError for one not there."""
    try:
        name = str(torch.device(device))
    except (RuntimeError, TypeError) as error:
        raise ArgumentError(f"device: got {device!r}; a device of torch, such as 'cpu' or 'cuda', is needed") from error
    if name == "meta":
        raise ArgumentError("device: got 'meta', which holds no numbers; 'cpu' or 'cuda' is needed")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise DeviceError(
            f"device: got {device!r}, and torch sees no CUDA device; use 'cpu', or install torch for CUDA"
        )
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise DeviceError(f"device: got {device!r}, which torch cannot use here; use 'cpu'") from error
    return name


def _check_loss(loss, data):
    asked = {"cross_entropy": True, "squared": False}
    if isinstance(loss, type):
        raise ArgumentError(f"loss: got the class {loss.__name__}; give one of it, {loss.__name__}()")
    if not callable(loss) and (not isinstance(loss, str) or loss not in asked):
        raise ArgumentError(
            f"loss: got {loss!r}; cross_entropy, squared, or a function of outputs and targets is needed"
        )
    if not callable(loss) and asked[loss] != data.labelled:
        has = "class labels" if data.labelled else "values"
        raise ArgumentError(f"loss: got {loss!r}, and the targets are {has}; change one of them")


def _refuse_no_values(torch, model):
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if torch.nn.parameter.is_lazy(tensor):
            raise ArgumentError(f"model: {name} has no shape yet; call the model once on inputs before")
        if tensor.is_meta:
            raise ArgumentError(f"model: {name} is on the device meta, without values; give model.to_empty or load it")
        if tensor.is_complex():
            raise ArgumentError(f"model: {name} is complex; real weights are needed")


def _refuse_randomness(torch, name, module):
    if not module.training:
        return
    dropout = isinstance(module, torch.nn.modules.dropout._DropoutNd) or "Dropout" in type(module).__name__
    share = getattr(module, "p", 0) if dropout else 0
    if isinstance(share, (int, float)) and share > 0:
        raise ArgumentError(
            f"model: {name} drops units at random with p = {share:g}; set p = 0, or call model.eval() to leave it out"
        )
    share = getattr(module, "dropout", 0)
    if isinstance(share, (int, float)) and share > 0:
        raise ArgumentError(f"model: {name} has dropout {share:g}; set 0, or call model.eval() to leave it out")
    if isinstance(module, torch.nn.RReLU) and module.lower < module.upper:
        raise ArgumentError(f"model: {name} has slopes at random; use LeakyReLU")


def _said(value):
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
