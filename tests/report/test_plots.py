"""Plots: right data, and no label over another, whatever the names and however many."""

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from harness.report import drawing, figure_tables, figures, style
from harness.results import Results
from harness.stats.scaling import exponent


def plots(found):
    boards, overviews = found.leaderboards(), [one for one in found.overviews() if one.methods]
    return {plot.name: plot for plot in figures.plots_of(found, boards, overviews)}


def texts(figure):
    """Return all texts that are seen in a figure, with their boxes in pixels."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    unseen = {id(label) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in _outside(axis)}
    found = {id(text): text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()}
    return [(text.get_text(), text.get_window_extent(renderer)) for key, text in found.items() if key not in unseen]


def _outside(axis):
    """Yield the labels of ticks beyond an axis's limits, which are not drawn."""
    low, high = sorted(axis.get_view_interval())
    for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
        if not low <= tick.get_loc() <= high:
            yield from (tick.label1, tick.label2)


def check_labels(figure):
    boxes = texts(figure)
    assert boxes
    wide, high = figure.bbox.width, figure.bbox.height
    for text, box in boxes:
        assert box.x0 >= -0.5, f"{text!r} is cut off at the left"
        assert box.y0 >= -0.5, f"{text!r} is cut off at the bottom"
        assert box.x1 <= wide + 0.5, f"{text!r} is cut off at the right"
        assert box.y1 <= high + 0.5, f"{text!r} is cut off at the top"
    for (a, of_a), (b, of_b) in itertools.combinations(boxes, 2):
        across = min(of_a.x1, of_b.x1) - max(of_a.x0, of_b.x0)
        along = min(of_a.y1, of_b.y1) - max(of_a.y0, of_b.y0)
        assert across <= 0.5 or along <= 0.5, f"{a!r} is over {b!r}"


CASES = {
    "small": {"tasks": 2, "methods": 2, "seeds": 2},
    "many": {"tasks": 6, "methods": 16, "seeds": 1},
    "four": {"tasks": 3, "methods": 5, "seeds": 3, "sizes": True, "published": True},
}


@pytest.fixture(scope="module", params=[*CASES, "hostile"])
def drawn(request, made, hostile):
    """The plots of a case, and their figures."""
    found = plots(hostile if request.param == "hostile" else made(**CASES[request.param]))
    with style.drawing():
        yield found, {name: plot.draw(plot.table) for name, plot in found.items() if plot.draw}


def test_no_label_is_over_another_or_cut_off(drawn):
    _, made = drawn
    assert len(made) >= 6
    with style.drawing():
        for name, figure in made.items():
            try:
                check_labels(figure)
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from None


def test_labels_that_overlap_are_found():
    with style.drawing():
        from harness.report import layout

        figure = layout.figure(3, 2)
        axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
        axes.annotate("one", (0.5, 0.5))
        axes.annotate("two", (0.51, 0.5))
        with pytest.raises(AssertionError, match="'one' is over 'two'"):
            check_labels(figure)


def test_a_long_title_goes_on_two_lines_before_anything_of_it_is_left_out():
    titles = ["digits", "merge-data-free pool=handwriting", "w" * 40]
    with style.drawing():
        from harness.report import layout

        _, axes, _ = layout.facets(3, height=1, titles=titles)
    shown = [one.get_title(loc="left") for one in axes]
    assert shown[:2] == ["digits", "merge-data-free\npool=handwriting"]
    assert shown[2].count("…") == 1
    assert shown[2].startswith("www")


def test_front_is_what_no_other_beats_in_both(made):
    table = plots(made(1, 6, 1))["pareto"].table
    points = list(zip(table["cost"], table["score"], table["on_front"], strict=True))
    for cost, score, on_front in points:
        beaten = any(c <= cost and s >= score and (c, s) != (cost, score) for c, s, _ in points)
        assert on_front is (not beaten) or on_front == (not beaten)


def test_a_task_without_costs_is_left_out_of_the_front(made):
    found = made(2, 3, 2)
    bare = (found.history["task"] == "t1") & found.history["metric"].isin(["seconds_per_step", "parameters"])
    table = plots(Results(found.history[~bare], found._headers))["pareto"].table
    assert set(table["task"]) == {"t0"}
    assert table["cost"].dtype == float


def test_a_task_of_one_method_has_no_front(made):
    found = made(2, 3, 2)
    others = (found.history["task"] == "t1") & (found.history["method"] != "m1")
    table = plots(Results(found.history[~others], found._headers))["pareto"].table
    assert set(table["task"]) == {"t0"}


