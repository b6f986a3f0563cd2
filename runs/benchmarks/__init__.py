"""Benchmarks: each row a time, and its ratio to a plain reference timed in the same run."""
