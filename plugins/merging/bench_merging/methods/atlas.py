"""aTLAS: a learnt coefficient for each task vector and tensor, by labels; Zhang et al. 2024, arXiv:2407.02880.

    theta     theta_0 + sum_k lambda_k^l tau_k^l, one coefficient for each task and tensor; all start at 0
    loss      sum_k cross-entropy of task k on a batch of 128, shared equally among the tasks
    lambda    AdamW with weight decay 0.1, gradients clipped at norm 1; of ten points of the training the one with the
              best mean accuracy, relative to the experts', on the same labelled data

The authors train for 20 epochs at learning rate 1e-3; the defaults here suit pools of a few thousand labels. Their
script clips gradients before it undoes the scale that half precision asks for, which makes all of norm 1.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.coefficients import Coefficients
from bench_merging.state import StateDict, assemble, floating, task_vectors

BATCH = 128
POINTS = 10


def atlas(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    steps: int = 150,
    lr: float = 0.02,
    weight_decay: float = 0.1,
) -> dict[str, Tensor]:
    """Return the merge with the best coefficients found. Raises ValueError: see `limits.atlas`."""
    limits.atlas(steps=steps, lr=lr, weight_decay=weight_decay)
    vectors = {name: task_vectors(name, base, experts) for name in floating(base)}
    merge = Coefficients(base, vectors, per_tensor=True, start=0.0)
    optimiser = torch.optim.AdamW([merge.values], lr=lr, weight_decay=weight_decay)
    relative_to = _accuracies(access, experts)
    best, best_score = merge.values.clone(), -1.0
    for step in range(1, steps + 1):
        merge.descend(optimiser, _loss(access), clip=1.0)
        if step * POINTS // steps > (step - 1) * POINTS // steps:
            shares = zip(_accuracies(access, [merge.merged()] * len(experts)), relative_to, strict=True)
            score = sum(a / max(b, 1e-9) for a, b in shares)
            if score > best_score:
                best, best_score = merge.values.clone(), score
    merged = merge.merged(best)
    return assemble(base, lambda name: merged[name])


def _loss(access: Access) -> Callable[[dict[str, Tensor]], Tensor]:
    """Draw a batch, and return the sum over tasks of the cross-entropy as a function of a model."""
    each = max(1, BATCH // len(access.examples))
    index = [torch.randint(len(labels), (each,)) for _, labels in access.examples]
    batches = [(x[i], labels[i]) for (x, labels), i in zip(access.examples, index, strict=True)]

    def loss(model: dict[str, Tensor]) -> Tensor:
        losses = [
            functional.cross_entropy(access.network.logits(model, x, task), labels)
            for task, (x, labels) in enumerate(batches)
        ]
        return torch.stack(losses).sum()

    return loss


@torch.no_grad()
def _accuracies(access: Access, models: Sequence[StateDict]) -> list[float]:
    """Return the accuracy of model k on the labelled data of task k."""
    found = []
    for task, (model, (x, labels)) in enumerate(zip(models, access.examples, strict=True)):
        found.append(float((access.network.logits(model, x, task).argmax(-1) == labels).double().mean()))
    return found
