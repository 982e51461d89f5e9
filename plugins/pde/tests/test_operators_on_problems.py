"""Every operator takes a training step on the fields of every problem whose dimensions it claims."""

from pkgutil import resolve_name

import pytest
import torch

import bench_pde
from bench_pde import limits
from bench_pde.metrics import relative_l2_loss
from harness.catalog import load_catalog

METHODS = [method for method in load_catalog().methods.values() if method.family.name == "neural-operator"]
SMALL = {
    "fno": {"width": 4, "layers": 1},
    "u-net": {"features": 2, "levels": 3},
    "u-net-modern": {"features": 8, "blocks": 1},
    "deeponet": {"basis": 4, "width": 8},
    "mgno": {"width": 4, "layers": 1},
    "sinenet": {"width": 4, "waves": 1},
    "mt-deeponet": {"basis": 4, "width": 8},
}


def posed():
    """Return what each generated problem gives to operators, by name, on 24 points an axis."""
    found = {}
    for task in bench_pde.bench_tasks():
        if task.family.name == "neural-operator" and task.datasets and task.check:
            given = limits.task(task.name, vars(resolve_name(task.target)()))
            if given is not None:  # what files hold is known only when they are there
                found[task.name] = {**given, "grid": [24] * len(given["grid"])}
    return found


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_step_of_training(method):
    problems = posed()
    assert len(problems) == 17
    claimed = {name: given for name, given in problems.items() if f"{len(given['grid'])}d" in method.traits}
    assert len(claimed) >= 11  # those of two dimensions
    generator = torch.Generator().manual_seed(0)
    different = {str(given): (name, given) for name, given in claimed.items()}
    for name, given in different.values():
        torch.manual_seed(0)
        operator = resolve_name(method.target)(**given, **SMALL.get(method.name, {}))
        inputs = torch.randn(2, *given["grid"], given["in_channels"], generator=generator)
        target = torch.randn(2, *given["grid"], given["out_channels"], generator=generator)
        optimiser = torch.optim.SGD(operator.parameters(), lr=1e-3)
        relative_l2_loss(operator(inputs), target).backward()
        optimiser.step()
        after = operator(inputs)
        assert after.shape == target.shape, name
        assert after.isfinite().all(), name
        assert any(parameter.grad.any() for parameter in operator.parameters()), name
