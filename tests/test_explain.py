"""`bench run --explain`: why each run is, or is not, to be run again; and what is then run."""

import re
import shutil
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from harness import schema, store
from harness.testing import Bench, install_plugin

MANIFEST = """
from harness import Dataset, Family, Method, Metric, Task, hookimpl

FAMILY = Family("parts", "(*, x: float, **params) -> float", given=frozenset({"x"}))

@hookimpl
def bench_methods():
    yield Method("adds", FAMILY, "bench_parts.adds:adds", reference="")
    yield Method("borrows", FAMILY, "bench_parts.borrows:borrows", reference="")

@hookimpl
def bench_tasks():
    for name in ("guess", "other-guess"):
        target = f"bench_parts.{name.replace('-', '_')}:Guess"
        yield Task(name, FAMILY, target, metrics=("off",), datasets=("parts-numbers",))

@hookimpl
def bench_metrics():
    yield Metric("off", "bench_parts.metrics:off", better="lower")
    yield Metric("twice-off", "bench_parts.metrics:twice_off", better="lower")

@hookimpl
def bench_datasets():
    yield Dataset("parts-numbers", "bench_parts.numbers:numbers")
"""
MODULES = {
    "adds": "def adds(*, x, n: int = 1, sign: str = '+'):\n    return x + n\n",
    "borrows": "from bench_parts import shared\nimport fakelib\ndef borrows(*, x):\n    return shared.same(x)\n",
    "shared": "def same(x):\n    return x\n",
    "metrics": "def off(prediction):\n    return prediction\ndef twice_off(prediction):\n    return 2 * prediction\n",
    "numbers": "import numpy as np\ndef numbers(*, count: int = 3):\n    return {'numbers': np.arange(count)}\n",
    "guess": """
from dataclasses import dataclass
from harness import Outputs
@dataclass(frozen=True)
class Guess:
    x: float = 1.0
    def run(self, build, context):
        context.data("parts-numbers")
        yield Outputs(split="test", step=1, prediction=build(x=self.x))
""",
}
MODULES["other_guess"] = MODULES["guess"]
SUITE = "seeds: [0, 1]\ntasks: [guess, other-guess]\nmethods: [adds, borrows]\n"


class Plugin:
    """A plugin in parts, whose parts can be changed one by one, and a library that one of them imports."""

    def __init__(self, folder):
        self.folder = folder
        if folder.exists():
            return
        install_plugin(folder, "bench-parts", "bench_parts", "")
        (folder / "bench_parts.py").unlink()
        (folder / "bench_parts").mkdir()
        (folder / "bench_parts" / "__init__.py").write_text(MANIFEST)
        for name, text in MODULES.items():
            self.write(name, text)
        (folder / "fakelib.py").write_text("")
        self.library("1.0")

    def write(self, name, text):
        (self.folder / "bench_parts" / f"{name}.py").write_text(text)

    def library(self, version):
        for old in self.folder.glob("fakelib-*.dist-info"):
            (old / "METADATA").unlink()
            old.rmdir()
        info = self.folder / f"fakelib-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fakelib\nVersion: {version}\n")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A folder with the plugin and the results of its suite."""
    folder = tmp_path_factory.mktemp("original")
    bench = Bench(folder, [Plugin(folder / "plugin").folder])
    bench.write("s.yaml", SUITE)
    assert ran(bench) == ALL
    return folder


@pytest.fixture
def parts(original, tmp_path):
    """The program beside a plugin and the results of its whole suite."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    return Bench(tmp_path, [tmp_path / "plugin"])


@pytest.fixture
def plugin(parts):
    return Plugin(parts.folder / "plugin")


