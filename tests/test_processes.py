"""Trees of processes: found whole, weighed, and ended with all that they have left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from harness import processes
from harness.processes import children, kill, resident, tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these calls need Linux")


@contextlib.contextmanager
def program(text, *arguments):
    """Run a Python program while the body runs; at its end kill it and all that are below it."""
    command = [sys.executable, "-c", text, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            kill(tree(process.pid))


def wait_for(condition, seconds=100):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def is_running(pid):
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


NEST = """
import os, sys, threading, time
depth = int(sys.argv[1])
def below():
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            if depth > 1:
                os.execv(sys.executable, [sys.executable, "-c", sys.argv[2], str(depth - 1), sys.argv[2]])
            time.sleep(600)
thread = threading.Thread(target=below)  # children of other threads count too
thread.start()
print("ready", flush=True)
time.sleep(600)
"""


def test_tree_holds_children_of_all_threads_and_generations():
    with program(NEST, 2, NEST) as process:
        wait_for(lambda: len(tree(process.pid)) == 1 + 2 + 4)
        found = tree(process.pid)
        assert found[0] == process.pid
        assert len(set(found)) == 7
        assert set(found[1:]) == {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
        kill(found)
        wait_for(lambda: not any(map(is_running, found)))


def test_process_that_has_ended_has_no_children():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert children(process.pid) == []
    assert tree(process.pid) == [process.pid]
    kill([process.pid])


def test_system_without_lists_of_children(monkeypatch):
    with program(NEST, 1, NEST) as process:
        wait_for(lambda: len(children(process.pid)) == 2)
        expected = sorted(children(process.pid))
        monkeypatch.setattr(processes.Path, "iterdir", _refuse)
        assert sorted(children(process.pid)) == expected


def _refuse(*_):
    raise FileNotFoundError


def test_kill_never_means_a_group():
    """0 is the own group, and -1 everyone."""
    kill([0, -1, -os.getpid()])


SHARE = """
import mmap, os, sys, time
size, count = int(sys.argv[1]), int(sys.argv[2])
shared = mmap.mmap(-1, size)
for place in range(0, size, 4096):
    shared[place] = 1
for _ in range(count):
    if os.fork() == 0:
        for place in range(0, size, 4096):
            shared[place]
        os.write(1, b"ready\\n")
        time.sleep(600)
time.sleep(600)
"""
MIB = 2**20


def test_pages_that_processes_share_count_once():
    with program(SHARE, 100 * MIB, 3) as process:
        for _ in range(3):
            assert process.stdout.readline() == "ready\n"
        pids = tree(process.pid)
        assert len(pids) == 4
        plain, once = resident(pids, 10**15), resident(pids, 0)
        assert plain > 400 * MIB  # enough is enough: then the sum is not looked at more closely
        assert 100 * MIB < once < 180 * MIB
        assert resident(iter(pids), 0) > 100 * MIB  # an iterator is gone through twice


def test_process_that_keeps_others_from_looking_inside_counts_in_full(monkeypatch):
    def refuse(process):
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "memory_full_info", refuse)
    mine = psutil.Process().memory_info().rss
    assert resident([os.getpid()], 0) > mine / 2


def test_process_that_ends_while_it_is_weighed_counts_nothing(monkeypatch):
    def gone(pid, *_, **__):
        raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr(psutil, "Process", gone)
    monkeypatch.setattr(psutil, "pid_exists", lambda pid: True)
    assert resident([os.getpid()], 0) == 0


CHURN = """
import os, time
while True:
    for _ in range(20):
        if os.fork() == 0:
            os._exit(0)
    for _ in range(20):
        os.wait()
    print(flush=True)
"""


def test_processes_that_come_and_go_do_no_harm():
    with program(CHURN) as process:
        for _ in range(30):
            assert process.stdout.readline()  # it goes on
            for _ in range(3):
                assert resident(tree(process.pid), 0) >= 0


DAEMONS = """
import os, subprocess, sys, time
from harness import processes
processes.adopt_orphans()
spared = subprocess.Popen(["sleep", "601"])
early = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
while not (line := open(f"/proc/{early.pid}/stat").read().rpartition(")")[2].split()[0]) == "Z":
    time.sleep(0.01)
