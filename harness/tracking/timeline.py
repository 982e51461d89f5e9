"""A repository that holds nothing but commits: what asv needs for a history that is none of a repository's own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from harness.tracking.commits import git, own_environment


def make_timeline(folder: Path, points: Sequence[tuple[str, datetime]]) -> dict[str, str]:
    """Make a repository with a commit and a tag for each point, and return their hashes by the point's name.

    Points are pairs of a name and a date, which have to rise. The same points make the same hashes.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    tree, parent, hashes = git(folder, "write-tree").strip(), list[str](), dict[str, str]()
    for name, when in points:
        environment = own_environment(**_who(f"{round(when.timestamp())} +0000"))
        arguments = ["commit-tree", tree, "-m", name, *parent]
        hashes[name] = git(folder, *arguments, environment=environment).strip()
        git(folder, "update-ref", f"refs/tags/{tag(name)}", hashes[name])  # `git tag` may want to sign it
        parent = ["-p", hashes[name]]
    if hashes:
        git(folder, "update-ref", "refs/heads/main", hashes[points[-1][0]])
    return hashes


def tag(name: str) -> str:
    """Return the tag of a point: its name, without what git allows in no tag."""
    return re.sub(r"[^\w.+-]+|\.\.+|^[.-]+|\.(?=lock$)|\.$", "-", name)


def _who(date: str) -> dict[str, str]:
    roles = ("AUTHOR", "COMMITTER")
    return {
        f"GIT_{role}_{key}": value
        for role in roles
        for key, value in (("NAME", "bench"), ("EMAIL", "bench@localhost"), ("DATE", date))
    }
