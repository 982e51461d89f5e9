"""SineNet: published sizes, shifts on periodic fields, and what its waves are."""

import pytest
import torch

from bench_pde.methods.sinenet import SineNet, upsampled

GIVEN = {"grid": [32, 32], "boundary": "periodic"}


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("waves", "multiplier", "expected"),
    [(8, 1.425, 35_490_219), (6, 1.5, 35_475_499), (4, 1.611, 35_493_699), (2, 1.8075, 35_499_989)],
)
def test_parameters_are_those_of_the_paper(waves, multiplier, expected):
    """On incompressible flow: four frames of smoke and two velocities are given, one is predicted."""
    with torch.device("meta"):
        model = SineNet(in_channels=12, out_channels=3, width=64, waves=waves, multiplier=multiplier, levels=4, **GIVEN)
        tangled = SineNet(
            in_channels=12, out_channels=3, width=64, waves=8, multiplier=1.425, levels=4, disentangle=False, **GIVEN
        )
    assert count(model) == expected
    assert count(tangled) == 32_831_403


def test_moves_with_a_periodic_field_by_as_many_points_as_its_coarsest_has():
    torch.manual_seed(0)
    model = SineNet(in_channels=1, out_channels=1, width=4, waves=2, levels=3, **GIVEN).double()
    a = torch.randn(1, 32, 32, 1, dtype=torch.float64)
    u = model(a)
    assert (model(a.roll((8, 16), (1, 2))) - u.roll((8, 16), (1, 2))).abs().max() < 1e-12
    assert (model(a.roll(5, 1)) - u.roll(5, 1)).abs().max() > 1e-6


def test_waves_that_are_nothing_leave_the_two_outer_convolutions():
    torch.manual_seed(0)
    model = SineNet(in_channels=1, out_channels=1, width=4, waves=3, levels=2, **GIVEN)
    for wave in model.waves:
        for tensor in (*wave.up[0].norm2.parameters(), *wave.up[0].shortcut.parameters()):
            torch.nn.init.zeros_(tensor)
    a = torch.randn(1, 32, 32, 1)
    expected = model.last(model.first(a.movedim(-1, 1))).movedim(1, -1)
    assert torch.equal(model(a), expected)


def test_upsampling_wraps_around():
    x = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    assert torch.allclose(upsampled(torch.ones_like(x), wraps=True), torch.ones(1, 2, 16, 16, dtype=torch.float64))
    assert torch.allclose(upsampled(x.roll(1, -1), wraps=True), upsampled(x, wraps=True).roll(2, -1))
    assert not torch.allclose(upsampled(x.roll(1, -1), wraps=False), upsampled(x, wraps=False).roll(2, -1))


def test_grids_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="a grid of 36 x 32 points cannot be halved 3 times"):
        SineNet(in_channels=1, out_channels=1, grid=[36, 32], boundary="open")
    with pytest.raises(ValueError, match="two dimensions, got 1"):
        SineNet(in_channels=1, out_channels=1, grid=[32], boundary="open")
