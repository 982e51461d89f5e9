"""The heads of real checkpoints: matrices (d + 1, C) or (d, C) on features (n, d), and how they classify."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional


def linear_logits(features: Tensor, head: Tensor) -> Tensor:
    """Return z H, (n, C); a head with a row more than there are features has the bias in it."""
    width = features.shape[1]
    logits = features @ head[:width]
    return logits + head[width] if len(head) > width else logits


def cosine(scale: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the classifier by scale * cos(z, H), as CLIP's: the scale is e to the `logit_scale` of its checkpoint."""
    return lambda features, head: scale * functional.normalize(features, dim=-1) @ head


def of_texts(embeddings: Tensor) -> Tensor:
    """Return the head of text embeddings of the classes (C, d): their directions, (d, C)."""
    return functional.normalize(embeddings.float()).T.contiguous()


def of_classifier(weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the head of a linear classifier (C, d) with its bias (C,), if it has one."""
    rows = weight.float().T
    return rows.clone() if bias is None else torch.cat([rows, bias.float()[None]])


def of_tokens(tokens: Sequence[int], vocabulary: int) -> Tensor:
    """Return the head (V, C) that picks the logits of some tokens from those of a vocabulary of V."""
    head = torch.zeros(vocabulary, len(tokens))
    head[torch.tensor(tokens), torch.arange(len(tokens))] = 1
    return head
