"""The nouns that plugins contribute. Imports no array library, so that discovery stays instant."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from harness.space import Space

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]


@dataclass(frozen=True)
class Family:
    """A kind of method, and the call contract that its members share.

    `given` names the keyword arguments that a task supplies when it builds a method; all other keyword
    arguments of a method's target are its parameters. `traits` says, for each trait that a member may
    claim, what the claim means. `checks` names a module whose functions `check_<name>(build)` measure every
    member; where <name> is a trait ("-" written as "_"), only the members that claim it.
    `exercise` is "module:function" of a function ``(build, context) -> Mapping[str, Callable[[], object]]`` that builds
    a member at a small fixed size and returns two calls: "training", a step of training or what stands in its place,
    and "inference". By them is measured whether a commit made members slower or larger (`asv_benchmarks/`), unless the
    family has none.
    """

    name: str
    contract: str
    given: frozenset[str] = frozenset()
    traits: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    checks: str | None = None
    exercise: str | None = None


@dataclass(frozen=True)
class Preset:
    """Hyper-parameters that somebody has published for a method.

    `params` are parameters of the method; `recipe` are parameters of the task that come along, as the task allows (see
    `Task.recipe`). `source` says where they stand: the paper with its table, or the authors' file. Where there are some
    for each of several tasks, each has a preset, and a suite says which task gets which.
    """

    name: str
    source: str
    params: Mapping[str, JSON] = field(default_factory=lambda: MappingProxyType({}))
    recipe: Mapping[str, JSON] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Method:
    """A named, referenced way to do what its family does.

    `target` is "module:attr" and names a function or class defined in that module; its keyword arguments,
    less those that the family's tasks give, are the method's parameters. `presets` are sets of them that a suite may
    ask for by name, `space` is what of them it may tune.
    `check` names a function ``(name, given, params) -> None``, called with what a task gives (see `Task.check`) when a
    suite is planned: it raises ValueError, in one line for the user, where the method cannot be built so. Its module
    imports no array library.
    """

    name: str
    family: Family
    target: str
    reference: str
    traits: frozenset[str] = frozenset()
    summary: str = ""
    presets: tuple[Preset, ...] = ()
    space: Space | None = None
    check: str = ""


@dataclass(frozen=True)
class Anchors:
    """What scores mean on a task: that of chance, that of a reference, and the best published, if there is one.

    On the scale common to all tasks chance is 0 and the reference 1, whichever of the two is the larger number, so that
    more is better on every task. The reference may be a method, a person or a perfect score; `source` says which, and
    where the published number stands. Raises ValueError where the two are equal or an anchor is not finite.
    """

    chance: float
    reference: float
    published: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        given = [self.chance, self.reference, *([] if self.published is None else [self.published])]
        if not all(map(math.isfinite, given)):
            raise ValueError(f"anchors are finite numbers, not {given}")
        if self.chance == self.reference:
            raise ValueError(f"chance and reference are both {self.chance}: nothing can be measured between them")

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which way the metric improves: from chance towards the reference."""
        return "higher" if self.reference > self.chance else "lower"


# What `harness.speed.compared` measures of a call, and `scaled` besides; for the metrics of tasks.
SPEED_METRICS = (
    *("time_ratio", "time_ratio_low", "time_ratio_high", "noise_floor"),
    *("seconds_per_call", "seconds_per_call_q1", "seconds_per_call_q3", "seconds_of_first_call", "throughput"),
    *("flops_per_call", "joules_per_call"),
)
SCALING_METRICS = ("exponent", "exponent_low", "exponent_high", "reference_exponent")


@dataclass(frozen=True)
class Task:
    """A problem posed to every method of one family.

    `target` names a frozen dataclass; its fields are the task's parameters and its
    ``run(build, context)`` yields `Outputs`. `metrics[0]` is the primary metric, by which the task ranks.
    `datasets` names the data sets that it reads; the context hands over no other.
    A method must claim every trait in `requires`, or the pairing is skipped with that reason. `anchors` are those of
    the primary metric, whatever the parameters; where they depend on these, the suite gives its own.
    `recipe` names those of its parameters that a method may bring along, such as the learning rate: they are how the
    problem is approached, and methods that differ in them still meet the same problem.
    `against` names the method of the family that every method is measured against in the same process, unless a
    suite's `reference` names another; it is empty for a task that measures each method by itself. A run of a task
    that is `alone` has the machine to itself, as a measurement of speed needs.
    `check` names a function ``(name, params) -> dict | None``, called when a suite is planned: it raises ValueError, in
    one line for the user, where the task cannot be run with these parameters, and returns what it will give to methods,
    or None where it does not know. Its module imports no array library. `guard` is "module:attr" of a function that is
    called with the task's parameters before anything is run, and raises BenchError where no run could succeed with them
    on this machine, as where they name a file that is not there.
    """

    name: str
    family: Family
    target: str
    metrics: tuple[str, ...]
    datasets: tuple[str, ...] = ()
    reference: str = ""
    requires: frozenset[str] = frozenset()
    recipe: frozenset[str] = frozenset()
    summary: str = ""
    against: str = ""
    alone: bool = False
    anchors: Anchors | None = None
    check: str = ""
    guard: str = ""


