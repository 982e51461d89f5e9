"""The methods of the family of PDE solvers, one per file."""
