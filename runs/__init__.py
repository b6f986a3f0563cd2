"""The batch layer: run files, grids of points, figures, reports, command line."""