@dataclass(frozen=True)
class Metric:
    """A number computed from outputs.

    `target` names a function; its parameters are looked up by name among the values of an `Outputs`, and
    the metric is computed on every `Outputs` that holds all those without a default. `role` says how reports use it:
    "quality" ranks methods, "cost" is what a method spends, "baseline" is what a trivial rule that no
    method takes part in scores on the same data. `worst` is what a failed run counts as: 0 for an accuracy; where it is
    None, infinitely bad, as for a time.
    """

    name: str
    target: str
    better: Literal["higher", "lower"]
    unit: str = ""
    role: Literal["quality", "cost", "baseline"] = "quality"
    summary: str = ""
    worst: float | None = None


@dataclass(frozen=True)
class File:
    """A raw file from elsewhere.

    `url` is empty where no address serves it alone, and `sha256` where nobody has published one: such a file comes by
    `bench data import` only. `size` is in bytes, 0 where it is not known.
    """

    name: str
    sha256: str = ""
    url: str = ""
    size: int = 0


@dataclass(frozen=True)
class Dataset:
    """Named data. `target` names a function ``(**params) -> dict[str, numpy.ndarray]``, deterministic in them.

    `sources` has the raw files that the function asks for with `harness.download.located`, in each form in which they
    come: the first is the official one, and any form whose files are all here will do. Every form gives equal arrays;
    raw data that differs is another data set. Without sources, the data is generated or ships with a library.
    """

    name: str
    target: str
    reference: str = ""
    summary: str = ""
    sources: tuple[tuple[File, ...], ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of a report: `target` names a function ``(results: harness.results.Results) -> str`` of Markdown.

    `plots` names one that returns what is drawn below it, a sequence of `harness.plotting.Plot`.
    """

    name: str
    target: str
    plots: str = ""


@dataclass(frozen=True)
class Executor:
    """Where runs go. `target` names a class in the shape of `harness.executors.Executor`."""

    name: str
    target: str
    summary: str = ""


class Outputs:
    """What a task hands over at one point of a run, for metrics to score.

    `split` says what the values were computed on ("train", "val", "test", …), `step` after how many
    optimiser steps. Where costs are measured at several sizes, such as lengths, `split` is "size" and `step` the
    size. Everything else is a named value that metrics may ask for.
    """

    def __init__(self, *, split: str, step: int, **values: Any) -> None:
        self.split = split
        self.step = step
        self.values = values


@dataclass(frozen=True)
class Seeds:
    """Four independent random streams of one run, each an integer in [0, 2**63).

    Equal run seeds give equal `data`, `init` and `order` whatever the method, so methods are compared in pairs.
    """

    data: int  # drawing data
    init: int  # initialising what surrounds the method
    order: int  # the order of training examples
    method: int  # initialising the method, and its noise while training


class Context(Protocol):
    """What a run hands to its task."""

    @property
    def seeds(self) -> Seeds: ...

    @property
    def device(self) -> str:
        """A torch device string."""
        ...

    @property
    def reference(self) -> Build:
        """The method that the run's is measured against, built like it. Raises LookupError where the task has none."""
        ...

    def data(self, name: str, **params: JSON) -> Mapping[str, Any]:
        """Return the arrays of data set `name`, prepared once and memory-mapped read-only."""
        ...

    def report(self, step: int, steps: int, **latest: float) -> None:
        """Tell the user how far the run is, with the latest numbers worth showing."""
        ...

    def keep(self, name: str, **arrays: Any) -> None:
        """Leave small arrays of numbers beside the run's rows, for report sections; see `Results.artefact`.

        They lie on disk when this returns. `name` tells what a run leaves apart; what it left by that name before is
        replaced. Raises ValueError for more than 4 MiB, names that are none, and arrays not of numbers.
        """
        ...

    def resume(self) -> Any | None:
        """Return the state that an earlier, unfinished attempt of this run saved last; None where there is none.

        To be called once, when everything (model, optimiser, generators) is built, right before the loop. With the
        state, the global random streams (Python's, numpy's, torch's on the CPU and on every GPU) and the values
        scored so far become what they were when it was saved, so that the run ends as it would have then.
        """
        ...

    def checkpoint(self, state: Callable[[], Any]) -> None:
        """Save what `state` returns, where that is due; costs next to nothing where it is not.

        To be called wherever the run could be taken up again, such as after each step of a loop. A state is nested
        dicts, lists and tuples of tensors, numbers, text and None. It holds all that the task has changed since it
        was built, but for what `resume` puts back; it is written before this returns, so it may refer to live tensors.
        """
        ...


Build = Callable[..., Any]


class TaskTarget(Protocol):
    """The shape of a task's target."""

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Build the method with the keyword arguments that its family gives, train and score it."""
        ...
