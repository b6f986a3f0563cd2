"""Energy of the XY model as a function of angles, its gradient and its Hessian times a vector, in float64."""

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


@kernel
def angle_hessian_vector(angles, vectors, first, second, strength, phase, field):
    """Second derivative of the total energy at `angles` applied to `vectors`, both (chains, sites)."""
    product = np.zeros(angles.shape)
    for i in range(angles.shape[0]):
        theta, v, out = angles[i], vectors[i], product[i]
        for e in range(first.size):
            stiffness = strength[e] * math.cos(theta[first[e]] - theta[second[e]] - phase[e])
            pull = stiffness * (v[first[e]] - v[second[e]])
            out[first[e]] += pull
            out[second[e]] -= pull
        if field != 0.0:
            for site in range(theta.size):
                out[site] += field * math.cos(theta[site]) * v[site]
    return product
