"""Message passing: one shared update of cavity messages, one file a variant.

`update` makes the update (Gaussian per edge, exact convolution, TAP); `belief_propagation` iterates it to a fixed point
and reads its Bethe entropy; `local_entropy` does so around a reference; `reinforced`, `focusing` and `max_sum` push it
to a solution.
"""

from perceptron.message_passing.belief_propagation import BeliefPropagation, belief_propagation
from perceptron.message_passing.focusing import focusing_bp
from perceptron.message_passing.local_entropy import LocalEntropy, local_entropy_bp
from perceptron.message_passing.max_sum import max_sum
from perceptron.message_passing.protocols import FreeScoping, PseudoReinforcement, Scoping, StandardReinforcement
from perceptron.message_passing.reinforced import reinforced_bp

__all__ = [
    "BeliefPropagation",
    "FreeScoping",
    "LocalEntropy",
    "PseudoReinforcement",
    "Scoping",
    "StandardReinforcement",
    "belief_propagation",
    "focusing_bp",
    "local_entropy_bp",
    "max_sum",
    "reinforced_bp",
]
