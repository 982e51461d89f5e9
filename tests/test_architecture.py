"""The laws of the house that a machine can hold."""

import ast
import inspect
from pathlib import Path

import pluggy
import pytest

import harness
from harness import hookspecs

ROOT = Path(__file__).parent.parent
MODULES = (
    "conditions",
    "conformance",
    "train",
    "data",
    "download",
    "archive",
    "measure",
    "plotting",
    "preparing",
    "results",
    "speed",
    "testing",
)
PUBLIC = {f"harness.{name}" for name in MODULES}
PLUGIN_FILES = sorted((ROOT / "plugins").rglob("bench_*/**/*.py"))
FORBIDDEN = {"utils", "util", "common", "helpers", "misc"}


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_plugins_import_nothing_private(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "harness":
            assert {alias.name for alias in node.names} <= set(harness.__all__)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness."):
            assert node.module in PUBLIC
        elif isinstance(node, ast.Import):
            assert {alias.name for alias in node.names if alias.name.startswith("harness")} <= PUBLIC


def test_no_file_is_a_drawer_for_everything():
    tracked = [p for folder in ("harness", "plugins", "tests") for p in (ROOT / folder).rglob("*.py")]
    assert not [path for path in tracked if path.stem in FORBIDDEN]


def test_every_hook_is_documented_and_called():
    sources = "\n".join(path.read_text() for path in (ROOT / "harness").rglob("*.py") if path.name != "hookspecs.py")
    docs = (ROOT / "ARCHITECTURE.md").read_text()
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    hooks = [name for name in dir(hookspecs) if name.startswith("bench_")]
    assert hooks
    for name in hooks:
        assert inspect.getdoc(getattr(hookspecs, name))
        assert f'"{name}"' in sources or f"hooks.{name}," in sources, name
        assert f"`{name}" in docs, name


def test_published_results_are_not_taken_for_one_s_own():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/results/*", "!/results/published/"} <= set(ignored)
