"""Partial differential equations, one file each: the equation, its solver, and the data set made with it.

Solvers work in float64 and on whole batches; data sets are stored in float32 as fields (n, frames, *grid, channels), or
as `inputs` and `targets` (n, *grid, channels) where the problem is steady. Sample i of a split is drawn from
`sample_generator(seed, split, i)`, so that it can be made again alone and does not change with the size of a split.
"""
