"""BibTeX of what a suite uses."""

import re
from pathlib import Path

from harness import cite
from harness.catalog import load_catalog
from harness.suite import read_suite
from harness.testing import install_plugin

SUITES = Path(__file__).parent.parent / "suites"
PLUGIN = """
from pathlib import Path

from harness import Family, Method, Metric, Task, hookimpl

FAMILY = Family("cited", "() -> None")

@hookimpl
def bench_methods():
    yield Method("known", FAMILY, "bench_cited:f", reference="Someone 2020, arXiv:2001.00001, and doi:10.1/X_y")
    yield Method("unknown", FAMILY, "bench_cited:f", reference="Müller & Söhne {2021}, arXiv:2101.00001v2")
    yield Method("no-number", FAMILY, "bench_cited:f", reference="A talk, 100 % by heart")
    yield Method("nobody", FAMILY, "bench_cited:f", reference="")

@hookimpl
def bench_tasks():
    yield Task("posed", FAMILY, "bench_cited:f", metrics=("mse",), reference="Someone 2020, arXiv:2001.00001.")

@hookimpl
def bench_references():
    yield Path(__file__).with_name("works.bib")
"""
WORKS = """\
@article{same,
  title = {One},
  eprint = {2001.00001}
}

@misc{same,
  DOI = "10.1/x_Y"
}

@misc{other, eprint = {9999.00001}}
"""


def test_every_identifier_of_the_laptop_suite_is_in_a_bibliography():
    catalog = load_catalog()
    found = cite.cite(read_suite(SUITES / "ssm.yaml"), catalog)
    assert "no installed bibliography" not in found
    assert found.count("gu2022s4d,") == 1
    keys = re.findall(r"^@\w+\{(.+),$", found, flags=re.MULTILINE)
    assert len(keys) == len(set(keys)) >= 10


def test_known_unknown_and_clashing_works(bench, tmp_path):
    folder = tmp_path / "plugins"
    install_plugin(folder, "bench-cited", "bench_cited", PLUGIN)
    (folder / "works.bib").write_text(WORKS)
    bench.path.append(folder)
    bench.write("s.yaml", "tasks: [posed]\nmethods: [known, unknown, no-number, nobody]\n")
    done = bench("cite", "s.yaml")
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout
        == r"""@article{same,
  title = {One},
  eprint = {2001.00001}
}

@misc{sameb,
  DOI = "10.1/x_Y"
}

% unknown: no installed bibliography has arXiv:2101.00001v2
@misc{unknown-2101-00001v2,
  note = {Müller \& Söhne 2021, arXiv:2101.00001v2},
  eprint = {2101.00001v2},
  archiveprefix = {arXiv}
}

% no-number: no installed bibliography has its reference
@misc{no-number,
  note = {A talk, 100 \% by heart}
}
"""
    )


def test_missing_bibliography_and_unknown_method_are_one_line(bench, tmp_path):
    folder = tmp_path / "plugins"
    install_plugin(folder, "bench-cited", "bench_cited", PLUGIN)
    bench.path.append(folder)
    bench.write("s.yaml", "tasks: [posed]\nmethods: [known]\n")
    done = bench("cite", "s.yaml")
    assert done.returncode == 2
    assert "works.bib cannot be read" in done.stderr
    (folder / "works.bib").write_text(WORKS)
    bench.write("s.yaml", "tasks: [posed]\nmethods: [knwn]\n")
    done = bench("cite", "s.yaml")
    assert done.returncode == 2
    assert "did you mean 'known'?" in done.stderr
