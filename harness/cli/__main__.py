"""`python -m harness.cli`."""

from harness.cli import main

if __name__ == "__main__":  # a process that a data set is made in imports it too
    main(prog_name="bench")
