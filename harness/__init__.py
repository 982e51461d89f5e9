"""bench: run, measure and compare deep-learning methods.

What a plugin needs is here; `harness.conditions`, `harness.train`, `harness.data`, `harness.download`,
`harness.archive`, `harness.measure`, `harness.speed`, `harness.results`, `harness.plotting`, `harness.preparing` and
`harness.testing` are public too, as are `harness.executors` and `harness.worker` for executors. Everything else is
private to the core.
"""

from harness.errors import BenchError, Diverged, Skip
from harness.hookspecs import hookimpl
from harness.space import Choice, Integers, LogUniform, Space, Uniform
from harness.spec import (
    JSON,
    SCALING_METRICS,
    SPEED_METRICS,
    Anchors,
    Build,
    Context,
    Dataset,
    Executor,
    Family,
    File,
    Method,
    Metric,
    Outputs,
    Preset,
    Section,
    Seeds,
    Task,
)

__all__ = [
    "JSON",
    "SCALING_METRICS",
    "SPEED_METRICS",
    "Anchors",
    "BenchError",
    "Build",
    "Choice",
    "Context",
    "Dataset",
    "Diverged",
    "Executor",
    "Family",
    "File",
    "Integers",
    "LogUniform",
    "Method",
    "Metric",
    "Outputs",
    "Preset",
    "Section",
    "Seeds",
    "Skip",
    "Space",
    "Task",
    "Uniform",
    "hookimpl",
]
