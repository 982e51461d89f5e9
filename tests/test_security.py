"""Suites, results and plugins' names are data: nothing in them is executed, escapes a folder, or acts when shown."""

import io
import json
import pickle
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from rich.console import Console

from harness import data, describe
from harness.cli import main
from harness.errors import BenchError, DataError, SuiteError
from harness.executors import Ended, Proceeded
from harness.progress import Display
from harness.report import sections, tables
from harness.scoring import Progress
from harness.suite import read_suite
from harness.testing import Bench, install_plugin
from harness.text import is_name, one_line, printable
from harness.worker import Outcome

GOOD = "tasks: [guess]\nmethods: [shift]\n"
TITLE = "\x1b]0;owned\x07"  # renames the window of a terminal that is shown it
HOSTILE_NAMES = [
    "",
    ".",
    "..",
    "../x",
    "a/../../x",
    "/tmp/x",
    "a/b",
    "a\\b",
    ".hidden",
    "_downloads",
    "-x",
    "--help",
    "a b",
    " a",
    "a\n",
    "a\nb",
    "<b>a</b>",
    "<script>alert(1)</script>",
    "a|b",
    "a&b",
    "a'b",
    'a"b',
    "a;b",
    "$(id)",
    "`id`",
    "~",
    "*",
    "%2e%2e",
    "C:x",
    "a" + TITLE,
    "a\0b",
    "a\u202eb",
    "e\u0301",
    "é",
    "٣",
    "a" * 101,
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_what_is_no_name(name):
    assert not is_name(name)


@pytest.mark.parametrize("name", [None, 3, b"a", ["a"]])
def test_what_is_no_text_is_no_name(name):
    assert not is_name(name)


@pytest.mark.parametrize("name", ["a", "0", "S4D-Lin", "s4.v1_2+x", "a" * 100, "a..b", "a."])
def test_name(name):
    assert is_name(name)


@pytest.fixture
def run(tmp_path, toy_folder, monkeypatch):
    """Return a function that runs a suite, given as a file's name and its text, in a process that is there already."""
    monkeypatch.syspath_prepend(toy_folder)
    monkeypatch.chdir(tmp_path)

    def of(name, text):
        Path(name).write_text(text)
        return CliRunner().invoke(main, ["run", name])

    return of


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system [touch executed]",
        "!!python/object/apply:subprocess.check_output [[touch, executed]]",
        "!!python/object/new:os.system [touch executed]",
        "!!python/object/apply:builtins.eval [\"open('executed', 'w')\"]",
        "!!python/name:os.system ''",
        "!!python/module:executed ''",
        "!<tag:yaml.org,2002:python/object/apply:os.system> [touch executed]",
    ],
)
@pytest.mark.parametrize("place", ["title: {}\n", "? {}\n: 1\n", "description: [[{{a: {}}}]]\n"])
def test_tag_that_would_execute_code(tmp_path, run, monkeypatch, tag, place):
    (tmp_path / "executed.py").write_text("open('executed', 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    done = run("s.yaml", GOOD + place.format(tag))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("bench: s.yaml:3: the tag '")
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["executed.py", "s.yaml"]


@pytest.mark.parametrize(
    "stem", [".", "..", "-x", "--help", "a b", " ", ".hidden", "_report", "<b>", "a\nb", "é", "a" + TITLE, "a" * 101]
)
def test_suite_whose_file_gives_no_name(tmp_path, run, stem):
    done = run(f"./{stem}.yaml", GOOD)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f".yaml: a suite is named by its file, and {stem!r} can be no name; rename it: a name is " in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.strip().isprintable()
    assert list(tmp_path.iterdir()) == [tmp_path / f"{stem}.yaml"]
    assert not (tmp_path.parent / "results").exists()


def test_suite_in_a_folder_of_any_name(tmp_path):
    (tmp_path / "a b <c>").mkdir()
    (tmp_path / "a b <c>" / "fine.yaml").write_text(GOOD)
    assert read_suite(tmp_path / "a b <c>" / "fine.yaml").name == "fine"
    with pytest.raises(SuiteError, match="no such file"):
        read_suite(tmp_path / "not there.yaml")


PLUGIN = """
from dataclasses import replace
from pathlib import Path
from harness import Dataset, Family, Method, Metric, Section, Task, hookimpl
from bench_toy import TOY

NAME = {name!r}
METHOD = Method("fine", TOY, "bench_toy:shift", reference="")
TASK = Task("fine", TOY, "bench_toy:Guess", metrics=("distance",))

@hookimpl
def bench_{hook}():
    return [{item}]
"""
ITEMS = {
    "method": ("methods", "replace(METHOD, name=NAME)"),
    "task": ("tasks", "replace(TASK, name=NAME)"),
    "metric": ("metrics", "Metric(NAME, 'bench_toy:distance', better='lower')"),
    "dataset": ("datasets", "Dataset(NAME, 'bench_toy:numbers')"),
    "suite": ("suites", "Path('folder', NAME.replace('/', '') + '.yaml')"),
    "family of a method": ("methods", "replace(METHOD, family=Family(NAME, ''))"),
    "family of a task": ("tasks", "replace(TASK, family=Family(NAME, ''))"),
    "trait of a family": ("methods", "replace(METHOD, family=Family('f', '', traits={NAME: ''}))"),
    "trait of a method": ("methods", "replace(METHOD, traits=frozenset({NAME}))"),
    "trait that a task requires": ("tasks", "replace(TASK, requires=frozenset({NAME}))"),
}


NAMES = ["../x", "<img src=x onerror=alert(1)>", "a\nb" + TITLE]
NO_TEXTS = ["3", "None", "b'x'", "['x']"]


@pytest.fixture(scope="module")
def listed(tmp_path_factory, toy_folder):
    """The program with the toy plugin and many that bring no names; what it lists of each, and what it complains of."""
    folder = tmp_path_factory.mktemp("bad")
    sources = {}
    for what, (hook, item) in ITEMS.items():
        for i, name in enumerate(NAMES):
            sources[f"bad-{what}-{i}".replace(" ", "-")] = PLUGIN.format(name=name, hook=hook, item=item)
    for i, name in enumerate(NO_TEXTS):
        source = PLUGIN.format(name="x", hook="methods", item="replace(METHOD, name=NAME)")
        sources[f"no-text-{i}"] = source.replace("NAME = 'x'", f"NAME = {name}")
    for plugin, source in sources.items():
        install_plugin(folder, plugin, plugin.replace("-", "_"), source)
    bench = Bench(folder, [toy_folder, folder])
    states = {row["plugin"]: row["state"] for row in json.loads(bench("list", "plugins", "--json").stdout)}
    doctor = bench("doctor")
    assert doctor.returncode == 1
    problems = [line for line in doctor.stdout.splitlines() if line.startswith("problem: ")]
    assert len(problems) == len(sources)
    return bench, states, problems


@pytest.mark.parametrize("i", range(len(NAMES)))
@pytest.mark.parametrize("what", ITEMS)
def test_plugin_that_brings_no_name_is_set_aside(listed, what, i):
    _, states, problems = listed
    plugin, (hook, _), name = f"bad-{what}-{i} 1.0".replace(" ", "-", what.count(" ")), ITEMS[what], NAMES[i]
    assert states[plugin].startswith(f"set aside: the {hook[:-1]} ")
    shown = name.replace("/", "") if what == "suite" else name
    assert f" {shown!r}: a name is " in states[plugin]
    assert f" brings the {what.split()[0] if ' ' in what else 'name'} " in states[plugin]
    (problem,) = [line for line in problems if line.startswith(f"problem: plugin {plugin} was set aside: ")]
    assert problem.isprintable()


@pytest.mark.parametrize("i", range(len(NO_TEXTS)))
def test_name_that_is_no_text(listed, i):
    assert f"set aside: the method {NO_TEXTS[i]} brings the name {NO_TEXTS[i]}: " in listed[1][f"no-text-{i} 1.0"]


def test_plugins_that_are_set_aside_leave_the_others_as_they_were(listed):
    assert "shift" in listed[0]("list", "methods").stdout


def test_data_set_s_name_never_leads_out_of_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    for name in HOSTILE_NAMES:
        with pytest.raises(DataError, match="a name is "):
            data.load(name, "harness.data:content_digest", {})
    assert list(tmp_path.iterdir()) == []


ARRAYS = """
import numpy as np
def numbers(*, key: str = "inputs"):
    return {key: np.arange(3)}
"""


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Prepare an array of a name, and return its file."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "secpkg.py").write_text(ARRAYS)
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))

    def one(key="inputs"):
        data.load("d", "secpkg:numbers", {"key": key})
        (path,) = (tmp_path / "data" / "d").glob("*/*.npy")
        return path

    return one


