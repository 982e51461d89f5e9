"""DARE: drop entries of the task vectors at random and rescale the rest; Yu et al. 2024, arXiv:2311.03099.

    m_i      Bernoulli(drop), independent for every entry, tensor and expert
    tau~_i   (1 - m_i) tau_i / (1 - drop), whose expectation is tau_i
    theta    theta_0 + scale * sum_i tau~_i: task arithmetic on what is left

Each (expert, tensor) has a random stream of its own, so that the result does not depend on the order of the tensors.
"""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.state import StateDict, assemble, by_blocks


def dare(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    drop: float = 0.5,
    scale: float = 0.3,
    rescale: bool = True,
) -> dict[str, Tensor]:
    """Return task arithmetic on task vectors of which a share `drop` is dropped.

    Raises:
        ValueError: see `limits.dare`.
    """
    limits.dare(drop=drop, scale=scale)
    seed = int(torch.randint(2**62, ()))
    factor = 1 / (1 - drop) if rescale and drop < 1 else 1.0

    def value(name: str) -> Tensor:
        streams = [_stream(seed, i, name) for i in range(len(experts))]

        def merge(parts: Sequence[Tensor], out: Tensor) -> None:
            origin, *others = parts
            out.zero_()
            for stream, other in zip(streams, others, strict=True):
                kept = torch.from_numpy(stream.random(len(origin), dtype=np.float32) >= drop)
                out += (other - origin).mul_(kept)
            out.mul_(scale * factor).add_(origin)

        return by_blocks(name, [base, *experts], merge)

    return assemble(base, value, experts)


def _stream(seed: int, expert: int, name: str) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64([seed, expert, zlib.crc32(name.encode())]))
