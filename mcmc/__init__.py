"""Entroscape's engine: energy landscapes, samplers, statistics and the store."""
