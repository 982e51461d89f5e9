"""`python -m harness.cli`."""

from harness.cli import main

main(prog_name="bench")
