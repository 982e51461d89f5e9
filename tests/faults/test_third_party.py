"""An executor of a third party, contributed through the hook, stands those drills whose promises it makes."""

from pathlib import Path

import pytest

from harness.testing import Bench, executor_cases, install_plugin

# It knows no limits, hardware or other sessions; and nothing of it outlives the program, to end what runs have started.
NOT_PROMISED = {"time-limit", "memory-limit", "lacking-hardware", "lost-session", "interruption-at-once", "alone"}


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in executor_cases() if str(case) not in NOT_PROMISED], ids=str)
def test_serial(case, faulty: Bench, tmp_path):
    source = Path(__file__).with_name("bench_serial.py").read_text()
    install_plugin(tmp_path / "serial", "bench-serial", "bench_serial", source)
    faulty.path.append(tmp_path / "serial")
    case.check(faulty, "serial")
