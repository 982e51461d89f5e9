"""What a name stands for, what a suite expands to, what is installed: as plain data, and as text."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
from pathlib import Path
from typing import Any

from harness import data, provenance, source
from harness.catalog import Catalog, installed_plugins, load_catalog
from harness.errors import BenchError
from harness.hyperparameters import labelled
from harness.plan import plan
from harness.spec import Anchors, Method, Task
from harness.suite import read_suite
from harness.text import one_line, printable


def contributions(name: str, catalog: Catalog) -> list[dict[str, Any]]:
    """Return the facts of everything that goes by `name`: a task and a data set may share one."""
    found = []
    for kind in ("methods", "tasks", "metrics", "datasets"):
        if name in (items := getattr(catalog, kind)):
            owner = str(catalog.owners[kind, name])
            found.append(
                {
                    "kind": kind[:-1],
                    **_facts(items[name]),
                    **_published(items[name]),
                    "plugin": owner,
                    "parameters": _parameters(kind, items[name]),
                }
            )
    if name in catalog.families:
        members = [method.name for method in catalog.methods.values() if method.family.name == name]
        found.append({"kind": "family", **_facts(catalog.families[name]), "methods": members})
    return found


def expansion(path: Path, catalog: Catalog) -> list[dict[str, Any]]:
    """Return a suite with every run that it stands for, all parameters spelled out."""
    suite = read_suite(path)
    device = provenance.resolve_device(suite.hardware.device)
    suite = dataclasses.replace(suite, hardware=dataclasses.replace(suite.hardware, device=device))
    runs = plan(suite, catalog, hardware=provenance.fingerprint(provenance.hardware()))
    head = {
        "kind": "suite", "name": suite.name, "title": suite.title, "description": suite.description,
        "hardware": dataclasses.asdict(suite.hardware), "seeds": list(suite.seeds), "runs": len(runs),
        "skipped": sum(bool(run.skip) for run in runs), "tune": dataclasses.asdict(suite.tune) if suite.tune else {},
    }  # fmt: skip
    keys = (
        "id",
        "method",
        "method_params",
        "recipe",
        "origin",
        "trial",
        "task",
        "task_params",
        "seed",
        "device",
        "skip",
    )
    return [head, *({"kind": "run", **{key: getattr(run, key) for key in keys}} for run in runs)]


def installation() -> tuple[list[dict[str, Any]], list[str]]:
    """Return what is installed here, and what is wrong with it."""
    problems = [f"plugin {plugin} was set aside: {plugin.reason}" for plugin in installed_plugins() if plugin.reason]
    try:
        load_catalog()
    except BenchError as error:
        problems.append(str(error))
    folder = data.data_folder()
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(nearest, os.W_OK):
        problems.append(f"data folder {folder} cannot be written; set BENCH_DATA to another")
    versions = {
        name: importlib.metadata.version(name) for name in ("bench-harness", "torch", "numpy", "pandas", "pyarrow")
    }
    return [
        {"kind": "versions", "python": provenance.environment()["python"], **versions},
        {"kind": "hardware", **provenance.hardware(), "fingerprint": provenance.fingerprint(provenance.hardware())},
        {"kind": "data folder", "path": str(folder), "from": "BENCH_DATA" if "BENCH_DATA" in os.environ else "default"},
        {"kind": "plugins", **{str(p): "set aside" if p.reason else "works" for p in installed_plugins()}},
    ], problems


def as_text(facts: list[dict[str, Any]]) -> str:
    """Return facts as indented text without control characters; runs, which are many, on one line each."""
    return "\n".join(_run_line(fact) if fact["kind"] == "run" else printable(_block(fact)) for fact in facts)


def _published(item: Any) -> dict[str, Any]:
    """Return the presets and the space of a method, and nothing for what has neither."""
    if not isinstance(item, Method):
        return {}
    presets = {}
    for preset in item.presets:
        recipe = [labelled("recipe:", preset.recipe)] if preset.recipe else []
        presets[preset.name] = "; ".join([labelled(f"{preset.source}:", preset.params), *recipe])
    space = item.space
    ranges = {} if space is None else {**space.params, **{f"recipe {name}": one for name, one in space.recipe.items()}}
    source = {"source": space.source} if space and space.source else {}
    return {"presets": presets, "space": {**{name: str(one) for name, one in ranges.items()}, **source}}


def _facts(item: Any) -> dict[str, Any]:
    facts = {}
    for field in dataclasses.fields(item):
        value = getattr(item, field.name)
        if isinstance(item, Method | Task) and field.name == "family":
            value = item.family.name
        if field.name in ("presets", "space"):
            continue
        if isinstance(value, frozenset):
            value = sorted(value)
        elif isinstance(value, Anchors):
            value = dataclasses.asdict(value)
        elif isinstance(value, tuple):
            value = list(value)
        facts[field.name] = dict(value) if hasattr(value, "items") else value
    return facts


def _parameters(kind: str, item: Any) -> dict[str, str]:
    given = item.family.given if kind == "methods" else frozenset()
    found = source.parameters(item.target) if kind != "metrics" else {}
    return {
        name: f"{p.annotation}, required" if p.required else f"{p.annotation} = {p.default!r}"
        for name, p in found.items()
        if name not in given
    }


def _block(fact: dict[str, Any]) -> str:
    lines = [f"{fact['kind']} {fact.get('name', '')}".rstrip()]
    for key, value in fact.items():
        if key in ("kind", "name") or value in ("", [], {}, None):
            continue
        if isinstance(value, dict):
            lines += [f"  {key}:", *(f"    {name}: {text}" for name, text in value.items())]
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            lines.append(f"  {key}: " + text.replace("\n", "\n    "))
    return "\n".join(lines)


def _run_line(fact: dict[str, Any]) -> str:
    method = labelled(fact["method"], fact["method_params"])
    task = labelled(fact["task"], {**fact["task_params"], **fact["recipe"]})
    origin = f"trial {fact['trial']}" if fact["trial"] else fact["origin"]
    skip = f" | skip: {fact['skip']}" if fact["skip"] else ""
    return f"  {fact['id']}  " + one_line(f"{method} | {task} | seed {fact['seed']} | {origin}{skip}")
