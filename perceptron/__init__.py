"""The binary perceptron and its kin, built on mcmc."""
