"""What the user sees while a suite runs: a live display on a terminal, one line per finished run otherwise."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.executors import Ended, EndedElsewhere, Event, Proceeded, Started, Waiting
from harness.plan import Run
from harness.scoring import Progress
from harness.text import one_line, printable
from harness.units import show_duration
from harness.worker import Outcome


class Display:
    """Shows events. ``with Display(console, waiting, jobs) as display: run(job, display.observe)``."""

    def __init__(self, console: Console, waiting: list[Run], jobs: int, total: int) -> None:
        self._console = console
        self._jobs = jobs
        self._total = total
        self._before = total - len(waiting)  # what earlier sessions have done counts as done
        self._ended: set[str] = set()
        self._active: dict[str, tuple[Run, Progress]] = {}
        self._durations: list[float] = []
        self._start = time.monotonic()
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def observe(self, event: Event) -> None:
        """Take an event in, and print a line where an attempt at a run has ended."""
        if isinstance(event, Started):
            self._active[event.attempt.run.id] = event.attempt.run, Progress(0, 0, {})
        elif isinstance(event, Proceeded):
            self._active[event.attempt.run.id] = event.attempt.run, event.progress
        elif isinstance(event, EndedElsewhere):
            self._ended.add(event.run.id)
            self._print(f"{event.status} {one_line(event.run.label)}, by another session")
        elif isinstance(event, Waiting):
            self._print("waiting for cores, memory or GPUs that other sessions have")
        else:
            self._active.pop(event.attempt.run.id, None)
            self._ended.add(event.attempt.run.id)
            if event.outcome.status != "skipped":
                self._durations.append(event.outcome.seconds)
            self._print(self._line(event))

    def _print(self, text: str) -> None:
        self._console.print(Text(f"[{self._count:>{len(str(self._total))}}/{self._total}] {text}"), soft_wrap=True)

    @property
    def _count(self) -> int:
        return self._before + len(self._ended)

    @property
    def _left(self) -> int:
        return self._total - self._count

    def _line(self, event: Ended) -> str:
        run, outcome = event.attempt.run, event.outcome
        what = f"{outcome.status} {one_line(run.label)}" + (
            f", attempt {event.attempt.number}" * (event.attempt.number > 1)
        )
        if outcome.status != "done":
            return f"{what}: {one_line(outcome.reason)}"
        return f"{what}: {_score(run, outcome)}, {outcome.seconds:.1f} s{self._time_left()}"

    def _time_left(self) -> str:
        seconds = self._seconds_left()
        return "" if seconds is None or not self._left else f"; about {show_duration(round(seconds))} left"

    def _seconds_left(self) -> float | None:
        """Estimate from the mean duration of what has ended; running runs count for what they still lack."""
        if not self._durations:
            return None
        begun = sum(progress.step / progress.steps for _, progress in self._active.values() if progress.steps)
        return (self._left - begun) * sum(self._durations) / len(self._durations) / self._jobs

    def _render(self) -> RenderableType:
        seconds = self._seconds_left()
        left = "estimating the time left" if seconds is None else f"about {show_duration(round(seconds))} left"
        elapsed = show_duration(round(time.monotonic() - self._start))
        top = Table.grid(padding=(0, 1))
        top.add_row(ProgressBar(total=self._total, completed=self._count, width=30),
                    Text(f"{self._count}/{self._total} runs, {elapsed} so far, {left}"))  # fmt: skip
        running = Table.grid(padding=(0, 2))
        for run, progress in list(self._active.values()):
            share = f"{100 * progress.step / progress.steps:3.0f} %" if progress.steps else "  0 %"
            latest = "  ".join(f"{name} {value:.4g}" for name, value in progress.latest.items())
            running.add_row(Text(share), Text(one_line(run.label)), Text(printable(latest), style="dim"))
        return Group(top, running)


def _score(run: Run, outcome: Outcome) -> str:
    primary = next(iter(run.metrics))
    values = [value.value for value in outcome.values if value.metric == primary and value.split.startswith("test")]
    return f"{primary} {values[-1]:.4g}" if values else "no test score"
