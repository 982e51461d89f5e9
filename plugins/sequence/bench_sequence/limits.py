"""What mixers, forecasters and their tasks can be asked for. Imports no array library: a suite is checked with it
before any work.

The functions before `task` are named after what they judge, parts of layers and then methods, which call them first of
all. They raise ValueError, in one line that says what a parameter must be. `task` and `method` are what the manifest
names. Data sets have a file of their own, `bench_sequence.dataset_limits`, so that what concerns a layer does not
change them.
"""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from bench_sequence import dataset_limits
from harness.conditions import enough_rounds, enough_sizes, not_negative, obey, positive, share

# Parts of layers.


def timescales(*, dt_min: float, dt_max: float) -> None:
    if not 0 < dt_min <= dt_max:
        raise ValueError(f"dt_min and dt_max must satisfy 0 < dt_min <= dt_max, got {dt_min} and {dt_max}")


def state_size(*, d_state: int) -> None:
    """Refuse what a matrix in conjugate pairs cannot have."""
    if d_state < 2 or d_state % 2:
        raise ValueError(f"the state size must be even and at least 2, got {d_state}")


def copies(*, n_ssm: int | None, d_model: int) -> None:
    if n_ssm is not None and (n_ssm < 1 or d_model % n_ssm):
        raise ValueError(f"n_ssm must divide d_model, got {n_ssm} and {d_model}")


def clipped(*, b_clip: float | None) -> None:
    if b_clip is not None and not b_clip >= 0:
        raise ValueError(f"b_clip must not be negative, got {b_clip}")


def perturbed(*, d_state: int, alpha: float) -> None:
    state_size(d_state=d_state)
    if not 0.01 <= alpha <= 1:  # below, eigenvalues meet on the real axis and come in no pairs
        raise ValueError(f"alpha must be between 0.01 and 1, got {alpha}")


def halves(*, d_model: int, causal: bool) -> None:
    """Refuse a recurrent layer of two directions that d_model cannot be shared between."""
    if not causal and d_model % 2:
        raise ValueError(f"two directions share d_model, so that it must be even, got {d_model}")


# Methods.


def s4(*, d_model: int, d_state: int, n_ssm: int | None, dt_min: float, dt_max: float, b_clip: float | None) -> None:
    state_size(d_state=d_state)
    copies(n_ssm=n_ssm, d_model=d_model)
    timescales(dt_min=dt_min, dt_max=dt_max)
    clipped(b_clip=b_clip)


def s4d(
    *, d_model: int, d_state: int, n_ssm: int | None, dt_min: float, dt_max: float, b_clip: float | None,
    init: str, real_state: bool, path: str, discretization: str,
) -> None:  # fmt: skip
    s4(d_model=d_model, d_state=2 * d_state if real_state else d_state, n_ssm=n_ssm, dt_min=dt_min, dt_max=dt_max,
       b_clip=b_clip)  # fmt: skip
    if real_state and init != "real":
        raise ValueError(f"real_state needs init real, got {init!r}")
    if path == "scan" and discretization == "dss":
        raise ValueError("path must be convolution for dss, whose kernel depends on the length, got 'scan'")


def s4_ptd(*, d_model: int, d_state: int, n_ssm: int | None, dt_min: float, dt_max: float, alpha: float) -> None:
    perturbed(d_state=d_state, alpha=alpha)
    copies(n_ssm=n_ssm, d_model=d_model)
    timescales(dt_min=dt_min, dt_max=dt_max)


def s5(*, d_state: int, blocks: int, dt_min: float, dt_max: float) -> None:
    if blocks < 1 or d_state < 1 or d_state % (2 * blocks):
        raise ValueError(f"d_state must be a multiple of 2 blocks, got {d_state} and {blocks}")
    timescales(dt_min=dt_min, dt_max=dt_max)


