"""The metrics of what `harness.speed` measures. Times are medians over rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.measure import Size, ratio
from harness.stats.scaling import exponent as fitted

if TYPE_CHECKING:
    from harness.speed import Times


def time_ratio(times: Times) -> float:
    """Time of a call over that of the reference's, both measured in turns."""
    return ratio(times.method, times.reference).median


def time_ratio_low(times: Times) -> float:
    """Lower end of the ratio's 95 % interval within the process."""
    return ratio(times.method, times.reference).low


def time_ratio_high(times: Times) -> float:
    """Upper end of the ratio's 95 % interval within the process."""
    return ratio(times.method, times.reference).high


def noise_floor(times: Times) -> float:
    """By how much, as a factor less 1, a ratio may be off by chance: the further end of the reference's to itself."""
    itself = ratio(times.again, times.reference)
    return max(itself.high, 1 / itself.low) - 1


def seconds_per_call(times: Times) -> float:
    """Median time of a call."""
    return times.method.median


def seconds_per_call_q1(times: Times) -> float:
    """First quartile of the time of a call."""
    return times.method.quartiles[0]


def seconds_per_call_q3(times: Times) -> float:
    """Third quartile of the time of a call."""
    return times.method.quartiles[1]


def seconds_of_first_call(first: float) -> float:
    """Time of the first call, with whatever is compiled, planned and allocated in it."""
    return first


def throughput(times: Times, items: int) -> float:
    """Items that a call goes through, over its median time."""
    return items / times.method.median


def flops_per_call(flops: int) -> float:
    """Floating-point operations of a call, see `harness.measure.count_flops`."""
    return flops


def joules_per_call(joules: float) -> float:
    """Energy of a call."""
    return joules


def parameters_total(size: Size) -> float:
    """Real parameters, frozen ones included."""
    return size.total


def parameter_bytes(size: Size) -> float:
    """Bytes of all parameters."""
    return size.bytes


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """p of cost ~ size^p, see `harness.stats.scaling.exponent`."""
    return fitted(sizes, costs).mean


def exponent_low(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Lower end of the fit's 95 % interval."""
    return _end(fitted(sizes, costs).low)


def exponent_high(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Upper end of the fit's 95 % interval."""
    return _end(fitted(sizes, costs).high)


def reference_exponent(sizes: Sequence[int], reference_costs: Sequence[float]) -> float:
    """p of the reference."""
    return fitted(sizes, reference_costs).mean


def _end(end: float | None) -> float:
    if end is None:
        raise ValueError("an exponent has an interval from three sizes on")
    return end
