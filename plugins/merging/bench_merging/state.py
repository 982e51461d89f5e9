"""Models as their weights: a mapping from names to tensors, read one tensor at a time.

Nothing here or in the methods asks for two tensors of a model at once unless its algorithm does, so that weights which
lie in memory-mapped files are never in memory as a whole. Floating tensors are computed on in float32 and given back in
their own type; integer buffers (positions, counters) are the base's. Running means and variances of batch normalisation
are no weights, though they are floating: `assemble` says what becomes of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from harness import BenchError

StateDict = Mapping[str, Tensor]
Merge = Callable[[list[Tensor], Tensor], object]  # writes into the second what it makes of the blocks of all models

BLOCK = 131_072  # entries: a sum of blocks stays in the cache of a core, and few enough are taken one by one


class WeightsError(BenchError):
    """Weights that cannot be merged; the message names the tensor and the model."""


def is_statistic(name: str) -> bool:
    """Return whether a tensor is a running mean or variance of batch normalisation."""
    return name.rpartition(".")[2] in ("running_mean", "running_var")


def floating(base: StateDict) -> list[str]:
    """Return the names of the tensors that are merged, in sorted order; statistics are not among them."""
    return sorted(name for name in base if base[name].is_floating_point() and not is_statistic(name))


def task_vectors(name: str, base: StateDict, experts: Sequence[StateDict]) -> Tensor:
    """Return tau_i = theta_i - theta_0 of one tensor, (K, *shape) float32."""
    origin = base[name].float()
    vectors = torch.empty(len(experts), *origin.shape)
    for vector, expert in zip(vectors, experts, strict=True):
        torch.sub(expert[name].float(), origin, out=vector)
    return vectors


def blocks(name: str, models: Sequence[StateDict], *, stacked: bool = False) -> Iterator[list[Tensor]]:
    """Yield one tensor in blocks of its entries: for each block that of every model, (n,) float32.

    What is merged entry by entry is merged so: memory that is new to the process costs more than the arithmetic. Where
    they are `stacked`, a block is as large with those of all models, so that the stack stays in a core's cache.
    """
    size = BLOCK // len(models) if stacked else BLOCK
    every = (model[name].reshape(-1).split(size) for model in models)  # an empty tensor has one empty block
    for parts in zip(*every, strict=True):
        yield [part.float() for part in parts]


def by_blocks(name: str, models: Sequence[StateDict], merge: Merge, *, stacked: bool = False) -> Tensor:
    """Return the merge of one tensor, float32, of which `merge` makes one block from those of all models."""
    return flattened([name], models, merge, stacked=stacked).view(models[0][name].shape)


def updates(parts: Sequence[Tensor]) -> Tensor:
    """Return tau_i = theta_i - theta_0 of one block, (K, n), given those of the base and of the experts."""
    return torch.stack(list(parts[1:])).sub_(parts[0])


def products(name: str, models: Sequence[StateDict], vectors: Callable[[list[Tensor]], Tensor]) -> Tensor:
    """Return the inner products of vectors (K, n), of which `vectors` makes a block from those of all models, (K, K)
    float64: sums over a block are in float32, those over blocks in float64."""
    every = ((rows @ rows.T).double() for rows in map(vectors, blocks(name, models, stacked=True)))
    return sum(every, next(every))


def add(base: StateDict, delta: Callable[[str], Tensor], experts: Sequence[StateDict]) -> dict[str, Tensor]:
    """Return theta_0 + delta(name) for every floating tensor, and the others as `assemble` does."""
    return assemble(base, lambda name: base[name].float() + delta(name), experts)


def assemble(base: StateDict, value: Callable[[str], Tensor], experts: Sequence[StateDict] = ()) -> dict[str, Tensor]:
    """Return a model whose floating tensors are value(name), in the base's types, and whose others are the base's.

    Statistics of batch normalisation tell what a network has seen, and a difference of two is no update: a multiple of
    it can make a variance negative. They are the mean of those of `experts`, whatever the method does with weights;
    where none are given they are value(name), as for methods that permute units or hand models over. Some methods that
    see inputs then estimate them anew: see `normalisation`.
    """

    def made(name: str, tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor.clone()
        if experts and is_statistic(name):
            return torch.stack([expert[name].float() for expert in experts]).mean(0).to(tensor.dtype)
        return value(name).to(tensor.dtype)

    return {name: made(name, tensor) for name, tensor in base.items()}


def flat_magnitudes(base: StateDict, expert: StateDict, names: Sequence[str] | None = None) -> Tensor:
    """Return |tau| of a whole model, or of the named tensors of it, as one vector, (D,) float32."""
    chosen = floating(base) if names is None else names
    return flattened(chosen, [base, expert], lambda parts, out: torch.sub(parts[1], parts[0], out=out).abs_())


def flattened(names: Sequence[str], models: Sequence[StateDict], merge: Merge, *, stacked: bool = False) -> Tensor:
    """Return what `merge` makes of the blocks of the named tensors as one vector, (D,) float32."""
    result, start = torch.empty(sum(models[0][name].numel() for name in names)), 0
    for parts in (parts for name in names for parts in blocks(name, models, stacked=stacked)):
        merge(parts, result[start : start + len(parts[0])])
        start += len(parts[0])
    return result


def widened(state: StateDict) -> dict[str, Tensor]:
    """Return a model with its floating tensors as float32; those that are already are not copied."""
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def validate(base: StateDict, experts: Sequence[StateDict], names: Sequence[str] = ()) -> None:
    """Raise WeightsError unless there are two experts of the base's names, shapes and types, all finite, none the base.

    Args:
        base, experts: the models.
        names: what to call base and experts in a message, such as their files.
    """
    if len(experts) < 2:
        raise WeightsError(f"merging needs two experts or more, got {len(experts)}")
    of_base, *of_experts = names or ["the base", *(f"expert {i}" for i in range(len(experts)))]
    for fault in (fault for name in base for fault in _faults_of(name, base[name], base[name])):
        raise WeightsError(f"{of_base}: {fault}")
    for label, expert in zip(of_experts, experts, strict=True):
        for fault in _faults(base, expert):
            raise WeightsError(f"{label}: {fault}")


def _faults(base: StateDict, expert: StateDict) -> Iterator[str]:
    yield from (f"lacks the tensor '{name}' of the base" for name in base if name not in expert)
    yield from (f"has the tensor '{name}', which the base lacks" for name in expert if name not in base)
    for name, origin in base.items():
        yield from _faults_of(name, origin, expert[name])
    if all(torch.equal(expert[name], base[name]) for name in floating(base)):
        yield "equals the base in every tensor; is it the base itself?"


def _faults_of(name: str, origin: Tensor, tensor: Tensor) -> Iterator[str]:
    if tensor.shape != origin.shape:
        yield f"'{name}' has the shape {tuple(tensor.shape)}, in the base {tuple(origin.shape)}"
    if tensor.is_floating_point() != origin.is_floating_point():
        yield f"'{name}' is of the type {tensor.dtype}, in the base {origin.dtype}"
    if not tensor.isfinite().all():
        yield f"'{name}' holds NaN or infinity"
    if name.endswith("running_var") and (tensor < 0).any():
        yield f"'{name}' holds variances below 0"
