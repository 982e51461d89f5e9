"""How long merging takes against one pass over the experts' bytes and against mergekit, and how much memory it holds.

    python benchmarks/merging_speed.py [--parameters 2e7] [--experts 8] [--methods average ties …] [--mergekit PROGRAM]

Experts are random weights in safetensors files, shaped like a transformer of 768 channels. Every measurement is a
process of its own that reads the files and writes the merged one; a round takes one of the pass, of each method and,
with `--mergekit`, of its program `mergekit-pytorch` on the same files, one after the other. Times are of the process
less the median of those that only start: CPU seconds, with which what else the machine does interferes little, and
seconds on the clock. Ratios are of medians over rounds, and left out where one is too short to be told from start-up.
Memory is the largest that the process has been seen to hold, mapped files left out, beyond what one that only starts
holds, as a multiple of one model.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CHANNELS = 768
START, PEER = "start", " by mergekit"
SHORTEST = 0.1  # seconds that can be told from what start-up varies by
METHODS = ("average", "task_arithmetic", "slerp", "model_stock", "dare", "ties", "pcb", "opcm", "tsv_m", "iso_c")
# What mergekit calls it, with the nearest parameters. It trims every tensor on its own (ties), and rescales what DARE
# leaves to the tensor's norm of before: these two are not quite the same.
PEERS: dict[str, dict[str, Any]] = {
    "average": {"merge_method": "linear", "weight": 1.0},
    "task_arithmetic": {"merge_method": "task_arithmetic", "weight": 0.3, "normalize": False},
    "slerp": {"merge_method": "slerp", "t": 0.5},
    "model_stock": {"merge_method": "model_stock"},
    "dare": {"merge_method": "dare_linear", "weight": 0.3, "density": 0.5, "normalize": False},
    "ties": {"merge_method": "ties", "weight": 1.0, "density": 0.2, "normalize": True},
}


class Taken(NamedTuple):
    """What a process has taken."""

    cpu: float  # seconds
    wall: float  # seconds
    held: float  # MiB


def shapes(parameters: float) -> dict[str, tuple[int, ...]]:
    """Return the shapes of as many blocks as make up the parameters, by name."""
    block = {"q": (1, 1), "k": (1, 1), "v": (1, 1), "out": (1, 1), "up": (4, 1), "down": (1, 4)}
    count = max(1, round(parameters / (12 * CHANNELS**2)))
    found: dict[str, tuple[int, ...]] = {}
    for i in range(count):
        found |= {f"blocks.{i}.{n}.weight": (a * CHANNELS, b * CHANNELS) for n, (a, b) in block.items()}
        found |= {f"blocks.{i}.{n}.bias": (a * CHANNELS,) for n, (a, _) in block.items()}
    return found


def draw(folder: Path, parameters: float, experts: int) -> list[Path]:
    """Write a base and its experts, and return their files, the base's first."""
    import torch

    from bench_merging.checkpoints import write

    generator = torch.Generator().manual_seed(0)
    base = {name: torch.randn(shape, generator=generator) for name, shape in shapes(parameters).items()}
    files = [folder / f"{i}.safetensors" for i in range(experts + 1)]
    for i, file in enumerate(files):
        noise = {name: torch.randn(tensor.shape, generator=generator) for name, tensor in base.items()} if i else {}
        write(file, {name: base[name] + 0.01 * noise[name] if i else base[name] for name in base})
    return files


def work(name: str, files: Sequence[Path], out: Path, threads: int) -> None:
    """Merge, in a process of its own."""
    import importlib

    import torch

    from bench_merging.access import Access
    from bench_merging.checkpoints import Checkpoint, write
    from bench_merging.network import MLP, Network

    torch.set_num_threads(threads)
    base, *experts = map(Checkpoint, files)
    module = {"tsv_m": "tsv", "iso_c": "iso"}.get(name, name)
    method = (
        None if name in (START, "pass") else getattr(importlib.import_module(f"bench_merging.methods.{module}"), name)
    )
    if name == "pass":
        for expert in experts:
            for tensor in base:
                expert[tensor].sum()
    elif method is not None:
        write(out, method(base=base, experts=experts, access=Access(Network(MLP(2, [2], 2), []))))


