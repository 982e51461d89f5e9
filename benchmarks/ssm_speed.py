"""How long a training step of S4, S4D, SGConv and S5 takes, as a ratio to the authors' code on this machine.

One causal layer, forward and backward, ours and theirs in turns; medians, their ratio, and the exponent e of
time ~ L^e between the shortest and the longest length. The authors' code is not part of this repository: give where it
has been checked out (github.com/state-spaces/s4, github.com/ctlllll/SGConv, github.com/lindermanlab/S5). It needs
einops, omegaconf, opt_einsum and scipy beside torch, and S5's, which is JAX code, jax and flax: it is compiled, and on
a CPU kept to one core by `taskset -c 0` alone. Our LRU, Mamba and the rest of `OURS` are timed without a ratio.

    .venv/bin/python benchmarks/ssm_speed.py --s4 ~/s4 --sgconv ~/SGConv --s5 ~/S5 [--lengths 256 1024 4096]
"""

import argparse
import importlib.util
import logging
import math
import statistics
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from bench_sequence.lru import LRU
from bench_sequence.mamba import Mamba
from bench_sequence.s4 import S4
from bench_sequence.s4d import S4D
from bench_sequence.s5 import S5
from bench_sequence.sgconv import SGConv
from bench_sequence.spacetime import SpaceTime

BATCH, CHANNELS, STATE, KERNEL = 8, 64, 64, 64
WARM_UP, STEPS = 2, 15

Step = Callable[[], object]
Build = Callable[[int], Step]


def ours(layer: Callable[..., nn.Module], **params: object) -> Build:
    """Return what builds a training step of our layer for a length."""

    def build(length: int) -> Step:
        model = layer(d_model=CHANNELS, l_max=length, causal=True, **params)
        return step(model, torch.randn(BATCH, length, CHANNELS))

    return build


def theirs(layer: Callable[..., nn.Module], **params: object) -> Build:
    """Return what builds a training step of an authors' layer for a length."""

    def build(length: int) -> Step:
        return step(layer(CHANNELS, l_max=length, **params), torch.randn(BATCH, length, CHANNELS))

    return build


def step(model: nn.Module, x: Tensor) -> Step:
    """Return a forward and a backward pass."""

    def run() -> None:
        model.zero_grad()
        y = model(x)
        (y[0] if isinstance(y, tuple) else y).square().mean().backward()

    return run


def compiled_s5(folder: Path) -> Build:
    """Return what builds a training step of the authors' S5 for a length, compiled."""
    jax = importlib.import_module("jax")
    jax.numpy.DeviceArray = jax.Array  # its name at the time
    package = types.ModuleType("s5")  # without what its __init__ imports
    package.__path__ = [str(folder / "s5")]
    sys.modules["s5"] = package
    module = importlib.import_module("s5.ssm")

    def build(length: int) -> Step:
        half = STATE // 2
        zeros, ones = jax.numpy.zeros(half), jax.numpy.ones((half, STATE), complex)
        sizes = {"H": CHANNELS, "P": half, "Lambda_re_init": zeros - 0.5, "Lambda_im_init": zeros + 1.0}
        rest = {"V": ones.T, "Vinv": ones, "C_init": "trunc_standard_normal", "discretization": "zoh"}
        layer = module.S5SSM(**sizes, **rest, dt_min=0.001, dt_max=0.1)
        x = jax.random.normal(jax.random.PRNGKey(0), (BATCH, length, CHANNELS))
        values = layer.init(jax.random.PRNGKey(1), x[0])

        def loss(values: object, x: object) -> object:
            return (jax.vmap(lambda one: layer.apply(values, one))(x) ** 2).mean()

        gradient = jax.jit(jax.value_and_grad(loss))
        return lambda: jax.block_until_ready(gradient(values, x))

    return build


def load(path: Path) -> types.ModuleType:
    """Import a file of the authors' by its path; what it imports for logging and debugging alone is made up."""
    for name, attribute in (("pytorch_lightning.utilities", "rank_zero_only"), ("IPython", "embed")):
        if name not in sys.modules and importlib.util.find_spec(name.partition(".")[0]) is None:
            for part in {name, name.partition(".")[0]}:
                sys.modules[part] = types.ModuleType(part)
            setattr(sys.modules[name], attribute, lambda function=None: function)
    spec = importlib.util.spec_from_file_location(path.stem + "_of_its_authors", path)
    if spec is None or spec.loader is None or not path.exists():
        sys.exit(f"there is no {path}; give the folder that the authors' repository has been checked out to")
    module = importlib.util.module_from_spec(spec)
    logging.disable(logging.WARNING)  # that its CUDA extension is missing
    spec.loader.exec_module(module)
    return module


def timed(steps: dict[str, Step]) -> dict[str, float]:
    """Return the median seconds of each, taken in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(WARM_UP + STEPS):
        for name, run in steps.items():
            start = time.perf_counter()
            run()
            if turn >= WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


OURS: dict[str, Build] = {
    "S4": ours(S4, d_state=STATE),
    "S4D": ours(S4D, d_state=STATE),
    "SGConv": ours(SGConv, kernel_dim=KERNEL),
    "S5": ours(S5, d_state=STATE),
    "LRU": ours(LRU, d_state=STATE),
    "SpaceTime": ours(SpaceTime, kernel_dim=STATE),
    "Mamba": ours(Mamba),
}


def authors(s4: Path | None, sgconv: Path | None, s5: Path | None) -> Iterator[tuple[str, Build]]:
    """Yield the authors' layers that are there."""
    if s4 is not None:
        module = load(s4 / "models" / "s4" / "s4.py")
        shared = {"activation": "id", "d_state": STATE, "transposed": False}
        yield "S4", theirs(module.FFTConv, mode="dplr", init="legs", **shared)
        yield "S4D", theirs(module.FFTConv, mode="diag", init="diag-legs", **shared)
    if sgconv is not None:
        yield (
            "SGConv",
            theirs(load(sgconv / "gconv_standalone.py").GConv, linear=True, transposed=False, kernel_dim=KERNEL),
        )
    if s5 is not None:
        yield "S5", compiled_s5(s5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--s4", type=Path)
    parser.add_argument("--sgconv", type=Path)
    parser.add_argument("--s5", type=Path)
    parser.add_argument("--lengths", type=int, nargs="+", default=[256, 1024, 4096])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    others = dict(authors(arguments.s4, arguments.sgconv, arguments.s5))
    for name, build in OURS.items():
        taken = []
        for length in arguments.lengths:
            torch.manual_seed(0)
            steps = {"ours": build(length)} | ({"theirs": others[name](length)} if name in others else {})
            taken.append(timed(steps))
            text = ", ".join(f"{who} {1000 * seconds:.1f} ms" for who, seconds in taken[-1].items())
            ratio = f", ratio {taken[-1]['ours'] / taken[-1]['theirs']:.2f}" if name in others else ""
            print(f"{name}, length {length}: {text}{ratio}", flush=True)
        if len(taken) > 1:
            stretch = math.log(arguments.lengths[-1] / arguments.lengths[0])
            exponents = (f"{who} {math.log(taken[-1][who] / taken[0][who]) / stretch:.2f}" for who in taken[0])
            print(f"{name}, exponent in length: {', '.join(exponents)}", flush=True)


if __name__ == "__main__":
    main()
