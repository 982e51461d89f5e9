"""The workflow for pull requests: its shell, run with a stand-in for the program, does what its comments say."""

import os
import stat
import subprocess
from pathlib import Path

import click.testing
import pytest
import yaml

from harness.cli import main

WORKFLOW = Path(__file__).parents[2] / ".github" / "workflows" / "regressions.yml"


@pytest.fixture(scope="module")
def workflow():
    return yaml.safe_load(WORKFLOW.read_text())


@pytest.fixture
def step(workflow, tmp_path):
    """Return a function that runs the shell of a step by its name, with some environment."""
    steps = {one.get("name"): one for one in workflow["jobs"]["compare"]["steps"]}

    def run(name, **environment):
        for file in ("summary", "output"):
            (tmp_path / file).touch()
        known = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_OUTPUT": str(tmp_path / "output")}
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", steps[name]["run"]], cwd=tmp_path, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], **workflow["env"], **known, **environment}, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def commits(tmp_path):
    """A repository in which a branch and its base both went on; the environment of a step, and where they parted."""

    def git(*arguments):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q", "-b", "main")
    for message in ("common", "of the base"):
        git("commit", "-q", "--allow-empty", "-m", message)
    git("checkout", "-q", "-b", "branch", "main~1")
    git("commit", "-q", "--allow-empty", "-m", "of the branch")
    common, base, head = (git("rev-parse", name) for name in ("main~1", "main", "branch"))
    return {"BASE": base, "HEAD": head}, common


def stand_in(folder, code, table):
    program = folder / ".venv" / "bin" / "bench"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > arguments\nprintf '{table}'\nexit {code}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_table_and_the_code_are_kept(step, commits, tmp_path, code):
    stand_in(tmp_path, code, "a table")
    done = step("Compare", **commits[0])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "summary").read_text() == "a table"
    assert (tmp_path / "output").read_text() == f"code={code}\n"


def test_without_a_table_the_job_fails(step, commits, tmp_path):
    stand_in(tmp_path, 2, "")
    assert step("Compare", **commits[0]).returncode != 0
    assert (tmp_path / "arguments").exists()


def test_the_program_takes_what_it_is_given(step, commits, tmp_path):
    stand_in(tmp_path, 0, "a table")
    step("Compare", **commits[0])
    arguments = (tmp_path / "arguments").read_text().split("\n")[:-1]
    assert arguments[2:4] == [commits[1], commits[0]["HEAD"]]  # what the base has gained since is not compared
    missing = str(tmp_path / "none.json")
    done = click.testing.CliRunner().invoke(main, [*arguments, "--config", missing])
    assert done.exit_code == 2
    assert "no such file" in done.output  # and not "No such option"


@pytest.mark.parametrize(("code", "ends"), [("0", 0), ("1", 1), ("2", 0), ("", 1), ("139", 1)])
def test_only_what_is_worse_fails_the_job(step, code, ends):
    assert step("Verdict", CODE=code).returncode == ends
