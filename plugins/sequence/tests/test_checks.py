"""Every check passes on a good layer and fails, with the right message, on one broken in the way it looks for."""

import inspect
import warnings

import pytest
import torch
from torch import nn

from bench_sequence import SEQUENCE_MIXER, checks
from bench_sequence.lstm import LSTM
from bench_sequence.probing import BATCH, D_MODEL, L_MAX, effect, form_for_trait, noise, widened
from harness.conformance import in_float64


class Average(nn.Module):
    """A good layer that keeps every promise of the family: y_t = gain * sum over j of decay^j x_{t-j}."""

    def __init__(self, *, d_model, l_max, causal):
        super().__init__()
        self.causal = causal
        self.l_max = l_max
        self.gain = nn.Parameter(torch.randn(d_model))
        self.decay = nn.Parameter(0.8 + 0.2 * torch.rand(d_model))

    def forward(self, x, state=None, *, rate=1.0, return_state=False):
        t = torch.arange(x.shape[1], device=x.device)
        lags = (rate * (t[:, None] - t).abs()).to(x.dtype)
        weights = rate * self.decay[:, None, None] ** lags  # (H, L, L)
        weights = weights.tril() if self.causal else weights
        y = torch.einsum("htj,bjh->bth", weights, x)
        if state is not None:
            y = y + self.decay ** (t[:, None] + 1) * state[:, None]
        return (self.gain * y, y[:, -1]) if return_state else self.gain * y

    def step(self, x, state=None):
        state = x if state is None else self.decay * state + x
        return self.gain * state, state

    def param_groups(self):
        return [{"params": [self.decay], "max_lr": 1e-3, "weight_decay": 0.0}]


class Doubled(Average):
    def forward(self, x):
        return super().forward(torch.cat((x, x), dim=1))


class WrongDtype(Average):
    def forward(self, x):
        return super().forward(x).double()


class Overflows(Average):
    def forward(self, x):
        return super().forward(x) + 0 * x.exp()


class BadGradient(Average):
    def forward(self, x):
        return super().forward(x) + x.square().sum(-1, keepdim=True).sqrt()  # at zero the slope is 0/0


class NormalisedOverBatch(Average):
    def forward(self, x):
        return super().forward(x - x.mean(0))


class UnusedParameter(Average):
    def __init__(self, **given):
        super().__init__(**given)
        self.unused = nn.Parameter(torch.ones(1))


class ZeroGradient(UnusedParameter):
    def forward(self, x):
        return super().forward(x) + 0 * self.unused


class UnsavedScale(Average):
    def __init__(self, **given):
        super().__init__(**given)
        self.scale = torch.randn(1)  # neither parameter nor buffer

    def forward(self, x):
        return self.scale * super().forward(x)


class UnsavedFirstCall(Average):
    def __init__(self, **given):
        super().__init__(**given)
        self.register_buffer("scale", torch.zeros(1), persistent=False)

    def forward(self, x):
        if not self.scale:
            self.scale.copy_(self.gain.detach().norm() + torch.randn(1))
        return self.scale * super().forward(x)


class UnsavedAverage(Average):
    """Divides by a running average of what it has met in training, which its saved state does not hold."""

    def __init__(self, **given):
        super().__init__(**given)
        self.register_buffer("level", torch.ones(1), persistent=False)

    def forward(self, x):
        if self.training:
            self.level = 0.5 * self.level + 0.5 * x.detach().square().mean()
        return super().forward(x) / self.level


class UnsavedCount(Average):
    """Learns for three calls only, and counts them where no one sees it."""

    calls = 0

    def forward(self, x):
        self.calls += self.training
        return super().forward(x) if self.calls < 4 else super().forward(x).detach()


class OwnRandomness(Average):
    generator = torch.Generator()

    def __init__(self, **given):
        super().__init__(**given)
        with torch.no_grad():
            self.gain.normal_(generator=self.generator)


class NegativeRate(Average):
    def param_groups(self):
        return [{"params": [self.decay], "max_lr": -1e-3, "weight_decay": 0.0}]


class NegativeDecay(Average):
    def param_groups(self):
        return [{"params": [self.decay], "max_lr": 1e-3, "weight_decay": -0.1}]


class MissingKey(Average):
    def param_groups(self):
        return [{"params": [self.decay], "lr": 1e-3}]


class NoList(Average):
    def param_groups(self):
        return [{"params": self.decay, "max_lr": 1e-3, "weight_decay": 0.0}]


class EmptyGroup(Average):
    def param_groups(self):
        return [{"params": [], "max_lr": 1e-3, "weight_decay": 0.0}]


