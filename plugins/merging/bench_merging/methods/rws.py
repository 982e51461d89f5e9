"""Robust Weight Signatures: what makes a model robust to a corruption, added to another model; Cai et al. 2023,
arXiv:2302.12480.

    a, b_c   theta_clean - theta_0 and theta_c - theta_0 of one tensor: the updates of a source task, on clean data and
             on data with corruption c
    v_c      b_c - <a, b_c>/<a, a> a: the part of b_c that is orthogonal to a; b_c itself where a is 0
    theta    theta_host + strength/C * sum_c v_c in the first `keep` layers, with their biases; theta_host in the others

The experts have roles by their place: the first is the source's clean model, the last the host, of whatever task, and
those in between are the source's robust models. Layers are counted in the order of the base's tensors. The released
code (VITA-Group/Robust_Weight_Signatures) multiplies by the strength twice. Batch normalisation is no layer: its affine
parameters and statistics are the mean of the robust models', as released; the paper then estimates the statistics anew
on corrupted data of the host's task, which nobody has here. A norm without statistics counts as a layer.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.average import mean
from bench_merging.state import StateDict, assemble, is_statistic
from harness import Skip


def rws(
    *, base: StateDict, experts: Sequence[StateDict], access: Access, keep: int = 2, strength: float = 1.0
) -> dict[str, Tensor]:
    """Return the host with the signatures of the corruptions.

    Raises:
        Skip: there are fewer than three experts, or those before the last are of several tasks: what tells one from
            another is then no signature of a corruption.
        ValueError: see `limits.rws`.
    """
    limits.rws(keep=keep, strength=strength)
    if len(experts) < 3:
        raise Skip(f"rws needs a clean model, a robust one and a host, and here are {len(experts)} experts")
    first, *others = access.network.heads[: len(experts) - 1]
    if not all(torch.equal(head, first) for head in others):
        raise Skip("rws needs clean and robust models of one task before the host, and these are of several tasks")
    clean, *robust, host = experts
    patched, normalisations = first_layers(base, keep), batch_normalisations(base)

    def value(name: str) -> Tensor:
        if name.rpartition(".")[0] in normalisations:
            return mean(name, robust)
        if name not in patched:
            return host[name].float()
        origin = base[name].float()
        parts = [signature(clean[name].float() - origin, one[name].float() - origin) for one in robust]
        return host[name].float() + strength * torch.stack(parts).mean(0)

    return assemble(base, value, robust)


def first_layers(base: StateDict, keep: int) -> set[str]:
    """Return the names of the tensors of the first `keep` modules with weights, less batch normalisation."""
    modules = dict.fromkeys(name.rpartition(".")[0] for name in base if base[name].is_floating_point())
    kept = [module for module in modules if module not in batch_normalisations(base)][:keep]
    return {name for name in base if name.rpartition(".")[0] in kept}


def batch_normalisations(base: StateDict) -> set[str]:
    """Return the names of the modules that have statistics."""
    return {name.rpartition(".")[0] for name in base if is_statistic(name)}


def signature(a: Tensor, b: Tensor) -> Tensor:
    """Return the part of b that is orthogonal to a."""
    squared = a.double().square().sum()
    return b if squared == 0 else b - float((a.double() * b.double()).sum() / squared) * a
