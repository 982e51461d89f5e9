"""Tables -> figures, with seaborn. Each function draws what its table says and decides nothing about it.

`methods` is the order of methods, best first, and `look` their looks, alike in all figures of a report. All draw within
`harness.report.style.drawing`; the tables are those of `harness.report.figures`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from harness.report import layout, style
from harness.report.style import Look, names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TIMES = [0.5, 1, 2, 4, 8, 16]  # the ticks of factors
FEW_BANDS = 5  # more bands hide each other


def scores(table: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Look]) -> Figure:
    """Draw each task's means with their intervals, the seeds behind them, and published numbers.

    Columns: task, axis, method, mean, low, high, like_best, published, seeds (a list of values).
    """
    shown = names(methods)
    left = style.widest(shown, style.SIZE - 0.5) + 0.15
    groups = {str(task): group for task, group in table.groupby("task", sort=False)}
    figure, all_axes, _ = layout.facets(
        len(groups), height=0.19 * len(methods) + 0.15, left=left, columns=3, gap=0.2, share_y=True,
        titles=list(groups),
    )  # fmt: skip
    place = {method: -i for i, method in enumerate(methods)}
    for i, (group, axes) in enumerate(zip(groups.values(), all_axes, strict=True)):
        y = group["method"].map(place).to_numpy(float)
        if style.is_wide(group["mean"].tolist(), 30):
            axes.set_xscale("log", nonpositive="clip")
            axes.set_xlim(group["mean"].min() / 2, group["mean"].max() * 2)
        _seeds(axes, group, y)
        best = group["like_best"].to_numpy(bool)
        for chosen, colour, face in ((best, style.BEST, style.BEST), (~best, style.MUTED, style.PAPER)):
            part = group[chosen]
            axes.hlines(y[chosen], part["low"], part["high"], color=colour, linewidth=1.2, zorder=3)
            axes.scatter(part["mean"], y[chosen], s=20, color=face, edgecolor=colour, linewidth=1.1, zorder=4)
        axes.scatter(group["published"], y, s=34, marker="|", color=style.PUBLISHED, linewidth=1.8, zorder=5)
        _name(axes, group["axis"].iloc[0])
        style.ticks(axes, y=False)
        axes.set_yticks(list(place.values()), shown)
        axes.tick_params(axis="y", length=0, labelleft=i % 3 == 0)
        axes.set_ylim(-len(methods) + 0.4, 0.6)
    return figure


def _seeds(axes: Axes, group: pd.DataFrame, y: np.ndarray[Any, Any]) -> None:
    values = [(value, at) for seeds, at in zip(group["seeds"], y, strict=True) for value in seeds]
    finite = np.array([pair for pair in values if np.isfinite(pair[0])]).reshape(-1, 2)
    axes.scatter(finite[:, 0], finite[:, 1], s=7, color="#b6bcc4", linewidth=0, zorder=2)


def curves(table: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Look], x: str = "step") -> Figure:
    """Draw each task's means against `x`, with the interval as a band.

    Columns: task, axis, method, that of `x`, mean, low, high, n.
    """
    import seaborn

    groups = {str(task): group for task, group in table.groupby("task", sort=False)}
    shown = names(methods)
    figure, all_axes, _ = layout.facets(len(groups), height=1.75, legend=shown, titles=list(groups))
    shade = 0.15 if len(methods) <= FEW_BANDS else 0.06
    for group, axes in zip(groups.values(), all_axes, strict=True):
        seaborn.lineplot(
            group,
            x=x,
            y="mean",
            hue="method",
            hue_order=list(methods),
            palette={method: look[method].colour for method in methods},
            estimator=None,
            legend=False,
            ax=axes,
            errorbar=None,
        )
        drawn = [method for method in methods if (group["method"] == method).any()]
        for line, method in zip(axes.get_lines(), drawn, strict=False):
            line.set_linestyle(look[method].dashes)
        for method in drawn:
            part = group[(group["method"] == method) & (group["n"] > 2)]  # the interval of two fills the panel
            axes.fill_between(part[x], part["low"], part["high"], color=look[method].colour, alpha=shade, lw=0)
        low, high = group["mean"].min(), group["mean"].max()
        if style.is_wide(group["mean"].tolist(), 20):
            axes.set_yscale("log")
            axes.set_ylim(low / 1.5, high * 1.5)
        else:
            axes.set_ylim(low - 0.12 * (high - low or 1), high + 0.12 * (high - low or 1))
        _name(axes, x, group["axis"].iloc[0])
        style.ticks(axes)
    layout.legend_below(figure, methods, look)
    return figure


def pareto(table: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Look]) -> Figure:
    """Draw each task's quality against cost; a line joins the methods that none beats in both.

    Columns: task, axis, cost_axis, better, method, cost, score, on_front.
    """
    groups = {str(task): group for task, group in table.groupby("task", sort=False)}
    shown = names(methods)
    figure, all_axes, _ = layout.facets(len(groups), height=1.9, legend=shown, titles=list(groups))
    for group, axes in zip(groups.values(), all_axes, strict=True):
        _scale(axes, group)
        front = group[group["on_front"]].sort_values(["cost", "score"])
        axes.step(front["cost"], front["score"], where="post", color=style.MUTED, linewidth=1, zorder=1)
        for method, cost, score in zip(group["method"], group["cost"], group["score"], strict=True):
            is_front = method in set(front["method"])
            axes.plot(
                cost,
                score,
                marker=look[method].marker,
                markersize=5,
                color=look[method].colour,
                markerfacecolor=look[method].colour if is_front else style.PAPER,
                linestyle="none",
                zorder=3,
            )
        _name(axes, group["cost_axis"].iloc[0], group["axis"].iloc[0])
        style.ticks(axes)
        line = list(zip(front["cost"], front["score"], strict=True))
        labels = front["method"].map(dict(zip(methods, shown, strict=True)))
        points = list(zip(front["cost"], front["score"], labels, strict=True))
        others = group.loc[~group["on_front"], ["cost", "score"]].to_numpy().tolist()
        corners = [corner for (x, y), (ahead, _) in itertools.pairwise(line) for corner in ((x, y), (ahead, y))]
        layout.label_points(axes, points, others, [*corners, *line[-1:]])
    layout.legend_below(figure, methods, look, markers=True, lines=False)
    return figure


def _scale(axes: Axes, group: pd.DataFrame) -> None:
    """Set linear or logarithmic axes, with room at the edges for labels."""
    for name, set_scale, set_limits in (
        ("cost", axes.set_xscale, axes.set_xlim),
        ("score", axes.set_yscale, axes.set_ylim),
    ):
        low, high = float(group[name].min()), float(group[name].max())
        if style.is_wide([low, high], 8):
            set_scale("log")
            margin = (high / low) ** 0.15
            set_limits(low / margin, high * margin)
        else:
            margin = 0.15 * ((high - low) or abs(high) or 1.0)
            set_limits(low - margin, high + margin)


def ranks(table: pd.DataFrame, cliques: Sequence[Sequence[str]]) -> Figure:
    """Draw mean ranks with their intervals, best on top; bars at the right join methods that cannot be told apart.

    Columns: method, rank, low, high, in the order of the ranks. A bar has a dot for each method of its clique.
    """
    methods = list(table["method"])
    shown = names(methods)
    left = style.widest(shown) + 0.2
    height, beside = 0.2 * len(methods) + 0.2, 0.16 * len(cliques) + (0.15 if cliques else 0.0)
    wide = left + 3.4 + beside + 0.15
    figure = layout.figure(wide, height + 0.55)
    axes = figure.add_axes((left / wide, 0.48 / (height + 0.55), 3.4 / wide, height / (height + 0.55)))
    y = -np.arange(len(methods))
    axes.hlines(y, table["low"], table["high"], color=style.BEST, linewidth=1.4, zorder=3)
    axes.scatter(table["rank"], y, s=26, color=style.BEST, zorder=4)
    axes.set_yticks(y, shown)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-len(methods) + 0.4, 0.6)
    style.ticks(axes, y=False, most=6)
    axes.set_xlabel("mean rank (1 is best)")
    for i, clique in enumerate(cliques):
        members = [y[methods.index(method)] for method in clique]
        x = 1 + (0.15 + 0.16 * i) / 3.4
        transform = axes.get_yaxis_transform()
        axes.plot([x, x], [members[0], members[-1]], color=style.INK, lw=2, transform=transform, clip_on=False)
        axes.plot([x] * len(members), members, "o", ms=3.6, color=style.INK, transform=transform, clip_on=False)
    return figure


def profile(
    table: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Look], x: str, y: str, is_log: bool = False
) -> Figure:
    """Draw a share against a threshold τ, with the 95 % interval as a band where there are few methods.

    Columns: method, threshold, share, low, high. `x` and `y` are the labels of the axes.
    """
    shown = names(methods)
    figure, (axes,), _ = layout.facets(1, height=2.4, legend=shown, width=layout.WIDTH)
    for method in methods:
        part = table[table["method"] == method]
        steps = "steps-post" if is_log else "default"
        axes.plot(part["threshold"], part["share"], color=look[method].colour, ls=look[method].dashes, drawstyle=steps)
        if len(methods) <= FEW_BANDS:
            axes.fill_between(part["threshold"], part["low"], part["high"], color=look[method].colour, alpha=0.12, lw=0)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(table["threshold"].min(), table["threshold"].max())
    _name(axes, x, y)
    if is_log:
        axes.set_xscale("log")
        axes.set_xticks(TIMES, [style.number(time) for time in TIMES])
        axes.minorticks_off()
        rising = table["share"] < table.groupby("method")["share"].transform("max")
        last = table.loc[rising, "threshold"].max()
        axes.set_xlim(table["threshold"].min(), next((time for time in TIMES[2:] if time > 1.1 * last), TIMES[-1]))
    else:
        style.ticks(axes, most=6)
    layout.legend_below(figure, methods, look)
    return figure


def scaling(table: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Look]) -> Figure:
    """Draw each task's cost against size on logarithmic axes, with the line that the fitted exponent gives.

    Columns: task, size_axis, axis, method, size, cost, fitted, exponent (text). The exponents stand in the data and in
    the report, not in the figure's legend, which the facets share.
    """
    groups = {str(task): group for task, group in table.groupby("task", sort=False)}
    titles = [task.rpartition(": ")[0] for task in groups]  # what was measured stands at the axis
    shown = names(methods)
    figure, all_axes, _ = layout.facets(len(groups), height=2.0, legend=shown, titles=titles)
    for group, axes in zip(groups.values(), all_axes, strict=True):
        ends = []
        for method in (method for method in methods if (group["method"] == method).any()):
            part = group[group["method"] == method].sort_values("size")
            one = look[method]
            axes.plot(part["size"], part["cost"], one.marker, ms=4, color=one.colour, zorder=3)
            axes.plot(part["size"], part["fitted"], color=one.colour, linestyle=one.dashes, lw=1, zorder=2)
            ends.append((float(part["size"].iloc[-1]), float(part["cost"].iloc[-1]), str(part["exponent"].iloc[0])))
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        least, most = float(group["size"].min()), float(group["size"].max())
        axes.set_xlim(least / (most / least) ** 0.06, most * (most / least) ** 0.75)  # room for the exponents
        axes.set_ylim(group["cost"].min() / 1.6, group["cost"].max() * 1.6)
        _name(axes, group["size_axis"].iloc[0], group["axis"].iloc[0])
        style.ticks(axes, x=False)
        _sizes(axes, sorted(group["size"].unique()))
        every = group[["size", "cost"]].to_numpy().tolist()
        layout.label_points(axes, sorted(ends, key=lambda end: -end[1]), every)
    layout.legend_below(figure, methods, look, markers=True)
    return figure


def _sizes(axes: Axes, sizes: Sequence[float]) -> None:
    """Put ticks at sizes that were measured, as many as there is room for."""
    step = max(1, -(-len(sizes) // 3))
    shown = list(sizes[::step])
    axes.set_xticks(shown, [f"{size:.0f}" if 1 <= size < 1e5 else style.number(size) for size in shown])
    axes.minorticks_off()


def pairs(table: pd.DataFrame, methods: Sequence[str]) -> Figure:
    """Draw a matrix of the chance that a run of the row's method beats one of the column's, in percent.

    Columns: a, b, improvement (NaN where the comparison is invalid), is_clear. Clear ones are bold.
    """
    import seaborn

    labels = names(methods)
    side, left = max(0.3 * len(methods), 1.2), style.widest(labels) + 0.2
    wide, high = left + side + 0.9, side + left + 0.2
    figure = layout.figure(wide, high)
    axes = figure.add_axes((left / wide, left / high, side / wide, side / high))
    bar = figure.add_axes(((left + side + 0.15) / wide, left / high, 0.12 / wide, side / high))
    index = list(methods)
    matrix = table.pivot(index="a", columns="b", values="improvement").reindex(index=index, columns=index)
    clear = table.pivot(index="a", columns="b", values="is_clear").reindex(index=index, columns=index)
    seaborn.heatmap(
        100 * matrix,
        vmin=0,
        vmax=100,
        cmap="PuOr",
        annot=True,
        fmt=".0f",
        annot_kws={"fontsize": style.SIZE - 1.5},
        linewidths=0.5,
        ax=axes,
        cbar_ax=bar,
        xticklabels=labels,
        yticklabels=labels,
    )
    shown = [(i, j) for i in range(len(index)) for j in range(len(index)) if matrix.notna().iat[i, j]]
    for (i, j), text in zip(shown, axes.texts, strict=True):
        if bool(clear.iat[i, j]):
            text.set_fontweight("bold")
    axes.grid(False)
    axes.set_xlabel("")
    axes.set_ylabel("")
    axes.tick_params(axis="x", rotation=90, length=0)
    axes.tick_params(axis="y", rotation=0, length=0)
    bar.set_ylabel("row beats column, %")
    return figure


def _name(axes: Axes, x: str, y: str = "") -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
