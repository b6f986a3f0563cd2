"""Exact cases by landscape: each file measures quantities whose exact values are known."""
