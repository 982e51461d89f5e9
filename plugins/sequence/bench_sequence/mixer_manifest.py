"""The mixers of bench-sequence by name, with what each claims. Imports no torch."""

from bench_sequence.family import SEQUENCE_MIXER
from harness import Method

_RECURRENT = frozenset({"causal", "bidirectional", "stepwise", "any-length"})
_LINEAR_RECURRENT = _RECURRENT | {"linear"}
_LINEAR_STATE = _LINEAR_RECURRENT | {"stateful"}
_CONTINUOUS = _LINEAR_STATE | {"rate"}  # a system in continuous time, and a step
_SELECTIVE = frozenset({"causal", "stepwise", "any-length", "stateful", "bfloat16"})
_CONVOLUTION = frozenset({"causal", "bidirectional", "any-length", "linear"})
_PTD = "Yu, Nigmetov, Morozov, Mahoney, Erichson 2024, arXiv:2310.01698"
_MAMBA = "Gu, Dao 2023, arXiv:2312.00752"

STATE_SPACES = (
    Method(
        "s4",
        SEQUENCE_MIXER,
        "bench_sequence.s4:S4",
        reference="Gu, Goel, Ré 2022, arXiv:2111.00396",
        traits=_CONTINUOUS,
        summary="state space with the NPLR form of a HiPPO matrix, kernel by Cauchy sums",
    ),
    Method(
        "s4d",
        SEQUENCE_MIXER,
        "bench_sequence.s4d:S4D",
        reference="Gu, Gupta, Goel, Ré 2022, arXiv:2206.11893",
        traits=_CONTINUOUS,
        summary="state space with a diagonal state matrix",
    ),
    Method(
        "lssl",
        SEQUENCE_MIXER,
        "bench_sequence.lssl:LSSL",
        reference="Gu, Johnson, Goel, Saab, Dao, Rudra, Ré 2021, arXiv:2110.13985",
        traits=_LINEAR_RECURRENT,
        summary="linear state-space layer with a structured trainable state matrix",
    ),
    Method(
        "s4-ptd",
        SEQUENCE_MIXER,
        "bench_sequence.s4_ptd:S4PTD",
        reference=_PTD,
        traits=_CONTINUOUS,
        summary="S4D from a HiPPO-LegS that was perturbed before it was diagonalised",
    ),
    Method(
        "s5",
        SEQUENCE_MIXER,
        "bench_sequence.s5:S5",
        reference="Smith, Warrington, Linderman 2023, arXiv:2208.04933",
        traits=_CONTINUOUS,
        summary="one diagonal state-space system for all channels, by a parallel scan",
    ),
    Method(
        "s5-ptd",
        SEQUENCE_MIXER,
        "bench_sequence.s5_ptd:S5PTD",
        reference=_PTD,
        traits=_CONTINUOUS,
        summary="S5 from a HiPPO-LegS that was perturbed before it was diagonalised",
    ),
    Method(
        "lru",
        SEQUENCE_MIXER,
        "bench_sequence.lru:LRU",
        reference="Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De 2023, arXiv:2303.06349",
        traits=_LINEAR_STATE,
        summary="diagonal complex linear recurrence without continuous time",
    ),
    Method(
        "spacetime",
        SEQUENCE_MIXER,
        "bench_sequence.spacetime:SpaceTime",
        reference="Zhang, Saab, Poli, Dao, Goel, Ré 2023, arXiv:2303.09489",
        traits=_LINEAR_STATE,
        summary="discrete state space with a companion matrix",
    ),
    Method(
        "s6",
        SEQUENCE_MIXER,
        "bench_sequence.s6:S6",
        reference=_MAMBA,
        traits=_SELECTIVE,
        summary="state space whose step, input and output matrices depend on the input",
    ),
    Method(
        "mamba",
        SEQUENCE_MIXER,
        "bench_sequence.mamba:Mamba",
        reference=_MAMBA,
        traits=_SELECTIVE,
        summary="S6 between a short convolution and a gate, on twice the channels",
    ),
)
CONVOLUTIONS = (
    Method(
        "sgconv",
        SEQUENCE_MIXER,
        "bench_sequence.sgconv:SGConv",
        reference="Li, Cai, Zhang, Chen, Dey 2023, arXiv:2210.09298",
        traits=_CONVOLUTION,
        summary="long convolution whose kernel is interpolated at growing scales and decays",
    ),
    Method(
        "hyena",
        SEQUENCE_MIXER,
        "bench_sequence.hyena:Hyena",
        reference="Poli et al. 2023, arXiv:2302.10866",
        traits=frozenset({"causal", "any-length"}),
        summary="gates and long convolutions with implicit kernels in turn",
    ),
    Method(
        "monarch-mixer",
        SEQUENCE_MIXER,
        "bench_sequence.monarch_mixer:MonarchMixer",
        reference="Fu et al. 2023, arXiv:2310.12109",
        traits=frozenset({"causal", "bidirectional", "any-length"}),
        summary="gated long convolution by Monarch matrices",
    ),
    Method(
        "hyperzzw",
        SEQUENCE_MIXER,
        "bench_sequence.hyperzzw:HyperZZW",
        reference="Zhang 2024, arXiv:2401.17948",
        traits=frozenset({"bidirectional", "bfloat16"}),
        summary="kernels of slow networks times the input as weights for it, ten branches (Terminator's layer)",
    ),
    Method(
        "fnet",
        SEQUENCE_MIXER,
        "bench_sequence.fnet:FNet",
        reference="Lee-Thorp, Ainslie, Eckstein, Ontanon 2021, arXiv:2105.03824",
        traits=frozenset({"bidirectional", "any-length", "linear", "bfloat16"}),
        summary="Fourier transform along sequence and channels: no parameters",
    ),
    Method(
        "tcn",
        SEQUENCE_MIXER,
        "bench_sequence.tcn:TCN",
        reference="Bai, Kolter, Koltun 2018, arXiv:1803.01271",
        traits=_RECURRENT | {"bfloat16"},
        summary="dilated CNN: residual blocks of convolutions whose reach doubles",
    ),
    Method(
        "free-convolution",
        SEQUENCE_MIXER,
        "bench_sequence.free_convolution:FreeConvolution",
        reference="",
        traits=_CONVOLUTION,
        summary="long convolution with one free parameter per tap: the null of all kernel parameterisations",
    ),
)
OTHERS = (  # attention, recurrent, and what folds or integrates
    Method(
        "transformer",
        SEQUENCE_MIXER,
        "bench_sequence.transformer:Transformer",
        reference="Vaswani et al. 2017, arXiv:1706.03762",
        traits=_RECURRENT | {"bfloat16"},
        summary="multi-head softmax attention with sinusoidal positions",
    ),
    Method(
        "linear-attention",
        SEQUENCE_MIXER,
        "bench_sequence.linear_attention:LinearAttention",
        reference="Katharopoulos, Vyas, Pappas, Fleuret 2020, arXiv:2006.16236",
        traits=_RECURRENT | {"bfloat16"},
        summary="multi-head attention with the softmax replaced by a product of positive features",
    ),
    Method(
        "tensor-attention",
        SEQUENCE_MIXER,
        "bench_sequence.tensor_attention:TensorAttention",
        reference="Alman, Song 2024, arXiv:2310.04064",
        traits=_RECURRENT | {"bfloat16"},
        summary="softmax attention to all pairs of positions, exact, cubic in length",
    ),
    Method(
        "polynomial-tensor-attention",
        SEQUENCE_MIXER,
        "bench_sequence.tensor_attention:PolynomialTensorAttention",
        reference="Alman, Song 2024, arXiv:2310.04064",
        traits=_RECURRENT | {"bfloat16"},
        summary="attention to all pairs of positions, approximated by a polynomial, linear in length",
    ),
    Method(
        "lstm",
        SEQUENCE_MIXER,
        "bench_sequence.lstm:LSTM",
        reference="Hochreiter, Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735",
        traits=_RECURRENT | {"bfloat16"},
        summary="long short-term memory",
    ),
    Method(
        "gru",
        SEQUENCE_MIXER,
        "bench_sequence.gru:GRU",
        reference="Cho et al. 2014, arXiv:1406.1078",
        traits=_RECURRENT | {"bfloat16"},
        summary="gated recurrent unit",
    ),
    Method(
        "neural-cde",
        SEQUENCE_MIXER,
        "bench_sequence.neural_cde:NeuralCDE",
        reference="Kidger, Morrill, Foster, Lyons 2020, arXiv:2005.08926",
        traits=_RECURRENT | {"bfloat16"},
        summary="differential equation of a hidden path that the data drive",
    ),
    Method(
        "timesnet",
        SEQUENCE_MIXER,
        "bench_sequence.timesnet:TimesNet",
        reference="Wu et al. 2023, arXiv:2210.02186",
        traits=frozenset({"bidirectional", "any-length", "bfloat16"}),
        summary="TimesBlock: the sequence folded at its strongest periods into images and convolved",
    ),
)
METHODS = (*STATE_SPACES, *CONVOLUTIONS, *OTHERS)
