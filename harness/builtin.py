"""What the core contributes itself, through the same door as any plugin."""

from collections.abc import Iterator

from harness import Executor, Metric, Section, hookimpl


@hookimpl
def bench_metrics() -> Iterator[Metric]:
    """Contribute the metrics that every family can use."""
    yield Metric(
        "accuracy",
        "harness.metrics:accuracy",
        better="higher",
        summary="share of examples classified right",
        worst=0.0,
    )
    yield Metric("mse", "harness.metrics:mse", better="lower", summary="mean squared error")
    costs = {
        "parameters": ("", "trainable real parameters of the whole model"),
        "seconds_per_step": ("s", "median wall time of a training step"),
        "peak_memory": ("MiB", "peak memory of a run beyond the libraries it loads"),
    }
    for name, (unit, summary) in costs.items():
        yield Metric(name, f"harness.metrics:{name}", better="lower", unit=unit, role="cost", summary=summary)
    yield from _speed_metrics()


def _speed_metrics() -> Iterator[Metric]:
    """Yield the metrics of what `harness.speed` measures."""
    ranked = {
        "time_ratio": "time of a call over that of the reference's, timed in turns",
        "time_ratio_low": "lower end of the ratio's 95 % interval within the process",
        "time_ratio_high": "upper end of the ratio's 95 % interval within the process",
        "exponent": "p of cost ~ size^p",
        "exponent_low": "lower end of the fit's 95 % interval",
        "exponent_high": "upper end of the fit's 95 % interval",
    }
    for name, summary in ranked.items():
        yield Metric(name, f"harness.speed_metrics:{name}", better="lower", summary=summary)
    constant = {
        "noise_floor": "factor less 1 by which a time ratio may be off by chance: the reference against itself",
        "reference_exponent": "p of the reference's cost ~ size^p",
    }
    for name, summary in constant.items():
        yield Metric(name, f"harness.speed_metrics:{name}", better="lower", role="baseline", summary=summary)
    costs = {
        "seconds_per_call": ("s", "median time of a call"),
        "seconds_per_call_q1": ("s", "first quartile of the time of a call"),
        "seconds_per_call_q3": ("s", "third quartile of the time of a call"),
        "seconds_of_first_call": ("s", "time of the first call, compiling and planning included"),
        "flops_per_call": ("FLOP", "arithmetic of a call, by formulas"),
        "joules_per_call": ("J", "energy of a call, where the machine tells"),
        "parameters_total": ("", "real parameters, frozen ones included"),
        "parameter_bytes": ("B", "memory of all parameters"),
    }
    for name, (unit, summary) in costs.items():
        yield Metric(name, f"harness.speed_metrics:{name}", better="lower", unit=unit, role="cost", summary=summary)
    yield Metric(
        "throughput",
        "harness.speed_metrics:throughput",
        better="higher",
        unit="1/s",
        role="cost",
        summary="items, such as positions, per second",
    )


@hookimpl
def bench_sections() -> Iterator[Section]:
    """Contribute what every report begins with."""
    yield Section("Leaderboards", "harness.report.sections:leaderboards")
    yield Section("All tasks", "harness.report.sections:over_all_tasks")
    yield Section("Claims", "harness.report.sections:claims")
    yield Section("Runs that did not succeed", "harness.report.sections:failures")
    yield Section("Provenance", "harness.report.sections:provenance")


@hookimpl
def bench_executors() -> Iterator[Executor]:
    """Contribute the executor of this machine."""
    yield Executor("local", "harness.executors.local:Local", summary="this machine, each run in a process of its own")
