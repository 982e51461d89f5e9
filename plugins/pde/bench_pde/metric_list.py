"""The metrics of neural operators and of solutions of equations by name. Imports no torch."""

from collections.abc import Iterator

from harness import Metric

_ERRORS = {
    "relative_l2": "norm of the error over the norm of the target, over the whole sample",
    "nrmse": "root mean square error over that of the target, by frame",
    "rmse": "root mean square error by frame",
    "max_error": "largest error",
    "conserved_rmse": "error of the field's sum",
    "boundary_rmse": "error on the boundary",
    "final_error": "relative L2 error at the last of the times that a solution has",
    "energy_error": "relative error of a flow's energy at the end",
    "peak_error": "relative error of the largest value at the last of the times",
    "fourier_low": "error of the wave numbers 0 to 3",
    "fourier_mid": "error of the wave numbers 4 to 11",
    "fourier_high": "error of the wave numbers from 12",
}
_BASELINES = {
    "persistence_relative_l2": "predicting that nothing changes, or the mean of the training targets",
    "linear_relative_l2": "ridge regression from the whole input to the whole output",
}


def metrics() -> Iterator[Metric]:
    """Yield errors of fields, and how methods stand beside classical solvers."""
    for name, summary in _ERRORS.items():
        yield Metric(name, f"bench_pde.metrics:{name}", better="lower", summary=summary)
    yield Metric(
        "skill",
        "bench_pde.metrics:skill",
        better="higher",
        summary="how much nearer than the field 0, relative to the target's norm; 0 for what is no nearer",
    )
    yield Metric(
        "correlation_time",
        "bench_pde.metrics:correlation_time",
        better="higher",
        unit="frames",
        summary="frames until the correlation with the truth falls below 0.8",
    )
    for name, summary in _BASELINES.items():
        yield Metric(name, f"bench_pde.metrics:{name}", better="lower", role="baseline", summary=summary)
    yield from _beside_classical()


def _beside_classical() -> Iterator[Metric]:
    """Yield how methods stand beside classical solvers."""
    ratio = "over that of a classical solver at equal error"
    for name, role, unit, summary in (
        ("classical_ratio", "cost", "", f"time of one inference {ratio}; above 1, the method is the slower"),
        ("classical_error", "cost", "", "relative L2 error of that classical solver, on the samples that are timed"),
        ("classical_time", "cost", "s", "time of that classical solver for a sample"),
        ("inference_time", "cost", "s", "time of a method for a sample, a whole rollout"),
        ("persistence_classical_ratio", "baseline", "", f"time of predicting no change, or the mean, {ratio}"),
        ("linear_classical_ratio", "baseline", "", f"time of a ridge regression {ratio}"),
    ):
        yield Metric(name, f"bench_pde.equal_error:{name}", better="lower", unit=unit, role=role, summary=summary)
