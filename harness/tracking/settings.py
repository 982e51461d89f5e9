"""asv's settings, `asv.conf.json`, as far as this package needs them, with paths made absolute."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import BenchError
from harness.text import one_line
from harness.tracking.commits import repository


@dataclass(frozen=True)
class Settings:
    """What `asv.conf.json` says. `raw` has everything in it, for asv itself."""

    project: str
    repository: Path
    branches: tuple[str, ...]
    benchmarks: Path  # the package whose modules hold benchmarks
    results: Path  # asv's results tree
    page: Path  # where `bench asv publish` writes
    work: Path  # where commits are checked out and installed
    raw: dict[str, Any]


def read_settings(path: Path) -> Settings:
    """Read asv's settings. Raises BenchError where asv is not installed, or where they say nothing that can be used."""
    require_asv()
    from asv.config import Config
    from asv.util import UserError

    if not path.is_file():
        raise BenchError(f"{path}: no such file; `bench asv` starts where asv.conf.json is, or takes it by --config")
    try:
        config = vars(Config.load(str(path)))
        folder = path.resolve().parent
        found = repository(folder / config["repo"])
        names = ("benchmark_dir", "results_dir", "html_dir", "env_dir")
        paths = {name: (folder / config[name]).resolve() for name in names}
    except (UserError, OSError, ValueError, TypeError) as error:
        raise BenchError(f"{path}: {one_line(str(error))}") from None
    if not (paths["benchmark_dir"] / "__init__.py").is_file():
        raise BenchError(f"{path}: benchmark_dir {paths['benchmark_dir']} is no package: it has no __init__.py")
    branches = tuple(branch for branch in config["branches"] if branch)
    return Settings(
        str(config["project"]),
        found,
        branches or ("HEAD",),
        paths["benchmark_dir"],
        paths["results_dir"],
        paths["html_dir"],
        paths["env_dir"],
        config,
    )


def require_asv() -> None:
    """Raise BenchError where asv is not installed."""
    for name in ("asv", "asv_runner"):
        if importlib.util.find_spec(name) is None:
            raise BenchError(f"`bench asv` needs {name}, which is not installed: pip install 'bench-harness[asv]'")
