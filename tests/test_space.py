"""Ranges that are tuned over, and the points that are drawn from them."""

import pytest

from harness import Choice, Integers, LogUniform, Space, Uniform
from harness.trials import draw


@pytest.mark.parametrize(
    ("one", "share", "value"),
    [
        (Uniform(-1, 3), 0.0, -1),
        (Uniform(-1, 3), 0.5, 1),
        (LogUniform(1e-4, 1), 0.25, 1e-3),
        (LogUniform(1, 3), 0.5, 1.732),  # four digits
        (Integers(2, 4), 0.0, 2),
        (Integers(2, 4), 0.34, 3),
        (Integers(2, 4), 0.999, 4),
        (Choice(("a", 2)), 0.49, "a"),
        (Choice(("a", 2)), 0.5, 2),
    ],
)
def test_value_at_a_share(one, share, value):
    assert one.at(share) == pytest.approx(value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(1, 1), "from a number to a larger one, not from 1 to 1"),
        (lambda: Uniform(0, float("inf")), "from a number to a larger one"),
        (lambda: LogUniform(0, 1), "begins above 0"),
        (lambda: Integers(3, 2), "from a number to a larger one"),
        (lambda: Choice((1,)), "at least two different values"),
        (lambda: Choice((1, 1)), "at least two different values"),
        (Space, "at least one parameter"),
    ],
)
def test_range_of_nothing(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_points_fill_the_space_evenly():
    points = draw([Uniform(0, 1), Choice(("a", "b"))], 32)
    halves = [sum(x < 0.5 for x, _ in points), sum(one == "a" for _, one in points)]
    quarters = [sum((x < 0.5) == left and one == kind for x, one in points) for left in (0, 1) for kind in "ab"]
    assert halves == [16, 16]
    assert all(6 <= count <= 10 for count in quarters)


def test_fewer_points_are_the_first_of_more():
    ranges = [LogUniform(1e-3, 1), Integers(1, 9), Uniform(0, 1)]
    assert draw(ranges, 3) == draw(ranges, 50)[:3]
    assert draw(ranges, 50) == draw(ranges, 50)
