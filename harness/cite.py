"""BibTeX entries of what a suite uses: found by the identifiers, arXiv:… or doi:…, that references name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.catalog import Catalog
from harness.errors import CatalogError
from harness.suite import Suite

_IDENTIFIER = re.compile(r"(?:arXiv:|doi:)\S+?(?=[.;,)]*(?:\s|$))")
_FIELDS = {"arxiv": "eprint", "doi": "doi"}  # the field of an entry that holds such an identifier
_SPECIAL = str.maketrans({c: f"\\{c}" for c in "&%$#_"} | dict.fromkeys("{}\\"))


def cite(suite: Suite, catalog: Catalog) -> str:
    """Return an entry for each work that the suite's methods, tasks and data sets refer to, each once.

    The entries are those of the plugins' bibliographies (the hook `bench_references`). A work that is in none gets an
    entry of its reference alone, and a comment that says so. Raises CatalogError for an unknown method or task, and
    where a bibliography cannot be read.
    """
    library = {name: entry for file in catalog.references.values() for entry in _entries(file) for name in _ids(entry)}
    found: dict[str, str] = {}
    for item in _used(suite, catalog):
        for identifier in _IDENTIFIER.findall(item.reference) or filter(None, [item.reference]):
            known = library.get(identifier.lower())
            found.setdefault(identifier.lower(), known or _plain(item.name, item.reference, identifier))
    return "\n\n".join(_distinct(dict.fromkeys(found.values())))


def _used(suite: Suite, catalog: Catalog) -> Iterator[Any]:
    """Yield the methods, tasks and data sets of a suite, each once."""
    methods = dict.fromkeys(entry.name for entry in suite.methods)
    tasks = dict.fromkeys(entry.name for entry in suite.tasks)
    yield from (catalog.find("method", name) for name in methods)
    yield from (catalog.find("task", name) for name in tasks)
    yield from (catalog.find("dataset", name) for task in tasks for name in catalog.find("task", task).datasets)


def _entries(file: Path) -> list[str]:
    """Return the entries of a BibTeX file, as they stand; each begins with an "@" at the beginning of a line."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"bibliography {file} cannot be read: {error}") from error
    return [entry.strip() for entry in re.split(r"^(?=@)", text, flags=re.MULTILINE) if entry.startswith("@")]


def _ids(entry: str) -> list[str]:
    """Return the identifiers by which references name an entry, in lower case."""
    found = re.findall(r"^\s*(eprint|doi)\s*=\s*[{\"](.+?)[}\"]", entry, flags=re.MULTILINE | re.IGNORECASE)
    kinds = {field: kind for kind, field in _FIELDS.items()}
    return [f"{kinds[field.lower()]}:{value}".lower() for field, value in found]


def _plain(name: str, reference: str, identifier: str) -> str:
    """Return an entry of all that is known of a work that no bibliography has."""
    kind, _, number = identifier.partition(":")
    field = _FIELDS.get(kind.lower())
    fields = {"note": " ".join(reference.split()).translate(_SPECIAL)} | ({field: number} if field else {})
    fields |= {"archiveprefix": "arXiv"} if field == "eprint" else {}
    key = re.sub(r"\W+", "-", f"{name}-{number}" if field else name)
    lines = ",\n".join(f"  {key} = {{{value}}}" for key, value in fields.items())
    lacking = identifier if field else "its reference"
    return f"% {name}: no installed bibliography has {lacking}\n@misc{{{key},\n{lines}\n}}"


def _distinct(entries: Iterable[str]) -> Iterator[str]:
    """Yield entries, a letter added to the key of one whose key an earlier one has."""
    taken = set[str]()
    for entry in entries:
        match = re.search(r"^@\w+\s*\{\s*([^,\s]+)", entry, flags=re.MULTILINE)
        if match is None:
            yield entry
            continue
        key = next(k for k in (match[1] + letter for letter in ("", *"bcdefghijklmnopqrstuvwxyz")) if k not in taken)
        taken.add(key)
        yield entry[: match.start(1)] + key + entry[match.end(1) :]
