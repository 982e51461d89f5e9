"""A suite file -> Suite: which methods meet which tasks, on what seeds and hardware.

One file, no include, no inheritance, no interpolation:

    title: State-space models on a laptop
    hardware: {device: cpu, cpus: 1, memory: 2GiB}   # what one run gets; it is ended when it takes more memory
    time_limit: 30min                                # after which a run is ended
    seeds: [0, 1, 2]
    tasks:
      - digits                            # a task with its defaults
      - task: delay
        params: {lag: 64}                 # fixed values
        metrics: [mse]                    # instead of the task's own; the first ranks
        anchors: {chance: 1, reference: 0, source: a perfect copy}   # instead of the task's own
      - task: speed
        reference: s4                     # what each method is timed against; or {method: s4, params: {…}}
    methods:
      - s4
      - method: s4d
        grid: {init: [legs, lin]}         # every combination of these
        preset: lra-image                 # published hyper-parameters, see `bench show s4d`; or, for each task its own,
                                          # {digits: lra-image}: tasks that are not named get the defaults
        recipe: {lr: 0.001}               # parameters of the tasks that the method brings along
        origin: a search of our own       # where the parameters that are given here come from
    field: [s4, "method=s4d,init=legs"]   # what ranks over tasks refer to, so that nobody who joins moves them
    tune:                                 # instead of the defaults, for methods that declare a space:
      trials: 16                          # so many points of it, each run once for each of the seeds below,
      select: accuracy                    # the best by this metric on validation data (else by the task's first)
      seeds: [1000000]                    # is run on the suite's own seeds, which these are not
    claims: []                            # see harness.claims

Published numbers may stand beside the measured ones: see `harness.published`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness import document, published, units
from harness.claims import Claim, read_claims
from harness.document import Document, describe
from harness.entry import Entry, read_entries
from harness.errors import SuiteError, did_you_mean
from harness.published import Published
from harness.selection import Selection
from harness.text import NAME_RULE, is_name

Device = Literal["cpu", "cuda", "auto"]
DEVICES: tuple[Device, ...] = ("cpu", "cuda", "auto")
TRIAL_SEED = 1_000_000  # of trials, where a suite says nothing: one that a suite would hardly take for itself


@dataclass(frozen=True)
class Hardware:
    """What one run gets. Sizes are in bytes; None means that none is asked for and none enforced."""

    device: Device = "cpu"
    cpus: int = 1  # cores
    memory: int | None = None  # resident
    gpus: int = 0  # where the device turns out to be "cuda"
    gpu_memory: int | None = None  # of each GPU


@dataclass(frozen=True)
class Tune:
    """How a suite tunes: so many trials of every method, the best by `select` on validation data."""

    trials: int
    select: str  # a metric; empty for the one by which the task ranks
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Suite:
    """What a suite file says, before any name in it is looked up."""

    name: str
    title: str
    description: str
    hardware: Hardware
    time_limit: float | None  # of one run, in seconds
    pack: int  # how many runs share a process, one after the other
    seeds: tuple[int, ...]
    tasks: tuple[Entry, ...]
    methods: tuple[Entry, ...]
    published: tuple[Published, ...]
    field: tuple[str, ...]  # expressions that choose the methods which ranks refer to; empty for all
    tune: Tune | None
    claims: tuple[Claim, ...]
    document: Document


_RUN_KEYS = ("title", "description", "hardware", "time_limit", "pack", "seeds", "tasks", "methods")
_KEYS = (*_RUN_KEYS, "field", "tune", "claims", "published")


def read_suite(path: Path) -> Suite:
    """Read a suite file. Raises SuiteError, with file and line, for whatever in it is wrong by itself."""
    if path.is_dir():
        raise SuiteError("is a folder; name a suite file", path=path)
    source = document.read(path)
    name = suite_name(path)
    top = source.mapping({} if source.data is None else source.data, _KEYS)
    for key in ("tasks", "methods"):
        if not top.get(key):
            raise source.error(f"a suite needs '{key}': a list of at least one", key)
    seeds = _seeds(source, top.get("seeds", [0]), "seeds")
    return Suite(
        name=name,
        title=source.as_text(top, "title") or name,
        description=source.as_text(top, "description"),
        hardware=_hardware(source, top.get("hardware", {})),
        time_limit=_quantity(source, top, units.duration, "time_limit"),
        pack=_count(source, top, "pack", default=1),
        seeds=seeds,
        tasks=read_entries(source, "task", top["tasks"]),
        methods=read_entries(source, "method", top["methods"]),
        tune=_tune(source, top["tune"], seeds) if "tune" in top else None,
        published=published.read(source, top.get("published", [])),
        field=_field(source, top.get("field", [])),
        claims=read_claims(source, top.get("claims", [])),
        document=source,
    )


def suite_name(path: Path) -> str:
    """Return the name of a suite file's suite and results folder: its stem. Raises SuiteError for an unfit one."""
    if not is_name(path.stem):
        raise SuiteError(
            f"a suite is named by its file, and {path.stem!r} can be no name; rename it: {NAME_RULE}", path=path
        )
    return path.stem


