"""`bench run` as a user starts it: results, resuming, endings. The worse of these are in `tests/faults`."""

import json
import zlib

import pandas as pd
import pyarrow.parquet as pq

from harness.logs import log_path
from harness.schema import SCHEMA, VALUE_COLUMNS
from harness.testing import Bench, install_plugin


def test_suite_runs_resumes_and_repeats(toy: Bench, suite):
    first = toy("run", suite)
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("] done ") == 9
    assert "9 runs: 9 done, 0 failed, 0 skipped\n" in first.stdout
    table = pd.read_parquet(toy.folder / "results" / "s")
    assert list(table.columns) == SCHEMA.names
    assert table.groupby("run").size().eq(2).all()  # one value on val, one on test
    shifted = table[(table.method == "shift") & (table.split == "test")]
    assert set(zip(shifted.method_params, shifted.value, strict=True)) == {
        ('{"offset": 0.5}', 3.5),
        ('{"offset": -1.0}', 2.0),
    }
    assert set(table.unit) == {"m"}
    assert set(table.status) == {"done"}

    again = toy("run", suite)
    assert again.returncode == 0
    assert "] done " not in again.stdout
    assert again.stdout == first.stdout.partition("[9/9]")[2].partition("\n")[2]
    assert len(list((toy.folder / "results" / "s").glob("*.parquet"))) == 1

    other = toy("run", suite, "--results", "again", "-j", "1")
    assert other.returncode == 0
    repeated = pd.read_parquet(toy.folder / "again" / "s")
    key = ["run", "split", "step", "metric", "value", "data", "source", "hardware"]
    pd.testing.assert_frame_equal(
        table[key].sort_values(key).reset_index(drop=True), repeated[key].sort_values(key).reset_index(drop=True)
    )


def test_file_spells_out_hardware_environment_and_suite(begun):
    (path,) = (begun.folder / "results" / "s").glob("*.parquet")
    table, headers = pq.read_table(path), json.loads(pq.read_schema(path).metadata[b"bench"])
    ((session, header),) = headers.items()
    assert set(table["session"].to_pylist()) == {session}
    assert set(table["hardware"].to_pylist()) == set(header["hardware"])
    assert set(table["environment"].to_pylist()) == set(header["environment"])
    (environment,) = header["environment"].values()
    assert "torch" in environment
    assert header["suite_text"] == (begun.folder / "s.yaml").read_text()
    assert set(header["plan"]) == set(table["run"].to_pylist())


def test_more_seeds_run_only_what_is_new(toy: Bench, begun):
    begun.copy_to(toy)
    some = toy("run", "s.yaml", "--select", "seed=0,method=shift", "--select", "offset=0.5", "--dry-run")
    assert "\n4 runs, 2 to run, " in some.stdout
    done = toy("run", "s.yaml")
    assert done.stdout.count("] done ") == 9 - 3
    assert len(list((toy.folder / "results" / "s").glob("*.parquet"))) == 2


def test_hooks_observe_and_sections_report(toy: Bench, suite):
    done = toy("run", suite, "--select", "seed=0,method=noise")
    assert done.stderr == "observed start of noise\nobserved done of noise with 2 rows\n"
    report = (toy.folder / "results" / "s" / "_report" / "report.md").read_text()
    assert "| 1 | **noise** | " in report
    assert "## Toy section\n\n1 runs.\n" in report
    assert toy("report", "results/s").stdout == toy("report", suite).stdout


def test_section_observer_and_report_that_fail_end_nothing(toy: Bench, suite, tmp_path):
    source = (
        "from harness import Section, hookimpl\n@hookimpl\ndef bench_sections():\n"
        "    yield Section('A bad one', 'bench_bad:bad')\ndef bad(results):\n    return 1 / 0\n"
    )
    install_plugin(tmp_path / "bad", "bench-bad", "bench_bad", source)
    observer = "from harness import hookimpl\n@hookimpl\ndef bench_run_finished(run):\n    raise OSError('no room')\n"
    install_plugin(tmp_path / "failing", "bench-failing", "bench_failing", observer)
    toy.path += [tmp_path / "bad", tmp_path / "failing"]
    run = toy("run", suite, "--select", "seed=0,method=noise")
    assert run.returncode == 0
    assert "a plugin failed in bench_run_finished: OSError: no room\n" in run.stderr
    report = (toy.folder / "results" / "s" / "_report" / "report.md").read_text()
    assert "## A bad one\n\nThis section failed: ZeroDivisionError: division by zero\n" in report
    headings = [line for line in report.splitlines() if line.startswith("#")]
    assert headings == ["# s", "## guess", "## Provenance", "## A bad one", "## Toy section"]

    toy.write("taken", "a file")
    done = toy("report", suite, "--out", "taken/report")
    assert done.returncode == 2
    assert "bench: the report cannot be written: " in done.stderr
    assert toy("report", "nowhere-at-all").returncode == 2


