"""What a stranger writes: the manifest of a plugin with one method and one task."""

from bench_sequence import SEQUENCE_MIXER
from harness import Method, Task, hookimpl


@hookimpl
def bench_methods():
    yield Method(
        "moving-average",
        SEQUENCE_MIXER,
        "bench_thirdparty.moving_average:MovingAverage",
        reference="arXiv:2209.10655",
        traits=frozenset({"causal", "any-length", "linear"}),
        summary="exponential moving average with a decay per channel",
    )


@hookimpl
def bench_tasks():
    yield Task(
        "running-mean",
        SEQUENCE_MIXER,
        "bench_thirdparty.running_mean:RunningMean",
        metrics=("mse", "parameters"),
        requires=frozenset({"causal"}),
        summary="output the mean of all inputs so far",
    )
