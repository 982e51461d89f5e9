"""What a learned solution costs beside a classical solver that is as accurate.

    classical_ratio = t(inference) / t(s*),    s* = the cheapest setting s of the solver with error(s) <= error(method)

Comparison at equal accuracy is the first rule of McGreivy & Hakim 2024 (arXiv:2407.07218, "Weak baselines and reporting
biases lead to overoptimism in machine learning for fluid-related partial differential equations"). Below 1 the method
is faster than a classical solver with its error, above 1 slower.

The settings are the solver that made the data, on grids from coarse to as fine as the data was solved on, with a time
step that grows with the spacing; each equation lists its own in `classical`. All begin with what the method is given,
on its grid and in single precision, and end with fields on that grid, the way between grids included; they compute in
double precision. Errors are relative L2 errors, of all against the same truth. A solver that leaves the finite numbers
has an infinite one.

    The coarsest setting is already as accurate     the ratio is against that one, and a lower bound
    No setting is as accurate                       the ratio is against the finest one, and an upper bound

`classical_error` tells both: it is then far below the error of the method, or above it. The second happens where a
method has learned what its input leaves out, such as a medium between the points of its grid.

All is measured on the first `SAMPLES` test samples, which go through in one batch, in the run's process and on its
device, in turns; a time is a median. Solvers of scipy (steady problems, diffusion-sorption, diffusion-reaction) take
samples one by one on the CPU, whatever the device.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor

from bench_pde.equations.regridding import Solver
from bench_pde.metrics import relative_l2
from harness.measure import StepTimer

SAMPLES = 4
ROUNDS = 10  # the first few are warm-up: see StepTimer
SECONDS = 0.5  # of the processor, after which no more rounds begin: waiting for it does not count


@dataclass(frozen=True)
class Beside:
    """The seconds of a sample, by a learned solution and by the classical solver beside it, and the latter's error."""

    seconds: float
    classical_seconds: float
    classical_error: float


@torch.no_grad()
def beside_classical(
    learned: Mapping[str, Solver], settings: Sequence[Solver], inputs: Tensor, target: Tensor, device: str
) -> dict[str, Beside]:
    """Return for each learned solution how it stands beside the classical solver.

    Args:
        settings: the classical solver's, the cheapest first.
        inputs, target: what all of them are called with, (n, …), and what they should return.
    """

    @cache
    def error(setting: int) -> float:
        try:
            found = relative_l2(settings[setting](inputs), target)
        except ArithmeticError:
            return math.inf
        return found if math.isfinite(found) else math.inf

    chosen = {}
    for name, solution in learned.items():
        own = relative_l2(solution(inputs), target)
        accurate = (setting for setting in range(len(settings)) if error(setting) <= own)
        chosen[name] = next(accurate, len(settings) - 1)
    calls = {**learned, **{setting: settings[setting] for setting in chosen.values()}}
    seconds = _in_turns({key: partial(call, inputs) for key, call in calls.items()}, device)
    return {
        name: Beside(seconds[name] / len(inputs), seconds[setting] / len(inputs), error(setting))
        for name, setting in chosen.items()
    }


def _in_turns(calls: Mapping[str | int, Callable[[], object]], device: str) -> dict[str | int, float]:
    """Return the median seconds of calls that have been made before, by turns in alternating order."""
    timers = {key: StepTimer(device) for key in calls}
    order, start = list(calls), time.process_time()
    for done in range(ROUNDS):
        if done and time.process_time() - start > SECONDS:
            break
        for key in order:
            with timers[key]:
                calls[key]()
        order.reverse()
    return {key: timer.seconds_per_step for key, timer in timers.items()}


def classical_ratio(beside: Beside) -> float:
    """Time of one inference over that of the cheapest setting of the classical solver with at most its error."""
    return beside.seconds / beside.classical_seconds


def classical_error(beside: Beside) -> float:
    """Relative L2 error of the classical solver at that setting, on the samples that were timed."""
    return beside.classical_error


def classical_time(beside: Beside) -> float:
    """Seconds of a sample by the classical solver at that setting."""
    return beside.classical_seconds


def inference_time(beside: Beside) -> float:
    """Seconds of a sample by the method, a whole rollout."""
    return beside.seconds


def persistence_classical_ratio(persistence_beside: Beside) -> float:
    """`classical_ratio` of predicting that nothing changes; for steady problems, the mean of the training targets."""
    return classical_ratio(persistence_beside)


def linear_classical_ratio(linear_beside: Beside) -> float:
    """`classical_ratio` of a ridge regression."""
    return classical_ratio(linear_beside)
