"""What checks of all families measure by."""

import math
from contextlib import suppress

import pytest
import torch

from harness.conformance import deterministic, difference, in_float64, seeded


def test_a_difference_is_relative_to_the_largest_value_expected():
    expected = torch.tensor([1.0, -4.0, 0.0])
    assert difference(expected + torch.tensor([0.0, 0.0, 2.0]), expected) == 0.5
    assert difference(torch.zeros(3), torch.zeros(3)) == 0


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_what_is_not_finite_is_infinitely_far_away(wrong):
    assert difference(torch.tensor([wrong, 1.0]), torch.ones(2)) == math.inf
    assert difference(torch.ones(2), torch.tensor([wrong, 1.0])) == math.inf


def test_a_seed_is_for_its_block_alone():
    torch.manual_seed(1)
    expected = torch.randn(2)
    torch.manual_seed(1)
    with seeded(5):
        drawn = torch.randn(3)
    assert torch.equal(torch.randn(2), expected)
    with seeded(5):
        assert torch.equal(torch.randn(3), drawn)


@pytest.mark.parametrize("block", [in_float64, deterministic])
def test_torch_is_as_before_also_after_a_failure(block):
    before = torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()
    with suppress(ZeroDivisionError), block():
        assert (torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()) != before
        raise ZeroDivisionError
    assert (torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()) == before