def explained(bench, *arguments):
    """Return what is said of each run, by its label, and the last line."""
    done = bench("run", "s.yaml", "--explain", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, total = done.stdout.splitlines()
    # <id>  <state>  <label>: <reason>; a label holds no colon
    found = {}
    for line in lines:
        label, _, reason = line[14:].partition(": ") if "skip:" not in line else line.partition("  ")
        found[label.split("  ")[-1].strip()] = re.sub(r"since run [0-9a-f]{12}", "since run R", reason)
    return found, total


def ran(bench, *arguments):
    """Run, and return the labels of the runs that were made."""
    done = bench("run", "s.yaml", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(re.findall(r"\] done (.*?): ", done.stdout))


ALL = sorted(
    f"{method} on {task}, seed {seed}"
    for method in ("adds", "borrows") for task in ("guess", "other-guess") for seed in (0, 1)
)  # fmt: skip
UP_TO_DATE = r"up to date: done on \d{4}-\d\d-\d\d \d\d:\d\d UTC, attempt 1"


def test_never_run_then_up_to_date(parts):
    found, total = explained(parts, "--results", "new")
    assert found == dict.fromkeys(ALL, "never run")
    assert total.startswith("8 runs, 8 to run, ")
    assert not (parts.folder / "new").exists()
    found, total = explained(parts)
    assert sorted(found) == ALL
    assert all(re.fullmatch(UP_TO_DATE, reason) for reason in found.values())
    assert total.startswith("8 runs, 0 to run, ")
    assert ran(parts) == []


def test_other_seed_and_other_parameters(parts):
    parts.write("s.yaml", SUITE.replace("[0, 1]", "[1, 2]").replace("[adds,", "[{method: adds, params: {n: 5}},"))
    found, _ = explained(parts)
    new = {label: reason for label, reason in found.items() if not reason.startswith("up to date")}
    assert new == {
        "borrows on guess, seed 2": "never run with seed 2",
        "borrows on other-guess, seed 2": "never run with seed 2",
        **{
            f"adds n=5 on {task}, seed {seed}": "never run with these parameters"
            for task in ("guess", "other-guess") for seed in (1, 2)
        },
    }  # fmt: skip
    assert ran(parts) == sorted(new)


def test_parameter_given_as_its_default_is_the_same_run(parts):
    parts.write("s.yaml", SUITE.replace("[adds,", "[{method: adds, params: {n: 1}},"))
    assert ran(parts) == []


def expect_changed(parts, reasons):
    """Assert that just the runs of these methods or tasks are explained so, and run again; afterwards none."""
    expected = {label: f"changed since run R: {reasons[part]}" for part in reasons for label in ALL if part in label}
    found, total = explained(parts)
    changed = {label: said for label, said in found.items() if not said.startswith("up to date")}
    assert changed == expected
    assert total.startswith(f"8 runs, {len(expected)} to run, ")
    assert ran(parts) == sorted(expected)
    assert all(said.startswith("up to date") for said in explained(parts)[0].values())


CODE = "the method's code"
TASK = "the code of the task, its metrics or data sets, or of the harness that scores them"


def test_one_method_whose_code_changed_and_another_whose_library_did(parts, plugin):
    plugin.write("adds", MODULES["adds"].replace("x + n", "x + n + 0"))
    plugin.library("2.0")
    expect_changed(parts, {"adds": CODE, "borrows": "fakelib 1.0 -> 2.0"})


def test_code_that_a_method_imports_changed(parts, plugin):
    plugin.write("shared", MODULES["shared"].replace("return x", "return x + 0"))
    expect_changed(parts, {"borrows": CODE})


def test_task_whose_code_changed(parts, plugin):
    plugin.write("other_guess", MODULES["guess"].replace("step=1", "step=2"))
    expect_changed(parts, {"other-guess": TASK})


@pytest.mark.parametrize("part", ["metrics", "numbers"])
def test_metric_or_data_set_whose_code_changed(parts, plugin, part):
    plugin.write(
        part, MODULES[part].replace("prediction)", "prediction, more=0)").replace("arange(count)", "ones(count)")
    )
    found, total = explained(parts)
    assert found == dict.fromkeys(ALL, f"changed since run R: {TASK}")
    assert total.startswith("8 runs, 8 to run, ")


def test_library_that_is_imported_anew(parts, plugin):
    plugin.write("adds", "import fakelib\n" + MODULES["adds"])
    found, total = explained(parts)
    changed = {label: said for label, said in found.items() if not said.startswith("up to date")}
    said = f"changed since run R: {CODE}, fakelib absent -> 1.0"
    assert changed == {label: said for label in ALL if "adds" in label}
    assert total.startswith("8 runs, 4 to run, ")


def test_several_changes_are_all_named(parts, plugin):
    plugin.write("other_guess", "import fakelib\n" + MODULES["guess"])
    plugin.library("2.0")
    found, _ = explained(parts)
    assert found["borrows on guess, seed 0"] == "changed since run R: fakelib 1.0 -> 2.0"
    assert found["adds on other-guess, seed 0"] == f"changed since run R: {TASK}, fakelib absent -> 2.0"
    assert found["adds on guess, seed 0"].startswith("up to date")


def test_comments_the_manifest_and_new_neighbours_change_nothing(parts, plugin):
    plugin.write("adds", '"""New words."""\n# a comment\n' + MODULES["adds"].replace("x + n", "(x + n)"))
    plugin.write("unused", "x = 1")
    path = plugin.folder / "bench_parts" / "__init__.py"
    path.write_text(MANIFEST.replace('better="lower")', 'better="lower", summary="off")'))
    assert ran(parts) == []


def test_other_cores(parts):
    parts.write("s.yaml", SUITE + "hardware: {cpus: 2}\n")
    found, total = explained(parts)
    reasons = set(found.values())
    assert len(reasons) == 1
    (reason,) = reasons
    lacking = "a run needs 2 cores" in str(found)
    assert lacking or reason == "changed since run R: its cores, GPUs or metrics, or why it is skipped"
    assert total.startswith("8 runs, 8 to run, ")


def test_other_metric_of_the_same_code(parts):
    parts.write("s.yaml", SUITE.replace("[guess,", "[{task: guess, metrics: [twice-off]},"))
    found, _ = explained(parts)
    changed = {label: said for label, said in found.items() if not said.startswith("up to date")}
    assert len(changed) == 4
    assert set(changed.values()) == {"changed since run R: its cores, GPUs or metrics, or why it is skipped"}


def test_back_to_what_was_run_before(parts, plugin):
    plugin.write("adds", MODULES["adds"].replace("x + n", "x - n"))
    ran(parts)
    plugin.write("adds", MODULES["adds"])
    found, _ = explained(parts)
    assert all(said.startswith("up to date") for said in found.values())


def test_every_ending(toy: Bench, ends):
    ends.copy_to(toy)
    found, total = explained(toy)
    assert re.fullmatch(UP_TO_DATE, found.pop("shift on guess, seed 0"))
    assert found == {
        "raises on guess, seed 0": "attempt 2 did not succeed: failed: ValueError: no such luck",
        "exits on guess, seed 0": "attempt 2 did not succeed: failed: "
        "the process exited with code 3 before the run was over",
        "dies on guess, seed 0": "attempt 2 did not succeed: killed: the process was ended by SIGKILL",
        "declines on guess, seed 0": "up to date: skipped: x is not to its liking",
        "diverges on guess, seed 0": "attempt 2 did not succeed: diverged: distance on test is nan at step 2",
    }
    assert total.startswith("6 runs, 4 to run, ")


def test_select_explains_only_what_is_chosen(toy: Bench, suite):
    done = toy("run", suite, "--explain", "--select", "seed=1,method=noise")
    assert [line[12:] for line in done.stdout.splitlines()[:1]] == ["  waiting   noise on guess, seed 1: never run"]


def test_run_that_another_session_is_at_counts_by_what_it_has_stored(faulty: Bench):
    faulty.write("s.yaml", "tasks: [fault-drill]\nmethods: [fault, {method: fault, params: {ending: hangs}}]\n")
    with faulty.start("run", "s.yaml", "-j", "1") as process:
        assert "done fault" in process.stdout.readline()
        found, _ = explained(faulty)
        process.kill()
        process.communicate(timeout=600)
    assert re.fullmatch(UP_TO_DATE, found["fault on fault-drill, seed 0"])
    assert found["fault ending=hangs on fault-drill, seed 0"] == "never run with these parameters"


def test_other_machine_and_other_device(toy: Bench, begun):
    """What was measured elsewhere, and merged, is no result of here."""
    begun.copy_to(toy)
    folder = toy.folder / "results" / "s"
    (path,) = store.files(folder)
    file = store.read_file(path)
    rows = file.rows.to_pylist()
    shift = {row["run"] for row in rows if row["method"] == "shift"}
    foreign = [
        row | {"run": row["run"][::-1], "hardware": "f" * 12, **({"device": "cuda"} if row["run"] in shift else {})}
        for row in rows
    ]
    store.write_file(path, pa.Table.from_pylist(foreign, schema=schema.SCHEMA), file.headers)
    found, _ = explained(toy, "--select", "seed=0")
    assert found == {
        "shift offset=0.5 on guess, seed 0": "changed since run R: the machine, device cuda -> cpu",
        "shift offset=-1.0 on guess, seed 0": "changed since run R: the machine, device cuda -> cpu",
        "noise on guess, seed 0": "changed since run R: the machine",
    }
    assert datetime.now(UTC) > max(row["started_at"] for row in rows)
