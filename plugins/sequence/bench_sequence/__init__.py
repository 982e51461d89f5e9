"""The manifest of bench-sequence: what it contributes, by name. Imports no torch."""

from collections.abc import Iterator
from pathlib import Path

from bench_sequence.family import SEQUENCE_MIXER
from harness import Anchors, Dataset, Method, Metric, Task, hookimpl

__all__ = ["SEQUENCE_MIXER"]

_RECURRENT = frozenset({"causal", "bidirectional", "stepwise", "any-length"})
_LINEAR_RECURRENT = _RECURRENT | {"linear"}
_CONVOLUTION = frozenset({"causal", "bidirectional", "any-length", "linear"})


@hookimpl
def bench_methods() -> Iterator[Method]:
    """Contribute the mixers, one file each."""
    yield Method(
        "s4",
        SEQUENCE_MIXER,
        "bench_sequence.s4:S4",
        reference="Gu, Goel, Ré 2022, arXiv:2111.00396",
        traits=_LINEAR_RECURRENT,
        summary="state space with the NPLR form of HiPPO-LegS, kernel by Cauchy sums",
    )
    yield Method(
        "s4d",
        SEQUENCE_MIXER,
        "bench_sequence.s4d:S4D",
        reference="Gu, Gupta, Goel, Ré 2022, arXiv:2206.11893",
        traits=_LINEAR_RECURRENT,
        summary="state space with a diagonal state matrix",
    )
    yield Method(
        "lssl",
        SEQUENCE_MIXER,
        "bench_sequence.lssl:LSSL",
        reference="Gu, Johnson, Goel, Saab, Dao, Rudra, Ré 2021, arXiv:2110.13985",
        traits=_LINEAR_RECURRENT,
        summary="linear state-space layer with a structured trainable state matrix",
    )
    yield Method(
        "sgconv",
        SEQUENCE_MIXER,
        "bench_sequence.sgconv:SGConv",
        reference="Li, Cai, Zhang, Chen, Dey 2023, arXiv:2210.09298",
        traits=_CONVOLUTION,
        summary="long convolution whose kernel is interpolated at growing scales and decays",
    )
    yield Method(
        "free-convolution",
        SEQUENCE_MIXER,
        "bench_sequence.free_convolution:FreeConvolution",
        reference="",
        traits=_CONVOLUTION,
        summary="long convolution with one free parameter per tap: the null of all kernel parameterisations",
    )
    yield Method(
        "lstm",
        SEQUENCE_MIXER,
        "bench_sequence.lstm:LSTM",
        reference="Hochreiter, Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735",
        traits=_RECURRENT,
        summary="long short-term memory",
    )
    yield Method(
        "transformer",
        SEQUENCE_MIXER,
        "bench_sequence.transformer:Transformer",
        reference="Vaswani et al. 2017, arXiv:1706.03762",
        traits=_RECURRENT,
        summary="multi-head softmax attention with sinusoidal positions",
    )
    yield Method(
        "linear-attention",
        SEQUENCE_MIXER,
        "bench_sequence.linear_attention:LinearAttention",
        reference="Katharopoulos, Vyas, Pappas, Fleuret 2020, arXiv:2006.16236",
        traits=_RECURRENT,
        summary="multi-head attention with the softmax replaced by a product of positive features",
    )


@hookimpl
def bench_tasks() -> Iterator[Task]:
    """Contribute the tasks."""
    costs = ("parameters", "seconds_per_step", "peak_memory")
    yield Task(
        "digits",
        SEQUENCE_MIXER,
        "bench_sequence.tasks.digits:SequentialDigits",
        metrics=("accuracy", *costs),
        datasets=("digits",),
        reference="scikit-learn's copy of the UCI test set of handwritten digits, doi:10.24432/C50P49",
        summary="name a handwritten digit from its 64 pixels in reading order",
        anchors=Anchors(chance=0.1, reference=1.0, source="one of ten at random; no error"),
    )
    yield Task(
        "listops",
        SEQUENCE_MIXER,
        "bench_sequence.tasks.listops:ListOps",
        metrics=("accuracy", "root_operator_accuracy", *costs),
        datasets=("listops",),
        reference="Nangia, Bowman 2018, arXiv:1804.06028; Tay et al. 2020, arXiv:2011.04006",
        summary="evaluate nested list operations; short expressions by default",
        anchors=Anchors(chance=0.1, reference=1.0, source="one of ten at random; no error"),
    )
    yield Task(
        "delay",
        SEQUENCE_MIXER,
        "bench_sequence.tasks.delay:Delay",
        metrics=("mse", *costs),
        datasets=("delay",),
        requires=frozenset({"causal"}),
        summary="reproduce a continuous signal some steps later",
        anchors=Anchors(chance=1.0, reference=0.0, source="a constant output; an exact copy"),
    )


@hookimpl
def bench_metrics() -> Iterator[Metric]:
    """Contribute the metrics that only these tasks use."""
    yield Metric(
        "root_operator_accuracy",
        "bench_sequence.tasks.listops:root_operator_accuracy",
        better="higher",
        role="baseline",
        summary="naming the most frequent answer of the expression's outermost operator",
    )


@hookimpl
def bench_references() -> Iterator[Path]:
    """Contribute the works that methods and tasks refer to."""
    yield Path(__file__).with_name("references.bib")


@hookimpl
def bench_datasets() -> Iterator[Dataset]:
    """Contribute the data sets."""
    yield Dataset("digits", "bench_sequence.datasets.digits:digits", summary="1,797 digits of 8 x 8 pixels")
    yield Dataset("listops", "bench_sequence.datasets.listops:listops", summary="generated by the grammar of LRA")
    yield Dataset("delay", "bench_sequence.datasets.delay:delay", summary="band-limited noise and its delayed copy")
