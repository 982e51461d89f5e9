"""Which runs have ended how: the results folder read again and again, each part of it once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import journal, schema, store
from harness.errors import ResultsError


@dataclass(frozen=True)
class Last:
    """The last stored attempt of a run."""

    attempt: int
    status: str
    reason: str = ""


NEVER = Last(0, "")
_COLUMNS = ["run", "attempt", "status", "reason", "started_at", "session"]


def is_settled(status: str, *, is_trial: bool) -> bool:
    """Tell whether a run that ended so is not to be tried again; a trial that diverged says all there is to know."""
    return status in ("done", "skipped") or (is_trial and status == "diverged")


@dataclass
class Ledger:
    """The last attempt of every run that is stored in `folder`, and what there cannot be read, as of `refresh`.

    Of an attempt that two sessions have made the first counts, as in `harness.results`.
    """

    folder: Path
    damages: list[str] = field(default_factory=list)
    _last: dict[str, Last] = field(default_factory=dict)
    _began: dict[str, tuple[str, str]] = field(default_factory=dict)  # when that of each run began, and its session
    _read: dict[Path, int] = field(default_factory=dict)  # how many bytes of each file are accounted for

    def last(self, run: str) -> Last:
        """Return the last attempt of a run; one that was never run has attempt 0."""
        return self._last.get(run, NEVER)

    def refresh(self) -> None:
        """Take in what has been stored since the last time."""
        # Journals first, as in `store.read`; to see the end of a run twice does no harm.
        for path in store.journals(self.folder):
            self._read_journal(path)
        while not all(self._read_file(path) for path in store.files(self.folder) if path not in self._read):
            pass  # one was compacted since it was listed: what holds its rows now may not have been listed

    def _read_journal(self, path: Path) -> None:
        start = self._read.get(path, 0)
        try:
            with open(path, "rb") as file:
                file.seek(start)
                new = file.read()
        except FileNotFoundError:
            return  # published since it was listed
        except OSError as error:
            raise ResultsError(f"{path}: cannot be read: {error}") from error
        whole = new[: new.rfind(b"\n") + 1]
        self._read[path] = start + len(whole)
        for number, line in enumerate(whole.split(b"\n")[:-1]):
            record = journal.parse(line)
            if record is not None and journal.is_attempt(record):
                self._take(record["common"])
            elif record is None or start or number:
                self.damages.append(f"{path}: damaged line")

    def _read_file(self, path: Path) -> bool:
        """Take in a Parquet file; False where it is gone."""
        try:
            rows = store.read_file(path).rows.select(_COLUMNS)
        except FileNotFoundError:
            return False
        except ResultsError as error:
            self.damages.append(str(error))
            rows = schema.SCHEMA.empty_table().select(_COLUMNS)
        for row in rows.group_by(_COLUMNS).aggregate([]).to_pylist():
            self._take(row | {"started_at": row["started_at"].isoformat()})
        self._read[path] = 0
        return True

    def _take(self, row: dict[str, Any]) -> None:
        run, began = row["run"], (row["started_at"], row["session"])
        last = self.last(run).attempt
        if row["attempt"] > last or (row["attempt"] == last and began < self._began[run]):
            self._last[run] = Last(row["attempt"], row["status"], row["reason"] or "")
            self._began[run] = began
