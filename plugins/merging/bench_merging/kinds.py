"""The kinds of real checkpoints that pools can be made of: what they compute, and how their files name it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from bench_merging.architectures.clip import CLIPVision
from bench_merging.architectures.gpt2 import GPT2
from bench_merging.architectures.t5 import T5
from bench_merging.architectures.vit import ViT


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Args:
        trunk: makes it from `config.json` and `preprocessor_config.json`.
        head: what an entry of a pool's file holds for its head: "head" (a file of text embeddings), "labels" (tokens),
            or "" where the head is in the expert's checkpoint.
        classifier: the name of that head's matrix, less ".weight".
        prefix: stands before all names where the checkpoint has a head.
        transposed: the ends of the names of matrices that lie as (in, out).
        copies: the other names under which a tensor may be stored that is tied to other uses, where the model has no
            tensors of those names.
    """

    trunk: Callable[[Mapping[str, Any], Mapping[str, Any]], nn.Module]
    head: str
    classifier: str = ""
    prefix: str = ""
    transposed: tuple[str, ...] = ()
    copies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


KINDS = {
    "clip-vision": Kind(CLIPVision, head="head"),
    "vit": Kind(ViT, head="", classifier="classifier", prefix="vit."),
    "gpt2": Kind(
        GPT2,
        head="",
        classifier="score",
        prefix="transformer.",
        transposed=("c_attn.weight", "c_proj.weight", "c_fc.weight"),
    ),
    "t5": Kind(
        T5,
        head="labels",
        copies={"shared.weight": ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")},
    ),
}
