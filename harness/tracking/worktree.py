"""A commit checked out and installed, apart from the user's checkout and from what is installed in their environment.

The work tree is a clone that borrows the repository's objects, so that nothing is written into the repository, not even
the administration of a git worktree. The environment is a virtual one, made anew for each commit: it holds the
distributions of the commit, copied as a wheel would, and behind them sees the libraries of the environment that this
process runs in, which stay the same for all commits. What that environment has of the user's checkout, it does not see.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BenchError
from harness.text import one_line
from harness.tracking.commits import Commit, git, own_environment

PATHS = "zz-libraries.pth"  # read after those of the commit's own distributions


class NotMeasurableError(BenchError):
    """A commit cannot be measured; it stays a gap in the history."""


@dataclass(frozen=True)
class WorkTree:
    """Where commits of a repository are measured: `folder` has the clone `tree` and the environment `env`."""

    repository: Path
    folder: Path

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def python(self) -> Path:
        return self.folder / "env" / "bin" / "python"

    def use(self, commit: Commit) -> list[str]:
        """Check a commit out and install it. Returns what the user should know of its plugins, a line each.

        Raises NotMeasurableError where it has nothing to install, does not install, or where a plugin that is not of
        the commit would be measured in its place.
        """
        self._check_out(commit)
        folders = _distributions(self.tree)
        if not folders:
            raise NotMeasurableError("it has no pyproject.toml, so there is nothing to install")
        self._make_environment()
        _install(self.python, folders)
        here, by_now = ({_name(folder) for folder in found} for found in (folders, _distributions(self.repository)))
        lacking = [f"has no {name}, yet or any more: what it brings is not measured" for name in sorted(by_now - here)]
        return lacking + _check_plugins(self.python, here | by_now)

    def _check_out(self, commit: Commit) -> None:
        if self._is_ours():
            try:
                self._move_to(commit)
                return
            except BenchError:  # such as a lock that a session has left when it was killed
                pass
        shutil.rmtree(self.tree, ignore_errors=True)
        try:
            git(self.folder, "clone", "--quiet", "--shared", "--no-checkout", str(self.repository), str(self.tree))
            self._move_to(commit)
        except BenchError as error:
            raise NotMeasurableError(f"it cannot be checked out: {error}") from None

    def _move_to(self, commit: Commit) -> None:
        git(self.tree, "checkout", "--quiet", "--force", "--detach", commit.hash)
        git(self.tree, "clean", "-ffdxq")

    def _is_ours(self) -> bool:
        """Tell whether the clone is there and whole; one that was being made when its session died is not."""
        try:
            return Path(git(self.tree, "config", "remote.origin.url").strip()) == self.repository and bool(
                git(self.tree, "rev-parse", "--git-dir").strip() == ".git"
            )
        except BenchError:
            return False

    def _make_environment(self) -> None:
        environment = self.folder / "env"
        shutil.rmtree(environment, ignore_errors=True)
        venv.EnvBuilder(symlinks=True, with_pip=False).create(environment)
        scheme = sysconfig.get_path("purelib", "venv", {"base": str(environment)})
        Path(scheme, PATHS).write_text("".join(f"{path}\n" for path in _libraries(self.repository)))


def _libraries(repository: Path) -> list[str]:
    """Return where this process's environment finds packages, but for what lies in the user's checkout."""
    command = [sys.executable, "-P", "-c", "import json, sys; print(json.dumps(sys.path))"]
    paths = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return [path for path in paths if path in installed or not Path(path).resolve().is_relative_to(repository)]


def _distributions(tree: Path) -> list[Path]:
    """Return the folders of a tree that are distributions: its top, and what lies under plugins/."""
    files = [tree / "pyproject.toml", *sorted(tree.glob("plugins/*/pyproject.toml"))]
    return [file.parent for file in files if file.exists()]


def _name(folder: Path) -> str:
    """Return a distribution's name in the form in which names are compared; empty where it cannot be read."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
        return _normalised(str(project.get("name", "")))
    except (OSError, ValueError):
        return ""


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _install(python: Path, folders: Iterable[Path]) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--ignore-installed", "--disable-pip-version-check", *map(str, folders)]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()] or ["pip says nothing"]
        named = [line for line in lines if re.search(r"\w(Error|Exception)\b", line)]
        raise NotMeasurableError(f"it does not install: {one_line((named or lines)[-1])}")


def clean_environment() -> dict[str, str]:
    """Return the environment in which a commit is installed and measured: no path of the user's leads into it."""
    kept = own_environment()
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"):
        kept.pop(name, None)
    return kept


_CHECK = """
import importlib.metadata, importlib.util, json, sys
found = []
for entry in importlib.metadata.entry_points(group="bench"):
    package = importlib.util.find_spec(entry.module.partition(".")[0])
    is_inside = package is not None and (package.origin or "").startswith(sys.prefix)
    try:
        entry.load()
        reason = ""
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
    found.append([entry.dist.name if entry.dist else "", package and package.origin or "", is_inside, reason])
print("\\nFOUND " + json.dumps(found))
"""


def _check_plugins(python: Path, ours: set[str]) -> list[str]:
    """Return a line for each plugin that cannot be loaded at the commit.

    `ours` has the names of the distributions that the repository holds, at this commit or by now. Raises
    NotMeasurableError where one of them would come from somewhere else.
    """
    done = subprocess.run(
        [str(python), "-P", "-c", _CHECK], env=clean_environment(), capture_output=True, text=True, check=False
    )
    told = re.findall(r"^FOUND (\[.*\])$", done.stdout, re.MULTILINE)
    if done.returncode or not told:
        said = one_line(done.stderr[-300:]) or "one of them ends the process that loads it"
        raise NotMeasurableError(f"its plugins cannot be listed: {said}")
    lines = []
    for name, origin, is_inside, reason in json.loads(told[-1]):
        is_ours = _normalised(name) in ours
        if is_ours and origin and not is_inside:
            raise NotMeasurableError(
                f"{name} would come from {origin}, not from the commit; install it editable, or not at all"
            )
        if reason and (origin or not is_ours):  # else it is one that the commit lacks
            lines.append(f"cannot load {name} ({one_line(reason)}): what it brings is not measured")
    return lines
