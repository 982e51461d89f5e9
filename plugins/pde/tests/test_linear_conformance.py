"""Every installed linear solver keeps the family's contract and its own claims, measured."""

import pytest

from harness.testing import conformance_cases


@pytest.mark.parametrize("case", conformance_cases("linear-solver"), ids=str)
def test_conformance(case):
    case.check()