class Stranger(Average):
    def param_groups(self):
        return [{"params": [nn.Parameter(torch.ones(1))], "max_lr": 1e-3, "weight_decay": 0.0}]


class ListedTwice(Average):
    def param_groups(self):
        return [*super().param_groups(), *super().param_groups()]


class CircularConvolution(Average):
    """A causal kernel applied by an FFT without padding: the end of the sequence leaks onto its beginning."""

    def forward(self, x):
        kernel = self.decay[:, None] ** torch.arange(x.shape[1])
        return self.gain * torch.fft.irfft(torch.fft.rfft(x, dim=1) * torch.fft.rfft(kernel).T, n=x.shape[1], dim=1)


class AlwaysCausal(Average):
    def __init__(self, **given):
        super().__init__(**given | {"causal": True})


class AlwaysBackward(AlwaysCausal):
    def forward(self, x):
        return super().forward(x.flip(1)).flip(1)


class NoStep(Average):
    step = property()  # hasattr is False


class StepOffByOne(Average):
    def step(self, x, state=None):
        state = torch.zeros_like(x) if state is None else state
        return self.gain * state, self.decay * state + x


class StepKeepsLength(Average):
    def step(self, x, state=None):
        y, state = super().step(x, state)
        return y[:, None], state


class FixedLength(Average):
    def forward(self, x):
        return super().forward(x.view(-1, self.l_max, x.shape[2]))


class Truncates(Average):
    def forward(self, x):
        return super().forward(x[:, : self.l_max])


class DividesByZero(Average):
    def forward(self, x):
        return super().forward(x) / (x.shape[1] - 1)


class Offset(Average):
    def forward(self, x):
        return super().forward(x) + 1


class Saturates(Average):
    def forward(self, x):
        return super().forward(x).tanh()


class RefusesBoth(Average):
    def __init__(self, **given):
        raise ValueError("never in the mood")


class OnlyCausal(Average):
    def __init__(self, *, d_model, l_max, causal):
        if not causal:
            raise ValueError("causal only")
        super().__init__(d_model=d_model, l_max=l_max, causal=causal)


class OnlyBidirectional(Average):
    def __init__(self, *, d_model, l_max, causal):
        if causal:
            raise ValueError("bidirectional only")
        super().__init__(d_model=d_model, l_max=l_max, causal=causal)


class OnlyCausalAndBroken(OnlyCausal, Offset):
    pass


class ForgetsState(Average):
    def forward(self, x, state=None, *, return_state=False):
        return super().forward(x, return_state=return_state)


class IgnoresRate(Average):
    def forward(self, x, *, rate=1.0):
        return super().forward(x)


class NeedsFloat32(Average):
    def forward(self, x):
        y = super().forward(x)
        return y.float() if x.dtype == torch.bfloat16 else y


class CoarseInBfloat16(Average):
    def forward(self, x):
        y = super().forward(x)
        return 1.1 * y if x.dtype == torch.bfloat16 else y


