"""Every installed neural operator keeps the family's contract and its own claims, measured."""

import pytest

from harness.testing import conformance_cases


@pytest.mark.parametrize("case", conformance_cases("neural-operator"), ids=str)
def test_conformance(case):
    case.check()