def test_curve_is_the_mean_with_students_interval(made):
    found = made(1, 2, 3)
    table = plots(found)["curves"].table
    values = found.rows.query("split == 'val' and step == 200 and method == 'm1'")["value"].to_numpy()
    line = table[(table["method"] == "m1") & (table["step"] == 200)].iloc[0]
    assert line["mean"] == pytest.approx(values.mean())
    assert line["high"] - line["mean"] == pytest.approx(4.302653 * values.std(ddof=1) / math.sqrt(3), rel=1e-5)


def test_exponents_are_those_of_the_power_law(made):
    table = plots(made(1, 3, 2, sizes=True))["scaling"].table
    for i, (_, group) in enumerate(table.groupby("method")):
        assert exponent(group["size"], group["cost"]).mean == pytest.approx(1 + i / 4)
        assert group["exponent"].iloc[0].startswith(f"{1 + i / 4:.2f}")
        assert np.allclose(group["fitted"], group["cost"])


def test_two_of_a_pair_sum_to_one_and_ranks_to_their_mean(made):
    found = plots(made(3, 4, 2))
    table = found["pairs"].table.set_index(["a", "b"])["improvement"]
    assert all(table[a, b] + table[b, a] == pytest.approx(1) for a, b in table.index)
    assert found["ranks"].table["rank"].sum() == pytest.approx(4 * 2.5)


def test_profile_of_time_is_the_share_of_tasks_within_a_factor_of_the_fastest(made):
    found = made(4, 3, 2)
    table = plots(found)["cost-profile"].table
    times = found.rows[found.rows["metric"] == "seconds_per_step"]
    means = times.groupby(["task_label", "method"])["value"].mean().unstack()
    for method, group in table.groupby("method"):
        of_method = times[times["method"] == method]
        relative = of_method["value"] / of_method["task_label"].map(means.min(axis=1))
        for factor, share in zip(group["threshold"], group["share"], strict=True):
            assert share == pytest.approx((relative <= factor).mean())


def test_six_tasks_have_cliques_and_fewer_say_so(made):
    few, six = plots(made(3, 3, 1))["ranks"], plots(made(6, 3, 1))["ranks"]
    assert "takes at least 6 tasks" in few.caption
    assert "cliques" in six.table


def test_tasks_of_one_family_that_a_figure_has_no_room_for_go_into_several(made):
    found = plots(made(13, 2, 1))
    assert [name for name in found if name.startswith("scores")] == ["scores-1", "scores-2"]
    assert [found[f"scores-{i}"].table["task"].nunique() for i in (1, 2)] == [7, 6]
    assert found["scores-2"].title == "Scores on each task, 2"
    assert list(found["pareto-2"].table["task"].unique()) == [*(f"t{i}" for i in range(7, 13)), "all tasks"]
    check_labels(found["scores-2"].draw(found["scores-2"].table))
    assert [name for name in plots(made(12, 2, 1)) if name.startswith("scores")] == ["scores"]


def test_each_family_has_figures_of_its_own(made):
    found = made(3, 3, 1)
    other = found.history["task"] == "t2"
    rows = found.history.assign(family=found.history["family"].where(~other, "g"))
    rows = rows[~(other & (rows["method"] == "m1"))]
    found = plots(Results(rows, found._headers))
    assert [name for name in found if name.startswith("scores")] == ["scores-f", "scores-g"]
    assert found["scores-g"].title == "Scores on each task, g"
    assert list(found["scores-g"].table["method"]) == ["m0", "m2"]
    with style.drawing():
        check_labels(found["scores-g"].draw(found["scores-g"].table))


def test_legend_of_one_panel_keeps_to_it(made):
    plot = plots(made(1, 16, 2))["pareto"]
    with style.drawing():
        check_labels(plot.draw(plot.table))


POOLS = {f"t{i}": f"merge-data-free pool={pool}" for i, pool in enumerate(("procedural", "made-adamw", "of-a-cnn"))}
UNLIKE = {f"t{i}": f"{i}-of-three-tasks option={'very-' * 6}long" for i in range(3)}


@pytest.mark.parametrize("labels", [POOLS, UNLIKE], ids=["alike", "unlike"])
def test_names_of_panels_keep_to_their_panels(made, monkeypatch, labels):
    monkeypatch.setattr(figure_tables, "_label", lambda board: labels[board.task])
    found = plots(made(3, 4, 2))
    for plot in (found["scores"], found["pareto"]):
        with style.drawing():
            check_labels(plot.draw(plot.table))
        assert set(plot.table["task"]) - {"all tasks"} == set(labels.values())


def test_panels_are_named_by_what_tells_them_apart(made, monkeypatch):
    monkeypatch.setattr(figure_tables, "_label", lambda board: POOLS[board.task])
    plot = plots(made(3, 4, 2))["scores"]
    assert plot.caption.endswith(" All panels are of merge-data-free.")
    with style.drawing():
        figure = plot.draw(plot.table)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["pool=procedural", "pool=made-adamw", "pool=of-a-cnn"]


