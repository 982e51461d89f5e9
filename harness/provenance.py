"""What a number was made with: the hardware, the installed libraries, the host."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.suite import Device

COMMIT, CHANGED = "commit of ", ", changed"  # how an environment tells the commits of plugins


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA GPU. `memory` is in bytes."""

    index: int
    uuid: str
    name: str
    memory: int


@cache
def hardware() -> dict[str, Any]:
    """Return what this machine is, by models and sizes: nothing that changes from one minute to the next."""
    return {
        "cpu": _cpu_model(),
        "cores": len(cores()),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "gpus": [gpu.name for gpu in gpus()],
        "machine": platform.machine(),
        "system": platform.system(),
    }


@cache
def cores() -> list[int]:
    """Return the numbers of the cores that this process may use: not more than its container's quota, at least one."""
    mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return mine[: max(1, int(quota) // int(period))]
    except (OSError, ValueError):  # no such limit here
        return mine


@cache
def memory() -> int:
    """Return how many bytes of memory there are for this process: those of the machine, or its container's limit."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(physical, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no such limit here
        return physical


@cache
def environment() -> dict[str, str]:
    """Return the versions of Python and of every installed distribution, and the commits of plugins."""
    versions = {d.name.lower(): d.version for d in importlib.metadata.distributions() if d.name}
    return {"python": platform.python_version(), **dict(sorted(versions.items())), **_commits()}


def commits(environment: Mapping[str, str]) -> dict[str, bool]:
    """Return the commits that plugins of an environment were at, each with whether files had changed since.

    There is none of what was not used from a git checkout.
    """
    told = [value for name, value in environment.items() if name.startswith(COMMIT)]
    return {value.removesuffix(CHANGED): value.endswith(CHANGED) for value in sorted(told)}


def _commits() -> dict[str, str]:
    """Return "commit of <distribution>" for each plugin, the core included, whose code git has under its control."""
    found = {}
    for entry in importlib.metadata.entry_points(group="bench"):
        spec = importlib.util.find_spec(entry.module.partition(".")[0])
        if entry.dist is None or spec is None or spec.origin is None:
            continue
        if commit := _commit(Path(spec.origin)):
            found[f"{COMMIT}{entry.dist.name.lower()}"] = commit
    return dict(sorted(found.items()))


def _commit(module: Path) -> str:
    """Return the commit of a file, marked where files of its repository have changed since; empty without git.

    New files beside it count as well, of a package all and of a single module those of Python: it may import them.
    What git is told to ignore does not.
    """
    try:
        _git(module.parent, "ls-files", "--error-unmatch", module.name)
        commit = _git(module.parent, "rev-parse", "HEAD")
        changed = _git(module.parent, "status", "--porcelain", "--untracked-files=no", ":/")
        beside = [".", ":(exclude,glob)**/__pycache__/**"] if module.name == "__init__.py" else [":(glob)*.py"]
        changed += _git(module.parent, "ls-files", "--others", "--exclude-standard", "--", *beside)
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{commit}{CHANGED}" if changed else commit


@cache
def _git(folder: Path, *arguments: str) -> str:
    """Return what git prints in a folder, whatever a hook that started this process may have set."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), "--no-optional-locks", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()


def fingerprint(facts: dict[str, Any]) -> str:
    """Return a short digest of a description such as `hardware()` or `environment()`."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


@cache
def gpus() -> list[Gpu]:
    """Return the NVIDIA GPUs that this process may use, asked of the driver and not of torch.

    $CUDA_VISIBLE_DEVICES, by numbers, UUIDs or their beginnings, restricts them as it does for CUDA: what follows a
    name of no GPU does not count.
    """
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    lines = [[part.strip() for part in line.split(",")] for line in answer.splitlines()]
    found = [_gpu(*line) for line in lines if len(line) == 4 and line[0].isdecimal()]  # others are messages
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found if visible is None else _visible(found, [part.strip() for part in visible.split(",")])


def _gpu(index: str, uuid: str, name: str, mib: str) -> Gpu:
    return Gpu(int(index), uuid, name, int(mib) * 2**20 if mib.isdecimal() else 0)


def _visible(found: list[Gpu], names: list[str]) -> list[Gpu]:
    visible = []
    for name in names:
        named = [gpu for gpu in found if name == str(gpu.index) or (name[:4] == "GPU-" and gpu.uuid.startswith(name))]
        if len(named) != 1:
            break
        visible += named
    return [gpu for gpu in found if gpu in visible]


def resolve_device(wanted: Device) -> Device:
    """Return "cuda" for "auto" where there is a GPU and a torch that can use it, and "cpu" for it otherwise."""
    return wanted if wanted != "auto" else "cpu" if why_no_cuda() else "cuda"


def why_no_cuda() -> str:
    """Return why CUDA cannot be used on this machine, or nothing where it can."""
    if not gpus():
        return "no NVIDIA GPU was found"
    return "" if _torch_has_cuda() else "the installed torch is built without CUDA"


def _torch_has_cuda() -> bool:
    """Tell whether torch was built with CUDA, from its version file: importing torch takes seconds."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    match = re.search(r"^cuda\b.*=\s*(.+)$", Path(spec.origin).with_name("version.py").read_text(), re.MULTILINE)
    return match is not None and match[1].strip() != "None"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
