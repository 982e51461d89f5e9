"""Sparse linear systems, and solvers of them, one file per method."""
