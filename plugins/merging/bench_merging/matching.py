"""What matched units do for two models, beyond the accuracy half-way; the analysis of weight matching by Ito, Yamada,
Kumagai 2025, arXiv:2402.04051.

    A, B'      expert A, and expert B with its units permuted: 2 theta - A of a merge theta half-way between them
    barrier    max over t of L((1-t) A + t B') - ((1-t) L(A) + t L(B')), on 25 points
    distance   ||A - B'|| / ||A - B||
    alignment  R = sum_l sum_ij (u_i^A . u_j^B')(v_i^A . v_j^B') / sum_l n_l over the tensors l with two axes or more,
               flattened behind the first; (u, v) are singular vectors whose singular values are gamma times the
               largest or more, and n_l is how many the models have, in the mean. R is 1 for equal models. Permutations
               change singular vectors, and no singular value
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from bench_merging.pool import Pool
from bench_merging.state import StateDict, floating

POINTS = 25
LARGE = 0.3  # gamma of the directions that inputs mainly excite


def matched(merged: StateDict, a: StateDict) -> dict[str, Tensor]:
    """Return B' of a merge half-way between two experts, float32."""
    return {n: (2 * merged[n].double() - a[n].double()).float() for n in a if a[n].is_floating_point()}


@torch.no_grad()
def losses(pool: Pool, a: StateDict, b: StateDict) -> list[float]:
    """Return the loss on test data at 25 points from a to b, the mean over tasks."""
    rest = {name: tensor for name, tensor in a.items() if name not in b}
    found = []
    for i in range(POINTS):
        model = {**rest, **{n: torch.lerp(a[n].float(), b[n], i / (POINTS - 1)) for n in b}}
        each = [
            functional.cross_entropy(pool.network.logits(model, inputs, task), labels)
            for task, (inputs, labels) in enumerate(pool.splits["test"])
        ]
        found.append(float(torch.stack(each).mean()))
    return found


def line_barrier(line: Sequence[float]) -> float:
    """Largest excess of the loss between two matched models over the line between their losses."""
    steps = len(line) - 1
    return max(value - ((steps - i) * line[0] + i * line[-1]) / steps for i, value in enumerate(line))


def distance_ratio(models: tuple[StateDict, StateDict, StateDict]) -> float:
    """Distance between two models after matching, over that before."""
    a, b, b_matched = models
    return _distance(a, b_matched) / _distance(a, b)


def singular_alignment(models: tuple[StateDict, StateDict, StateDict]) -> float:
    """Agreement R of the singular vectors with large singular values (0.3 times the largest or more)."""
    return alignment(models[0], models[2], LARGE)


def singular_alignment_all(models: tuple[StateDict, StateDict, StateDict]) -> float:
    """Agreement R of all singular vectors."""
    return alignment(models[0], models[2], 0.0)


def alignment(a: StateDict, b: StateDict, gamma: float) -> float:
    """Return R of two models."""
    total = count = 0.0
    for name in (name for name in b if b[name].dim() > 1):
        (u_a, v_a), (u_b, v_b) = (_vectors(state[name].double().flatten(1), gamma) for state in (a, b))
        total += float(((u_a.T @ u_b) * (v_a @ v_b.T)).sum())
        count += (len(v_a) + len(v_b)) / 2
    return total / count


def _vectors(matrix: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    kept = s >= gamma * s[0]
    return u[:, kept], vt[kept]


def _distance(a: StateDict, b: StateDict) -> float:
    return float(torch.stack(list(_squares(a, b))).sum().sqrt())


def _squares(a: StateDict, b: StateDict) -> Iterator[Tensor]:
    return ((a[name].double() - b[name].double()).square().sum() for name in floating(a))
