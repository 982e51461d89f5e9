"""Imported once by the server that runs are forked from, so that no run pays for what they all import.

$BENCH_PRELOAD names further modules, those of the suite's methods and tasks. One that fails to import here fails
again, with its reason, in each run that needs it. Nothing here may touch CUDA: a fork would inherit a broken handle.
"""

import contextlib
import importlib
import os

MODULES = (
    "torch",
    "torch._dynamo",  # building the first optimiser imports it: over a second, were it left to each run
    "harness.train",
    "harness.worker",
    *os.environ.get("BENCH_PRELOAD", "").split(),
)

for module in MODULES:
    with contextlib.suppress(Exception):
        importlib.import_module(module)
