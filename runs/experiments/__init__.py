"""One file per kind of experiment."""
