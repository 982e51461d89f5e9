"""Merging real checkpoints from a folder. One task for each level of access, as for the pools that are trained here."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench_merging import tasks
from bench_merging.access import Access
from bench_merging.folder import check_accuracies, read_believed
from bench_merging.pool import Pool
from harness import Build, Context, Outputs


@dataclass(frozen=True)
class DataFree:
    """Merge from weights and architecture alone.

    Args:
        path: of the file that describes the pool (`described.py`), from where the suite is run.
        sha256: of that file, which itself holds those of the checkpoints: a run's id stands for the weights.
    """

    path: str
    sha256: str

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Merge, and yield validation and test accuracies and what the merge has cost."""
        pool = read_believed(Path(self.path), self.sha256)
        check_accuracies(Path(self.path), pool)
        yield from tasks.merge(pool, self.access, build, context)

    def access(self, pool: Pool) -> Access:
        """Return what this level of access grants."""
        return tasks.DataFree().access(pool)


@dataclass(frozen=True)
class UnlabelledTrain(DataFree):
    """Merge with the training inputs of every task, without labels."""

    def access(self, pool: Pool) -> Access:
        return tasks.UnlabelledTrain().access(pool)


@dataclass(frozen=True)
class UnlabelledTest(DataFree):
    """Merge with the test inputs of every task, without labels."""

    def access(self, pool: Pool) -> Access:
        return tasks.UnlabelledTest().access(pool)


@dataclass(frozen=True)
class Evaluations(DataFree):
    """Merge with a number of evaluations on validation data, one model on one task each."""

    budget: int = 5000

    def access(self, pool: Pool) -> Access:
        return tasks.Evaluations(budget=self.budget).access(pool)


@dataclass(frozen=True)
class Labelled(DataFree):
    """Merge with validation inputs and labels of every task."""

    def access(self, pool: Pool) -> Access:
        return tasks.Labelled().access(pool)


@dataclass(frozen=True)
class Training(DataFree):
    """Train with the training data of every task: an upper bound, no merge."""

    def access(self, pool: Pool) -> Access:
        return tasks.Training().access(pool)
