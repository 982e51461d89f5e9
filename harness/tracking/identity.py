"""What asv knows a machine and an environment by. A change of either begins a new history, so both are made of what the
numbers depend on, and not of paths, host names and kernels, of which asv makes them.
"""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Mapping
from typing import Any

from harness import provenance


def machine(hardware: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return what asv stores of this machine, or of one described as in a header of results: models and sizes, and a
    name made of them, so that neither a new kernel nor a new host name begins a new history.
    """
    facts = provenance.hardware() if hardware is None else dict(hardware)
    slug = re.sub(r"[^A-Za-z0-9]+", "-", str(facts["cpu"])).strip("-")[:40]
    return {
        "machine": f"{slug}-{facts['cores']}-{provenance.fingerprint(facts)[:6]}",
        "os": str(facts["system"]), "arch": str(facts["machine"]), "cpu": str(facts["cpu"]),
        "num_cpu": str(facts["cores"]), "ram": f"{facts['memory_gib']} GiB",
    }  # fmt: skip


def environment_name() -> str:
    """Return the name of the environment, from the versions that shape timings: those of Python and torch."""
    return "-".join(f"{name}{version}" for name, version in _versions().items())


def _versions() -> dict[str, str]:
    return {"python": ".".join(platform.python_version_tuple()[:2]), "torch": importlib.metadata.version("torch")}


def names(machine: dict[str, str]) -> dict[str, Any]:
    """Return the parts of a results file that say where it was measured."""
    libraries = _versions()
    where = {"params": machine | libraries, "python": libraries["python"]}
    return where | {"env_name": environment_name(), "env_vars": {}}
