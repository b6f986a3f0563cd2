"""Slides of P. Chaudhari's talk on why SGD is so special (www.pratikac.info), and the figures that measure each."""

from typing import NamedTuple


class Slide(NamedTuple):
    """One slide, or several on one thing."""

    title: str
    shown: dict[str, tuple[str, ...]]
    """Stems of figures by bundled spec."""


_LATTICES = {
    "xy-bkt": ("thermodynamics", "transition"),
    "xy-bkt-quick": ("thermodynamics", "transition"),
    "xy-3d": ("thermodynamics", "transition"),
    "xy-gauge-glass": ("disorder_averages", "transition"),
    "xy-quench": ("quenches",),
    "xy-local-entropy": ("widths",),
}

SLIDES = (
    Slide("Empirical evidence: wide minima, a short negative tail of the Hessian", {
        "network-optimizers": ("spectra", "widths"),
    }),
    Slide("Seeking out wide regions: local entropy", {
        "well-widths": ("scores", "deviations"),
        "local-entropy-agreement": ("scores",),
    }),
    Slide("Entropy-SGD: biasing towards wide minima", {"network-optimizers": ("curves", "ends")}),
    Slide("Statistical physics: energy landscape of a binary perceptron, few wide minima and many sharp ones", {
        "perceptron-enumeration": ("solutions", "clusters"),
        "perceptron-equilibrium": ("thermodynamics", "overlaps"),
        "perceptron-local-entropy": ("local-entropy", "isolation"),
        "perceptron-density-map": ("map",),
        "perceptron-capacity": ("solvers",),
        "perceptron-annealing": ("work",),
    }),
    Slide("Wide minima generalize better", {
        "perceptron-wide-vs-narrow": ("width",),
        "perceptron-to-network": ("width-and-test-error",),
    }),
    Slide("Local entropy is the solution of a Hamilton-Jacobi equation", {"hj-smoothing": ("landscapes",)}),
    Slide("Stochastic optimal control interpretation", {"hj-smoothing": ("control",)}),
    Slide("New PDEs for deep learning: f, u viscous and u non-viscous, initial density", {
        "hj-smoothing": ("landscapes", "densities", "fates"),
    }),
    Slide("Non-viscous Hamilton-Jacobi equation: proximal point iteration", {"hj-smoothing": ("landscapes",)}),
    Slide("Distributed training of deep networks: Elastic-SGD minimizes local entropy", {
        "network-optimizers": ("curves", "ends"),
        "network-parle-split": ("split",),
    }),
    Slide("Parle: parallelization of SGD", {
        "network-optimizers": ("ends", "table"),
        "network-parle-split": ("split", "curves"),
    }),
    Slide("Homogenization of SDEs", {"homogenization": ("drift", "variance")}),
    Slide("A continuous-time view of SGD: diffusion matrix and temperature eta / 2b", {
        "network-noise": ("temperature",),
        "network-optimizers": ("temperature",),
    }),
    Slide("Wasserstein gradient flow: the heat equation", {"free-energy-descent": ("heat",)}),
    Slide("Wasserstein gradient flow: with drift", {"free-energy-descent": ("descent",)}),
    Slide("What happens for non-isotropic noise? SGD performs variational inference", {
        "free-energy-descent": ("descent",),
    }),
    Slide("Learning rate should scale linearly with batch size", {
        "network-phase-diagram": ("maps", "against-ratio"),
        "network-phase-diagram-fashion": ("maps", "against-ratio"),
    }),
    Slide("Sampling with replacement against without", {"network-noise": ("temperature",)}),
    Slide("Information bottleneck principle", {"information-bottleneck": ("information", "functionals")}),
    Slide("Potential Phi against original loss f", {"free-energy-descent": ("rest",)}),
    Slide("Deep networks have highly non-isotropic noise", {"network-noise": ("spectra", "published", "alignment")}),
    Slide("Symmetries in deep architectures: matrix factorization and permutation", {
        "stationary-points": ("flat-directions",),
    }),
    Slide("Symmetries: XY-models", {
        "stationary-points": ("energy-and-index", "number-of-points"),
        **_LATTICES,
    }),
    Slide("Most likely trajectories of SGD", {
        "network-trajectories": ("circulation",),
        "limit-cycles": ("trajectories",),
    }),
    Slide("Most likely trajectories of SGD: FFT and autocorrelation", {"network-trajectories": ("spectra",)}),
    Slide("An example: the force field, where grad Phi = 0 and where |j| is large", {"limit-cycles": ("fields",)}),
    Slide("Most likely locations are not the critical points of the original loss: A-type equation, D + Q", {
        "limit-cycles": ("antisymmetric",),
        "free-energy-descent": ("rest",),
    }),
)  # fmt: skip


def slides_of(spec: str) -> list[str]:
    """Titles of the slides that figures of a bundled spec belong to, in the order of the talk."""
    return [slide.title for slide in SLIDES if spec in slide.shown]
