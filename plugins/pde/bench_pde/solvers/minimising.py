"""How a time step that is a minimisation is taken: Adam from fresh moments, with a learning rate that falls."""

import math
from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from bench_pde import solver_limits

Schedule = Literal["cosine", "plateau"]


def minimise(
    loss: Callable[[], Tensor],
    parameters: Iterable[nn.Parameter],
    steps: int,
    lr: float,
    schedule: Schedule,
    report: Callable[[float], None],
) -> None:
    """Take at most `steps` steps of Adam on a loss that draws its points anew each time.

    "plateau" is that of Chen et al. 2023 (INSR): a tenth of the learning rate after 500 steps without a smaller loss,
    down to 1e-8, where it ends; it watches the whole loss, theirs the part of the equation without the boundary's.
    "cosine" takes all steps and falls to a hundredth of `lr`, for budgets too small for
    a plateau to show. `report` is called with the loss of each step.
    """
    optimiser = torch.optim.Adam(parameters, lr)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.1, patience=500, min_lr=1e-8)
    for step in range(steps):
        if schedule == "cosine":
            falling = 0.01 + 0.99 * (1 + math.cos(math.pi * step / steps)) / 2
            optimiser.param_groups[0]["lr"] = lr * falling
        optimiser.zero_grad()
        value = loss()
        value.backward()
        optimiser.step()
        report(value.item())
        if schedule == "plateau":
            plateau.step(value.item())
            if optimiser.param_groups[0]["lr"] <= 1.1e-8:
                return


def shares(steps: int, fit: float, times: int) -> tuple[int, list[int]]:
    """Divide a budget of gradients into those of the initial fit, a share of about `fit`, and those of `times` time
    steps, as equal as can be.

    Raises:
        ValueError: fit is not a share, or there is not a gradient for each.
    """
    solver_limits.shares(steps=steps, fit=fit, times=times)
    initial = min(max(1, round(fit * steps)), steps - times)
    rest = steps - initial
    return initial, [(i + 1) * rest // times - i * rest // times for i in range(times)]