@pytest.mark.parametrize("key", ["../x", "../../x", "/tmp/x", "a/b", "", ".."])
def test_array_s_name_never_leads_out_of_its_folder(tmp_path, prepared, key):
    with pytest.raises(DataError, match=r"data set 'd' cannot be made: an array is called .*, and a name is "):
        prepared(key)
    assert not list((tmp_path / "data").rglob("*.npy"))


class Executes:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def objects(evil):
    array = np.empty(1, dtype=object)
    array[0] = evil
    np.save(content := io.BytesIO(), array, allow_pickle=True)
    return content.getvalue()


def zipped(evil):
    array = np.empty(1, dtype=object)
    array[0] = evil
    np.savez(content := io.BytesIO(), inputs=array)
    return content.getvalue()


@pytest.mark.parametrize("make", [pickle.dumps, lambda evil: pickle.dumps(evil, 0), objects, zipped])
def test_prepared_array_that_was_replaced_by_a_pickle(tmp_path, prepared, make):
    path = prepared()
    path.write_bytes(make(Executes(tmp_path / "executed")))
    with pytest.raises(DataError, match=r"is damaged \(.*\); delete it, and it is prepared again"):
        prepared()
    assert not (tmp_path / "executed").exists()
    pickle.loads(pickle.dumps(Executes(tmp_path / "executed"))).close()
    assert (tmp_path / "executed").exists()  # so the pickle would have


