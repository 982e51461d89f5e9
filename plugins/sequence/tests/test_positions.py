import math

import pytest
import torch

from bench_sequence.positions import add_positions


@pytest.mark.parametrize("d_model", [6, 7])
def test_sines_and_cosines_of_the_paper(d_model):
    x = torch.randn(2, 5, d_model, dtype=torch.float64)
    added = add_positions(x, start=3) - x
    for t in range(5):
        for channel in range(d_model):
            angle = (t + 3) / 10000 ** (channel // 2 * 2 / d_model)
            expected = math.cos(angle) if channel % 2 else math.sin(angle)
            assert added[0, t, channel].item() == pytest.approx(expected, abs=1e-14)
    torch.testing.assert_close(added[0], added[1], rtol=0, atol=1e-14)


def test_float32_positions_are_exact_far_out():
    added = add_positions(torch.zeros(1, 1, 8), start=1_000_003)
    assert added.dtype == torch.float32
    assert added[0, 0, 2].item() == pytest.approx(math.sin(1_000_003 / 10), abs=1e-7)
