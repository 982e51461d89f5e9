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
from functools import cache
from pathlib import Path
from typing import Any

from harness.errors import DeviceError


@cache
def hardware() -> dict[str, Any]:
    """Return what this machine is, by models and sizes: nothing that changes from one minute to the next."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "gpus": gpus(),
        "machine": platform.machine(),
        "system": platform.system(),
    }


@cache
def environment() -> dict[str, str]:
    """Return the versions of Python and of every installed distribution."""
    versions = {d.name.lower(): d.version for d in importlib.metadata.distributions() if d.name}
    return {"python": platform.python_version(), **dict(sorted(versions.items()))}


def fingerprint(facts: dict[str, Any]) -> str:
    """Return a short digest of a description such as `hardware()` or `environment()`."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


@cache
def gpus() -> list[str]:
    """Return the models of the NVIDIA GPUs of this machine, asked of the driver and not of torch."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()] if answer.returncode == 0 else []


def resolve_device(wanted: str) -> str:
    """Return "cpu" or "cuda" for "cpu", "cuda" or "auto". Raises DeviceError where it is not to be had here."""
    lack = _why_no_cuda() if wanted != "cpu" else ""
    if wanted == "cuda" and lack:
        raise DeviceError(f"device 'cuda' is not available on this machine: {lack}; use --device cpu")
    return "cuda" if wanted != "cpu" and not lack else "cpu"


def _why_no_cuda() -> str:
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
