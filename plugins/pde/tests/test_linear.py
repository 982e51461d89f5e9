"""Linear systems and their solvers: what is known of them in exact arithmetic, and of DCDM whatever its network is."""

import itertools

import numpy as np
import pytest
import scipy.sparse
import torch

from bench_pde.linear import lanczos
from bench_pde.linear.cg import ConjugateGradients, preconditioned
from bench_pde.linear.dcdm import DeepConjugateDirections, DirectionNetwork, along, loss
from bench_pde.linear.icpcg import IncompleteCholeskyCG, incomplete_cholesky
from bench_pde.linear.mgpcg import Cycle, MultigridCG, interpolation
from bench_pde.linear.poisson_systems import obstructed, poisson_systems
from bench_pde.linear.system import System, Training, as_torch, poisson


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


NOTHING = Training(0, 1, generator())


@pytest.fixture(scope="module")
def empty():
    return poisson(np.ones((24, 24), bool))


@pytest.fixture(scope="module")
def system():
    """Twelve by sixteen cells with two obstacles."""
    return poisson(obstructed((12, 16), 2, np.random.default_rng(5)))


@pytest.fixture
def b(empty):
    return torch.randn(24 * 24, generator=generator(), dtype=torch.float64)


def dense(system):
    return system.matrix.to_dense()


def test_poisson_has_the_sines_of_the_empty_box_as_eigenvectors():
    n = 7
    A = dense(poisson(np.ones((n, n), bool)))
    k = torch.arange(1, n + 1, dtype=torch.float64)
    s = torch.sin(torch.pi * torch.outer(k, k) / (n + 1))
    for i, j in ((0, 0), (2, 5), (6, 6)):
        v = torch.outer(s[i], s[j]).flatten()
        value = 4 - 2 * np.cos(np.pi * (i + 1) / (n + 1)) - 2 * np.cos(np.pi * (j + 1) / (n + 1))
        assert (A @ v - value * v).abs().max() < 1e-13


def test_poisson_with_obstacles_is_symmetric_positive_definite_and_nothing_flows_into_them(system):
    A, is_open = dense(system), system.is_open.flatten()
    assert (~is_open).sum() > 4
    assert torch.equal(A, A.T)
    assert torch.linalg.eigvalsh(A).min() > 0
    assert torch.equal(A[~is_open], torch.eye(len(A), dtype=A.dtype)[~is_open])
    rows = A[is_open].sum(1).reshape(-1)
    inner = torch.zeros(12, 16, dtype=torch.bool)
    inner[1:-1, 1:-1] = True
    assert not rows[inner.flatten()[is_open]].any()  # a constant is in the null space but for the box's edge


def test_a_region_without_a_way_out_is_closed():
    is_open = np.ones((9, 9), bool)
    is_open[2:7, 2:7] = False
    is_open[4, 4] = True
    system = poisson(is_open)
    assert not system.is_open[4, 4]
    with pytest.raises(ValueError, match="no cell of the grid is open"):
        poisson(np.zeros((8, 8), bool))


def test_three_dimensions_have_seven_points():
    A = dense(poisson(np.ones((3, 3, 3), bool)))
    assert A[13, 13] == 6  # the middle cell
    assert A[13].sum() == 0
    assert (A[13] == -1).sum() == 6


def test_cg_is_exact_after_as_many_iterations_as_there_are_distinct_eigenvalues(system, b):
    A = torch.diag(torch.tensor([1.0, 2.0, 2.0, 5.0, 9.0, 9.0], dtype=torch.float64))
    small = System(as_torch(scipy.sparse.csr_array(A.numpy())), torch.ones(2, 3, dtype=torch.bool))
    solution = ConjugateGradients(example=small, training=NOTHING).prepared(small)(b[:6], 1e-12, 99)
    assert solution.iterations == 4
    assert (solution.x - b[:6] / A.diagonal()).abs().max() < 1e-12


def test_cg_minimises_the_energy_norm_over_the_krylov_space(system, b):
    right = b[: system.is_open.numel()] * system.is_open.flatten()
    A, x = dense(system), ConjugateGradients(example=system, training=NOTHING).prepared(system)(right, 1e-14, 6).x
    krylov = [right]
    for _ in range(5):
        krylov.append(A @ krylov[-1])
    K = torch.linalg.qr(torch.stack(krylov, 1)).Q
    best = K @ torch.linalg.solve(K.T @ A @ K, K.T @ right)
    assert (x - best).abs().max() < 1e-9


def test_incomplete_cholesky_is_exact_on_its_pattern_and_whole_where_nothing_is_filled_in(system):
    A = system.as_scipy()
    L = incomplete_cholesky(A)
    pattern = A.toarray() != 0
    assert np.abs((L @ L.T).toarray() - A.toarray())[pattern].max() < 1e-12
    line = scipy.sparse.csr_array(scipy.sparse.diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(9, 9)))
    assert np.abs(incomplete_cholesky(line).toarray() - np.linalg.cholesky(line.toarray())).max() < 1e-14
    with pytest.raises(ValueError, match="breaks down in row 1"):
        incomplete_cholesky(scipy.sparse.csr_array(np.array([[1.0, 2.0], [2.0, 1.0]])))


