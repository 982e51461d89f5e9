"""What holds for all tests: pytest runs a process for each core, so that none of them may use more than one."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch loads
