"""How much arithmetic a call does: a count by formulas, the same on every machine, and not what a chip executed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, flop_registry, sdpa_backward_flop_count, sdpa_flop_count

_aten = torch.ops.aten


def count_flops(call: Callable[[], object]) -> int:
    """Return the floating-point operations of what `call` does, backward passes included.

    Matrix products, convolutions and attention count as `torch.utils.flop_counter` has them: 2 for a multiplication
    with an addition, 8 where they are complex. Beside those:

    - Fourier transforms of N points: 5 N log2 N, and 5/2 N log2 N where one side is real; N is the product over the
      transformed dimensions. This is the convention of FFTW's benchmarks (fftw.org/speed/method.html), of the radix-2
      algorithm's leading term, whatever the algorithm is.
    - Linear systems of n unknowns by LU: 2/3 n³ to factor and 2 n² for each right-hand side; an inverse 2 n³ (LAPACK
      Working Note 41, leading terms); four times as many where they are complex.
    - Recurrent layers as libraries fuse them (oneDNN, cuDNN): the products with their weight matrices, twice as many
      in the backward pass.

    What works element by element (activations, normalisation, scans, exponentials, the optimiser) is not counted: what
    a method computes by such operations alone has 0.
    """
    fused = torch.backends.mha.get_fastpath_enabled()  # into one operation, in which nothing could be counted
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False, custom_mapping=_FORMULAS) as counter:
            call()
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops())


def _raw(formula: Callable[..., int]) -> Callable[..., int]:
    """Mark a formula to be called with tensors: torch's counter hands shapes to the others."""
    formula._get_raw = True  # type: ignore[attr-defined]
    return formula


def _with_complex(formula: Callable[..., int]) -> Callable[..., int]:
    """Count a complex multiplication with an addition as 8 instead of 2."""

    def count(*args: Any, out_val: Tensor, **kwargs: Any) -> int:
        return formula(*args, out_val=out_val, **kwargs) * (4 if out_val.is_complex() else 1)

    return _raw(count)


def _transform(shape: Sequence[int], dims: Sequence[int], per_point: float) -> int:
    """Return the operations of all transforms over `dims` of an array of this shape; one of 1 point has none."""
    return round(per_point * math.prod(shape) * math.log2(max(1, math.prod(shape[dim] for dim in dims))))


@_raw
def _c2c(x: Tensor, dim: Sequence[int], *_: Any, **__: Any) -> int:
    return _transform(x.shape, dim, 5.0)


@_raw
def _r2c(x: Tensor, dim: Sequence[int], *_: Any, **__: Any) -> int:
    return _transform(x.shape, dim, 2.5)


@_raw
def _c2r(x: Tensor, dim: Sequence[int], *_: Any, out_val: Tensor, **__: Any) -> int:
    return _transform(out_val.shape, dim, 2.5)


def _solved(a: Tensor, right: int, per_factor: float) -> int:
    """Return the operations of systems `a` (…, n, n) with so many numbers on all their right-hand sides."""
    n = a.shape[-1]
    return round((4 if a.is_complex() else 1) * (per_factor * n * a.numel() + 2 * n * right))


@_raw
def _solve(a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    return _solved(a, b.numel(), 2 / 3)


@_raw
def _lu_solve(lu: Tensor, pivots: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    return _solved(lu, b.numel(), 0)


@_raw
def _inverse(a: Tensor, *_: Any, **__: Any) -> int:
    return _solved(a, 0, 2)


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


def _attention_backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_backward_flop_count(grad, query, key, value))  # type: ignore[no-untyped-call]


@_raw
def _onednn_layer(x: Tensor, w_input: Tensor, w_hidden: Tensor, *_: Any, **__: Any) -> int:
    """`x` (length, batch, inputs) in either order; weights (gates * hidden, inputs) and (gates * hidden, hidden)."""
    return 2 * x.shape[0] * x.shape[1] * (w_input.numel() + w_hidden.numel())


@_raw
def _onednn_layer_backward(*args: Any, **kwargs: Any) -> int:
    return 2 * _onednn_layer(*args, **kwargs)


@_raw
def _cudnn_layers(x: Tensor, weights: Sequence[Tensor], *_: Any, **__: Any) -> int:
    """All layers and directions at once: every weight matrix meets every position once."""
    return 2 * x.shape[0] * x.shape[1] * sum(weight.numel() for weight in weights if weight.ndim == 2)


@_raw
def _cudnn_layers_backward(*args: Any, **kwargs: Any) -> int:
    return 2 * _cudnn_layers(*args, **kwargs)


_PRODUCTS = (_aten.mm, _aten.addmm, _aten.bmm, _aten.baddbmm)
_FORMULAS: dict[Any, Any] = {
    **{product: _with_complex(flop_registry[product]) for product in _PRODUCTS},
    _aten._fft_c2c: _c2c,
    _aten._fft_r2c: _r2c,
    _aten._fft_c2r: _c2r,
    _aten._linalg_solve_ex: _solve,
    _aten.linalg_lu_solve: _lu_solve,
    _aten.linalg_inv_ex: _inverse,
    _aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    _aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    _aten.mkldnn_rnn_layer: _onednn_layer,
    _aten.mkldnn_rnn_layer_backward: _onednn_layer_backward,
    _aten._cudnn_rnn: _cudnn_layers,
    _aten._cudnn_rnn_backward: _cudnn_layers_backward,
}
