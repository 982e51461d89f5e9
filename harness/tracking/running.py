"""Benchmarks at commits -> a results tree of asv's, one benchmark of one commit at a time.

asv is started once for each, because it stores nothing before it ends: so an interruption costs one benchmark, and the
same call goes on with the next. What it writes goes into the tree with the names of machine and environment that stay
the same when folders move: asv's own would begin a new history then.
"""

from __future__ import annotations

import fcntl
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from harness.errors import BenchError
from harness.tracking import commits, identity, tree
from harness.tracking.commits import Commit
from harness.tracking.program import Asv
from harness.tracking.settings import Settings
from harness.tracking.worktree import NotMeasurableError, WorkTree
from harness.units import show_duration

Tell = Callable[[str], object]


@dataclass
class Outcome:
    """What became of a call: `results` is asv's results tree, `gaps` a line for each thing that is not measured."""

    results: Path
    commits: int
    measured: int = 0
    stored: int = 0
    gaps: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = f"{self.commits} commits: {self.measured} values measured, {self.stored} were there already"
        return f"{counts}, {len(self.gaps)} gaps" if self.gaps else counts


def measure(
    settings: Settings, wanted: Sequence[str], patterns: Sequence[str], *, tell: Tell = print, warn: Tell = print
) -> Outcome:
    """Measure what of the benchmarks is not measured yet at some commits of a repository.

    Args:
        wanted: commits and ranges, as `commits.resolve` takes them.
        patterns: regular expressions, of which one has to be found in ``name(parameters)``; none means everything.
        tell, warn: get a line of progress, and a line about what is wrong.

    What cannot be measured becomes a gap of the outcome and leaves what is stored as it is. Raises BenchError for a
    commit or a range that does not exist, a pattern that is none, and where another session measures here.
    """
    found = commits.resolve(settings.repository, wanted)
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise BenchError(f"'{pattern}' is no regular expression: {error}") from None
    warn_of_changes(settings, warn)
    outcome = Outcome(settings.results, len(found))
    with alone(settings.work):
        session = _Session(settings, [re.compile(pattern) for pattern in patterns], outcome, tell, warn)
        for number, commit in enumerate(found, start=1):
            tell(f"[{number}/{len(found)}] {commit}")
            session.measure(commit)
    return outcome


class _Session:
    """What all commits of a call share."""

    def __init__(
        self, settings: Settings, patterns: list[re.Pattern[str]], outcome: Outcome, tell: Tell, warn: Tell
    ) -> None:
        self._settings, self._patterns, self._outcome = settings, patterns, outcome
        self._tell, self._warn = tell, warn
        self._tree = WorkTree(settings.repository, settings.work)
        self._machine = identity.machine()
        self._asv = Asv(settings, self._tree, self._machine)
        self._asv.end_strays()

    def measure(self, commit: Commit) -> None:
        try:
            for line in self._tree.use(commit):
                self._warn(f"{commit.hash[:8]} {line}")
            benchmarks = self._asv.discover(commit)
        except NotMeasurableError as error:
            self._gap(f"{commit}: {error}")
            return
        _remember(self._settings.results, benchmarks)
        tree.write_json(
            self._settings.results / self._machine["machine"] / "machine.json", self._machine | {"version": 1}
        )
        todo = [(one, keys) for one in benchmarks if (keys := self._missing(commit, one))]
        values = sum(len(keys) for _, keys in todo)
        self._tell(f"  {len(todo)} benchmarks, {values} values to measure")
        start = time.monotonic()
        for done, (benchmark, keys) in enumerate(todo, start=1):
            self._run(commit, benchmark, keys)
            self._tell(f"  {done}/{len(todo)} {benchmark['name']}{_time_left(start, done, len(todo))}")

    def _missing(self, commit: Commit, benchmark: tree.Benchmark) -> list[tree.Key]:
        """Return the combinations of a benchmark that are asked for and not stored."""
        wanted = [key for key in tree.combinations(benchmark) if self._is_wanted(tree.spelled(benchmark, key))]
        there = tree.measured(self._path(commit), benchmark)
        self._outcome.stored += len(there & set(wanted))
        return [key for key in wanted if key not in there]

    def _is_wanted(self, text: str) -> bool:
        return not self._patterns or any(pattern.search(text) for pattern in self._patterns)

    def _run(self, commit: Commit, benchmark: tree.Benchmark, keys: list[tree.Key]) -> None:
        content, said = self._asv.run(commit, [tree.spelled(benchmark, key) for key in keys])
        name = benchmark["name"]
        log = self._settings.work / "logs" / f"{commit.hash[:8]}-{name}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(said, encoding="utf-8")
        if content is None or name not in content["results"]:
            self._gap(f"{commit.hash[:8]} {name}: asv has measured nothing; see {log}")
            return
        path = self._path(commit)
        tree.add(path, content | identity.names(self._machine), name, keys)
        lacking = [key for key in keys if key not in tree.measured(path, benchmark)]
        self._outcome.measured += len(keys) - len(lacking)
        if lacking:
            shown = ", ".join(tree.spelled(benchmark, key) for key in lacking[:3]) + ", …" * (len(lacking) > 3)
            self._gap(f"{commit.hash[:8]} {shown} failed ({len(lacking)} of {len(keys)}): see {log}")

    def _path(self, commit: Commit) -> Path:
        name = f"{commit.hash[:8]}-{identity.environment_name()}.json"
        return self._settings.results / self._machine["machine"] / name

    def _gap(self, line: str) -> None:
        self._outcome.gaps.append(line)
        self._warn(f"{line}; a gap in the history")


def _remember(results: Path, benchmarks: list[tree.Benchmark]) -> None:
    """Add benchmarks to those that the tree knows, and their parameters to those seen at other commits.

    asv shows no history of parameters that its list lacks, and at an old commit some methods are not there yet.
    """
    path = results / "benchmarks.json"
    known: dict[str, Any] = {"version": 2}
    with suppress(FileNotFoundError):
        known = tree.read_json(path)
    for one in benchmarks:
        params, before = one["params"], known.get(one["name"], one)
        if all(before[key] == one[key] for key in ("version", "param_names")):
            params = [tree.union(*both) for both in zip(before["params"], params, strict=True)]
        known[one["name"]] = one | {"params": params}
    tree.write_json(path, known)


def _time_left(start: float, done: int, total: int) -> str:
    seconds = (time.monotonic() - start) / done * (total - done)
    return f"; about {show_duration(round(seconds))} left at this commit" if done < total else ""


def warn_of_changes(settings: Settings, warn: Tell) -> None:
    changed = [settings.repository / path for path in commits.uncommitted(settings.repository)]
    changed = [path for path in changed if not any(map(path.is_relative_to, (settings.results, settings.page)))]
    benchmarks = [path for path in changed if path.is_relative_to(settings.benchmarks)]
    if others := len(changed) - len(benchmarks):
        warn(f"{others} files of your checkout are not committed; what they change is not measured, for commits are")
    if benchmarks:
        warn(f"{benchmarks[0]} is not committed: the benchmarks are those of your checkout, at every commit")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep a second session out of a folder, which hides itself from git.

    Raises BenchError where there is one, and where the folder, or what is measured in it, cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        with open(folder / "lock", "w") as lock:
            _take(lock, folder)
            yield
    except OSError as error:
        raise BenchError(f"cannot measure in {folder}, which is env_dir of the settings: {error}") from error


def _take(lock: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BenchError(f"another `bench asv run` measures in {folder}; wait until it has ended") from None
