"""Every installed PDE solver keeps the family's contract, measured."""

import pytest

from harness.testing import conformance_cases


@pytest.mark.parametrize("case", conformance_cases("pde-solver"), ids=str)
def test_conformance(case):
    case.check()
