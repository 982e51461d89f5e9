"""Design choices other than the defaults keep the family's contract too."""

import functools

import pytest

from bench_sequence import checks
from bench_sequence.s4 import S4
from bench_sequence.s4d import S4D
from bench_sequence.s5 import S5
from bench_sequence.sgconv import SGConv
from bench_sequence.spacetime import SpaceTime

VARIANTS = {
    "s4-legt": functools.partial(S4, measure="legt"),
    "s4-fourier": functools.partial(S4, measure="fourier"),
    "s4d-scan": functools.partial(S4D, path="scan"),
    "s4d-dss": functools.partial(S4D, discretization="dss", real_transform="none"),
    "s4d-real": functools.partial(S4D, init="real", real_state=True, real_transform="relu"),
    "s4d-fixed-b": functools.partial(S4D, train_b=False, init="quad", discretization="bilinear"),
    "s5-blocks": functools.partial(S5, blocks=4, c_init="complex-normal", clip_eigs=True),
    "spacetime-residual": functools.partial(SpaceTime, preprocess="residual", heads=2, algorithm="dense"),
    "spacetime-woodbury": functools.partial(SpaceTime, algorithm="woodbury"),
    "sgconv-sum": functools.partial(SGConv, kernel_dim=16, combine="sum", weights="cos", decay="learnable"),
}


@pytest.mark.parametrize("build", VARIANTS.values(), ids=VARIANTS)
def test_contract(build):
    checks.check_finite(build)
    checks.check_gradient_reaches_every_parameter(build)
    checks.check_state_dict_round_trip(build)
    checks.check_deterministic(build)
    checks.check_causal(build)
    checks.check_any_length(build)
