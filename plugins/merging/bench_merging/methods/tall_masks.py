"""TALL masks and Consensus: which entries of the summed task vector serve which task; Wang et al. 2024,
arXiv:2405.07813.

    tau_mt   sum_k tau_k, the multi-task vector
    m_k      1 where |tau_k| > l |tau_mt - tau_k|: the entries that serve task k
    l        chosen for each task from `thresholds`: the best validation accuracy of theta_0 + m_k tau_mt

TALL masks store base, multi-task vector and one bit per entry and task, and give task k the model theta_0 + m_k tau_mt.
Consensus makes one model, theta_0 + scale * tau_mt [sum_k m_k >= agreement]: it keeps the entries that serve several
tasks. `scale` is from 0 to 1 by 0.05 (in the authors' code from 0.1 by 0.1), chosen by the mean over tasks of the
validation accuracy relative to the expert's.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.task_arithmetic import summed
from bench_merging.result import Routed
from bench_merging.state import StateDict, add, floating, is_statistic, task_vectors
from harness import Skip

SCALES = [0.05 * i for i in range(21)]


def tall_masks(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    thresholds: list[float] = [0.2, 0.3, 0.4, 0.5, 0.6],  # noqa: B006 - read, and has to be a literal
) -> Routed:
    """Return for every task the base with the entries of the multi-task vector that serve it.

    Raises:
        ValueError: see `limits.tall_masks` and `limits.affordable`.
        Skip: some experts have no task.
    """
    _each_has_a_task(experts, access)
    limits.tall_masks(thresholds=thresholds)
    limits.affordable(_tried(thresholds) * len(experts), access.budget)
    chosen = choose_thresholds(base, experts, access, thresholds)
    size = sum(base[name].numel() for name in floating(base))
    own = sum(base[name].numel() for name in base if is_statistic(name))
    extra = size + len(experts) * (size / 32 + own) - own
    return Routed(lambda task: retrieved(base, experts, task, chosen[task]), extra)


def consensus(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    thresholds: list[float] = [0.2, 0.3, 0.4, 0.5, 0.6],  # noqa: B006 - read, and has to be a literal
    agreement: int = 2,
) -> dict[str, Tensor]:
    """Return the base with the entries of the multi-task vector that serve several tasks.

    Raises:
        ValueError: see `limits.consensus` and `limits.affordable`.
        Skip: some experts have no task.
    """
    _each_has_a_task(experts, access)
    limits.consensus(thresholds=thresholds, agreement=agreement)
    limits.affordable((_tried(thresholds) + 1 + len(SCALES)) * len(experts), access.budget)
    chosen = choose_thresholds(base, experts, access, thresholds)
    best = [access.accuracy(expert, task) for task, expert in enumerate(experts)]

    def quality(model: StateDict) -> float:
        return sum(access.accuracy(model, task) / max(best[task], 1e-9) for task in range(len(experts)))

    def candidate(scale: float) -> dict[str, Tensor]:
        return add(base, lambda name: scale * agreed(name, base, experts, chosen, agreement), experts)

    return max((candidate(scale) for scale in SCALES), key=quality)


def choose_thresholds(
    base: StateDict, experts: Sequence[StateDict], access: Access, thresholds: Sequence[float]
) -> list[float]:
    """Return for each task the first of the thresholds with the best validation accuracy; one alone is not measured."""
    if not _tried(thresholds):
        return [thresholds[0]] * len(experts)
    return [
        max(thresholds, key=lambda value: access.accuracy(retrieved(base, experts, task, value), task))
        for task in range(len(experts))
    ]


def _each_has_a_task(experts: Sequence[StateDict], access: Access) -> None:
    if len(experts) != (tasks := len(access.network.heads)):
        raise Skip(f"masks are chosen on a task of each expert, and here are {len(experts)} experts and {tasks} tasks")


def _tried(thresholds: Sequence[float]) -> int:
    """Return how many thresholds are measured: one alone is not."""
    return len(thresholds) if len(thresholds) > 1 else 0


def retrieved(base: StateDict, experts: Sequence[StateDict], task: int, threshold: float) -> dict[str, Tensor]:
    """Return theta_0 + m_k tau_mt, with the statistics of normalisation of expert k."""
    return add(base, lambda n: mask(n, base, experts, task, threshold) * summed(n, base, experts), [experts[task]])


def mask(name: str, base: StateDict, experts: Sequence[StateDict], task: int, threshold: float) -> Tensor:
    """Return m_k of one tensor, bool."""
    own = task_vectors(name, base, [experts[task]])[0]
    return own.abs() > threshold * (summed(name, base, experts) - own).abs()


def agreed(
    name: str, base: StateDict, experts: Sequence[StateDict], thresholds: Sequence[float], agreement: int
) -> Tensor:
    """Return the multi-task vector of one tensor where it serves `agreement` tasks or more, else 0."""
    served = torch.stack([mask(name, base, experts, k, value) for k, value in enumerate(thresholds)]).sum(0)
    return summed(name, base, experts) * (served >= agreement)
