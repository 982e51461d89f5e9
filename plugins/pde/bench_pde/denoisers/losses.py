"""What denoisers are trained by, and in which order (Fang, Buchanan & Sulam 2024, arXiv:2310.14344)."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

LossName = Literal["l2", "l1", "proximal-matching"]


@dataclass(frozen=True)
class Stage:
    """A part of training: a loss, by which factor the learning rate is lower, and until which step it goes on."""

    loss: LossName
    gamma: float
    factor: float
    until: int


def loss(stage: Stage, prediction: Tensor, clean: Tensor) -> Tensor:
    """Return the mean over a batch of |e|² ("l2"; its minimiser is the posterior mean), of the entries of |e| ("l1";
    the median), or of 1 - exp(-|e|² / γ²) ("proximal-matching"; as γ → 0 the mode), where e = prediction - clean.

    "l1" is the mean over entries, as in the authors' code: one Adam goes through all stages, and with their sum its
    second moments would leave those that follow next to no steps.
    """
    e = (prediction - clean).flatten(1)
    if stage.loss == "l1":
        return e.abs().mean()
    squares = e.square().sum(1)
    if stage.loss == "l2":
        return squares.mean()
    return (1 - (-squares / stage.gamma**2).exp()).mean()


def stages(name: LossName, steps: int, gammas: tuple[float, ...], full: tuple[float, ...]) -> list[Stage]:
    """Return the order in which a loss is trained by.

    "l2" and "l1" take 3/5 of the steps at the full learning rate, the rest at a tenth. Proximal matching begins with
    5/14 of the steps of "l1" in that way; the others it divides among the γ, twice as many for those in `full`, of
    whose steps half are at the full rate. That is the order of the paper's example in one dimension, 44,000 steps long,
    with the shares of a pilot at a third of its length; the authors' code lowers the rate further for the last γ.
    """
    if name != "proximal-matching":
        return [Stage(name, 0.0, 1.0, round(0.6 * steps)), Stage(name, 0.0, 0.1, steps)]
    shares = [("l1", 0.0, 1.0, 3.0), ("l1", 0.0, 0.1, 2.0)]
    unit = 9 / (len(gammas) + len(full))
    for gamma in gammas:
        if gamma in full:
            shares.append(("proximal-matching", gamma, 1.0, unit))
        shares.append(("proximal-matching", gamma, 0.1, unit))
    result, done = [], 0.0
    for kind, gamma, factor, share in shares:
        done += share
        result.append(Stage(kind, gamma, factor, round(done / 14 * steps)))
    return result


def stages_for_pictures(name: LossName, steps: int, gammas: tuple[float, ...]) -> list[Stage]:
    """Return the order in which the paper trains on pictures: half of the steps at the full learning rate, the rest at
    a tenth. For proximal matching the first half is "l1", and the γ divide the second one equally.
    """
    if name != "proximal-matching":
        return [Stage(name, 0.0, 1.0, round(steps / 2)), Stage(name, 0.0, 0.1, steps)]
    last = [round(steps / 2 * (1 + (i + 1) / len(gammas))) for i in range(len(gammas))]
    matching = [Stage(name, gamma, 0.1, until) for gamma, until in zip(gammas, last, strict=True)]
    return [Stage("l1", 0.0, 1.0, round(steps / 2)), *matching]
