"""The script that checks the generators at full size, run at sizes that take seconds: the orders that it reports."""

import importlib.util
import itertools
import math
from pathlib import Path

import pytest

import bench_pde

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "pde_solver_checks.py"
LEAST = {  # orders of convergence; of what is exact, how large an error may be
    "advection_comes_back": 1e-12,
    "burgers_in_time": 3.7,
    "burgers_shocks": 1.8,
    "reaction_diffusion_in_time": 1.9,
    "kuramoto_sivashinsky_in_time": 3.6,
    "navier_stokes_in_time": 3.7,
    "darcy_in_space": 1.9,
    "darcy_multiscale_in_space": 1.7,
    "helmholtz_in_space": 1.8,
    "compressible_vortex": 1.6,
    "dam_break_mass": 1e-12,
    "dam_break_in_space": 0.7,
    "diffusion_reaction_in_time": 1.9,
    "diffusion_sorption_in_space": 0.9,
    "wave_energy": 1e-12,
    "fisher_in_time": 1.9,
    "darcy_shapes_in_space": 0.7,
}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("pde_solver_checks", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", LEAST)
def test_small_sizes_have_the_orders_that_are_expected(script, name):
    found = list(getattr(script, name)(True))
    if LEAST[name] < 1e-3:
        assert max(error for _, error in found) < LEAST[name]
        return
    pairs = list(itertools.pairwise(found))
    orders = [math.log(e / f) / abs(math.log(a / b)) for (a, e), (b, f) in pairs]
    assert orders
    assert min(orders) > LEAST[name]


def test_every_generated_data_set_is_checked(script):
    checked = {check.__name__ for checks in script.CHECKS.values() for check in checks}
    assert checked == set(LEAST)
    generated = {data.name for data in bench_pde.bench_datasets() if data.target.startswith("bench_pde.equations.")}
    of_another = {"burgers-map": "burgers", "darcy-rough": "darcy", "darcy-multiscale": "darcy"}
    assert {of_another.get(name, name) for name in generated} == set(script.CHECKS)


def test_the_table_has_a_row_for_each_check(script, capsys):
    script.main(["--small", "--only", "advection", "darcy-shapes"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| advection", "| darcy-shapes"]