BROKEN = [
    ("shape", Doubled, r"causal=False: input \(3, 64, 16\) gave output \(3, 128, 16\)"),
    ("shape", WrongDtype, "float32 input gave a torch.float64 output"),
    ("finite", Overflows, "large inputs gave an output that is not finite"),
    ("finite", BadGradient, "zero inputs gave the input a gradient that is not finite"),
    ("batch_independence", NormalisedOverBatch, "alone and in a batch"),
    ("gradient_reaches_every_parameter", UnusedParameter, "no gradient reaches the parameter unused"),
    ("gradient_reaches_every_parameter", ZeroGradient, "no gradient reaches the parameter unused"),
    ("state_dict_round_trip", UnsavedScale, "before saving and after loading differ"),
    ("state_dict_round_trip", UnsavedFirstCall, "before saving and after loading differ"),
    ("resumes", UnsavedAverage, r"causal=False: predictions at step 3 of a training .* differ by"),
    ("resumes", UnsavedCount, r"predictions at step 4 of a training .* differ by"),
    ("deterministic", OwnRandomness, "two layers from one seed"),
    ("param_groups", NegativeRate, "max_lr is -0.001"),
    ("param_groups", NegativeDecay, "weight_decay is -0.1"),
    ("param_groups", MissingKey, r"keys \['lr', 'params'\]"),
    ("param_groups", NoList, "not a list"),
    ("param_groups", EmptyGroup, "group is empty"),
    ("param_groups", Stranger, "no parameter of the layer"),
    ("param_groups", ListedTwice, "decay is listed twice"),
    ("causal", CircularConvolution, "inputs after position 0 change outputs"),
    ("causal", AlwaysBackward, "inputs after position 0 change outputs"),
    ("causal", OnlyBidirectional, "cannot be built with causal=True: bidirectional only"),
    ("bidirectional", AlwaysCausal, "the first output does not depend on the last input"),
    ("bidirectional", AlwaysBackward, "the last output does not depend on the first input"),
    ("bidirectional", OnlyCausal, "cannot be built with causal=False: causal only"),
    ("stepwise", NoStep, r"no step\(\)"),
    ("stepwise", StepOffByOne, "parallel form give outputs that differ"),
    ("stepwise", StepKeepsLength, r"maps \(3, 16\) to \(3, 1, 16\)"),
    ("stateful", NoStep, "handing the state on raised"),
    ("stateful", StepOffByOne, "in parts and as a whole gives outputs that differ"),
    ("stateful", ForgetsState, "in parts and as a whole gives outputs that differ"),
    ("rate", IgnoresRate, "twice the samples at half the rate change the output by"),
    ("bfloat16", NeedsFloat32, "a torch.bfloat16 input gave a torch.float32 output"),
    ("bfloat16", CoarseInBfloat16, "outputs in bfloat16 and in float32 differ by"),
    ("any_length", FixedLength, "causal=False: length 1 with l_max 64 raised RuntimeError"),
    ("any_length", Truncates, r"input \(3, 65, 16\) gave output \(3, 64, 16\)"),
    ("any_length", DividesByZero, "length 1 with l_max 64 gave an output that is not finite"),
    ("linear", Offset, "superposition fails"),
    ("linear", Saturates, "superposition fails"),
    ("linear", OnlyCausalAndBroken, "causal=True: superposition fails"),
    ("shape", RefusesBoth, "neither form can be built .* never in the mood"),
]
CHECKS = {name.removeprefix("check_"): f for name, f in inspect.getmembers(checks) if name.startswith("check_")}
UNCONDITIONAL = CHECKS.keys() - {trait.replace("-", "_") for trait in SEQUENCE_MIXER.traits}


@pytest.mark.parametrize("name", CHECKS)
def test_passes_a_good_layer(name):
    CHECKS[name](Average)


@pytest.mark.parametrize(("name", "broken", "message"), BROKEN)
def test_fails_a_broken_layer(name, broken, message):
    with pytest.raises(AssertionError, match=message):
        CHECKS[name](broken)


def test_every_check_is_tested():
    assert CHECKS.keys() == {name for name, _, _ in BROKEN} | {"cuda"}  # which needs a GPU; see below


def test_the_gpu_check_fails_a_layer_that_computes_otherwise_there(monkeypatch):
    """A stand-in for a GPU: a copy whose weights differ."""

    def cuda(layer):
        with torch.no_grad():
            next(layer.parameters()).mul_(1.01)
        return layer

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.Tensor, "cuda", lambda tensor: tensor)
    monkeypatch.setattr(nn.Module, "cuda", lambda layer: layer)
    checks.check_cuda(Average)
    monkeypatch.setattr(nn.Module, "cuda", cuda)
    with pytest.raises(AssertionError, match="outputs on the GPU and on the CPU differ"):
        checks.check_cuda(Average)


@pytest.mark.parametrize("build", [OnlyCausal, OnlyBidirectional])
@pytest.mark.parametrize("name", sorted(UNCONDITIONAL))
def test_a_method_may_refuse_the_form_it_does_not_claim(name, build):
    CHECKS[name](build)


def test_layers_without_param_groups_pass():
    checks.check_param_groups(LSTM)


def test_a_recurrence_that_forgets_noise_is_still_bidirectional():
    with in_float64(), torch.no_grad():
        layer = form_for_trait(LSTM, causal=False)
        normal = noise(BATCH, L_MAX, D_MODEL)
        assert effect(layer, normal, source=-1, target=0) < checks.ROUNDING
    checks.check_bidirectional(LSTM)


def test_complex_parameters_widen_to_complex128():
    layer = nn.Module()
    layer.real, layer.complex = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1, dtype=torch.complex64))
    layer.register_buffer("count", torch.ones(1, dtype=torch.int64))
    with in_float64():
        widened(layer)
    assert [layer.real.dtype, layer.complex.dtype, layer.count.dtype] == [torch.float64, torch.complex128, torch.int64]


@pytest.mark.parametrize("name", CHECKS)
def test_the_checks_leave_torch_as_it_was(name):
    before = torch.get_default_dtype(), torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CHECKS[name](Average)
    assert torch.get_default_dtype() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