def test_icpcg_applies_the_inverse_of_its_factors(system, b):
    right = b[: system.is_open.numel()] * system.is_open.flatten()
    L = torch.from_numpy(incomplete_cholesky(system.as_scipy()).toarray())
    slow = preconditioned(system, lambda r: torch.cholesky_solve(r[:, None], L)[:, 0])(right, 1e-8, 99)
    fast = IncompleteCholeskyCG(example=system, training=NOTHING).prepared(system)(right, 1e-8, 99)
    assert fast.iterations == slow.iterations
    assert (fast.x - slow.x).abs().max() < 1e-10


@pytest.mark.parametrize("grid", [(12, 16), (9, 15), (6, 8, 6)])
def test_multigrid_cycle_is_symmetric_and_positive_definite(grid):
    system = poisson(obstructed(grid, 1, np.random.default_rng(1)))
    cycle = Cycle(system, smoothing=2, damping=2 / 3, coarsest=8)
    n = system.is_open.numel()
    M = torch.stack([cycle(unit) for unit in torch.eye(n, dtype=torch.float64)])
    assert (M - M.T).abs().max() < 1e-12
    assert torch.linalg.eigvalsh(M).min() > 0
    spectrum = torch.linalg.eigvals(M @ dense(system)).real
    assert spectrum.max() < 1 + 1e-9  # the cycle never overshoots: damped smoothing and a projection
    assert spectrum.min() > 0.25


def test_interpolation_keeps_constants_away_from_the_edge():
    is_open = obstructed((16, 16), 2, np.random.default_rng(2))
    P, coarse = interpolation(is_open)
    values = (P @ coarse.ravel().astype(float)).reshape(16, 16)
    assert np.abs(values[1:-1, 1:-1] - is_open[1:-1, 1:-1]).max() < 1e-14
    assert P.shape == (256, 64)


def test_mgpcg_needs_as_many_iterations_on_any_grid():
    counts = []
    for n in (16, 32, 64):
        system = poisson(np.ones((n, n), bool))
        b = torch.randn(n * n, generator=generator(), dtype=torch.float64)
        counts.append(MultigridCG(example=system, training=NOTHING).prepared(system)(b, 1e-8, 99).iterations)
    assert max(counts) <= min(counts) + 2
    assert max(counts) <= 12
    with pytest.raises(ValueError, match="smoothing must be positive"):
        MultigridCG(example=system, training=NOTHING, smoothing=0)


# --- DCDM, with directions that are known


def histories(system, b, direction, precondition, count=60):
    mine = along(system, direction)(b, 1e-30, count).residuals
    reference = preconditioned(system, precondition)(b, 1e-30, count).residuals
    return np.array(mine), np.array(reference)


def test_dcdm_along_the_residual_is_cg(empty, b):
    mine, reference = histories(empty, b, lambda r: r, lambda r: r)
    assert (abs(mine - reference) / reference).max() < 1e-6


def test_dcdm_along_a_preconditioned_residual_is_preconditioned_cg(empty, b):
    D = torch.linspace(0.5, 2, len(b), dtype=torch.float64)
    mine, reference = histories(empty, b, lambda r: D * r, lambda r: D * r)
    assert (abs(mine - reference) / reference).max() < 1e-6


@pytest.mark.parametrize("factor", [1.0, -7.3])
def test_dcdm_along_the_solution_ends_after_one_step(empty, b, factor):
    A = dense(empty)
    solution = along(empty, lambda r: factor * torch.linalg.solve(A, r))(b, 1e-12, 9)
    assert solution.iterations == 1


def test_dcdm_directions_are_conjugate_to_the_last_two_and_the_error_never_grows(empty, b):
    mixing = torch.randn(len(b), len(b), generator=generator(2), dtype=torch.float64)
    xs = [along(empty, lambda r: (mixing @ r).relu() - 0.3)(b, 1e-30, k).x for k in range(8)]
    p = torch.stack([later - x for x, later in itertools.pairwise(xs)])  # each a multiple of its direction
    p = p / (p * (empty.matrix @ p.T).T).sum(1).sqrt()[:, None]
    products = p @ (empty.matrix @ p.T)
    for distance in (1, 2):
        assert products.diagonal(distance).abs().max() < 1e-9
    e = torch.stack(xs) - torch.linalg.solve(dense(empty), b)
    energies = (e * (empty.matrix @ e.T).T).sum(1)
    assert (energies.diff() <= 0).all()


def test_loss_knows_no_scale_and_is_0_for_the_solution_alone(empty, b):
    A, unit = empty.matrix.to_sparse_coo(), (b / b.norm())[None]
    q = torch.randn_like(unit)
    assert loss(A, q, unit) == pytest.approx(float(loss(A, -7.3 * q, unit)), rel=1e-10)
    assert loss(A, torch.linalg.solve(dense(empty), unit.T).T, unit) < 1e-20
    step = along(empty, lambda r: r)(unit[0], 1e-30, 1)
    assert loss(A, unit, unit) == pytest.approx(step.residuals[-1] ** 2, rel=1e-10)
    both = torch.cat([unit, q / q.norm()])
    alone = [loss(A, both[i : i + 1].roll(1, 1), both[i : i + 1]) for i in range(2)]
    assert loss(A, both.roll(1, 1), both) == pytest.approx(float(sum(alone)) / 2, rel=1e-10)


