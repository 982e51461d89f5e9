"""Data sets for sequence mixers: deterministic functions of literal parameters that return named numpy arrays."""
