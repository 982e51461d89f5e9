"""Time, memory, size, arithmetic and energy, measured honestly.

The device is synchronised, warm-up and the first call are apart, and what the machine does not tell is absent rather
than zero. All that is public is here; the files behind it have one quantity each.
"""

from harness.measure.energy import EnergyMeter, joules_per_call
from harness.measure.flops import count_flops
from harness.measure.memory import MIB, PeakMemory
from harness.measure.size import Size, parameter_count, size
from harness.measure.timing import WARM_UP_STEPS, Ratio, StepTimer, Timing, first_call, interleaved, ratio

__all__ = [
    "MIB",
    "WARM_UP_STEPS",
    "EnergyMeter",
    "PeakMemory",
    "Ratio",
    "Size",
    "StepTimer",
    "Timing",
    "count_flops",
    "first_call",
    "interleaved",
    "joules_per_call",
    "parameter_count",
    "ratio",
    "size",
]
