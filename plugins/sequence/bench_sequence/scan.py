"""Linear recurrences h_t = a_t h_{t-1} + x_t over a whole sequence at once, by an associative scan.

The pairs (a, x) compose as (a, x) then (a', x') = (a' a, a' x + x'), which is associative (Blelloch 1990, "Prefix sums
and their applications"), so that L steps take 2 log2 L rounds and O(L) products: neighbours are joined, the half as
long sequence is scanned, and the positions in between follow from their left neighbours.

Symbols: B batch, L length; h states, x inputs and a decays have the same shape (B, L, ...), but that a may have 1 in
place of B, L or any later size where it is constant.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.utils.checkpoint import checkpoint


def linear_scan(a: Tensor, x: Tensor, initial: Tensor | None = None, *, reverse: bool = False) -> Tensor:
    """Return h (B, L, ...) with h_t = a_t h_{t-1} + x_t, or with h_{t+1} in place of h_{t-1} where `reverse` is set.

    Real or complex; twice differentiable in all three. Its backward pass is one scan in the other direction, so that
    nothing but a and h is kept for it.

    Args:
        a: (B or 1, L or 1, ...).
        x: (B, L, ...), L >= 1.
        initial: the state before the first position, or, in reverse, after the last one, (B, ...); None for zero.
    """
    if initial is not None:
        first = -1 if reverse else 0
        head = a[:, first] * initial + x[:, first]
        x = torch.cat([x[:, :-1], head[:, None]] if reverse else [head[:, None], x[:, 1:]], dim=1)
    if reverse:
        return _Scan.apply(a.flip(1), x.flip(1)).flip(1)
    return _Scan.apply(a, x)


def sequential_scan(a: Tensor, x: Tensor, initial: Tensor | None = None) -> Tensor:
    """Return what `linear_scan` does, position by position: what it is held against."""
    a = a.expand(-1, x.shape[1], *a.shape[2:])
    h = torch.zeros_like(x[:, 0]) if initial is None else initial
    states = []
    for a_t, x_t in zip(a.unbind(1), x.unbind(1), strict=True):
        h = a_t * h + x_t
        states.append(h)
    return torch.stack(states, dim=1)


def in_chunks(
    advance: Callable[..., tuple[Tensor, Tensor]], state: Tensor, inputs: tuple[Tensor, ...], chunk: int
) -> tuple[Tensor, Tensor]:
    """Run ``advance(state, *slices) -> (outputs, state)`` over slices of `chunk` positions; return all and the last.

    For recurrences whose states are larger than their inputs and outputs: those of one chunk exist at a time, in
    training too, where each chunk is computed again when its gradient is due.

    Args:
        advance: a pure function of tensors without randomness.
        state: (B, ...), before the first position.
        inputs: each (B, L, ...).
    """
    outputs = []
    for slices in zip(*(x.split(chunk, dim=1) for x in inputs), strict=True):
        if torch.is_grad_enabled() and inputs[0].shape[1] > chunk:
            y, state = checkpoint(advance, state, *slices, use_reentrant=False, preserve_rng_state=False)
        else:
            y, state = advance(state, *slices)
        outputs.append(y)
    return torch.cat(outputs, dim=1), state


class _Scan(torch.autograd.Function):
    """The scan from a zero state; the gradient g of h and that of x, G, obey G_t = conj(a_{t+1}) G_{t+1} + g_t."""

    @staticmethod
    def forward(ctx: FunctionCtx, a: Tensor, x: Tensor) -> Tensor:
        h = _scan(a, x)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    def backward(ctx: FunctionCtx, g: Tensor) -> tuple[Tensor | None, Tensor]:
        a, h = ctx.saved_tensors
        constant = a.shape[1] == 1
        later = a.conj() if constant else torch.cat([a[:, 1:], torch.zeros_like(a[:, :1])], dim=1).conj()
        G = linear_scan(later, g, reverse=True)
        if not ctx.needs_input_grad[0]:
            return None, G
        grad_a = G[:, 1:] * h[:, :-1].conj()
        if not constant:
            grad_a = torch.cat([torch.zeros_like(G[:, :1]), grad_a], dim=1)
        elif h.shape[1] == 1:
            return torch.zeros_like(a), G
        return grad_a.sum_to_size(a.shape), G


def _scan(a: Tensor, x: Tensor) -> Tensor:
    L = x.shape[1]
    if L == 1:
        return x.clone()
    constant = a.shape[1] == 1
    even, odd = (a, a) if constant else (a[:, 0::2], a[:, 1::2])  # positions 0, 2, ... and 1, 3, ...
    pairs = L // 2
    x_even, x_odd = x[:, 0::2], x[:, 1::2]
    joined = odd * even if constant else odd * even[:, :pairs]
    h_odd = _scan(joined, odd * x_even[:, :pairs] + x_odd)
    h = torch.empty_like(x)
    h[:, 1::2] = h_odd
    h[:, 0] = x[:, 0]
    rest = x_even.shape[1] - 1
    h[:, 2::2] = (even if constant else even[:, 1:]) * h_odd[:, :rest] + x_even[:, 1:]
    return h
