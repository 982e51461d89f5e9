"""Equations to be solved from their statement alone, one file per equation, each with its exact or reference solution.

Solutions are functions of points (n, dimensions), float64; a coordinate for time, t, is the last.
"""
