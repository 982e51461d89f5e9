"""The tasks of this plugin by name, with their data sets and the metrics that only they use. Imports no torch."""

from collections.abc import Iterator

from bench_sequence.family import SEQUENCE_MIXER
from bench_sequence.hyperparameters import RECIPE
from harness import Dataset, Metric, Task

_COSTS = ("parameters", "seconds_per_step", "peak_memory")
_CAUSAL = frozenset({"causal"})


def tasks() -> Iterator[Task]:
    """Yield the tasks, the synthetic ones first."""
    yield _task(
        "copying", "recall:Copying", "copying", "accuracy", _CAUSAL,
        reference="Arjovsky, Shah, Bengio 2016, arXiv:1511.06464",
        summary="name the symbols at the beginning of a sequence after many blanks",
    )  # fmt: skip
    yield _task(
        "selective-copying", "recall:SelectiveCopying", "copying", "accuracy", _CAUSAL,
        reference="Gu, Dao 2023, arXiv:2312.00752",
        summary="name the symbols at random places of a sequence, in order",
    )  # fmt: skip
    yield _task(
        "induction-heads", "recall:InductionHeads", "induction-heads", "accuracy", _CAUSAL,
        reference="Olsson et al. 2022, arXiv:2209.11895; Fu et al. 2023, arXiv:2212.14052",
        summary="name the token that followed the special token before",
    )  # fmt: skip
    yield _task(
        "associative-recall", "recall:AssociativeRecall", "mqar", "accuracy", _CAUSAL,
        reference="Arora et al. 2023, arXiv:2312.04927",
        summary="answer each key with its value, many keys in a sequence (MQAR)",
    )  # fmt: skip
    yield _task(
        "adding", "adding:Adding", "adding", "mse", _CAUSAL,
        reference="Hochreiter, Schmidhuber 1997; Arjovsky, Shah, Bengio 2016, arXiv:1511.06464",
        summary="add the two numbers that are marked",
    )  # fmt: skip
    yield _task(
        "autoregressive", "autoregressive:AutoregressiveProcess", "autoregressive", ("mse", "least_mse"), _CAUSAL,
        reference="Zhang et al. 2023, arXiv:2303.09489",
        summary="predict an autoregressive process, one step or a horizon ahead",
    )  # fmt: skip
    yield _task(
        "in-context-regression", "in_context:InContextRegression", "in-context-regression",
        ("last_mse", "mse", "bayes_last_mse", "bayes_mse"), _CAUSAL,
        reference="Garg et al. 2022, arXiv:2208.01066; Akyürek et al. 2023, arXiv:2211.15661",
        summary="linear regression from the examples in the sequence itself",
    )  # fmt: skip


def metrics() -> Iterator[Metric]:
    """Yield the metrics that only these tasks use."""
    yield Metric(
        "least_mse", "bench_sequence.tasks.autoregressive:least_mse", better="lower", role="baseline",
        summary="error of the process's own coefficients",
    )  # fmt: skip
    yield Metric(
        "last_mse", "bench_sequence.tasks.in_context:last_mse", better="lower",
        summary="mean squared error after all examples; 1 is predicting 0",
    )  # fmt: skip
    yield Metric(
        "bayes_mse", "bench_sequence.tasks.in_context:bayes_mse", better="lower", role="baseline",
        summary="error of ridge regression with the right penalty, over all positions",
    )  # fmt: skip
    yield Metric(
        "bayes_last_mse", "bench_sequence.tasks.in_context:bayes_last_mse", better="lower", role="baseline",
        summary="error of ridge regression with the right penalty, after all examples",
    )  # fmt: skip


def datasets() -> Iterator[Dataset]:
    """Yield the data sets."""
    here = "bench_sequence.datasets"
    yield Dataset("copying", f"{here}.recall:copying", summary="symbols among blanks, to be named at markers")
    yield Dataset("induction-heads", f"{here}.recall:induction_heads", summary="a special token and what follows it")
    yield Dataset("mqar", f"{here}.recall:mqar", summary="keys with values, and the keys again")
    yield Dataset("adding", f"{here}.adding:adding", summary="numbers, two of which are marked")
    yield Dataset("autoregressive", f"{here}.autoregressive:autoregressive", summary="processes with given poles")
    yield Dataset(
        "in-context-regression", f"{here}.in_context:in_context_regression", summary="linear functions by examples"
    )


def _task(
    name: str,
    target: str,
    datasets: str | tuple[str, ...],
    metrics: str | tuple[str, ...],
    requires: frozenset[str] = frozenset(),
    *,
    reference: str,
    summary: str,
) -> Task:
    return Task(
        name,
        SEQUENCE_MIXER,
        f"bench_sequence.tasks.{target}",
        metrics=(*((metrics,) if isinstance(metrics, str) else metrics), *_COSTS),
        datasets=(datasets,) if isinstance(datasets, str) else datasets,
        requires=requires,
        recipe=RECIPE,
        reference=reference,
        summary=summary,
    )
