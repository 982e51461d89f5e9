"""`bench asv run` on a small repository: what is measured, what is a gap, and that nothing of the user's is touched."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from harness.testing import install_plugin
from harness.tracking import worktree
from harness.tracking.worktree import NotMeasurableError

from .conftest import PROJECT, SETTINGS, Repository

# What a commit stores is in its code, so that a number of another commit would be seen to be one.
BENCHMARKS = """
from bench_toy_tracked import COSTS

class Cost:
    version = "1"
    params = (sorted(COSTS),)
    param_names = ["method"]

    def track_cost(self, method):
        return COSTS[method]
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A history of four commits, the second of which does not install, measured by the program.

    Gives the repository, the hashes, what the program did, and the state of the user's checkout before.
    """
    made = Repository(tmp_path_factory.mktemp("tracked") / "repository")
    project = PROJECT.format(name="bench-toy-tracked", module="bench_toy_tracked")
    made.write("pyproject.toml", project)
    made.write("asv.conf.json", SETTINGS)
    made.write(".gitignore", ".asv/\n__pycache__/\n")
    made.write("benchmarks/__init__.py", "")
    made.write("benchmarks/cost.py", BENCHMARKS)
    made.write("bench_toy_tracked/__init__.py", "COSTS = {'old': 1.0}\n")
    hashes = [made.commit("one method")]
    made.write("pyproject.toml", project.replace("hatchling.build", "no_such_backend"))
    hashes.append(made.commit("does not install"))
    made.write("pyproject.toml", project)
    made.write("plugins/extra/pyproject.toml", PROJECT.format(name="bench-toy-extra", module="bench_toy_extra"))
    made.write("plugins/extra/bench_toy_extra/__init__.py", "COST = 4.0\n")
    source = "from bench_toy_extra import COST\n\nCOSTS = {'old': 3.0, 'new': COST, 'broken': 'no number'}\n"
    made.write("bench_toy_tracked/__init__.py", source)
    hashes.append(made.commit("a plugin, and a method that fails"))
    made.write("bench_toy_tracked/__init__.py", "raise ImportError('a bad day')\n")
    hashes.append(made.commit("does not import"))
    made.write("bench_toy_tracked/__init__.py", "COSTS = {'old': 999.0}  # not committed\n")
    before = (made.git("rev-parse", "HEAD"), made.git("status", "--porcelain"), made.git("worktree", "list"))
    done = made.bench()("asv", "run", "--commits", hashes[0], "--commits", f"{hashes[0]}..main")
    return made, hashes, done, before


def results(repository, commit) -> dict:
    """Return the stored values of a commit, by benchmark and parameter."""
    files = list((repository.folder / ".asv" / "results").glob(f"*/{commit[:8]}-*.json"))
    if not files:
        return {}
    content = json.loads(files[0].read_text())
    assert content["commit_hash"] == commit
    return {name: dict(zip(row[1][0], row[0], strict=True)) for name, row in content["results"].items()}


@pytest.mark.slow
def test_values_are_those_of_their_commits(measured):
    repository, (one, two, three, four), done, _ = measured
    assert results(repository, one) == {"cost.Cost.track_cost": {"'old'": 1.0}}
    assert results(repository, two) == {}
    assert results(repository, three)["cost.Cost.track_cost"] == {"'broken'": None, "'new'": 4.0, "'old'": 3.0}
    assert results(repository, four) == {}
    assert done.returncode == 1, done.stderr  # gaps


@pytest.mark.slow
def test_each_gap_is_one_line(measured):
    _, (_, two, three, four), done, _ = measured
    lines = [line for line in done.stderr.splitlines() if line.endswith("a gap in the history")]
    assert [line.split()[1] for line in lines] == [two[:8], three[:8], four[:8]]
    assert "it does not install: " in lines[0]
    assert "no_such_backend" in lines[0]
    assert "cost.Cost.track_cost('broken') failed (1 of 3): see " in lines[1]
    assert "its benchmarks cannot be imported: ImportError: a bad day" in lines[2]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_plugin_that_a_commit_lacks_is_told(measured):
    _, (one, *_), done, _ = measured
    assert f"{one[:8]} has no bench-toy-extra, yet or any more: what it brings is not measured" in done.stderr


@pytest.mark.slow
def test_the_users_checkout_is_untouched(measured):
    repository, _, done, before = measured
    after = (repository.git("rev-parse", "HEAD"), repository.git("status", "--porcelain"))
    assert (*after, repository.git("worktree", "list")) == before
    assert "999" in (repository.folder / "bench_toy_tracked/__init__.py").read_text()
    assert not list(repository.folder.rglob("*.egg-info"))
    assert "1 files of your checkout are not committed" in done.stderr


@pytest.mark.slow
def test_what_is_measured_is_not_measured_again(measured):
    repository, (one, *_), _, _ = measured
    path = next((repository.folder / ".asv" / "results").glob(f"*/{one[:8]}-*.json"))
    before = path.stat().st_mtime_ns
    done = repository.bench()("asv", "run", "--commits", one)
    assert done.returncode == 0, done.stderr
    assert "1 commits: 0 values measured, 1 were there already" in done.stdout
    assert path.stat().st_mtime_ns == before


@pytest.mark.slow
def test_all_parameters_stay_in_asvs_list_whichever_commit_came_last(measured):
    repository, _, _, _ = measured
    known = json.loads((repository.folder / ".asv" / "results" / "benchmarks.json").read_text())
    assert set(known["cost.Cost.track_cost"]["params"][0]) == {"'old'", "'new'", "'broken'"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--commits", "nonsense"], "has no commit 'nonsense'"),
        (["--commits", "HEAD..HEAD~1"], "the range 'HEAD..HEAD~1' holds no commit"),
        (["--bench", "("], "'(' is no regular expression"),
        (["--config", "elsewhere.json"], "elsewhere.json: no such file"),
    ],
)
def test_bad_input(repository, arguments, complaint):
    repository.write("asv.conf.json", SETTINGS)
    repository.write("benchmarks/__init__.py", "")
    repository.commit("one")
    repository.commit("two")
    done = repository.bench()("asv", "run", *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_settings_that_say_nothing_usable(repository):
    for text, complaint in (
        ("{", "asv.conf.json"),
        (SETTINGS.replace('"benchmark_dir": "benchmarks"', '"benchmark_dir": "nowhere"'), "is no package"),
        (SETTINGS.replace('"repo": "."', '"repo": "http://example.org/x.git"'), "in no git repository"),
    ):
        repository.write("asv.conf.json", text)
        done = repository.bench()("asv", "run")
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
        assert complaint in done.stderr


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import os\nos._exit(0)\n", "its plugins cannot be listed: one of them ends the process that loads it"),
        ("import atexit\natexit.register(print, 'goodbye')\n", ""),
    ],
)
def test_plugins_that_quit_or_talk(tmp_path, source, complaint):
    install_plugin(tmp_path / "site", "bench-toy-odd", "bench_toy_odd", source)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path / "site"}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o700)
    if complaint:
        with pytest.raises(NotMeasurableError, match=complaint):
            worktree._check_plugins(python, set())
    else:
        assert worktree._check_plugins(python, set()) == []


def test_a_folder_that_cannot_be_written_is_one_line(repository):
    repository.write("asv.conf.json", SETTINGS)
    repository.write("benchmarks/__init__.py", "")
    repository.commit("one")
    repository.write(".asv", "a file")
    done = repository.bench()("asv", "run")
    assert (done.returncode, len(done.stderr.strip().splitlines()), "Traceback" in done.stderr) == (2, 2, False)
    assert "cannot measure in " in done.stderr


def test_without_asv_it_says_what_to_install(repository, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['asv'] = None\n")
    done = repository.bench(hidden)("asv", "run")
    assert done.returncode == 2
    assert "pip install 'bench-harness[asv]'" in done.stderr


@pytest.mark.slow
def test_a_copy_from_elsewhere_is_not_measured_in_place_of_a_commit(repository, tmp_path):
    repository.write("pyproject.toml", PROJECT.format(name="bench-toy-tracked", module="bench_toy_tracked"))
    repository.write("bench_toy_tracked/__init__.py", "COSTS = {'old': 1.0}\n")
    repository.write("asv.conf.json", SETTINGS)
    repository.write("benchmarks/__init__.py", "")
    repository.commit("without the plugin")
    repository.write("plugins/extra/pyproject.toml", PROJECT.format(name="bench-toy-extra", module="bench_toy_extra"))
    repository.write("plugins/extra/bench_toy_extra/__init__.py", "")
    repository.commit("with it")
    install_plugin(tmp_path / "site", "bench-toy-extra", "bench_toy_extra", "COST = 5\n")
    done = repository.bench(tmp_path / "site")("asv", "run", "--commits", "HEAD~1")
    assert done.returncode == 1
    assert "bench-toy-extra would come from" in done.stderr
    assert not list((repository.folder / ".asv").glob("results/*/*-*.json"))


@pytest.mark.slow
def test_interrupted_and_taken_up(repository):
    repository.write("pyproject.toml", PROJECT.format(name="bench-toy-tracked", module="bench_toy_tracked"))
    repository.write("bench_toy_tracked/__init__.py", "import time\n")
    repository.write("asv.conf.json", SETTINGS)
    repository.write("benchmarks/__init__.py", "")
    source = "def track_a(): return 1\n\ndef track_b():\n    import time; time.sleep(FOR); return 2\n\n"
    source += "track_a.version = track_b.version = '1'\n"
    repository.write("benchmarks/slow.py", source.replace("FOR", "60"))
    commit = repository.commit("slow")
    started = repository.bench().start("asv", "run")
    assert started.stdout is not None
    while "1/2 slow.track_a" not in started.stdout.readline():
        assert started.poll() is None, started.communicate()
    time.sleep(1)
    second = repository.bench()("asv", "run")
    assert (second.returncode, second.stderr.count("another `bench asv run`")) == (2, 1)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=600)
    assert started.returncode == 130, said
    assert "Traceback" not in said
    assert not _running(repository.folder / ".asv")
    repository.write("benchmarks/slow.py", source.replace("FOR", "0"))
    done = repository.bench()("asv", "run")
    assert done.returncode == 0, done.stderr
    assert "1 values measured, 1 were there already" in done.stdout
    assert "slow.py is not committed: the benchmarks are those of your checkout" in done.stderr
    file = next((repository.folder / ".asv" / "results").glob(f"*/{commit[:8]}-*.json"))
    assert {name: row[0] for name, row in json.loads(file.read_text())["results"].items()} == {
        "slow.track_a": [1], "slow.track_b": [2],
    }  # fmt: skip


def _running(folder: Path) -> list[str]:
    """Return the commands of processes that name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and int(process.parent.name) != os.getpid():
            found.append(command)
    return found