def s5_ptd(*, d_state: int, blocks: int, dt_min: float, dt_max: float, alpha: float) -> None:
    s5(d_state=d_state, blocks=blocks, dt_min=dt_min, dt_max=dt_max)
    perturbed(d_state=d_state // blocks, alpha=alpha)


def lssl(*, d_state: int, channels: int) -> None:
    positive(d_state=d_state, channels=channels)


def lru(*, d_state: int, r_min: float, r_max: float, max_phase: float) -> None:
    positive(d_state=d_state, max_phase=max_phase)
    if not 0 <= r_min < r_max <= 1:
        raise ValueError(f"r_min and r_max must satisfy 0 <= r_min < r_max <= 1, got {r_min} and {r_max}")


def s6(*, d_state: int, dt_rank: int | None, dt_min: float, dt_max: float) -> None:
    positive(d_state=d_state, dt_rank=1 if dt_rank is None else dt_rank)
    timescales(dt_min=dt_min, dt_max=dt_max)


def mamba(*, d_state: int, d_conv: int, expand: int, dt_rank: int | None, dt_min: float, dt_max: float) -> None:
    positive(d_conv=d_conv, expand=expand)
    s6(d_state=d_state, dt_rank=dt_rank, dt_min=dt_min, dt_max=dt_max)


def spacetime(*, d_model: int, kernel_dim: int, heads: int) -> None:
    positive(kernel_dim=kernel_dim)
    split(d_model=d_model, heads=heads)


def split(*, d_model: int, heads: int | None) -> None:
    if heads is not None and (heads < 1 or d_model % heads):
        raise ValueError(f"heads must divide d_model, got {heads} and {d_model}")


def polynomial(*, d_model: int, heads: int | None, degree: int) -> None:
    split(d_model=d_model, heads=heads)
    if degree < 2 or degree % 2:
        raise ValueError(f"degree must be even, so that weights stay positive, and at least 2, got {degree}")


def sgconv(*, kernel_dim: int, decay_min: float, decay_max: float, l_max: int | None = None) -> None:
    positive(kernel_dim=kernel_dim)
    if not 0 < decay_min <= decay_max:
        raise ValueError(f"decays must satisfy 0 < decay_min <= decay_max, got {decay_min} and {decay_max}")
    if l_max is not None and kernel_dim >= 2 * l_max:
        raise ValueError(f"kernel_dim must be less than twice the length {l_max}, got {kernel_dim}")


def hyena(*, order: int, width: int, bands: int) -> None:
    if order < 2:
        raise ValueError(f"order must be at least 2, got {order}")
    positive(width=width, bands=bands)


def monarch_mixer(*, monarch_order: int | None, width: int, bands: int) -> None:
    if monarch_order is not None and monarch_order < 2:
        raise ValueError(f"monarch_order must be at least 2, got {monarch_order}")
    positive(width=width, bands=bands)


def tcn(*, kernel_size: int, blocks: int | None, dropout: float, causal: bool) -> None:
    if kernel_size < 2 or (not causal and kernel_size % 2 == 0):
        odd = "" if causal else ", and odd where it is centred"
        raise ValueError(f"kernel_size must be at least 2{odd}, got {kernel_size}")
    positive(blocks=1 if blocks is None else blocks)
    share(dropout=dropout)


def neural_cde(*, hidden: int, width: int, window: int) -> None:
    positive(hidden=hidden, width=width, window=window)


def timesnet(*, top_k: int, kernels: int, d_ff: int) -> None:
    positive(top_k=top_k, kernels=kernels, d_ff=d_ff)


def s4_network(
    *, d_model: int, layers: int, dropout: float, d_state: int, n_ssm: int | None, dt_min: float, dt_max: float,
    b_clip: float | None,
) -> None:  # fmt: skip
    positive(d_model=d_model, layers=layers)
    share(dropout=dropout)
    s4(d_model=d_model, d_state=d_state, n_ssm=n_ssm, dt_min=dt_min, dt_max=dt_max, b_clip=b_clip)


def spacetime_network(
    *, d_model: int, layers: int, dropout: float, kernel_dim: int, heads: int, lookback: int | None = None
) -> None:
    positive(d_model=d_model, layers=layers)
    share(dropout=dropout)
    spacetime(d_model=d_model, kernel_dim=kernel_dim, heads=heads)
    if lookback is not None and lookback <= kernel_dim:
        raise ValueError(f"lookback must be more than kernel_dim, got {lookback} and {kernel_dim}")


def timesnet_network(*, d_model: int, d_ff: int, layers: int, top_k: int, kernels: int, dropout: float) -> None:
    positive(d_model=d_model, layers=layers)
    share(dropout=dropout)
    timesnet(top_k=top_k, kernels=kernels, d_ff=d_ff)


def dlinear(*, width: int) -> None:
    if width < 1 or width % 2 == 0:
        raise ValueError(f"width must be odd, so that as many rows lie before as after, got {width}")


_RULES: dict[str, Callable[..., None]] = {
    "s4": s4,
    "s4d": s4d,
    "s4-ptd": s4_ptd,
    "s5": s5,
    "s5-ptd": s5_ptd,
    "lssl": lssl,
    "lru": lru,
    "s6": s6,
    "mamba": mamba,
    "spacetime": spacetime,
    "sgconv": sgconv,
    "hyena": hyena,
    "monarch-mixer": monarch_mixer,
    "tcn": tcn,
    "transformer": split,
    "linear-attention": split,
    "tensor-attention": split,
    "polynomial-tensor-attention": polynomial,
    "lstm": halves,
    "gru": halves,
    "neural-cde": neural_cde,
    "timesnet": timesnet,
    "s4-network": s4_network,
    "spacetime-network": spacetime_network,
    "timesnet-network": timesnet_network,
    "dlinear": dlinear,
}
_POSED: dict[str, Callable[..., None]] = {
    "adding": dataset_limits.adding,
    "autoregressive": dataset_limits.autoregressive,
    "process-forecasting": dataset_limits.autoregressive,
    "delay": dataset_limits.delay,
    "listops": dataset_limits.listops,
    "sequential-mnist": dataset_limits.mnist,
    "pathfinder": dataset_limits.pathfinder,
    "copying": dataset_limits.copying,
    "selective-copying": dataset_limits.copying,
    "induction-heads": dataset_limits.induction_heads,
    "associative-recall": dataset_limits.mqar,
    "spoken-digits": dataset_limits.spoken_digits,
    "spoken-digits-half-rate": dataset_limits.spoken_digits,
}
_POSITIVE = ("d_model", "layers", "steps", "batch_size", "lr", "lookback", "dimension", "examples", "train", "thin",
             "limit")  # fmt: skip
_NOT_NEGATIVE = ("weight_decay", "train_size", "test_size", "horizon", "noise", "evaluations")
_SHARES = ("dropout", "warmup")
_AS_LONG = ("adding", "delay", "speed", "generation")  # whose layers are built for `length` positions


def task(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a task, and return what it builds layers with, as far as it is known. Raises ValueError.

    Of the lengths of a task with several, the shortest is given: what can be built for it, can for all.
    """
    for condition, names in ((positive, _POSITIVE), (not_negative, _NOT_NEGATIVE), (share, _SHARES)):
        condition(**{key: params[key] for key in names if key in params})
    if name in _POSED:
        obey(_POSED[name], params)
    if "rounds" in params:
        enough_rounds(params["rounds"])
    given = {key: params[key] for key in ("d_model", "lookback") if key in params}
    if name == "scaling":
        enough_sizes(params["lengths"])
        given["l_max"] = min(params["lengths"])
    elif name in _AS_LONG:
        positive(length=params["length"])
        given["l_max"] = params["length"]
    return {**given, "causal": params.get("causal", True)}


def method(name: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Check that a method with these parameters can be built with what a task gives. Raises ValueError."""
    if rule := _RULES.get(name):
        known = {**params, **given}
        rule(**{key: known[key] for key in signature(rule).parameters if key in known})
