"""The least squares that networks are trained by, the same for every method."""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from bench_pde import solver_limits
from bench_pde.problems.problem import Budget, Problem
from bench_pde.solvers.field import Field


def least_squares(problem: Problem, field: Field, inside: Tensor, faces: list[Tensor]) -> Tensor:
    """Return the mean square of what the conditions are missed by, over all of them, and `problem.weight` times that
    of the residual (Raissi, Perdikaris & Karniadakis 2019, doi:10.1016/j.jcp.2018.10.045, eq. 3).

    Args:
        inside: points (n, dimensions).
        faces: points on the face of each condition.
    """
    missed = [
        problem.condition_error(condition, field.derivatives, points)
        for condition, points in zip(problem.conditions, faces, strict=True)
    ]
    equation = problem.equation_error(field.derivatives, inside)
    return torch.cat(missed).square().mean() + problem.weight * equation.square().mean()


def train(problem: Problem, field: Field, budget: Budget, lr: float, polish: float) -> None:
    """Minimise `least_squares` by Adam on points drawn anew at each step, then for the share `polish` of the steps by
    L-BFGS on points held fixed. A step is one gradient: the line search of L-BFGS takes them out of the same budget.

    Raises:
        ValueError: lr is not positive, or polish is not a share.
    """
    solver_limits.training(lr=lr, polish=polish)
    by_adam = budget.steps - round(polish * budget.steps)
    optimiser = torch.optim.Adam(field.parameters(), lr)
    for step in range(1, by_adam + 1):
        optimiser.zero_grad()
        loss = least_squares(problem, field, *_drawn(problem, budget))
        loss.backward()
        optimiser.step()
        budget.report(step, loss.item())
    if by_adam < budget.steps:
        _polish(problem, field, budget, itertools.count(by_adam + 1))


def _polish(problem: Problem, field: Field, budget: Budget, steps: Iterator[int]) -> None:
    """Spend what is left of the budget by L-BFGS; where it runs out in a line search, the best point so far counts."""
    points = _drawn(problem, budget, 4)
    parameters = list(field.parameters())
    best_loss, best = float("inf"), [p.detach().clone() for p in parameters]
    optimiser = torch.optim.LBFGS(parameters, max_iter=20, history_size=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        nonlocal best_loss, best
        step = next(steps)
        if step > budget.steps:
            raise StopIteration
        optimiser.zero_grad()
        loss = least_squares(problem, field, *points)
        loss.backward()
        if loss.item() < best_loss:
            best_loss, best = loss.item(), [p.detach().clone() for p in parameters]
        budget.report(step, loss.item())
        return loss

    try:
        while True:
            optimiser.step(closure)
    except StopIteration:
        with torch.no_grad():
            for parameter, value in zip(parameters, best, strict=True):
                parameter.copy_(value)


def _drawn(problem: Problem, budget: Budget, times: int = 1) -> tuple[Tensor, list[Tensor]]:
    """Return random points inside and on the face of each condition, `times` as many as in a step of Adam."""
    return problem.interior(times * budget.points, budget.generator), [
        problem.face(condition, times * budget.face_points, budget.generator) for condition in problem.conditions
    ]
