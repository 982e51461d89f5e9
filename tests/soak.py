"""A sweep under fire: `make soak`, outside the default tests.

Runs 2,000 tiny runs with ``-j 2`` while a killer ends random processes with SIGKILL: workers all the time, now and then
the server that they are forked from or `bench run` itself, which is started again until everything is done. Prints
what became of it, and exits with 1 where a run was lost or doubled, or a process was left.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil

from harness import store
from harness.testing import Bench, install_plugin

PLUGIN = """
import time
from dataclasses import dataclass

from harness import Family, Method, Metric, Outputs, Task, hookimpl

FAMILY = Family("soak", "() -> float")

def draw():
    import torch
    return float(torch.rand(()))

def value(prediction):
    return prediction

@dataclass(frozen=True)
class Wait:
    seconds: float = 0.02

    def run(self, build, context):
        time.sleep(self.seconds)
        yield Outputs(split="test", step=1, prediction=build())

@hookimpl
def bench_methods():
    yield Method("draw", FAMILY, "bench_soak:draw", reference="")

@hookimpl
def bench_tasks():
    yield Task("wait", FAMILY, "bench_soak:Wait", metrics=("value",))

@hookimpl
def bench_metrics():
    yield Metric("value", "bench_soak:value", better="lower")
"""


class Soak:
    """One sweep, started as often as it takes."""

    def __init__(self, folder: Path, runs: int, generator: random.Random) -> None:
        install_plugin(folder / "plugin", "bench-soak", "bench_soak", PLUGIN)
        self.bench, self.runs, self._random = Bench(folder, [folder / "plugin"]), runs, generator
        self.bench.write("soak.yaml", f"seeds: {list(range(runs))}\nmethods: [draw]\ntasks: [wait]\n")
        self.mark = f"BENCH_SOAK={secrets.token_hex(8)}"
        self.kills: Counter[str] = Counter()
        self.sessions, self.lost, self.orphans = 0, 0, 0

    def until_done(self) -> None:
        """Start `bench run` again and again."""
        told: set[int] = set()
        while True:
            self.sessions += 1
            code = self._session(told)
            self.orphans += self._left()
            done = {row["seed"] for row in self._rows() if row["status"] == "done"}
            self.lost += len(told - done)
            print(f"session {self.sessions}: exit code {code}, {len(done)} of {self.runs} done, {len(told)} told of; "
                  f"killed so far: {dict(self.kills)}", flush=True)  # fmt: skip
            if len(done) == self.runs and code == 0:
                return

    def _session(self, told: set[int]) -> int:
        command, environment = self.bench.command("run", "soak.yaml", "-j", "2", "--retry", "5")
        environment |= dict([self.mark.split("=")])
        with subprocess.Popen(
            command,
            env=environment,
            cwd=self.bench.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            threading.Thread(target=self._kill_at_random, args=(process,), daemon=True).start()
            assert process.stdout is not None
            for line in process.stdout:
                if match := re.search(r"\] done draw on wait, seed (\d+)", line):
                    told.add(int(match[1]))
        return process.returncode

    def _kill_at_random(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            time.sleep(self._random.expovariate(4))
            with contextlib.suppress(psutil.Error):
                parent = psutil.Process(process.pid)
                servers = parent.children()
                workers = [child for server in servers for child in server.children()]
                what, victims = self._random.choices(
                    [("worker", workers), ("server", servers), ("parent", [parent])], weights=[90, 5, 5]
                )[0]
                if victims:
                    self._random.choice(victims).kill()
                    self.kills[what] += 1

    def _rows(self) -> list[dict[str, object]]:
        folder = self.bench.folder / "results" / "soak"
        return store.read(folder).rows.to_pylist() if folder.exists() else []

    def _left(self, within: float = 10.0) -> int:
        """Return how many processes of the sweep are still there, after what they have of time to go."""
        end = time.monotonic() + within
        while (count := len(self._marked())) and time.monotonic() < end:
            time.sleep(0.05)
        return count

    def _marked(self) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                found += [int(path.parent.name)] * (self.mark.encode() in path.read_bytes())
        return found

    def verdict(self) -> bool:
        """Print what became of the sweep, and return whether all is well."""
        rows = self._rows()
        done = Counter(row["seed"] for row in rows if row["status"] == "done")
        attempts = Counter((row["run"], row["attempt"]) for row in rows)
        doubled = sum(count > 1 for count in (*done.values(), *attempts.values()))
        print(f"{len(done)} of {self.runs} done, {self.lost} lost, {doubled} doubled, {self.orphans} orphans; "
              f"{len(attempts)} attempts in {self.sessions} sessions; killed: {dict(self.kills)}")  # fmt: skip
        return len(done) == self.runs and not (self.lost or doubled or self.orphans)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BENCH_DATA"] = folder
        soak = Soak(Path(folder), arguments.runs, random.Random(arguments.seed))
        start = time.monotonic()
        soak.until_done()
        is_well = soak.verdict()
        print(f"{time.monotonic() - start:.0f} s")
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
