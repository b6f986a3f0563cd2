"""Compiled loops on bit-sliced stabilities."""
