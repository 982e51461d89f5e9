"""Every way in which a run, a session or the machine can let the user down, produced for real, on this machine."""

import pytest

from harness.testing import executor_cases


@pytest.mark.parametrize("case", executor_cases(), ids=str)
def test_local(case, faulty):
    case.check(faulty, "local")