def mergekit(program: str, name: str, files: Sequence[Path], out: Path) -> list[str]:
    """Return the command that makes the same merge with mergekit."""
    peer = dict(PEERS[name])
    own = {key: peer.pop(key) for key in ("weight", "density") if key in peer}
    config: dict[str, Any] = {"merge_method": peer.pop("merge_method"), "parameters": peer, "dtype": "float32"}
    config["models"] = [{"model": str(file), "parameters": own} for file in files[1:]]
    if name == "slerp":
        config["base_model"] = str(files[1])
    elif name != "average":
        config["base_model"] = str(files[0])
    written = out.with_suffix(".yaml")
    written.write_text(json.dumps(config))  # JSON is YAML
    return [program, str(written), str(out)]


def measured(command: Sequence[str]) -> Taken:
    """Run a command. Stops where it fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        held = 0.0
        while process.poll() is None:
            held = max(held, anonymous(process.pid))
            time.sleep(0.01)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(command[:3])} … failed:\n{output.read()[-2000:].decode(errors='replace')}")
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    return Taken(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, held)


def anonymous(process: int) -> float:
    """Return the MiB that a process holds, mapped files left out; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:"))


def round_of(options: argparse.Namespace, files: Sequence[Path], folder: Path) -> Iterator[tuple[str, Taken]]:
    """Yield what was measured and what it took, start-up included."""
    own = [sys.executable, __file__, "--threads", str(options.threads), "--out", str(folder / "merged")]
    if options.mergekit:
        yield START + PEER, measured([options.mergekit, "--help"])
    for name in (START, "pass", *options.methods):
        chosen = files[:3] if name == "slerp" else files
        yield name, measured([*own, "--work", name, "--files", *map(str, chosen)])
        if options.mergekit and name in PEERS:
            yield name + PEER, measured(mergekit(options.mergekit, name, chosen, folder / "peer"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parameters", type=float, default=2e7)
    parser.add_argument("--experts", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["average", "task_arithmetic", "ties"])
    parser.add_argument("--mergekit", help="the program mergekit-pytorch, if the same is to be done with it")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--files", nargs="+", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.files, options.out, options.threads)
        return
    found: dict[str, list[Taken]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = draw(Path(folder), options.parameters, options.experts)
        model = files[0].stat().st_size / 2**20
        for _ in range(options.rounds):
            for name, taken in round_of(options, files, Path(folder)):
                line = f"# {name}: {taken.cpu:.2f} CPU seconds, {taken.wall:.2f} s, {taken.held:.0f} MiB"
                print(line, file=sys.stderr, flush=True)
                found.setdefault(name, []).append(taken)
    show(found, model, options)


def show(found: dict[str, list[Taken]], model: float, options: argparse.Namespace) -> None:
    taken = {name: beyond(values, found[START + PEER * name.endswith(PEER)]) for name, values in found.items()}
    once = taken["pass"].cpu
    print(f"{options.experts} experts of {model:.0f} MiB; one pass takes {once:.2f} CPU seconds")
    for name in options.methods:
        ours = taken[name]
        line = f"{name:<16} {ours.cpu:7.2f} CPU s {ratio(ours.cpu, once):>5} passes"
        line += f" {ours.held / model:5.1f} models held"
        if theirs := taken.get(name + PEER):
            line += f" {ratio(ours.cpu, theirs.cpu):>5} of mergekit's CPU time"
            line += f" {ratio(ours.wall, theirs.wall):>5} of its time on the clock"
            line += f" {theirs.held / model:5.1f} models held by it"
        print(line)


def beyond(values: Sequence[Taken], starts: Sequence[Taken]) -> Taken:
    """Return the median times and the largest memory beyond the medians of a process that only starts."""
    cpu, wall, held = (statistics.median(one) for one in zip(*starts, strict=True))
    return Taken(
        statistics.median(one.cpu for one in values) - cpu,
        statistics.median(one.wall for one in values) - wall,
        max(one.held for one in values) - held,
    )


def ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}" if min(one, other) > SHORTEST else "-"


if __name__ == "__main__":
    main()
