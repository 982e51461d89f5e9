"""What a claim says, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from harness.document import Place


@dataclass(frozen=True)
class Beats:
    """`a` is better than `b` by at least `by`."""

    a: str
    b: str
    by: float
    metric: str = ""
    tasks: tuple[str, ...] = ()
    split: str = ""
    margin: float | None = None
    share: float = 0.5
    published: float | None = None


@dataclass(frozen=True)
class NotWorse:
    """`a` is worse than `b` by less than `margin`."""

    a: str
    b: str
    margin: float
    metric: str = ""
    tasks: tuple[str, ...] = ()
    split: str = ""
    published: float | None = None


@dataclass(frozen=True)
class Cheaper:
    """`b` costs `factor` times as much as `a`; `margin` is a factor too."""

    a: str
    b: str
    factor: float
    metric: str
    tasks: tuple[str, ...] = ()
    split: str = ""
    margin: float | None = None
    share: float = 0.5


@dataclass(frozen=True)
class Grows:
    """The cost of `a` grows at most like `size` to the power `power`.

    `size` is a parameter of the tasks, or "step" where a run measures several sizes and has them in that column.
    """

    a: str
    size: str
    power: float
    metric: str
    tasks: tuple[str, ...] = ()
    split: str = ""


@dataclass(frozen=True)
class Monotone:
    """The metric rises (or falls) with a parameter of `a` or of the tasks."""

    a: str
    parameter: str
    way: Literal["rising", "falling"]
    metric: str = ""
    tasks: tuple[str, ...] = ()
    split: str = ""


Check = Beats | NotWorse | Cheaper | Grows | Monotone
CHECKS: dict[str, type[Any]] = {
    "beats": Beats, "not-worse": NotWorse, "cheaper": Cheaper, "grows": Grows, "monotone": Monotone,
}  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A statement of a source, and the check that judges it. `place` is where the file has it."""

    id: str
    source: str
    statement: str
    check: Check
    place: Place

    @property
    def kind(self) -> str:
        """The check's name."""
        return next(kind for kind, shape in CHECKS.items() if isinstance(self.check, shape))

    @property
    def sides(self) -> dict[str, str]:
        """The expressions that each have to choose one method: key -> expression."""
        return {key: getattr(self.check, key) for key in ("a", "b") if hasattr(self.check, key)}
