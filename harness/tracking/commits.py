"""What a user means by commits, asked of git. Nothing here changes a repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BenchError


@dataclass(frozen=True)
class Commit:
    """A commit: its full hash, its date in seconds since 1970, and the first line of its message."""

    hash: str
    date: int
    subject: str

    def __str__(self) -> str:
        return f"{self.hash[:8]} {self.subject}"


def own_environment(**added: str) -> dict[str, str]:
    """Return the environment for a program that is told its folder.

    Without the variables by which git tells hooks where they are, which would win over the folder.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | added


def git(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Return what git prints in a folder. Raises BenchError with git's last line where it fails."""
    command = ["git", "-C", str(folder), "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        done = subprocess.run(
            command, env=environment or own_environment(), capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        raise BenchError("`bench asv` reads commits with git, which is not installed here") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise BenchError(f"git {arguments[0]} failed in {folder}: {said[-1]}")
    return done.stdout


def repository(folder: Path) -> Path:
    """Return the top folder of the repository that a folder is in. Raises BenchError where it is in none."""
    try:
        return Path(git(folder, "rev-parse", "--show-toplevel").strip())
    except BenchError:
        raise BenchError(f"{folder.resolve()} is in no git repository, whose commits could be measured") from None


def resolve(repository: Path, wanted: Iterable[str]) -> list[Commit]:
    """Return the commits that a user names, each once, in the order given; those of a range oldest first.

    A name is whatever git takes for a commit (`main`, `HEAD~2`, a hash) or for a range (`v1..main`), of which the
    first parents count, as asv's graphs show no others. Raises BenchError for a name that git does not know, and for a
    range without commits.
    """
    found = [commit for name in wanted for commit in _named(repository, name)]
    return list(dict.fromkeys(found))


def uncommitted(repository: Path) -> list[str]:
    """Return the files of the user's checkout that differ from its commit or are in none."""
    return [line[3:] for line in git(repository, "status", "--porcelain", "--untracked-files=all").splitlines()]


def _named(repository: Path, name: str) -> list[Commit]:
    is_range = ".." in name
    which = ["--first-parent", "--reverse"] if is_range else ["--max-count=1"]
    try:
        lines = git(repository, "log", *which, "--format=%H %ct %s", "--end-of-options", name, "--").splitlines()
    except BenchError:
        raise BenchError(
            f"{repository} has no commit '{name}'; name one as git does, such as HEAD~2, or a range OLDER..NEWER"
        ) from None
    if not lines:
        raise BenchError(
            f"the range '{name}' holds no commit; OLDER..NEWER holds what leads from OLDER to NEWER, and NEWER"
        )
    return [read(line) for line in lines]


def read(line: str) -> Commit:
    hash, date, subject = (*line.split(" ", 2), "")[:3]
    return Commit(hash, int(date), subject)
