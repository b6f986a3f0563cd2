"""Energy and gradient of the XY model as a function of angles, in float64."""

import math

import numpy as np

from mcmc.landscapes.xy.compiled import kernel


@kernel
def angle_energy(angles, first, second, strength, phase, field):
    """Total energy, (chains,); angles (chains, sites) in radians."""
    energy = np.zeros(angles.shape[0])
    for i in range(angles.shape[0]):
        theta = angles[i]
        for e in range(first.size):
            energy[i] -= strength[e] * math.cos(theta[first[e]] - theta[second[e]] - phase[e])
        if field != 0.0:
            for site in range(theta.size):
                energy[i] -= field * math.cos(theta[site])
    return energy


@kernel
def angle_gradient(angles, first, second, strength, phase, field):
    """Gradient of the total energy, (chains, sites)."""
    gradient = np.zeros(angles.shape)
    for i in range(angles.shape[0]):
        theta, g = angles[i], gradient[i]
        for e in range(first.size):
            torque = strength[e] * math.sin(theta[first[e]] - theta[second[e]] - phase[e])
            g[first[e]] += torque
            g[second[e]] -= torque
        if field != 0.0:
            for site in range(theta.size):
                g[site] += field * math.sin(theta[site])
    return gradient