def test_every_ending_is_a_row_and_ends_nothing_else(ends):
    done, again = ends.said
    assert done.returncode == 1
    table = pd.read_parquet(ends.folder / "results" / "s")
    table = table[table["attempt"] == 1]
    ended = table.drop_duplicates("run").set_index("method")
    assert dict(ended["status"]) == {
        "raises": "failed", "exits": "failed", "dies": "killed",
        "diverges": "diverged", "declines": "skipped", "shift": "done",
    }  # fmt: skip
    assert ended.loc["raises", "reason"] == "ValueError: no such luck"
    assert ended.loc["exits", "reason"] == "the process exited with code 3 before the run was over"
    assert ended.loc["dies", "reason"] == "the process was ended by SIGKILL"
    assert ended.loc["diverges", "reason"] == "distance on test is nan at step 2"
    assert ended.loc["declines", "reason"] == "x is not to its liking"
    run = ended.loc["raises", "run"]
    assert log_path(ends.folder / "results" / "s", run, 1).read_text().startswith("about to fail\nTraceback")
    (line,) = [line.strip() for line in done.stdout.splitlines() if line.startswith(run)]
    assert line.split(maxsplit=6) == [run, "failed", "raises", "guess", "0", "1", "ValueError: no such luck"]
    assert "6 runs: 1 done, 2 failed, 1 skipped, 1 diverged, 1 killed\n" in done.stdout

    assert again.returncode == 1
    assert again.stdout.count("/6] ") == 4  # what is done or skipped is not tried again
    attempts = pd.read_parquet(ends.folder / "results" / "s").groupby("method")["attempt"].max()
    assert dict(attempts) == {"raises": 2, "exits": 2, "dies": 2, "diverges": 2, "declines": 1, "shift": 1}
    assert "6 runs: 1 done" in again.stdout


GUARDED = """\
from bench_toy import Guess, TOY
from harness import BenchError, Task, hookimpl

@hookimpl
def bench_tasks():
    names = {"metrics": ("distance",), "datasets": ("numbers",)}
    yield Task("guarded", TOY, "bench_toy:Guess", **names, guard="bench_guarded:look")

def look(*, target, count):
    with open("looked", "a") as file:
        file.write(f"{target} ")
    if target < 0:
        raise BenchError(f"{target} is no target")
"""


def test_tasks_look_at_their_parameters_before_anything_is_run(tmp_path, toy_folder):
    install_plugin(tmp_path / "guarded", "bench-guarded", "bench_guarded", GUARDED)
    bench = Bench(tmp_path, [toy_folder, tmp_path / "guarded"])
    bench.write("s.yaml", "seeds: [0, 1]\ntasks: [{task: guarded, grid: {target: [1.0, -1.0]}}]\nmethods: [shift]\n")
    done = bench("run", "s.yaml")
    assert (done.returncode, done.stderr) == (2, "bench: -1.0 is no target\n")
    assert not (tmp_path / "results").exists()
    assert bench("run", "s.yaml", "--select", "target=1.0").returncode == 0
    assert (tmp_path / "looked").read_text() == "1.0 -1.0 1.0 ", "once for all seeds"
    assert bench("run", "s.yaml", "--select", "target=1.0").returncode == 0
    assert (tmp_path / "looked").read_text() == "1.0 -1.0 1.0 ", "what is done needs no look"


def test_missing_trait_skips_with_the_reason(toy: Bench):
    toy.write("s.yaml", "tasks: [strict-guess]\nmethods: [shift, noise]\n")
    done = toy("run", "s.yaml")
    assert done.returncode == 0
    assert "skipped noise on strict-guess, seed 0: the task needs exact, which the method does not claim" in done.stdout
    assert "2 runs: 1 done, 0 failed, 1 skipped" in done.stdout


def test_changed_code_is_another_run(toy: Bench, suite, begun, tmp_path, toy_folder):
    begun.copy_to(toy)
    changed = tmp_path / "changed"
    changed.mkdir()
    for source in toy_folder.iterdir():
        if source.is_dir() and source.suffix == ".dist-info":
            (changed / source.name).mkdir()
            for file in source.iterdir():
                (changed / source.name / file.name).write_text(file.read_text())
    original = (toy_folder / "bench_toy.py").read_text()
    toy.path[:] = [changed]

    (changed / "bench_toy.py").write_text(
        original.replace("    return x + scale", "    # a comment\n    return x + scale")
    )
    assert "3 runs, 2 to run" in toy("run", suite, "--select", "method=noise", "--dry-run").stdout
    (changed / "bench_toy.py").write_text(original.replace("return x + scale", "return x - scale"))
    assert "3 runs, 3 to run" in toy("run", suite, "--select", "method=noise", "--dry-run").stdout


