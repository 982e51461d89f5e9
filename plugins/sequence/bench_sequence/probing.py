"""How the checks of mixers build layers, draw inputs and see what of an input an output depends on."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from harness import Skip
from harness.conformance import seeded

Build = Callable[..., nn.Module]

BATCH = 3
D_MODEL = 16
L_MAX = 64


def forms(
    build: Build, *, seed: int = 0, d_model: int = D_MODEL, l_max: int = L_MAX
) -> Iterator[tuple[str, nn.Module]]:
    """Yield ("causal=False", layer) and ("causal=True", layer), less the form that the method refuses."""
    refusals = []
    for causal in (False, True):
        try:
            with seeded(seed):
                layer = build(d_model=d_model, l_max=l_max, causal=causal)
        except (Skip, ValueError) as error:
            refusals.append(str(error))
        else:
            yield f"causal={causal}", widened(layer)
    assert len(refusals) < 2, f"neither form can be built with d_model={d_model}, l_max={l_max}: {'; '.join(refusals)}"


def form_for_trait(build: Build, *, causal: bool) -> nn.Module:
    """Return the layer in the form that a claimed trait needs."""
    try:
        with seeded(0):
            return widened(build(d_model=D_MODEL, l_max=L_MAX, causal=causal))
    except (Skip, ValueError) as error:
        raise AssertionError(f"the layer cannot be built with causal={causal}: {error}") from error


def widened(layer: nn.Module) -> nn.Module:
    """Return the layer with its tensors at least as wide as torch's default; complex ones stay complex."""
    for tensor in (*layer.parameters(), *layer.buffers()):
        if tensor.is_floating_point() or tensor.is_complex():
            tensor.data = tensor.data.to(torch.promote_types(tensor.dtype, torch.get_default_dtype()))
    return layer


def effect(layer: nn.Module, x: Tensor, source: int, target: int) -> float:
    """Return by how much a change of input `source` changes output `target`, relative to the largest output."""
    changed = x.clone()
    changed[:, source] = -x[:, source]
    before, after = layer(x), layer(changed)
    return float((after - before)[:, target].abs().max() / before.abs().max())


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Return N(0, 1) noise, the same on every call."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
