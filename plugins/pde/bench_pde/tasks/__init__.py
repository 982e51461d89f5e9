"""The tasks of neural operators: a steady map, and a field that evolves."""
