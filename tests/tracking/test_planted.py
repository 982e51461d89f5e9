"""A history with a planted slowdown, a planted fall of accuracy and a planted rise of memory: each is found at its
commit, and nothing is at any other. Once with samples drawn by a formula, once with a plugin that really changes.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from harness.testing import Bench, install_plugin
from harness.tracking.comparing import Finding, common, compare
from harness.tracking.records import Benchmark, Measured, Record, Series, Tree, write_tree
from harness.tracking.timeline import make_timeline

SETTINGS = {
    "version": 1, "project": "planted", "repo": "history", "branches": ["main"], "environment_type": "existing",
    "show_commit_url": "#", "benchmark_dir": "benchmarks", "results_dir": "results", "html_dir": "html",
}  # fmt: skip


def git(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def alarms(folder):
    """Let asv publish; return the commit of each regression that it finds, by the benchmark's name."""
    command = [sys.executable, "-m", "asv", "--config", "asv.conf.json", "publish"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    html = folder / "html"
    hashes = json.loads((html / "index.json").read_text())["revision_to_hash"]
    found = json.loads((html / "regressions.json").read_text())["regressions"]
    return sorted((name, hashes[str(jump[1])]) for name, *_, jumps in found for jump in jumps)


COMMITS = 12
# name, kind, value before and after, the commit that changes it (none for the last), deviation of a sample
PLANTED = [
    ("time_step", "time", 0.01, 0.02, 4, 0.02),
    ("peakmem_step", "peakmemory", 4e7, 6e7, 6, 0.005),
    ("accuracy-error", "track", 0.10, 0.14, 8, 0.03),
    ("time_other", "time", 0.01, 0.01, None, 0.02),
    ("other-error", "track", 0.20, 0.20, None, 0.03),
]


def drawn(rng, kind, level, spread):
    """Return what a commit measured, as asv or an export would store it."""
    if kind == "peakmemory":
        return Measured(float(level * rng.lognormal(0, spread)))
    samples = tuple(level * rng.lognormal(0, spread, 10 if kind == "time" else 6))
    mean, half = float(np.mean(samples)), 3 * spread * level / np.sqrt(len(samples))
    return Measured(mean, mean - half, mean + half, samples, tuple(range(6)) if kind == "track" else ())


@pytest.fixture(scope="module")
def drawn_history(tmp_path_factory):
    """A folder for asv, its tree, and the hashes of its commits, oldest first."""
    folder, rng = tmp_path_factory.mktemp("planted"), np.random.default_rng(0)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    points = [(f"commit-{i}", began + timedelta(days=i)) for i in range(COMMITS)]
    hashes = list(make_timeline(folder / "history", points).values())
    records = [
        Record(hash, "machine", "environment", round(points[i][1].timestamp() * 1000), {
            name: Series("1", {(): drawn(rng, kind, after if at is not None and i >= at else before, spread)})
            for name, kind, before, after, at, spread in PLANTED
        })
        for i, hash in enumerate(hashes)
    ]  # fmt: skip
    tree = Tree({name: Benchmark(name, kind) for name, kind, *_ in PLANTED}, {"machine": {}}, records)
    write_tree(folder / "results", tree)
    (folder / "asv.conf.json").write_text(json.dumps(SETTINGS))
    return folder, tree, hashes


def test_asv_alarms_at_the_planted_commits_and_at_no_other(drawn_history):
    folder, _, hashes = drawn_history
    assert alarms(folder) == sorted((name, hashes[at]) for name, _, _, _, at, _ in PLANTED if at is not None)


def test_neighbours_are_worse_at_the_planted_commits_and_at_no_other(drawn_history):
    """But for memory, of which asv stores one value a commit: nothing can be told of it, and that is said."""
    _, tree, hashes = drawn_history
    worse, codes = [], []
    for i in range(1, COMMITS):
        found = compare("", "", common(tree, hashes[i - 1], hashes[i]), 0.1)
        worse += [(change.key.benchmark, i) for change in found.of(Finding.WORSE)]
        codes.append(found.exit_code)
        assert [change.key.benchmark for change in found.of(Finding.UNCLEAR)] == ["peakmem_step"]
    assert worse == [("time_step", 4), ("accuracy-error", 8)]
    assert codes == [1 if i in (4, 8) else 2 for i in range(1, COMMITS)]


PLUGIN = '''
import time
from dataclasses import dataclass

from harness import Family, Method, Outputs, Task, hookimpl

TOY = Family("planted", "() -> Callable")
WORK, MIB, RIGHT = {work}, {mib}, {right}


def step() -> None:
    time.sleep(WORK)


def hold() -> int:
    return len(bytearray(MIB * 2**20))


def guess() -> int:
    return RIGHT


@dataclass(frozen=True)
class Guess:
    """Of 100 examples as many are right as the method says, less some that depend on the seed."""

    def run(self, build, context):
        import torch

        right = build() - context.seeds.data % 3
        yield Outputs(split="test", step=1, prediction=torch.eye(2)[[0] * 100],
                      target=torch.tensor([0] * right + [1] * (100 - right)))


@hookimpl
def bench_methods():
    yield Method("guess", TOY, "bench_planted:guess", reference="")


@hookimpl
def bench_tasks():
    yield Task("guess-right", TOY, "bench_planted:Guess", metrics=("accuracy",))
'''
BENCHMARKS = """
from bench_planted import hold, step


class Step:
    version = "1"
    rounds, repeat, sample_time, warmup_time = 1, (5, 5, 1.0), 0.08, 0.05

    def time_step(self):
        step()

    def peakmem_step(self):
        hold()
"""
PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "bench-planted"
version = "1.0"

[project.entry-points.bench]
bench_planted = "bench_planted"

[tool.hatch.build.targets.wheel]
include = ["bench_planted.py"]
"""
SUITE = "seeds: [0, 1, 2, 3]\ntasks: [guess-right]\nmethods: [guess]\npack: 4\n"
# A step sleeps, so that what else the machine does cannot hide that it takes twice as long.
STATES = [{"work": 0.04 * (1 + (i >= 2)), "mib": 60 * (1 + (i >= 4)), "right": 95 - 6 * (i >= 3)} for i in range(6)]


@pytest.fixture
def plugin(tmp_path):
    """A repository of a plugin that changes for the worse three times, its command line, and its commits."""
    repository = tmp_path / "repository"
    install_plugin(repository, "bench-planted", "bench_planted", "")
    git(repository, "init", "-q", "-b", "main")
    settings = {**SETTINGS, "repo": ".", "benchmark_dir": "speed", "env_dir": "env",
                "regressions_thresholds": {".*": 0.25}}  # fmt: skip
    files = {"pyproject.toml": PYPROJECT, "speed/__init__.py": "", "speed/steps.py": BENCHMARKS, "s.yaml": SUITE}
    files |= {"asv.conf.json": json.dumps(settings), ".gitignore": "/results/\n/html/\n/env/\n/out/\n__pycache__/\n"}
    hashes = []
    for i, state in enumerate(STATES):
        for name, text in (files | {"bench_planted.py": PLUGIN.format(**state), "number.txt": str(i)}).items():
            (repository / name).parent.mkdir(exist_ok=True)
            (repository / name).write_text(text)
        git(repository, "add", "-A")
        when = f"2026-01-{i + 1:02} 12:00:00 +0000"
        git(repository, "commit", "-q", "-m", f"commit {i}", "--date", when)
        hashes.append(git(repository, "rev-parse", "HEAD"))
    return Bench(repository, [repository]), hashes


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_plugin_that_worsens_three_times_is_found_out_each_time(plugin):
    bench, hashes = plugin
    for hash in hashes:
        git(bench.folder, "checkout", "-q", hash)
        done = bench("run", "s.yaml", "--results", "quality")
        assert done.returncode == 0, done.stdout + done.stderr
    git(bench.folder, "checkout", "-q", "main")
    done = bench("asv", "export", "quality/s", "--out", "out")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert alarms(bench.folder / "out") == [("s.guess-right.accuracy-error('guess')", hashes[3])]

    done = bench("asv", "run", "--commits", f"{hashes[0]}", "--commits", f"{hashes[0]}..main", timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert alarms(bench.folder) == [("steps.Step.peakmem_step", hashes[4]), ("steps.Step.time_step", hashes[2])]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_two_commits_measured_in_turns_tell_which_is_slower_and_which_is_larger(plugin):
    bench, hashes = plugin
    done = bench("asv", "compare", hashes[3], hashes[4], "--measure", "4", "--margin", "20", "--format", "json",
                 timeout=1200)  # fmt: skip
    found = {change["benchmark"]: change for change in json.loads(done.stdout)["changes"]}
    assert (done.returncode, {one["how"] for one in found.values()}) == (1, {"measured in turns"})
    assert found["steps.Step.peakmem_step"]["finding"] == "worse"
    assert found["steps.Step.time_step"]["finding"] != "worse"
    assert {one["n"] for one in found.values()} == {4}

    done = bench("asv", "compare", hashes[1], hashes[2], "--measure", "4", "--margin", "20", "--bench", "time",
                 timeout=1200)  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "something is worse (1 worse)" in done.stdout
    assert "turn 4 of 4: 1 values at each commit" in done.stderr
    done = bench("asv", "compare", "main", "HEAD")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"bench: 'main' and 'HEAD' are the same commit, {hashes[5][:8]}; name two\n"
