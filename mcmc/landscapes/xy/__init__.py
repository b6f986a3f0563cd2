"""The XY model on any graph."""
