"""What the points of an exported history are: the commits of a repository, versions, or days."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from packaging.version import InvalidVersion, Version

from harness import provenance
from harness.results.states import State
from harness.tracking import commits
from harness.tracking.timeline import make_timeline


@dataclass(frozen=True)
class Point:
    """A place in the history: its name, and when it was."""

    name: str
    when: datetime


class Timeline(ABC):
    """What the points of a history are."""

    branch = "main"

    @abstractmethod
    def place(self, state: State, environments: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
        """Return the name of a state's point, or "" and why it has none."""

    @abstractmethod
    def ordered(self, names: set[str]) -> list[Point]:
        """Return points by name, oldest first."""

    def repository(self, out: Path) -> str:
        """Return where asv finds the commits of the points, from the folder of its settings."""
        return "history"

    def hashes(self, folder: Path, points: Sequence[Point]) -> dict[str, str]:
        """Return the commit of each point."""
        return make_timeline(folder, [(one.name, one.when) for one in points])


class Commits(Timeline):
    """The commits of a repository, along the first parents of what is checked out: asv's graphs show no others."""

    def __init__(self, folder: Path) -> None:
        self._repository = commits.repository(folder)
        lines = commits.git(self._repository, "log", "--first-parent", "--reverse", "--format=%H %ct", "HEAD", "--")
        self._when = {hash: int(seconds) for hash, seconds in map(str.split, lines.splitlines())}
        self.branch = "HEAD"

    def place(self, state: State, environments: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
        reason = "tell no commit"
        for digest in state.environments:
            told = provenance.commits(environments.get(digest, {}))
            known = [hash for hash in told if hash in self._when]
            if len(known) == 1 and not told[known[0]]:
                return known[0], ""
            if len(known) > 1:
                reason = "tell several commits"
            elif known:
                reason = "were made with changes that were not committed"
            elif told:
                reason = f"were made at commits that are not on the branch checked out in {self._repository}"
        return "", reason

    def ordered(self, names: set[str]) -> list[Point]:
        return [Point(hash, datetime.fromtimestamp(when, UTC)) for hash, when in self._when.items() if hash in names]

    def repository(self, out: Path) -> str:
        return os.path.relpath(self._repository, out.resolve())

    def hashes(self, folder: Path, points: Sequence[Point]) -> dict[str, str]:
        return {one.name: one.name for one in points}


class Versions(Timeline):
    """The versions of the distributions that ship the methods, in their order, whenever they were measured."""

    def __init__(self) -> None:
        self._began: dict[str, datetime] = {}

    def place(self, state: State, environments: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
        try:
            Version(state.version)
        except InvalidVersion:
            return "", "are of a method whose distribution has no version"
        began = state.began.to_pydatetime()
        self._began[state.version] = min(began, self._began.get(state.version, began))
        return state.version, ""

    def ordered(self, names: set[str]) -> list[Point]:
        """Return points by name, in the order of versions; one measured too early is moved to a second after the last.

        asv goes by dates, and an old version may have been measured after a newer one.
        """
        points, last = list[Point](), datetime.min.replace(tzinfo=UTC)
        for name in sorted(names, key=Version):
            last = max(self._began[name].replace(microsecond=0), last + timedelta(seconds=1))
            points.append(Point(name, last))
        return points


class Dates(Timeline):
    """The days on which states were run first, in UTC."""

    def place(self, state: State, environments: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
        return state.began.strftime("%Y-%m-%d"), ""

    def ordered(self, names: set[str]) -> list[Point]:
        return [Point(name, datetime.fromisoformat(name).replace(hour=12, tzinfo=UTC)) for name in sorted(names)]
