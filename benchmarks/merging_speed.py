"""How long merging takes, as a multiple of one pass over the experts' bytes, and how much memory it holds.

    python benchmarks/merging_speed.py [--width 1024] [--layers 4] [--experts 8] [--methods average ties …]

Weights are random matrices in memory-mapped safetensors files. A round times one pass (a sum over every tensor of every
expert) and then each method, one after the other, so that what else the machine does meets both; ratios are medians
over rounds. Memory is the peak of the process beyond the mapped files, as a multiple of one model.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from bench_merging.access import Access
from bench_merging.checkpoints import Checkpoint, write
from bench_merging.methods.average import average
from bench_merging.methods.dare import dare
from bench_merging.methods.iso import iso_c
from bench_merging.methods.model_stock import model_stock
from bench_merging.methods.task_arithmetic import task_arithmetic
from bench_merging.methods.ties import ties
from bench_merging.methods.tsv import tsv_m
from bench_merging.network import MLP, Network
from harness.measure import PeakMemory

METHODS = {m.__name__: m for m in (average, task_arithmetic, model_stock, dare, ties, iso_c, tsv_m)}


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--experts", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["average", "task_arithmetic", "ties"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    shapes = {f"layers.{i}.weight": (options.width, options.width) for i in range(options.layers)}
    size = sum(a * b for a, b in shapes.values())
    access = Access(Network(MLP(2, [2], 2), []))
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{i}.safetensors") for i in range(options.experts + 1)]
        origin = {name: torch.randn(shape) for name, shape in shapes.items()}
        for i, file in enumerate(files):
            write(file, {n: t + 0.01 * torch.randn_like(t) if i else t for n, t in origin.items()})
        base, *experts = map(Checkpoint, files)
        times: dict[str, list[float]] = {name: [] for name in options.methods}
        passes, peaks = [], {}
        for _ in range(options.rounds):
            passes.append(seconds(lambda: [expert[name].sum() for expert in experts for name in base]))
            for name in options.methods:
                memory = PeakMemory("cpu")
                times[name].append(seconds(lambda name=name: METHODS[name](base=base, experts=experts, access=access)))
                peaks[name] = memory.mib
    print(f"{options.experts} experts of {size / 1e6:.1f} M parameters; one pass {statistics.median(passes):.3f} s")
    for name, taken in times.items():
        ratio = statistics.median(t / p for t, p in zip(taken, passes, strict=True))
        held = "–" if peaks[name] is None else f"{peaks[name] * 2**20 / (4 * size):.1f}"
        print(f"{name:<16} {statistics.median(taken):7.2f} s  {ratio:6.1f} passes  {held} models held")


if __name__ == "__main__":
    main()
