"""A small repository with benchmarks, and the program in it."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.testing import Bench

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0"

[project.entry-points.bench]
{module} = "{module}"

[tool.hatch.build.targets.wheel]
packages = ["{module}"]
"""
SETTINGS = """\
{
  // as asv allows
  "version": 1, "project": "toy", "repo": ".", "branches": ["main"], "benchmark_dir": "benchmarks",
  "results_dir": ".asv/results", "html_dir": ".asv/html", "env_dir": ".asv/work"
}
"""


class Repository:
    """A git repository whose commits are a minute apart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.minutes = 0
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        date = f"2026-01-01T{self.minutes // 60:02}:{self.minutes % 60:02}:00Z"
        who = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder, env=os.environ | who | dates, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def commit(self, subject: str) -> str:
        """Commit everything, and return the hash."""
        self.minutes += 1
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={subject}")
        return self.git("rev-parse", "HEAD")

    def bench(self, *path: Path) -> Bench:
        """The program in the repository's folder."""
        return Bench(self.folder, list(path))


@pytest.fixture
def repository(tmp_path) -> Repository:
    return Repository(tmp_path / "repository")
