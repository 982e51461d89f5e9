"""The bibliography holds every work that methods and tasks name by an identifier."""

import re
from pathlib import Path

import bench_sequence

BIBLIOGRAPHY = Path(bench_sequence.__file__).with_name("references.bib").read_text(encoding="utf-8")


def test_every_identifier_is_in_the_bibliography():
    known = set(re.findall(r"(?:eprint|doi) = \{(.+)\}", BIBLIOGRAPHY))
    named = set()
    for item in (*bench_sequence.bench_methods(), *bench_sequence.bench_tasks()):
        named |= set(re.findall(r"(?:arXiv:|doi:)([\w./-]*\w)", item.reference))
    assert len(named) > 30
    assert not named - known
