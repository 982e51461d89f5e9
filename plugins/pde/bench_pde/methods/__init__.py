"""Neural operators, one file per method."""