def test_session_killed_after_its_last_run_is_published_by_the_next(toy: Bench, suite, begun):
    begun.copy_to(toy)
    folder = toy.folder / "results" / "s"
    (path,) = folder.glob("*.parquet")
    rows = pq.read_table(path).to_pylist()
    lines = list(json.loads(pq.read_schema(path).metadata[b"bench"]).values())
    for row in rows:
        value = {column: row.pop(column) for column in VALUE_COLUMNS}
        lines.append({"common": row | {"started_at": row["started_at"].isoformat()}, "values": [value]})
    path.unlink()
    text = [json.dumps(line).encode() for line in lines]
    journal = b"".join(b"%08x %s\n" % (zlib.crc32(line), line) for line in text)
    (folder / "_journal" / f"{path.stem}.journal").write_bytes(journal)
    done = toy("run", suite, "--select", "seed=0")
    assert "/3] done" not in done.stdout
    assert len(pd.read_parquet(folder)) == len(rows)
    assert not list((folder / "_journal").iterdir())


def test_readable_without_the_plugin(toy: Bench, begun):
    begun.copy_to(toy)
    toy.path.clear()
    done = toy("report", "results/s")
    assert done.returncode == 0, done.stderr
    assert "distance ↓" in done.stdout


def test_message_that_is_no_text_is_stored_and_shown(toy: Bench, tmp_path):
    """A file name may hold bytes that are no characters; a message with it must not stop a screen or a file."""
    source = (
        "from harness import Method, Skip, hookimpl\nfrom bench_toy import TOY\n@hookimpl\ndef bench_methods():\n"
        "    return [Method(name, TOY, 'bench_odd:' + name, reference='') for name in ('fails', 'declines_it')]\n"
        "def fails(*, x: float): raise ValueError('no file ' + b'\\xff'.decode(errors='surrogateescape'))\n"
        "def declines_it(*, x: float): raise Skip('not' + chr(10) + 'now' + chr(0xd800))\n"
    )
    install_plugin(tmp_path / "odd", "bench-odd", "bench_odd", source)
    toy.path.append(tmp_path / "odd")
    toy.write("s.yaml", "tasks: [guess]\nmethods: [fails, declines_it, shift]\n")
    done = toy("run", "s.yaml")
    assert done.returncode == 1, done.stderr
    ended = pd.read_parquet(toy.folder / "results" / "s").drop_duplicates("run").set_index("method")
    assert ended.loc["fails", "reason"] == "ValueError: no file \\udcff"
    assert ended.loc["declines_it", "reason"] == "not now\\ud800"
    assert "3 runs: 1 done, 1 failed, 1 skipped\n" in done.stdout


STEPS = """
from dataclasses import dataclass
from bench_toy import TOY
from harness import Outputs, Task, hookimpl
import numpy as np

@dataclass(frozen=True)
class Steps:
    kind: str = "int64"
    def run(self, build, context):
        steps = {"int64": np.int64(3), "true": True, "float": 3.0, "text": "3", "none": None, "large": 2**70}
        yield Outputs(split="val", step=1, prediction=build(x=1.0), target=0.0)
        yield Outputs(split="test", step=steps[self.kind], prediction=build(x=1.0), target=0.0)

@hookimpl
def bench_tasks():
    return [Task("steps", TOY, "bench_steps:Steps", metrics=("distance",))]
"""


def test_step_that_is_no_whole_number_fails_its_run_and_no_other(toy: Bench, tmp_path):
    install_plugin(tmp_path / "steps", "bench-steps", "bench_steps", STEPS)
    toy.path.append(tmp_path / "steps")
    kinds = ["int64", "true", "float", "text", "none", "large"]
    toy.write(
        "s.yaml", f"tasks: [guess, {{task: steps, grid: {{kind: {kinds}}}}}]\nmethods: [shift]\n".replace("'", '"')
    )
    done = toy("run", "s.yaml")
    assert done.returncode == 1
    table = pd.read_parquet(toy.folder / "results" / "s")
    assert table.groupby("status")["run"].nunique().to_dict() == {"done": 3, "failed": 4}
    (reason,) = set(table[table.status == "failed"]["reason"])
    assert reason == "TypeError: the step of its outputs is not always a whole number"
    steps = table[(table.task == "steps") & (table.status == "done") & (table.split == "test")]
    assert sorted(steps["step"]) == [1, 3]
