"""Neural fields: what each computes, how it fits a budget of numbers, and the tasks."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.spatial import cKDTree

from bench_pde.field_checks import NUMBERS, _signals
from bench_pde.field_metrics import distance_mae, fitting_psnr, iou, surface_mae
from bench_pde.fields import placement
from bench_pde.fields.dense_grid import DenseGrid
from bench_pde.fields.hash_grid import PRIMES, HashEncoding, HashGrid
from bench_pde.fields.images import drawn_image, photographs
from bench_pde.fields.network import Perceptron, stored_numbers
from bench_pde.fields.neurbf import NeuRBF, lower, normalised
from bench_pde.fields.shapes import box_frame, distance, sphere, torus
from bench_pde.fields.signal import Signal
from bench_pde.fields.sizes import entries, largest_table, perceptron_numbers, resolutions
from bench_pde.interpolation import corners, multilinear
from bench_pde.tasks.fitting import FitDrawing, FitShape, _image, relative_distance
from harness import BenchError
from harness.testing import bench, conformance_cases  # noqa: F401 - a fixture

IMAGE, BALL = (signal for _, signal in _signals())


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("case", conformance_cases("neural-field"), ids=str)
def test_conformance(case):
    case.check()


def field_with(centres, shape, **params):
    """Return a NeuRBF with given kernels."""
    field = NeuRBF(signal=IMAGE, numbers=NUMBERS, **params)
    field.centres, field.shape = centres, shape
    return field


def test_shares_of_kernels_sum_to_one_and_their_sum_is_a_constant():
    field = NeuRBF(signal=IMAGE, numbers=NUMBERS)
    points = 2 * torch.rand(50, 2) - 1
    index = placement.nearest(points, field.centres, 4)
    phi = field.kernels(points, index)
    assert torch.allclose(normalised(phi).sum(1), phi.sum(1) / (phi.sum(1) + 1e-8), rtol=0, atol=1e-6)
    assert (normalised(phi[phi.sum(1) > 0.05]).sum(1) - 1).abs().max() < 1e-6
    kernels = torch.tensor([[0.2, 0.6]], requires_grad=True)
    normalised(kernels)[0, 0].backward()
    assert torch.allclose(kernels.grad, torch.tensor([[1 / 0.8, 0.0]]))


def test_linear_kernels_on_a_regular_grid_are_multilinear_interpolation():
    nodes = torch.cartesian_prod(torch.arange(5.0), torch.arange(5.0)) / 2 - 1
    field = field_with(nodes, torch.full((25, 1), 2.0), kernel="linear")
    points = 2 * torch.rand(40, 2) - 1
    index = placement.nearest(points, nodes, 9)  # the corners of a cell are not always the four nearest
    share = torch.zeros(40, 25).scatter(1, index, normalised(field.kernels(points, index)))
    expected = torch.zeros(40, 25)
    for corner, weight in corners((points + 1) * 2, (5, 5)):
        expected[torch.arange(40), corner[:, 0] * 5 + corner[:, 1]] += weight
    assert (share - expected).abs().max() < 1e-5


def test_kernels_turn_with_their_shapes():
    centres, points = torch.rand(6, 2), torch.rand(10, 2)
    S = torch.randn(6, 2, 2)
    S = S @ S.mT + torch.eye(2)
    index = torch.arange(6).expand(10, 6)
    field = field_with(centres, lower(S))
    by_hand = points[:, None] - centres
    expected = 1 / (1 + torch.einsum("nkd,kde,nke->nk", by_hand, S, by_hand))
    assert torch.allclose(field.kernels(points, index), expected, rtol=1e-5)
    R = torch.linalg.qr(torch.randn(2, 2)).Q
    turned = field_with(centres @ R.T, lower(R @ S @ R.T))
    assert torch.allclose(turned.kernels(points @ R.T, index), expected, rtol=1e-4)


def test_output_is_that_of_the_formula():
    field = NeuRBF(signal=IMAGE, numbers=NUMBERS)
    with torch.no_grad():
        field.w.normal_()
        field.encoding.table.normal_()
    points = 2 * torch.rand(5, 2) - 1
    m = 2 ** torch.linspace(-3, 12, 32)
    omega = 2 ** torch.linspace(math.log2(10), math.log2(100), 64)
    first, second, third = field.network
    for x, value in zip(points, field(points), strict=True):
        order = (x - field.centres).norm(dim=1).argsort()[:4]
        phi = field.kernels(x[None], order[None])[0]
        r = sum(field.w[k] * torch.sin(p / phi.sum() * m) for k, p in zip(order, phi, strict=True))
        a = first(torch.cat([field.encoding((x[None] + 1) / 2)[0], r]) + field.b)
        expected = third(second(a + torch.sin(omega * a)).relu())
        assert torch.allclose(value, expected, rtol=0, atol=2e-3)  # a frequency of 4096 multiplies rounding


def test_low_frequencies_are_the_shares_themselves():
    low = NeuRBF(signal=IMAGE, numbers=NUMBERS, lowest=1e-4, highest=1e-4)
    torch.manual_seed(0)
    plain = NeuRBF(signal=IMAGE, numbers=NUMBERS, multi_frequency=False)
    with torch.no_grad():
        plain.w.normal_()
        low.w.copy_(plain.w / 1e-4)
    assert torch.allclose(low(IMAGE.points), plain(IMAGE.points), rtol=0, atol=1e-4)


def test_number_of_kernels_is_what_the_budget_leaves():
    for kernel, each in (("inverse-quadratic", 32 + 2 + 3), ("linear", 32 + 2 + 1)):
        field = NeuRBF(signal=IMAGE, numbers=NUMBERS, kernel=kernel)
        n, table = len(field.centres), field.encoding.table.numel()
        network = (36 * 64 + 64) + (64 * 64 + 64) + (64 * 3 + 3)
        assert stored_numbers(field) == n * each + table + 36 + network
        assert NUMBERS - each < stored_numbers(field) <= NUMBERS
        geometry = n * (each - 32)
        assert sum(p.numel() for p in field.parameters()) == stored_numbers(field) - geometry


def test_geometry_and_frequencies_are_fixed():
    names = dict(NeuRBF(signal=BALL, numbers=NUMBERS).named_parameters())
    assert {name.split(".")[0] for name in names} == {"encoding", "w", "b", "network"}
    field = NeuRBF(signal=IMAGE, numbers=NUMBERS)
    (group,) = field.param_groups()
    assert group["max_lr"] == 0.005
    assert {id(p) for p in group["params"]} == {id(field.w), id(field.b), id(field.encoding.table)}


def test_nearest_centres_are_those_of_a_tree():
    points, centres = torch.rand(200, 3), torch.rand(70, 3)
    _, expected = cKDTree(centres.double().numpy()).query(points.double().numpy(), 5)
    assert np.array_equal(placement.nearest(points, centres, 5).numpy(), expected)


def test_weights_that_are_whole_numbers_repeat_points():
    points, weight = torch.rand(60, 2), torch.randint(1, 4, (60,))
    centres = points[:7].clone()
    repeated = points.repeat_interleave(weight, 0)
    ones, objective = torch.ones(len(repeated)), []
    for _ in range(5):
        objective.append(float((torch.cdist(points, centres).amin(1) ** 2 * weight).sum()))
        other = placement.lloyd(repeated, ones, centres)
        centres = placement.lloyd(points, weight.float(), centres)
        assert torch.allclose(centres, other, atol=1e-6)
    assert all(after <= before for before, after in itertools.pairwise(objective))
    assert objective[-1] < objective[0]


def test_an_empty_cluster_keeps_its_centre():
    points = torch.rand(9, 2)
    centres = torch.cat([points[:2], torch.tensor([[9.0, 9.0]])])
    assert torch.equal(placement.lloyd(points, torch.ones(9), centres)[2], centres[2])


def test_shapes_are_weighted_covariances_over_alpha_within_bounds():
    points = torch.cat([0.05 * torch.randn(300, 2) @ torch.tensor([[1.0, 0.4], [0.0, 0.3]]) + 0.4, torch.zeros(1, 2)])
    centres = torch.tensor([[0.4, 0.4], [0.0, 0.0]])
    weight = torch.rand(301)
    covariance = placement.covariances(points, weight, centres)
    offset = (points - centres[0])[:300]
    expected = (offset.T * weight[:300]) @ offset / weight[:300].sum() / 0.5
    assert torch.allclose(covariance[0], expected, rtol=2e-3)
    assert torch.linalg.eigvalsh(covariance).min() > 0  # that of a single point, too


def test_the_shape_of_a_single_point_is_isotropic_though_its_centre_is_rounded():
    points = torch.tensor([[0.3, 0.4], [-0.5, 0.1], [0.2, -0.9], [-0.7, -0.7]])
    centres = points.clone()
    centres[0] = torch.nextafter(centres[0], torch.ones(2))
    covariance = placement.covariances(points, torch.ones(4), centres)[0]
    assert torch.allclose(covariance, covariance[0, 0] * torch.eye(2), atol=1e-6 * float(covariance[0, 0]))


def test_a_linear_kernel_is_a_half_where_the_spread_of_its_points_is():
    points = 0.3 + 0.02 * torch.randn(300, 3)
    weight, centre = torch.rand(300), torch.full((1, 3), 0.3)
    spread = ((weight * (points - centre).square().sum(1)).sum() / weight.sum() / 0.5).sqrt()
    reach = placement.spreads(points, weight, centre).sqrt()
    field = SimpleNamespace(kernel="linear", centres=centre, shape=1 / reach[:, None])
    at = centre + torch.tensor([[1.0, 0.0, 0.0]]) * spread
    assert float(NeuRBF.kernels(field, at, torch.zeros(1, 1, dtype=torch.long))) == pytest.approx(0.5, rel=1e-3)


def test_kernels_gather_where_there_is_detail():
    points = IMAGE.points
    sharp = Signal(points, (points[:, :1] > 0.5).float(), "image", (20, 20))
    field = NeuRBF(signal=sharp, numbers=7600)
    assert ((field.centres[:, 0] - 0.5).abs() < 0.11).all()
    edge = placement.detail(sharp)
    assert float(edge.mean()) == pytest.approx(1)
    assert (edge[(points[:, 0] - 0.5).abs() > 0.11] == 0).all()
    flat = Signal(points, torch.ones(400, 1), "image", (20, 20))
    assert (placement.detail(flat) == 1).all()
    surface = placement.clustered(BALL.points, placement.detail(BALL), 20)
    assert sphere(surface).abs().mean() < sphere(BALL.points).abs().mean()


def test_a_dense_grid_behind_a_network_that_does_nothing_is_interpolation():
    field = DenseGrid(signal=IMAGE, numbers=NUMBERS)
    nodes = len(field.grid)
    field.network = torch.nn.Identity()
    expected = multilinear(field.grid, (IMAGE.points + 1) / 2 * (nodes - 1))
    assert torch.equal(field(IMAGE.points), expected)
    most = (NUMBERS - perceptron_numbers(2, 64, 3)) // 2
    assert nodes**2 <= most < (nodes + 1) ** 2


def test_hash_levels_with_room_are_dense_grids():
    cells = resolutions(3, 4, 16)
    assert cells == [4, 8, 16]
    encoding = HashEncoding(2, cells, 10_000, 2)
    grid = encoding.table[25 : 25 + 81].reshape(9, 9, 2)
    points = torch.rand(30, 2)
    assert torch.allclose(encoding(points)[:, 2:4], multilinear(grid, points * 8), atol=1e-7)
    assert entries(cells, 2, 50) == [25, 50, 50]
    for room in (3, 100, 150, 10_000):
        table = largest_table(cells, 2, room)
        assert sum(entries(cells, 2, table)) <= room
        assert table == 17**2 or sum(entries(cells, 2, table + 1)) > room


def test_hashed_nodes_lie_where_the_formula_says():
    encoding = HashEncoding(3, [64], 1000, 1)
    index = torch.randint(0, 65, (50, 3))
    for (i, j, k), place in zip(index.tolist(), encoding.places(0, index).tolist(), strict=True):
        assert place == ((i * PRIMES[0]) ^ (j * PRIMES[1]) ^ (k * PRIMES[2])) % 1000


def test_budgets_are_counted():
    assert perceptron_numbers(36, 64, 3) == sum(p.numel() for p in Perceptron(36, 64, 3).parameters())
    field = HashGrid(signal=BALL, numbers=NUMBERS)
    assert NUMBERS - 2 * 16 < stored_numbers(field) <= NUMBERS


@pytest.mark.parametrize("shape", ["sphere", "torus", "box-frame"])
def test_distances_are_those_of_the_nearest_points_of_the_surface(shape):
    """Outside; by the gradient, of length 1, every point finds its foot on the surface."""
    points = (2 * torch.rand(400, 3, dtype=torch.float64) - 1).requires_grad_()
    d = distance(shape, points)
    (slope,) = torch.autograd.grad(d.sum(), points)
    assert (slope.norm(dim=1) - 1).abs().max() < 1e-9
    outside = d > 0
    feet = (points - d[:, None] * slope)[outside].detach()
    assert distance(shape, feet).abs().max() < 1e-9
    others = torch.cdist(points[outside].detach(), feet).amin(1)
    assert (others - d[outside]).min() > -1e-9


def test_distances_at_known_places():
    at = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.0, 0.3]])
    assert torch.allclose(sphere(at), torch.tensor([-0.6, 0.4, math.hypot(0.5, 0.3) - 0.6]))
    assert torch.allclose(torus(at), torch.tensor([0.3, 0.3, 0.1]))
    corner = torch.tensor([[0.6, 0.6, 0.6], [0.52, 0.52, 0.0], [0.0, 0.0, 0.0], [0.9, 1.0, 0.0]])
    inner = math.hypot(0.44, 0.44)
    assert torch.allclose(box_frame(corner), torch.tensor([0.0, -0.08, inner, 0.5]), atol=1e-6)


def test_pictures_are_drawn_from_their_seed():
    first, same, other = (drawn_image(seed=seed, size=24)["image"] for seed in (0, 0, 1))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert first.shape == (24, 24, 3)
    assert first.min() >= 0
    assert first.max() <= 1
    assert first.std() > 0.05


def test_an_image_is_read_in_the_order_of_its_pixels():
    image = torch.rand(3, 4, 3)
    signal, splits, _ = _image(image)
    assert torch.allclose(signal.points[5], torch.tensor([-0.25, 0.0]))  # row 1, column 1
    assert torch.equal(signal.values[5], image[1, 1])
    assert splits["test"].inputs[0] is signal.points


def test_errors_of_fields():
    target = torch.tensor([[-0.2], [-0.05], [0.05], [0.5]])
    assert iou(target, target) == 1
    assert iou(target + 0.1, target) == 0.5
    assert distance_mae(target + 0.1, target) == pytest.approx(0.1)
    assert surface_mae(torch.where(target.abs() < 0.1, target, 9.0), target) == 0
    assert fitting_psnr(target + 0.1, target) == pytest.approx(20, abs=1e-4)
    assert float(relative_distance(target + 0.01, target)) == pytest.approx(
        sum(0.01 / (abs(d) + 0.01) for d in (0.2, 0.05, 0.05, 0.5)) / 4, rel=1e-4
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NeuRBF(signal=IMAGE, numbers=NUMBERS, neighbours=1), "neighbours must be at least 2"),
        (lambda: NeuRBF(signal=IMAGE, numbers=6000), "6000 numbers leave 0 kernels of 37"),
        (lambda: NeuRBF(signal=IMAGE, numbers=NUMBERS, lowest=0.0), "lowest must be positive"),
        (lambda: NeuRBF(signal=IMAGE, numbers=10**6), "kernels are more than the"),
        (lambda: DenseGrid(signal=IMAGE, numbers=4000), "4000 numbers leave 0 nodes"),
        (lambda: HashGrid(signal=IMAGE, numbers=5000), "5000 numbers leave no table"),
        (lambda: HashGrid(signal=IMAGE, numbers=NUMBERS, finest=3), "coarsest from 1 to finest"),
        (lambda: FitDrawing(numbers=0), "numbers must be positive, got 0"),
        (lambda: FitShape(samples=5), "samples must be at least 10, got 5"),
        (lambda: drawn_image(seed=0, size=2), "size must be at least 8, got 2"),
        (lambda: photographs(first=999, side=2), "images 999 to 1002 are not all among the 1000"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_photographs_that_are_not_here_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    with pytest.raises(BenchError, match="bench data get photographs"):
        photographs()


SUITE = """
tasks:
  - {task: fit-drawing, params: {numbers: 3000, steps: 4, batch_size: 200, size: 20}}
  - {task: fit-shape, params: {numbers: 3000, steps: 4, batch_size: 200, samples: 500}}
methods:
  - {method: dense-grid, params: {hidden: 16}}
  - {method: hash-grid, params: {hidden: 16, levels: 4, finest: 32}}
  - {method: neurbf, params: {hidden: 16, finest: 32}, preset: {fit-shape: distance}}
pack: 100
"""


def test_every_field_on_every_signal(bench):  # noqa: F811
    bench.write("s.yaml", SUITE)
    done = bench("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(bench.folder / "results" / "s")
    assert (rows["status"] == "done").all(), rows[rows["status"] != "done"]["reason"].unique()
    tests = rows[rows["split"] == "test"]
    assert set(tests["metric"]) == {"fitting_psnr", "iou", "distance_mae", "surface_mae"}
    stored = rows[rows["metric"] == "stored_numbers"]
    assert len(stored) == 6
    assert stored["value"].between(1500, 3000).all()
