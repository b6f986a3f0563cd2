"""The XY model on any graph and any device."""

from mcmc.landscapes.graphs import Graph
from mcmc.landscapes.xy.model import XYModel

__all__ = ["XYModel", "xy_model"]


def xy_model(
    graph: Graph,
    coupling=1.0,
    field: float = 0.0,
    phase=None,
    seed: int = 0,
    *,
    threads: int = 1,
    device: str = "cpu",
) -> XYModel:
    """XYModel on the device "cpu", else CudaXYModel, its spins and sweeps on "cuda" or "cuda-simulator".

    Raises DeviceError, with the install command, where the device is not there.
    """
    if device == "cpu":
        return XYModel(graph, coupling, field, phase, seed, threads)
    from mcmc.device import require

    require(device)
    from mcmc.landscapes.xy.cuda_model import CudaXYModel

    return CudaXYModel(graph, coupling, field, phase, seed, device)
