"""What the pictures of a report show and what their captions say is missing."""

import numpy as np
import pandas as pd
import pytest
import torch

from bench_pde import drawings, report
from bench_pde.tasks.kept import pictures
from harness.plotting import looks


def test_given_is_a_channel_in_which_there_is_something_to_see():
    """Of Fisher's equation the first channels are coefficients, the same at all points."""
    given = np.ones((4, 3, 5))
    given[..., 4] = np.arange(12).reshape(4, 3)
    assert np.array_equal(report._given({"given": given}), given[..., 4].T)
    assert np.array_equal(report._given({"given": np.ones((4, 3, 1))}), np.ones((3, 4)))
    assert report._given({}) is None


def test_methods_that_a_panel_has_no_room_for_are_named():
    methods = [f"m{i}" for i in range(report.MOST_LINES + 2)]
    table = pd.DataFrame({"task": "t", "method": methods})
    plot = report._lines("name", "title", "Caption.", table, drawings.rollouts, looks(methods))
    assert plot.caption == f"Caption. Left out for want of room: {', '.join(methods[-2:])}."
    assert plot.draw.keywords["methods"] == methods[:-2]


@pytest.mark.parametrize("dimensions", [1, 2])
def test_what_is_kept_of_a_rollout_is_what_is_drawn(dimensions):
    """On a line all frames, at most 64 with the first and the last; in two dimensions the last."""
    target = (
        torch.arange(100.0)[None]
        .expand(2, 100)
        .reshape(2, 100, *[1] * dimensions, 1)
        .repeat(1, 1, *[8] * dimensions, 1)
    )
    kept = pictures(target + 1, target)
    frames = kept["target"].flatten(1)[:, 0].tolist()
    assert frames[-1] == 99
    assert len(frames) == {1: 64, 2: 1}[dimensions]
    assert dimensions == 2 or frames[0] == 0
    assert frames == sorted(set(frames))
    assert torch.equal(kept["prediction"], kept["target"] + 1)
    assert kept["spectrum_error"][0, 0] == 1
