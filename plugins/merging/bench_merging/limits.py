"""What mergers and their tasks can be asked for. Imports no array library: a suite is checked with it before any work.

The functions before `task` are named after the methods that they judge, which call them first of all. They raise
ValueError, in one line that says what a parameter must be. `task` and `method` are what the manifest names.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.conditions import enough_rounds, enough_sizes, finite, not_negative, obey, part, positive, share


def affordable(needed: int, budget: int) -> None:
    """Raise ValueError where more evaluations are needed, one model on one task each, than there are."""
    if needed > budget:
        raise ValueError(f"{needed} evaluations or more are needed, and the budget is {budget}; raise it, or try less")


def scaled(*, scale: float) -> None:
    finite(scale=scale)


def ties(*, keep: float, scale: float) -> None:
    part(keep=keep)
    finite(scale=scale)


def dare(*, drop: float, scale: float) -> None:
    share(drop=drop)
    finite(scale=scale)


def slerp(*, t: float) -> None:
    share(t=t)


def opcm(*, alpha: float) -> None:
    share(alpha=alpha)


def rws(*, keep: int, strength: float) -> None:
    not_negative(keep=keep)
    finite(strength=strength)


def pcb_shares(*, keep: float, clip: float, mask: float) -> None:
    part(keep=keep, mask=mask)
    if not 0 <= clip < 0.5:
        raise ValueError(f"clip must be in [0, 0.5), got {clip:g}")


def pcb(*, keep: float, clip: float, mask: float, scale: float) -> None:
    pcb_shares(keep=keep, clip=clip, mask=mask)
    finite(scale=scale)


def pcb_es(*, keep: float, clip: float, mask: float, low: float, high: float, trials: int) -> None:
    pcb_shares(keep=keep, clip=clip, mask=mask)
    finite(low=low, high=high)
    if low >= high:
        raise ValueError(f"low must be below high, got {low:g} and {high:g}")
    positive(trials=trials)


def weight_matching(*, sweeps: int) -> None:
    positive(sweeps=sweeps)


def activation_matching(*, examples: int) -> None:
    positive(examples=examples)


def fisher(*, examples: int, floor: float) -> None:
    positive(examples=examples, floor=floor)


def regmean(*, alpha: float, examples: int) -> None:
    share(alpha=alpha)
    positive(examples=examples)


def zipit(*, alpha: float, beta: float, examples: int) -> None:
    if not -math.inf < alpha <= 1:
        raise ValueError(f"alpha must be 1 at most, got {alpha:g}; 0 or less forbids merging what is merged already")
    share(beta=beta)
    positive(examples=examples)


def pleas(*, budget: float, examples: int) -> None:
    if not 1 <= budget <= 2:
        raise ValueError(f"budget must be in [1, 2], got {budget:g}")
    positive(examples=examples)


def adamerging(*, steps: int, lr: float, batch_size: int, start: float) -> None:
    not_negative(steps=steps)
    positive(lr=lr, batch_size=batch_size)
    finite(start=start)


def concrete(*, steps: int, lr: float, batch_size: int, scale: float) -> None:
    not_negative(steps=steps)
    positive(lr=lr, batch_size=batch_size)
    finite(scale=scale)


def atlas(*, steps: int, lr: float, weight_decay: float) -> None:
    not_negative(steps=steps, weight_decay=weight_decay)
    positive(lr=lr)


def straight_through(*, steps: int, lr: float, batch_size: int) -> None:
    positive(steps=steps, lr=lr, batch_size=batch_size)


def multitask(*, steps: int, lr: float) -> None:
    positive(steps=steps, lr=lr)


def tall_masks(*, thresholds: Sequence[float]) -> None:
    if not thresholds:
        raise ValueError("thresholds must hold a number, got none")
    for threshold in thresholds:
        not_negative(thresholds=threshold)


def consensus(*, thresholds: Sequence[float], agreement: int) -> None:
    tall_masks(thresholds=thresholds)
    not_negative(agreement=agreement)


def evolutionary(*, trials: int) -> None:
    positive(trials=trials)


def data_flow(*, repeats: int, trials: int) -> None:
    positive(repeats=repeats, trials=trials)


def evo_merging(*, sparsity_trials: int, weight_trials: int) -> None:
    positive(sparsity_trials=sparsity_trials, weight_trials=weight_trials)


def compression(*, ratio: float) -> None:
    share(ratio=ratio)


def ifm(*, ratio: float, most: float) -> None:
    share(ratio=ratio)
    not_negative(most=most)


def ewa(*, experts: int, share: float) -> None:
    if experts < 2:
        raise ValueError(f"there are to be two experts or more, not {experts}")
    if not 0 <= share <= (experts - 1) / experts:
        raise ValueError(f"share must be in [0, {(experts - 1) / experts:g}], got {share:g}")


_RULES: dict[str, Callable[..., None]] = {
    "task-arithmetic": scaled,
    "tsv-m": scaled,
    "iso-c": scaled,
    "ties": ties,
    "dare": dare,
    "slerp": slerp,
    "opcm": opcm,
    "rws": rws,
    "pcb": pcb,
    "pcb-es": pcb_es,
    "weight-matching": weight_matching,
    "activation-matching": activation_matching,
    "fisher": fisher,
    "regmean": regmean,
    "zipit": zipit,
    "pleas": pleas,
    "adamerging": adamerging,
    "concrete": concrete,
    "atlas": atlas,
    "straight-through": straight_through,
    "multitask": multitask,
    "tall-masks": tall_masks,
    "consensus": consensus,
    "evolutionary": evolutionary,
    "data-flow": data_flow,
    "evo-merging": evo_merging,
    "ifm": ifm,
    "random-merging": compression,
    "unit-pruning": compression,
    "ewa": ewa,
}
_POSITIVE = ("budget", "width", "layers", "blocks", "heads", "steps", "batch_size", "lr", "limit")


def task(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a task, and return its budget of evaluations, if it has one. Raises ValueError."""
    positive(**{key: params[key] for key in _POSITIVE if key in params})
    if name in ("merge-speed", "merge-scaling"):
        enough_rounds(params["rounds"])
        experts = params["experts"] if name == "merge-scaling" else [params["experts"]]
        if min(experts, default=0) < 2:
            raise ValueError(f"merging needs two experts or more, got {', '.join(map(str, experts)) or 'none'}")
        if name == "merge-scaling":
            enough_sizes(experts)
    if name == "vision-transformer-training" and params["width"] % params["heads"]:
        raise ValueError(f"width must be a multiple of heads, got {params['width']} and {params['heads']}")
    return {key: params[key] for key in ("budget",) if key in params}


def method(name: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Check a method's parameters, and that a search has an evaluation for each trial at least. Raises ValueError."""
    if rule := _RULES.get(name):
        obey(rule, params)
    if "budget" in given:
        affordable(sum(value for key, value in params.items() if key.endswith("trials")), given["budget"])
