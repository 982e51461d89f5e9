"""Every installed denoiser keeps the family's contract, measured."""

import pytest

from harness.testing import conformance_cases


@pytest.mark.parametrize("case", conformance_cases("denoiser"), ids=str)
def test_conformance(case):
    case.check()
