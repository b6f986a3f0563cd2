"""Samplers: one file per algorithm; each takes a landscape and never imports one."""
