"""How much slower LSSL trains on a CPU when denormal numbers are not flushed to zero, as runs do flush them.

Trains one bidirectional layer and alternates, step by step, between the two ways; prints the ratio of the medians.

    .venv/bin/python benchmarks/denormals.py
"""

import statistics
import time

import torch

from bench_sequence.lssl import LSSL

STEPS, WARM_UP = 80, 20


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = LSSL(d_model=32, l_max=64, causal=False)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=1e-4)
    x, y = torch.randn(64, 64, 32), torch.randn(64, 64, 32)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for step in range(STEPS):
        flush = step % 2 == 0
        torch.set_flush_denormal(flush)
        start = time.perf_counter()
        optimiser.zero_grad()
        (layer(x) - y).square().mean().backward()
        optimiser.step()
        if step >= WARM_UP:
            seconds[flush].append(time.perf_counter() - start)
    kept, flushed = (statistics.median(seconds[flush]) for flush in (False, True))
    print(f"kept {1000 * kept:.1f} ms, flushed {1000 * flushed:.1f} ms per step: ratio {kept / flushed:.2f}")


if __name__ == "__main__":
    main()
