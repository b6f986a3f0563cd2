"""The XY experiment with a checkpoint twenty times a second, and without figures, which cost more than the rest."""

from functools import partial

from mcmc import samplers
from runs.experiments.xy import XYPhaseDiagram

SAMPLE = samplers.sample


class XY(XYPhaseDiagram):
    def run_point(self, spec, point, path, control):
        samplers.sample = partial(SAMPLE, checkpoint_every=0.05)
        try:
            return super().run_point(spec, point, path, control)
        finally:
            samplers.sample = SAMPLE

    def figures(self, results, out):
        return []
