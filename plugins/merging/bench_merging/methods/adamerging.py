"""AdaMerging: coefficients that minimise the entropy of predictions on unlabelled inputs; Yang et al. 2024,
arXiv:2310.02575.

    theta     theta_0 + sum_k lambda_k^l tau_k^l, one coefficient for each task and tensor ("layer"), or each task
    loss      sum_k mean over a batch of task k's inputs of H(softmax(logits_k)), in nats
    lambda    starts at 0.3, learnt by Adam; limited to [0, 1] where it is used, with a gradient of zero outside, as in
              the authors' code (`clamp`); FusionBench does not limit it

With `plus_plus`, the task vectors are first trimmed to their top 20 % and to the entries that agree with the sign
elected by TIES (AdaMerging++). The inputs are the test inputs: the method is transductive. The authors' code takes
500 steps with two batches of each task, FusionBench 1,000 with one, at rate 1e-3; the defaults here suit small models.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods import ties
from bench_merging.methods.coefficients import Coefficients
from bench_merging.state import StateDict, assemble, floating, task_vectors


def adamerging(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    granularity: Literal["task", "layer"] = "layer",
    plus_plus: bool = False,
    steps: int = 150,
    lr: float = 0.01,
    batch_size: int = 16,
    start: float = 0.3,
    clamp: bool = True,
) -> dict[str, Tensor]:
    """Return the merge with the coefficients after `steps` steps. Raises ValueError: see `limits.adamerging`."""
    limits.adamerging(steps=steps, lr=lr, batch_size=batch_size, start=start)
    vectors = elected(base, experts) if plus_plus else {n: task_vectors(n, base, experts) for n in floating(base)}
    merge = Coefficients(base, vectors, per_tensor=granularity == "layer", start=start, seen=experts)
    descend_entropy(merge, access, steps, lr, batch_size, clamp)
    merged = merge.merged(merge.values.clamp(0, 1) if clamp else None)
    return assemble(base, lambda name: merged[name])


def descend_entropy(
    merge: Coefficients, access: Access, steps: int, lr: float, batch_size: int, clamp: bool
) -> list[float]:
    """Minimise the entropy in the coefficients of a merge; return the loss at each step."""
    optimiser = torch.optim.Adam([merge.values], lr=lr)
    return [merge.descend(optimiser, entropy_loss(access, batch_size), clamp=clamp) for _ in range(steps)]


def entropy_loss(access: Access, batch_size: int) -> Callable[[dict[str, Tensor]], Tensor]:
    """Draw a batch of every task, and return the sum over tasks of the mean entropy as a function of a model."""
    batches = [x[torch.randint(len(x), (batch_size,))] for x in access.inputs]

    def loss(model: dict[str, Tensor]) -> Tensor:
        return torch.stack([entropy(access.network.logits(model, x, k)) for k, x in enumerate(batches)]).sum()

    return loss


def entropy(logits: Tensor) -> Tensor:
    """Return the mean entropy of softmax(logits), (n, C), in nats."""
    log_p = logits.log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1).mean()


def elected(base: StateDict, experts: Sequence[StateDict]) -> dict[str, Tensor]:
    """Return the task vectors after TIES's trimming and election, (K, *shape) by tensor."""
    thresholds = ties.trim_thresholds(base, experts, 0.2)
    majority = ties.majority(base, experts, thresholds)
    return {n: ties.agreeing(ties.trimmed(n, base, experts, thresholds), majority) for n in floating(base)}