def _hardware(source: Document, part: Any) -> Hardware:
    given = source.mapping(part, ("device", "cpus", "memory", "gpus", "gpu_memory"), "hardware")
    device = given.get("device", "cpu")
    if device not in DEVICES:
        hint = did_you_mean(str(device), DEVICES)
        raise source.error(
            f"'device' has to be one of {', '.join(DEVICES)}, not {describe(device)}{hint}", "hardware", "device"
        )
    for key in ("gpus", "gpu_memory"):
        if device == "cpu" and key in given:
            raise source.error(f"'{key}' needs the device cuda or auto", "hardware", key)
    return Hardware(
        device=device,
        cpus=_count(source, given, "cpus", "hardware", default=1),
        memory=_quantity(source, given, units.size, "memory", "hardware"),
        gpus=0 if device == "cpu" else _count(source, given, "gpus", "hardware", default=1),
        gpu_memory=_quantity(source, given, units.size, "gpu_memory", "hardware"),
    )


def _count(source: Document, given: dict[str, Any], key: str, *place: str, default: int) -> int:
    value = given.get(key, default)
    if type(value) is not int or value < 1:
        raise source.error(f"'{key}' has to be a whole number from 1, not {describe(value)}", *place, key)
    return value


def _quantity(source: Document, given: dict[str, Any], read: Callable[[object], Any], key: str, *place: str) -> Any:
    """Return a size or a duration, or None where none is given."""
    if key not in given:
        return None
    try:
        quantity = read(given[key])
    except ValueError as error:
        raise source.error(f"'{key}' has to be {error}; not {describe(given[key])}", *place, key) from None
    if not quantity:
        raise source.error(f"'{key}' has to be more than {given[key]}", *place, key)
    return quantity


def _seeds(source: Document, part: Any, *place: str) -> tuple[int, ...]:
    if not isinstance(part, list) or not part:
        raise source.error(
            f"'seeds' has to be a list of whole numbers, such as [0, 1, 2], not {describe(part)}", *place
        )
    for i, seed in enumerate(part):
        if type(seed) is not int or not 0 <= seed < 2**63:
            raise source.error(f"a seed has to be a whole number from 0 to 2^63 - 1, not {describe(seed)}", *place, i)
        if seed in part[:i]:
            raise source.error(f"the seed {seed} is given twice", *place, i)
    return tuple(part)


def _tune(source: Document, part: Any, fresh: tuple[int, ...]) -> Tune:
    given = source.mapping(part, ("trials", "select", "seeds"), "tune")
    if "trials" not in given:
        raise source.error("'tune' needs 'trials': how many each method gets", "tune")
    seeds = _seeds(source, given.get("seeds", [TRIAL_SEED]), "tune", "seeds")
    for i, seed in enumerate(seeds):
        if seed in fresh:
            where = ("tune", "seeds", i) if "seeds" in given else ("seeds", fresh.index(seed))
            raise source.error(f"the seed {seed} is for trials; the suite's own have to be fresh ones", *where)
    return Tune(_count(source, given, "trials", "tune", default=1), source.as_text(given, "select", "tune"), seeds)


def _field(source: Document, part: Any) -> tuple[str, ...]:
    if not isinstance(part, list):
        raise source.error(f"'field' has to be a list of methods, such as [s4], not {describe(part)}", "field")
    for i, expression in enumerate(part):
        try:
            Selection.parse(expression if isinstance(expression, str) else "", plain="method")
        except ValueError as error:
            raise source.error(f"'field' names methods: {error}", "field", i) from None
    return tuple(part)
