"""Git Re-Basin's activation matching: permute the units of an expert until they react alike, then average; Ainsworth,
Hayase, Srinivasa 2023, arXiv:2209.04836, section 3.1.

    z_A, z_B    what each unit gives for the inputs of both tasks, (samples, n)
    P           the assignment that maximises sum_i <z_A,i, z_B,P(i)>, for every group of units on its own
    theta       (theta_A + P theta_B) / 2
"""

from collections.abc import Sequence

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.weight_matching import permuted
from bench_merging.methods.zipit import group_activations
from bench_merging.state import StateDict, assemble
from harness import Skip


def activation_matching(
    *, base: StateDict, experts: Sequence[StateDict], access: Access, examples: int = 256
) -> dict[str, Tensor]:
    """Return the average of two experts after their units are matched on `examples` inputs of each task.

    Raises:
        Skip: there are not exactly two experts.
        ValueError: see `limits.activation_matching`.
    """
    limits.activation_matching(examples=examples)
    if len(experts) != 2:
        raise Skip(f"activation matching merges two experts, and here are {len(experts)}")
    groups = access.network.groups
    x = torch.cat([inputs[torch.randperm(len(inputs))[:examples]] for inputs in access.inputs])
    seen = [group_activations(access.network, expert, x, groups) for expert in experts]
    found = [
        torch.from_numpy(linear_sum_assignment((one.T @ other).numpy(), maximize=True)[1])
        for one, other in zip(*seen, strict=True)
    ]
    a, b = ({name: tensor.double() for name, tensor in expert.items()} for expert in experts)
    b = permuted(b, groups, found)
    return assemble(base, lambda name: ((a[name] + b[name]) / 2).float())
