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


@hookimpl
def bench_sections() -> Iterator[Section]:
    """Contribute what every report begins with."""
    yield Section("Leaderboards", "harness.report.sections:leaderboards")
    yield Section("Runs that did not succeed", "harness.report.sections:failures")
    yield Section("Provenance", "harness.report.sections:provenance")


@hookimpl
def bench_executors() -> Iterator[Executor]:
    """Contribute the executor of this machine."""
    yield Executor("local", "harness.executors.local:Local", summary="this machine, each run in a process of its own")
