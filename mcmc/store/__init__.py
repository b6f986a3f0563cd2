"""Runs on disk: HDF5 files that survive being killed."""
