"""Every installed merger keeps the contract of its family and its own claims, measured."""

import pytest

from bench_merging.levels import LEVELS
from harness.testing import conformance_cases

CASES = [case for level in LEVELS for case in conformance_cases(f"merging-{level}")]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conformance(case):
    case.check()
