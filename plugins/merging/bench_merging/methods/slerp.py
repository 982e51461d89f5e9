"""SLERP: spherical interpolation of two models, tensor by tensor, as mergekit does it (Shoemake 1985).

    v_0, v_1   a tensor of the two experts, flattened; with `of="task-vectors"`, their differences to the base
    Omega      angle between them
    v(t)       sin((1-t) Omega)/sin(Omega) v_0 + sin(t Omega)/sin(Omega) v_1, on tensors that are not normalised;
               (1-t) v_0 + t v_1 where |cos(Omega)| > 0.9995

A vector of norm at most 1e-8 is not normalised, so that cos(Omega) is 0 where one of them is zero.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from bench_merging.access import Access
from bench_merging.state import StateDict, add, assemble, task_vectors
from harness import Skip

NEARLY_PARALLEL = 0.9995


def slerp(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    t: float = 0.5,
    of: Literal["weights", "task-vectors"] = "weights",
) -> dict[str, Tensor]:
    """Return the spherical interpolation of two experts.

    Raises:
        Skip: there are not exactly two experts.
        ValueError: `t` is not in [0, 1].
    """
    if len(experts) != 2:
        raise Skip(f"slerp interpolates between two experts, and here are {len(experts)}")
    if not 0 <= t <= 1:
        raise ValueError(f"t must be in [0, 1], got {t}")
    if of == "weights":
        return assemble(base, lambda name: interpolate(experts[0][name].float(), experts[1][name].float(), t))
    return add(base, lambda name: interpolate(*task_vectors(name, base, experts), t))


def interpolate(a: Tensor, b: Tensor, t: float) -> Tensor:
    """Return the point at t on the way from one tensor to another of its shape."""
    cosine = float((_normalised(a) * _normalised(b)).sum().clamp(-1, 1))
    if abs(cosine) > NEARLY_PARALLEL:
        return (1 - t) * a + t * b
    angle = torch.arccos(torch.tensor(cosine, dtype=torch.float64))
    return float(((1 - t) * angle).sin() / angle.sin()) * a + float((t * angle).sin() / angle.sin()) * b


def _normalised(v: Tensor) -> Tensor:
    v = v.double()
    norm = v.norm()
    return v / norm if norm > 1e-8 else v