@pytest.mark.parametrize(
    ("dimensions", "convolutions", "parameters"),
    [(3, [4, 6, 4], 97_457), (3, [6, 10, 6], 152_881), (2, [4, 6, 4], 32_657)],
)
def test_network_has_the_published_number_of_parameters(dimensions, convolutions, parameters):
    network = DirectionNetwork(dimensions, 16, convolutions)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_network_is_its_layers_one_by_one():
    network = DirectionNetwork(2, 3, [4, 2, 2])
    relu, conv = torch.relu, torch.nn.functional.conv2d

    def c(x, layer):
        return relu(conv(x, layer.weight, layer.bias, padding=1))

    b = torch.randn(1, 1, 6, 8)
    t, k, u = network.top, network.coarse, network.up
    a = c(conv(b, network.first.weight, network.first.bias, padding=1), t[0])
    a = c(c(a, t[1]), t[2]) + a
    beside = c(a, t[3])
    low = beside.unflatten(2, (3, 2)).unflatten(4, (4, 2)).mean((3, 5))
    low = c(c(low, k[0]), k[1]) + low
    up = low.repeat_interleave(2, 2).repeat_interleave(2, 3) + beside
    up = c(c(up, u[0]), u[1]) + up
    expected = conv(up, network.last.weight, network.last.bias)
    assert (network(b) - expected).abs().max() < 1e-5


def test_ritz_values_are_eigenvalues_where_the_krylov_space_is_whole():
    A = torch.diag(torch.linspace(1, 5, 20, dtype=torch.float64))
    small = System(as_torch(scipy.sparse.csr_array(A.numpy())), torch.ones(4, 5, dtype=torch.bool))
    values, vectors = lanczos.ritz(small, 99, generator())
    assert (values - A.diagonal()).abs().max() < 1e-10
    assert (vectors @ vectors.T - torch.eye(20)).abs().max() < 1e-10
    assert (vectors @ A @ vectors.T - torch.diag(values)).abs().max() < 1e-10


def test_ritz_values_of_a_box_end_at_its_distinct_eigenvalues(empty):
    few = poisson(np.ones((6, 6), bool))
    values, _ = lanczos.ritz(few, 36, generator())
    distinct = torch.linalg.eigvalsh(dense(few)).mul(1e6).round().unique() / 1e6
    assert (values - distinct).abs().max() < 1e-5
    assert len(lanczos.ritz(empty, 10, generator())[0]) == 10


def test_right_hand_sides_are_unit_vectors_heavy_in_low_modes():
    b = lanczos.right_hand_sides(torch.eye(100), 500, 0.55, 9.0, generator())
    assert (b.norm(dim=1) - 1).abs().max() < 1e-6
    power = b.square().mean(0)
    assert power[:55].mean() / power[55:].mean() == pytest.approx(81, rel=0.2)


def test_dcdm_learns_and_generalises_to_obstacles():
    example = poisson(np.ones((16, 16), bool))
    losses = []
    training = Training(120, 8, generator(), lambda step, value: losses.append(value))
    torch.manual_seed(0)
    solver = DeepConjugateDirections(example=example, training=training, width=8, convolutions=[2, 2, 2], lr=0.005)
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    system = poisson(obstructed((16, 16), 2, np.random.default_rng(0)))
    b = torch.randn(256, generator=generator(), dtype=torch.float64) * system.is_open.flatten()
    deep = solver.prepared(system)(b, 1e-2, 400).iterations
    plain = ConjugateGradients(example=example, training=NOTHING).prepared(system)(b, 1e-2, 400).iterations
    assert deep < plain


def test_dcdm_refuses_what_it_cannot_halve():
    with pytest.raises(ValueError, match="even numbers of cells, got 7 x 8"):
        DeepConjugateDirections(example=poisson(np.ones((7, 8), bool)), training=NOTHING)
    with pytest.raises(ValueError, match=r"three even numbers from 2, got \[4, 5, 4\]"):
        DeepConjugateDirections(example=poisson(np.ones((8, 8), bool)), training=NOTHING, convolutions=[4, 5, 4])


def test_systems_are_each_its_own_and_0_in_obstacles():
    few, more = (poisson_systems(points=16, systems=n) for n in (2, 3))
    assert np.array_equal(few["right"], more["right"][:2])
    assert few["right"].shape == (2, 2, 16, 16)
    assert not (few["right"] * ~few["is_open"][:, None]).any()
    assert (~few["is_open"]).any()
    assert poisson_systems(dimensions=3, points=8, systems=1)["right"].shape == (1, 2, 8, 8, 8)
    with pytest.raises(ValueError, match="dimensions must be 2 or 3, got 1"):
        poisson_systems(dimensions=1)
