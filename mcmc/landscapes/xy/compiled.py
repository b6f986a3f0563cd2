"""How the XY loops are compiled: tied to every source of this folder."""

from pathlib import Path

from mcmc.compiled import kernel_tied_to
from mcmc.compiled import piece as piece

kernel = kernel_tied_to(Path(__file__).parent)
