"""Every mixer at one small size, to be timed from commit to commit: the speed task's model and calls, small."""

from collections.abc import Callable, Mapping

from bench_sequence.tasks.speed import Speed
from harness import Build, Context

LENGTH = 128


def exercise(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return a training step and an inference call on 4 noise sequences of 128 positions, one layer, 32 channels.

    Causal, and bidirectional where the method refuses to be causal.
    """
    try:
        return _calls(build, context, causal=True)
    except ValueError:
        return _calls(build, context, causal=False)


def _calls(build: Build, context: Context, *, causal: bool) -> Mapping[str, Callable[[], object]]:
    return Speed(length=LENGTH, batch_size=4, causal=causal, d_model=32, layers=1).subject(build, context, LENGTH).calls
