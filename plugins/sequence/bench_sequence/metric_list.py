"""The metrics that only the tasks of sequence mixers use, by name. Imports no torch."""

from collections.abc import Iterator
from typing import Literal

from harness import Metric


def metrics() -> Iterator[Metric]:
    """Yield them: what a method is ranked by, and what it is held against."""
    yield Metric(
        "last_mse",
        "bench_sequence.tasks.in_context:last_mse",
        better="lower",
        summary="mean squared error after all examples; 1 is predicting 0",
    )
    yield Metric("mae", "bench_sequence.tasks.forecasting:mae", better="lower", summary="mean absolute error")
    yield _baseline(
        "root_operator_accuracy",
        "listops",
        "naming the most frequent answer of the expression's outermost operator",
        better="higher",
    )
    yield _baseline("least_mse", "autoregressive", "error of the process's own coefficients")
    ridge = "error of ridge regression with the right penalty"
    for name, what in (
        ("bayes_mse", f"{ridge}, over all positions"),
        ("bayes_last_mse", f"{ridge}, after all examples"),
        (
            "gradient_last_mse",
            "error of one step of gradient descent, one layer of linear attention, after all examples",
        ),
        ("newton_last_mse", "error of three iterations of Newton's method after all examples"),
        ("nearest_last_mse", "error of the mean of the three nearest examples after all examples"),
    ):
        yield _baseline(name, "in_context", what)
    for name, what in (
        ("repeated_mse", "repeating the last row"),
        ("seasonal_mse", "repeating the last day, week or year"),
        ("linear_mse", "ridge regression on the context, the same for every column"),
    ):
        yield _baseline(name, "forecasting", f"error of {what}")


def _baseline(name: str, module: str, summary: str, better: Literal["lower", "higher"] = "lower") -> Metric:
    return Metric(name, f"bench_sequence.tasks.{module}:{name}", better=better, role="baseline", summary=summary)
