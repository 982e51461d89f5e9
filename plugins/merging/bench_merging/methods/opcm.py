"""OPCM: merge a stream of experts one at a time, by projections orthogonal to what is merged; Tang et al. 2025,
arXiv:2501.09522.

    P, T    merged - theta_0 and theta_t - theta_0 of one tensor; n_t the mean over the experts so far of
            ||theta_i - theta_0|| over all tensors
    U S V^T thin singular value decomposition of a matrix P; r the first index at which the cumulative share of S
            exceeds alpha (all of S where none does, which the released code leaves to rounding)
    M       U^T T V with its diagonal and its leading r x r block set to 0
    T~      U M V^T plus what of T lies outside of U and V; T itself for what is no linear map: vectors, kernels of
            convolutions, tables of embeddings
    theta   theta_0 + D n_t / ||D|| for D = lambda_(t-1) P + T~;  lambda_t = ||D|| / n_t

The displacement from the base thus always has the mean norm of the experts'. Experts are seen once, in the order given.
FusionBench leaves out what lies directly in a module that has others inside, such as the class embedding of a CLIP.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.state import StateDict, assemble, floating


def opcm(*, base: StateDict, experts: Sequence[StateDict], access: Access, alpha: float = 0.5) -> dict[str, Tensor]:
    """Return what the stream of experts has been merged into.

    Raises:
        ValueError: see `limits.opcm`.
    """
    limits.opcm(alpha=alpha)
    names = floating(base)
    maps = {name for name in names if base[name].dim() == 2} - access.network.embeddings
    merged = {name: experts[0][name].double() - base[name].double() for name in names}
    norms, scale = [_norm(merged.values())], 1.0
    for expert in experts[1:]:
        norms.append(_norm(expert[name].double() - base[name].double() for name in names))
        for name in names:
            update = expert[name].double() - base[name].double()
            addition = projected(merged[name], update, alpha) if name in maps else update
            merged[name].mul_(scale).add_(addition)
        scale = _norm(merged.values()) / (sum(norms) / len(norms))
        for tensor in merged.values():
            tensor.div_(scale)
    return assemble(base, lambda name: (base[name].double() + merged[name]).float(), experts)


def projected(merged: Tensor, update: Tensor, alpha: float) -> Tensor:
    """Return T~ of matrices (m, n), float64."""
    u, s, vt = torch.linalg.svd(merged, full_matrices=False)
    exceeds = (s.cumsum(0) > alpha * s.sum()).tolist() if alpha < 1 else []
    rank = exceeds.index(True) if True in exceeds else len(s)
    core = u.T @ update @ vt.T
    removed = torch.diag(core.diag())
    removed[:rank, :rank] = core[:rank, :rank]
    return update - u @ removed @ vt


def _norm(tensors: Iterable[Tensor]) -> float:
    """Return the norm over all tensors; never zero, so that it can divide."""
    total = torch.stack([tensor.square().sum() for tensor in tensors]).sum().sqrt()
    return max(float(total), torch.finfo(torch.float64).tiny)
