"""Plots as files: each as PNG, SVG and PDF as wanted, and always the table that it shows as CSV."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from harness.report import style
from harness.report.plot import Plot

# No date and no name of a program: a report that is made again is the same file.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def write(plots: Sequence[Plot], folder: Path, kinds: Collection[str]) -> tuple[list[Path], dict[str, str]]:
    """Write plots into a folder, each in these kinds ("png", "svg", "pdf").

    Returns the paths, and the SVG of each plot by name where it is among the kinds. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths, svgs = list[Path](), dict[str, str]()
    for plot in plots:
        paths += _write_table(plot, folder)
    drawn = [plot for plot in plots if plot.draw]
    if not drawn or not kinds:
        return paths, svgs
    with style.drawing():
        for plot in drawn:
            made = _drawn(plot, kinds)
            for kind, content in made.items():
                path = folder / f"{plot.name}.{kind}"
                path.write_bytes(content)
                paths.append(path)
            if "svg" in made:
                svgs[plot.name] = made["svg"].decode()
    return paths, svgs


def _write_table(plot: Plot, folder: Path) -> list[Path]:
    if plot.table.empty:
        return []
    path = folder / f"{plot.name}.csv"
    table = plot.table
    if "seeds" in table:
        table = table.assign(seeds=[" ".join(map(repr, seeds)) for seeds in table["seeds"]])
    table.to_csv(path, index=False)
    return [path]


def _drawn(plot: Plot, kinds: Collection[str]) -> dict[str, bytes]:
    assert plot.draw is not None
    figure, made = plot.draw(plot.table), {}
    for kind in kinds:
        file = io.BytesIO()
        figure.savefig(file, format=kind, metadata=_METADATA[kind])
        made[kind] = file.getvalue()
    return made
