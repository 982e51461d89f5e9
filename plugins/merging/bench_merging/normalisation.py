"""Statistics of batch normalisation, estimated anew for a merge, by methods that may see inputs.

The mean of the experts' statistics, which `state.assemble` gives a merge, is that of no network: a merged layer's
channels have another mean and a smaller variance. What is done here is known as resetting (Jordan et al. 2023,
arXiv:2211.08403, section 5): means and variances of every layer are those of the merge itself, on the inputs of all
tasks together. So do Fisher averaging, RegMean, ZipIt and PLeaS at the size of one model. All others keep the mean:
most see no inputs, matchings are half-way between two models in every tensor, and learnt coefficients and masks are
learnt with the mean.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from bench_merging.network import Network
from bench_merging.state import is_statistic

BATCH = 256


def reestimated(network: Network, state: Mapping[str, Tensor], inputs: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return a model with its statistics estimated on inputs of every task, (n, *shape) each, in batches of 256 drawn
    from all of them; the model as it is where it has no statistics."""
    if not any(map(is_statistic, state)):
        return dict(state)
    module = network.module({n: t.float() if t.is_floating_point() else t for n, t in state.items()})
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean over batches
            layer.train()
    x = torch.cat(list(inputs))
    with torch.no_grad():
        for part in x[torch.randperm(len(x))].split(BATCH):
            module(part)
    found = module.state_dict()
    return {name: found[name].to(t.dtype) if is_statistic(name) else t for name, t in state.items()}
