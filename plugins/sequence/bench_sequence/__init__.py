"""The manifest of bench-sequence: what it contributes, by name. Imports no torch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench_sequence import forecaster_manifest, task_list
from bench_sequence.family import SEQUENCE_MIXER
from bench_sequence.forecaster_family import FORECASTER
from bench_sequence.hyperparameters import RECIPE, presets, space
from harness import Anchors, Dataset, Method, Metric, Task, hookimpl

__all__ = ["FORECASTER", "SEQUENCE_MIXER"]

_RECURRENT = frozenset({"causal", "bidirectional", "stepwise", "any-length"})
_LINEAR_RECURRENT = _RECURRENT | {"linear"}
_LINEAR_STATE = _LINEAR_RECURRENT | {"stateful"}
_CONTINUOUS = _LINEAR_STATE | {"rate"}  # a system in continuous time, and a step
_SELECTIVE = frozenset({"causal", "stepwise", "any-length", "stateful", "bfloat16"})
_CONVOLUTION = frozenset({"causal", "bidirectional", "any-length", "linear"})


@hookimpl
def bench_methods() -> Iterator[Method]:
    """Contribute the mixers, one file each, with what is known of their hyper-parameters, and the forecasters."""
    for method in _methods():
        yield replace(method, presets=presets(method.name), space=space(method.name))
    yield from forecaster_manifest.methods()


def _methods() -> Iterator[Method]:
    """Yield the first of the mixers, and then the others."""
    yield Method(
        "s4",
        SEQUENCE_MIXER,
        "bench_sequence.s4:S4",
        reference="Gu, Goel, Ré 2022, arXiv:2111.00396",
        traits=_CONTINUOUS,
        summary="state space with the NPLR form of a HiPPO matrix, kernel by Cauchy sums",
    )
    yield Method(
        "s4d",
        SEQUENCE_MIXER,
        "bench_sequence.s4d:S4D",
        reference="Gu, Gupta, Goel, Ré 2022, arXiv:2206.11893",
        traits=_CONTINUOUS,
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
    yield from _state_spaces()
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
        traits=_RECURRENT | {"bfloat16"},
        summary="long short-term memory",
    )
    yield Method(
        "transformer",
        SEQUENCE_MIXER,
        "bench_sequence.transformer:Transformer",
        reference="Vaswani et al. 2017, arXiv:1706.03762",
        traits=_RECURRENT | {"bfloat16"},
        summary="multi-head softmax attention with sinusoidal positions",
    )
    yield Method(
        "linear-attention",
        SEQUENCE_MIXER,
        "bench_sequence.linear_attention:LinearAttention",
        reference="Katharopoulos, Vyas, Pappas, Fleuret 2020, arXiv:2006.16236",
        traits=_RECURRENT | {"bfloat16"},
        summary="multi-head attention with the softmax replaced by a product of positive features",
    )
    yield from _mixers()


def _mixers() -> Iterator[Method]:
    """The convolutional and structured, the attention, recurrent and other mixers."""
    yield Method(
        "hyena",
        SEQUENCE_MIXER,
        "bench_sequence.hyena:Hyena",
        reference="Poli et al. 2023, arXiv:2302.10866",
        traits=frozenset({"causal", "any-length"}),
        summary="gates and long convolutions with implicit kernels in turn",
    )
    yield Method(
        "monarch-mixer",
        SEQUENCE_MIXER,
        "bench_sequence.monarch_mixer:MonarchMixer",
        reference="Fu et al. 2023, arXiv:2310.12109",
        traits=frozenset({"causal", "bidirectional", "any-length"}),
        summary="gated long convolution by Monarch matrices",
    )
    yield Method(
        "hyperzzw",
        SEQUENCE_MIXER,
        "bench_sequence.hyperzzw:HyperZZW",
        reference="Zhang 2024, arXiv:2401.17948",
        traits=frozenset({"bidirectional", "bfloat16"}),
        summary="kernels of slow networks times the input as weights for it, ten branches (Terminator's layer)",
    )
    yield Method(
        "fnet",
        SEQUENCE_MIXER,
        "bench_sequence.fnet:FNet",
        reference="Lee-Thorp, Ainslie, Eckstein, Ontanon 2021, arXiv:2105.03824",
        traits=frozenset({"bidirectional", "any-length", "linear", "bfloat16"}),
        summary="Fourier transform along sequence and channels: no parameters",
    )
    yield Method(
        "tcn",
        SEQUENCE_MIXER,
        "bench_sequence.tcn:TCN",
        reference="Bai, Kolter, Koltun 2018, arXiv:1803.01271",
        traits=_RECURRENT | {"bfloat16"},
        summary="dilated CNN: residual blocks of convolutions whose reach doubles",
    )
    yield Method(
        "timesnet",
        SEQUENCE_MIXER,
        "bench_sequence.timesnet:TimesNet",
        reference="Wu et al. 2023, arXiv:2210.02186",
        traits=frozenset({"bidirectional", "any-length", "bfloat16"}),
        summary="TimesBlock: the sequence folded at its strongest periods into images and convolved",
    )
    yield Method(
        "tensor-attention",
        SEQUENCE_MIXER,
        "bench_sequence.tensor_attention:TensorAttention",
        reference="Alman, Song 2024, arXiv:2310.04064",
        traits=_RECURRENT | {"bfloat16"},
        summary="softmax attention to all pairs of positions, exact, cubic in length",
    )
    yield Method(
        "polynomial-tensor-attention",
        SEQUENCE_MIXER,
        "bench_sequence.tensor_attention:PolynomialTensorAttention",
        reference="Alman, Song 2024, arXiv:2310.04064",
        traits=_RECURRENT | {"bfloat16"},
        summary="attention to all pairs of positions, approximated by a polynomial, linear in length",
    )
    yield Method(
        "gru",
        SEQUENCE_MIXER,
        "bench_sequence.gru:GRU",
        reference="Cho et al. 2014, arXiv:1406.1078",
        traits=_RECURRENT | {"bfloat16"},
        summary="gated recurrent unit",
    )
    yield Method(
        "neural-cde",
        SEQUENCE_MIXER,
        "bench_sequence.neural_cde:NeuralCDE",
        reference="Kidger, Morrill, Foster, Lyons 2020, arXiv:2005.08926",
        traits=_RECURRENT | {"bfloat16"},
        summary="differential equation of a hidden path that the data drive",
    )


def _state_spaces() -> Iterator[Method]:
    """Yield the other state-space models."""
    ptd = "Yu, Nigmetov, Morozov, Mahoney, Erichson 2024, arXiv:2310.01698"
    mamba = "Gu, Dao 2023, arXiv:2312.00752"
    yield Method(
        "s4-ptd",
        SEQUENCE_MIXER,
        "bench_sequence.s4_ptd:S4PTD",
        reference=ptd,
        traits=_CONTINUOUS,
        summary="S4D from a HiPPO-LegS that was perturbed before it was diagonalised",
    )
    yield Method(
        "s5",
        SEQUENCE_MIXER,
        "bench_sequence.s5:S5",
        reference="Smith, Warrington, Linderman 2023, arXiv:2208.04933",
        traits=_CONTINUOUS,
        summary="one diagonal state-space system for all channels, by a parallel scan",
    )
    yield Method(
        "s5-ptd",
        SEQUENCE_MIXER,
        "bench_sequence.s5_ptd:S5PTD",
        reference=ptd,
        traits=_CONTINUOUS,
        summary="S5 from a HiPPO-LegS that was perturbed before it was diagonalised",
    )
    yield Method(
        "lru",
        SEQUENCE_MIXER,
        "bench_sequence.lru:LRU",
        reference="Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De 2023, arXiv:2303.06349",
        traits=_LINEAR_STATE,
        summary="diagonal complex linear recurrence without continuous time",
    )
    yield Method(
        "spacetime",
        SEQUENCE_MIXER,
        "bench_sequence.spacetime:SpaceTime",
        reference="Zhang, Saab, Poli, Dao, Goel, Ré 2023, arXiv:2303.09489",
        traits=_LINEAR_STATE,
        summary="discrete state space with a companion matrix",
    )
    yield Method(
        "s6",
        SEQUENCE_MIXER,
        "bench_sequence.s6:S6",
        reference=mamba,
        traits=_SELECTIVE,
        summary="state space whose step, input and output matrices depend on the input",
    )
    yield Method(
        "mamba",
        SEQUENCE_MIXER,
        "bench_sequence.mamba:Mamba",
        reference=mamba,
        traits=_SELECTIVE,
        summary="S6 between a short convolution and a gate, on twice the channels",
    )


@hookimpl
def bench_tasks() -> Iterator[Task]:
    """Contribute the tasks."""
    costs = ("parameters", "seconds_per_step", "peak_memory")
    yield Task(
        "digits",
        SEQUENCE_MIXER,
        "bench_sequence.tasks.digits:SequentialDigits",
        recipe=RECIPE,
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
        recipe=RECIPE,
        metrics=("accuracy", "root_operator_accuracy", *costs),
        datasets=("listops",),
        requires=frozenset({"bidirectional"}),
        reference="Nangia, Bowman 2018, arXiv:1804.06028; Tay et al. 2020, arXiv:2011.04006",
        summary="evaluate nested list operations; short expressions by default",
        anchors=Anchors(chance=0.1, reference=1.0, source="one of ten at random; no error"),
    )
    yield Task(
        "delay",
        SEQUENCE_MIXER,
        "bench_sequence.tasks.delay:Delay",
        recipe=RECIPE,
        metrics=("mse", *costs),
        datasets=("delay",),
        requires=frozenset({"causal"}),
        reference="Gu, Johnson, Timalsina, Rudra, Ré 2023, arXiv:2206.12037",
        summary="reproduce a continuous signal some steps later",
        anchors=Anchors(chance=1.0, reference=0.0, source="a constant output; an exact copy"),
    )
    times = ("seconds_per_call", "seconds_per_call_q1", "seconds_per_call_q3", "seconds_of_first_call", "throughput")
    spent = (*times, "flops_per_call", "joules_per_call", "parameters", "parameters_total", "parameter_bytes")
    ratios = ("time_ratio", "time_ratio_low", "time_ratio_high", "noise_floor", *spent, "peak_memory")
    yield Task(
        "speed",
        SEQUENCE_MIXER,
        "bench_sequence.tasks.speed:Speed",
        metrics=ratios,
        against="transformer",
        alone=True,
        summary="time of a training step and an inference call against a reference",
    )
    yield Task(
        "generation",
        SEQUENCE_MIXER,
        "bench_sequence.tasks.generation:Generation",
        metrics=ratios,
        requires=frozenset({"causal", "stepwise"}),
        against="transformer",
        alone=True,
        summary="time of generating positions one by one against a reference",
    )
    yield Task(
        "scaling",
        SEQUENCE_MIXER,
        "bench_sequence.tasks.scaling:Scaling",
        metrics=("exponent", "exponent_low", "exponent_high", "reference_exponent", *ratios),
        against="transformer",
        alone=True,
        summary="how time and memory grow with the length",
    )
    yield from task_list.tasks()
    yield from forecaster_manifest.tasks()


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
    yield from task_list.metrics()


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
    yield from task_list.datasets()