@pytest.mark.parametrize(
    ("labels", "titles"),
    [
        (["a", "b"], ["a", "b"]),
        (["a steps=300 size=32", "a steps=100 size=64", "b"], ["a size=32", "a size=64", "b"]),
        (["a x=1 y=1", "a x=1 y=2", "a x=2 y=1"], ["a x=1 y=1", "a x=1 y=2", "a x=2 y=1"]),  # none alone tells
        (["a x=1 (val)", "a x=2 (val)"], ["a x=1 (val)", "a x=2 (val)"]),
        (["a", "a x=2"], ["a", "a x=2"]),
    ],
)
def test_title_of_a_panel_is_the_shortest_that_tells(labels, titles):
    assert list(figures._titles(labels).values()) == titles


def test_the_interval_of_two_seeds_is_no_band(made):
    for seeds, bands in ((2, 0), (3, 2)):
        plot = plots(made(1, 2, seeds))["curves"]
        (axes,) = plot.draw(plot.table).axes
        assert sum(len(path.vertices) > 0 for band in axes.collections for path in band.get_paths()) == bands


def test_quality_is_drawn_against_a_cost_that_differs(made):
    found = made(2, 3, 2)
    rows = found.history.copy()
    rows.loc[rows["metric"] == "seconds_per_step", "value"] = 1.0
    assert set(plots(Results(rows, found._headers))["pareto"].table["cost_axis"]) == {"parameters"}
    rows.loc[rows["metric"] == "parameters", "value"] = 1.0
    absent = plots(Results(rows, found._headers))["pareto"].absent
    assert absent == "no cost was measured of two methods on one task, or all cost the same"


def test_quality_is_drawn_against_any_time_rather_than_against_size(made):
    found = made(2, 3, 2)
    rows = found.history.replace({"metric": {"seconds_per_step": "solve_seconds"}})
    training = found.history[found.history["metric"] == "seconds_per_step"].replace("seconds_per_step", "a_minor_time")
    rows = pd.concat([training, rows], ignore_index=True)
    headers = json.loads(json.dumps(found._headers).replace("seconds_per_step", "solve_seconds"))
    headers[-1]["metrics"]["a_minor_time"] = headers[-1]["metrics"]["solve_seconds"]
    assert set(plots(Results(rows, headers))["pareto"].table["cost_axis"]) == {"solve_seconds (s)"}


def test_files_hold_what_was_drawn_and_are_the_same_again(made, tmp_path):
    chosen = [plots(made(2, 2, 2, published=True))["scores"]]
    first, svgs = drawing.write(chosen, tmp_path / "a", ["png", "svg", "pdf"])
    again, _ = drawing.write(chosen, tmp_path / "b", ["png", "svg", "pdf"])
    assert [path.name for path in first] == ["scores.csv", "scores.png", "scores.svg", "scores.pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert [path.read_bytes()[:4] for path in first[1:]] == [b"\x89PNG", b"<?xm", b"%PDF"]
    assert list(svgs) == ["scores"]
    table = pd.read_csv(first[0])
    assert list(table["method"]) == ["m0", "m1", "m0", "m1"]
    assert len(table["seeds"].iloc[0].split()) == 2


def test_looks_differ_and_do_not_rest_on_colour_alone():
    names = [str(i) for i in range(56)]
    found = style.looks(names)
    assert len({(one.colour, one.marker) for one in found.values()}) == 56
    assert len({(one.colour, str(one.dashes)) for one in list(found.values())[:28]}) == 28


def test_names_are_short_but_never_alike():
    long = [f"neurbf multi_frequency={way} placed={place}" for way in ("true", "false") for place in ("adaptive", "x")]
    shown = style.names([*long, "fno", "w" * 50])
    assert len(set(shown)) == 6
    assert shown[4] == "fno"
    assert shown[5] == style.short("w" * 50)
    assert shown[0] == "neurbf mult…=true placed=adaptive"
    ends = [f"{'a' * 30}{middle}{'b' * 30}" for middle in "xyz"]
    assert len(set(style.names(ends))) == 3


def test_ticks_of_a_narrow_axis_are_as_many_as_have_room():
    from harness.report import layout

    with style.drawing():
        figure = layout.figure(3, 2)
        axes = figure.add_axes((0.2, 0.2, 0.5, 0.7))
        axes.set_xlim(0.0031, 0.0041)
        style.ticks(axes)
        check_labels(figure)
        assert len([tick for tick in axes.get_xticks() if 0.0031 <= tick <= 0.0041]) >= 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.25"), (1500, "1.5k"), (2e7, "20M"), (-3, "−3"), (1e-5, "1e−5"), (3e9, "3G")],
)
def test_ticks_are_short(value, text):
    assert style.number(value) == text
