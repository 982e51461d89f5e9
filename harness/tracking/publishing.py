"""A results tree -> a page that needs no network.

asv's own page fetches its libraries from content delivery networks, and without a network shows nothing. So `asv
publish` is only asked for the regressions that it detects, and the page, with all that it shows, is ours.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from harness.errors import BenchError, ResultsError
from harness.text import one_line
from harness.tracking import history, tree
from harness.tracking.history import History
from harness.tracking.settings import Settings
from harness.tracking.worktree import clean_environment


@dataclass(frozen=True)
class Page:
    """What was published, and where."""

    path: Path
    history: History
    regressions: int

    def __str__(self) -> str:
        counts = f"{len(self.history.commits)} commits, {len(self.history.series)} series"
        return f"{counts}, {self.regressions} regressions found by asv"


def publish(settings: Settings) -> Page:
    """Make the page of a results tree, in `settings.page`.

    Raises BenchError where nothing is measured or asv fails, ResultsError where a file of the tree is damaged or the
    page cannot be written.
    """
    found = history.read(settings.results, settings.repository)
    with tempfile.TemporaryDirectory() as folder:
        _publish(settings, Path(folder))
        count = history.mark(found, Path(folder, "html"), tree.read_json(settings.results / "benchmarks.json"))
    path = settings.page / "index.html"
    try:
        settings.page.mkdir(parents=True, exist_ok=True)
        path.write_text(_rendered(settings.project, found, count), encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written: {error}") from error
    return Page(path, found, count)


def _publish(settings: Settings, folder: Path) -> None:
    """Have asv publish into `folder`/html."""
    config = folder / "asv.conf.json"
    places = {"repo": settings.repository, "results_dir": settings.results, "html_dir": folder / "html"}
    branches = {"branches": list(settings.branches), "version": 1}
    tree.write_json(config, settings.raw | {name: str(path) for name, path in places.items()} | branches)
    command = [sys.executable, "-P", "-m", "asv", "publish", "--config", str(config), "--no-pull"]
    done = subprocess.run(command, env=clean_environment(), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode or not (folder / "html" / "regressions.json").exists():
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["nothing"]
        raise BenchError(f"asv could not publish {settings.results}; it says: {one_line(said[-1])}")


def _rendered(project: str, found: History, regressions: int) -> str:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    files = resources.files(__package__).joinpath("page")
    text = {name: files.joinpath(f"page.{name}").read_text(encoding="utf-8") for name in ("html", "css", "js")}
    digest = base64.b64encode(hashlib.sha256(text["js"].encode()).digest()).decode()
    counts = f"{len(found.series)} series at {len(found.commits)} commits; {regressions} regressions."
    strangers = ", ".join(hash[:8] for hash in found.strangers)
    return environment.from_string(text["html"]).render(
        script_hash=f"sha256-{digest}",
        title=f"{one_line(project)}: regressions",
        counts=counts,
        notes=[f"Not shown, for the repository does not have these commits: {strangers}."] if strangers else [],
        version=importlib.metadata.version("bench-harness"),
        style=Markup(text["css"]),
        script=Markup(text["js"]),
        data=Markup(json.dumps(found.plain(), allow_nan=False).replace("<", "\\u003c")),
    )
