"""How large a model is."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Size:
    """The real numbers among a model's parameters, a complex one counted as two and a shared one once.

    `size` makes it; buffers, which are not parameters, do not count.
    """

    trainable: int
    total: int
    bytes: int  # of all


def size(model: nn.Module) -> Size:
    """Return the size of a model."""
    numbers = [(p.numel() * (2 if p.is_complex() else 1), p) for p in model.parameters()]
    return Size(
        trainable=sum(count for count, p in numbers if p.requires_grad),
        total=sum(count for count, _ in numbers),
        bytes=sum(p.numel() * p.element_size() for _, p in numbers),
    )


def parameter_count(model: nn.Module) -> int:
    """Return the number of trainable real numbers in a model; a complex one counts as two."""
    return size(model).trainable
