"""Tasks for sequence mixers: each a frozen dataclass whose fields are its parameters in a suite."""