def test_text_made_fit_to_show():
    assert one_line(f" a\tb\r\nc{TITLE}\x9b2J \u202e\udc80d ") == "a b c]0;owned2J d"
    assert printable(f"a\tb\n{TITLE}c\r\x00") == "a\tb\n]0;ownedc"


def test_error_is_one_line_without_control_characters():
    assert str(BenchError(f"no 'a{TITLE}'\nhere")) == "no 'a]0;owned' here"
    assert str(SuiteError("b\x9bad", path=f"a{TITLE}.yaml", line=3)) == "a]0;owned.yaml:3: bad"


def test_suite_that_names_what_a_terminal_obeys(toy: Bench):
    toy.write("s.yaml", 'tasks: ["guess\\e]0;owned\\a"]\nmethods: [shift]\n')
    done = toy("run", "s.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("bench: s.yaml:1: unknown task 'guess]0;owned'; known: ")
    assert done.stderr.strip().isprintable()
    toy.write("s.yaml", GOOD + '"\\e]0;owned\\a": 1\n')
    assert toy("run", "s.yaml").stderr.strip().isprintable()


def ended(status, reason, label):
    one = SimpleNamespace(id="x", label=label, metrics={"distance": ""})
    return Ended(SimpleNamespace(run=one, number=1), Outcome(status, reason, [], datetime.now(UTC), 1.0))


def test_lines_of_a_suite_that_runs_are_fit_to_show():
    console = Console(file=io.StringIO(), width=200)
    display = Display(console, [], 1, 2)
    display.observe(ended("failed", f"ValueError: {TITLE}\n[2/2] done everything", f"shift name={TITLE} on guess"))
    display.observe(ended("done", "", f"shift name={TITLE}\n on guess"))
    shown = console.file.getvalue()
    assert shown.count("\n") == 2
    assert shown.count("]0;owned") == 3
    assert all(line.isprintable() for line in shown.splitlines())


def test_live_display_is_fit_to_show():
    console = Console(file=io.StringIO(), width=200, color_system=None)
    display = Display(console, [], 1, 2)
    one = SimpleNamespace(id="x", label=f"shift name={TITLE} on guess", metrics={"distance": ""})
    display.observe(Proceeded(SimpleNamespace(run=one, number=1), Progress(1, 2, {f"loss{TITLE}": 1.0})))
    console.print(display._render())
    assert console.file.getvalue().count("]0;owned") == 2
    assert all(line.isprintable() for line in console.file.getvalue().splitlines())


def test_facts_are_fit_to_show():
    facts = [
        {"kind": "suite", "name": "s", "title": f"a{TITLE}", "description": f"two\nlines\r{TITLE}"},
        {"kind": "run", "id": "x", "method": "m", "method_params": {"a": f"{TITLE}\n  forged"}, "task": "t",
         "task_params": {}, "recipe": {}, "origin": f"by{TITLE}", "trial": 0, "seed": 0, "skip": f"no{TITLE}\nway"},
    ]  # fmt: skip
    text = describe.as_text(facts)
    assert text.splitlines() == [
        "suite s",
        "  title: a]0;owned",
        "  description: two",
        "    lines]0;owned",
        "  x  m a=]0;owned forged | t | seed 0 | by]0;owned | skip: no]0;owned way",
    ]


@pytest.mark.parametrize("text", [f"a{TITLE}b", "a\x9b2Jb", "a\u202eb", "a\udc80b"])
def test_markdown_holds_no_control_characters(text):
    assert tables.escape(text).isprintable()
    assert tables.escape(text).startswith("a")


def stored(**columns):
    """Results as they are after they were read, of two runs of which one failed, with these columns."""
    row = {
        "run": "x", "status": "done", "reason": "", "method_label": "m", "task_label": "t", "seed": 0,
        "libraries": "{}", "data": "d:1", "hardware": "h",
    } | columns  # fmt: skip
    rows = pd.DataFrame([row])
    return SimpleNamespace(
        rows=rows,
        runs=rows,
        title=row.get("title", "t"),
        suite_text=row.get("suite_text", ""),
        hardware={"h": {"cpu": row.get("cpu", ""), "cores": 1, "memory_gib": 1, "gpus": []}},
        counts=lambda: {row["status"]: 1},
        leaderboards=lambda: [],
        published=(),
    )


@pytest.mark.parametrize(
    "column",
    ["title", "status", "reason", "method_label", "task_label", "run", "libraries", "data", "cpu", "suite_text"],
)
def test_report_of_hostile_results(column):
    """Whatever a results file holds, its report shows it and is no page of the file's making."""
    hostile = f"<script>alert(1)</script>{TITLE}<img/src=x>\n\n<b>x</b>\n# heading\n"
    results = stored(**{"status": "failed", column: hostile})
    text = "\n".join([sections.leaderboards(results), sections.failures(results), sections.provenance(results)])
    assert printable(text) == text
    page = MarkdownIt("commonmark").enable("table").render(text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not re.search("<(script|img|b)", page)
    assert re.findall("<h[1-6]>", page) == ["<h1>", "<h2>", "<h2>"]


def test_reason_of_a_run_in_the_files_of_its_report(toy: Bench, tmp_path):
    source = """
from bench_toy import TOY
from harness import Method, hookimpl

def curses(*, x: float, name: str = "") -> float:
    raise ValueError("<script>alert(1)</script>\\x1b]0;owned\\x07 " + name)

@hookimpl
def bench_methods():
    yield Method("curses", TOY, "bench_bad:curses", reference="")
"""
    install_plugin(tmp_path / "bad", "bench-bad", "bench_bad", source)
    toy.path.append(tmp_path / "bad")
    toy.write("s.yaml", 'title: "<b>a</b>\\e]0;owned\\a"\ntasks: [guess]\nmethods:\n'
              '  - {method: curses, params: {name: "<i>\\e]0;owned\\a"}}\n')  # fmt: skip
    done = toy("run", "s.yaml")
    assert done.returncode == 1, done.stderr
    report = (toy.folder / "results" / "s" / "_report" / "report.md").read_text()
    assert printable(report) == report
    assert "&lt;script\\>alert(1)&lt;/script\\>\\]0;owned" in report
    outside = "\n".join(line for line in report.splitlines() if not line.startswith("    "))  # of the suite's text
    assert "<" not in outside
    assert "# &lt;b\\>a&lt;/b\\>" in outside