subprocess.Popen(["sh", "-c", "trap '' TERM HUP INT; sleep 602 & wait"])
# A daemon that has left the session, the group and its parent.
subprocess.Popen([sys.executable, "-c", '''
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "603"])
    os._exit(0)
''']).wait()
while len(processes.tree(os.getpid())) < 6:
    time.sleep(0.01)
strays = [pid for pid in processes.tree(os.getpid())[1:] if pid != spared.pid]
reaped = processes.kill_children([spared.pid], within=1000)  # more than this test may take
print(reaped[early.pid] >> 8, len(reaped), len(strays), *processes.children(os.getpid()),
      spared.pid, flush=True)
"""


def test_children_and_the_daemons_they_left_are_killed_and_reaped():
    with program(DAEMONS) as process:
        code, reaped, strays, *left = process.stdout.readline().split()
        assert code == "7"
        assert int(reaped) >= int(strays)
        assert left == [left[0]] * 2  # only the one that was spared
        assert is_running(int(left[0]))
        kill([int(left[0])])


def test_without_children_there_is_nothing_to_kill():
    text = "from harness import processes; print(processes.kill_children(), processes.kill_children([1]))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "{} {}\n"


DIES_WITH = """
import os, sys, time
from harness import processes
me = os.getpid()
if os.fork() == 0:
    processes.die_with(int(sys.argv[1]) or me)
    print(os.getpid(), flush=True)
    time.sleep(600)
time.sleep(600)
"""


def test_process_dies_with_the_one_it_was_forked_from():
    with program(DIES_WITH, 0) as process:
        child = int(process.stdout.readline())
        assert is_running(child)
        process.kill()
        process.wait()
        wait_for(lambda: not is_running(child))


def test_process_whose_parent_died_before_it_could_say_so_ends_at_once():
    with program(DIES_WITH, 1) as process:
        wait_for(lambda: [psutil.Process(pid).status() for pid in children(process.pid)] == [psutil.STATUS_ZOMBIE])


def test_marked_processes_are_killed_wherever_they_have_gone():
    text = (
        "import os, time; os.environ['MARK'] = 'a'; "
        "os.execv('/bin/sh', ['sh', '-c', '(setsid sleep 600 &) ; echo ready; sleep 600'])"
    )
    with program(text) as process, program("import time; time.sleep(600)") as other:
        process.stdout.readline()
        wait_for(lambda: len(processes._marked("MARK", "a")) == 3)
        marked = processes._marked("MARK", "a")
        assert process.pid in marked
        processes.kill_marked("MARK", "a")
        assert processes._marked("MARK", "a") == []
        assert other.poll() is None


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Return a function that writes a file of the system as `harness.processes` sees it."""
    monkeypatch.setattr(processes, "Path", lambda text: tmp_path / text.lstrip("/"))

    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    return write


VMSTAT = "nr_free_pages 1\noom_kill_disable 5\noom_kill 3\npgfault 9\n"


@pytest.mark.parametrize(
    ("cgroup", "path", "events", "kills"),
    [
        ("0::/\n", "memory.events", "low 0\noom 4\noom_kill 2\noom_group_kill 7\n", 5),
        ("0::/user.slice/a b:c\n", "user.slice/a b:c/memory.events", "oom_kill 2\n", 5),
        ("12:cpu,memory:/docker/x\n1:cpu:/y\n", "memory/docker/x/memory.oom_control",
         "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n", 7),
        ("0::/\n", "other", "", 3),
        ("0::/\n", "memory.events", "\n\noom_kill 1\n", 4),
        ("", "memory.events", "oom_kill 2\n", 3),
    ],
)  # fmt: skip
def test_kills_for_want_of_memory_are_counted(system, cgroup, path, events, kills):
    system("proc/vmstat", VMSTAT)
    system("proc/self/cgroup", cgroup)
    system(f"sys/fs/cgroup/{path}", events)
    assert processes.out_of_memory_kills() == kills


def test_system_that_tells_nothing_of_kills(system):
    assert processes.out_of_memory_kills() == 0


def test_count_of_kills_never_falls():
    first = processes.out_of_memory_kills()
    assert processes.out_of_memory_kills() >= first >= 0


def test_signals_of_a_killed_child_are_told():
    text = (
        "import os, signal, sys, time; from harness import processes\n"
        "pid = os.fork()\nif pid == 0: time.sleep(600)\n"
        "print(os.WTERMSIG(processes.kill_children(within=10)[pid]))"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert int(done.stdout) == signal.SIGKILL
