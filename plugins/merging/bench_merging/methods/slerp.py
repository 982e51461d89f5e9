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

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.state import StateDict, assemble, by_blocks, products, updates
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
        ValueError: see `limits.slerp`.
    """
    limits.slerp(t=t)
    if len(experts) != 2:
        raise Skip(f"slerp interpolates between two experts, and here are {len(experts)}")
    models, pair = (list(experts), torch.stack) if of == "weights" else ([base, *experts], updates)

    def value(name: str) -> Tensor:
        one, other = shares(products(name, models, pair), t)

        def merge(parts: Sequence[Tensor], out: Tensor) -> None:
            a, b = pair(parts)
            torch.add(one * a, other * b, out=out)
            if of == "task-vectors":
                out += parts[0]

        return by_blocks(name, models, merge, stacked=True)

    return assemble(base, value, experts)


def shares(gram: Tensor, t: float) -> tuple[float, float]:
    """Return what the point at t has of each of two vectors, given their inner products, (2, 2) float64."""
    norms = gram.diagonal().sqrt()
    norms = torch.where(norms > 1e-8, norms, 1.0)
    cosine = (gram[0, 1] / norms.prod()).clamp(-1, 1)
    if abs(cosine) > NEARLY_PARALLEL:
        return 1 - t, t
    angle = torch.arccos(cosine)
    return float(((1 - t) * angle).sin() / angle.sin()), float((t * angle).sin() / angle.sin())
