"""Cores, memory and GPUs handed out to sessions: never twice, and back when a session dies."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from harness import provenance
from harness.errors import DeviceError
from harness.executors import forkserver
from harness.executors import slots as slots_module
from harness.executors.slots import MIB, Share, Slots
from harness.provenance import Gpu
from harness.suite import Hardware

GPUS = [Gpu(index, f"GPU-{index}", "A GPU", memory * 2**30) for index, memory in enumerate([16, 80, 80, 0])]


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Return a function that makes this machine seem to have so much."""
    monkeypatch.setenv("BENCH_LOCKS", str(tmp_path / "locks"))

    def seem(cores=4, mib=1000, gpus=()):
        monkeypatch.setattr(provenance, "cores", lambda: list(range(10, 10 + cores)))
        monkeypatch.setattr(provenance, "memory", lambda: mib * MIB + 12345)
        monkeypatch.setattr(provenance, "gpus", lambda: list(gpus))
        monkeypatch.setattr(provenance, "_torch_has_cuda", lambda: True)

    seem()
    return seem


def all_shares(slots):
    found = []
    while (share := slots.take()) is not None:
        found.append(share)
    return found


def test_cores_are_handed_out_until_none_is_left(machine):
    slots = Slots(Hardware(cpus=1))
    with slots:
        shares = all_shares(slots)
        assert [share.cores for share in shares] == [(10,), (11,), (12,), (13,)]
        assert slots.most == 4
        slots.give_back(shares[2])
        assert slots.take() == Share((12,), (), -1)
        assert slots.take() is None


def test_what_is_left_over_is_too_little_for_a_share(machine):
    machine(cores=7)
    slots = Slots(Hardware(cpus=3))
    with slots:
        assert [share.cores for share in all_shares(slots)] == [(10, 11, 12), (13, 14, 15)]
        assert slots.most == 2
        assert slots._taken == {("cpu", core) for core in range(10, 16)}  # what did not suffice was given back


@pytest.mark.parametrize(
    ("mib", "memory", "places"),
    [
        (1000, 300 * MIB, [0, 300, 600]),
        (1000, 1000 * MIB, [0]),
        (1000, 500 * MIB, [0, 500]),
        (1000, 500 * MIB + 1, [0]),  # begun MiBs count
        (1000, 333 * MIB, [0, 333, 666]),
        (1000, 334 * MIB, [0, 334]),
        (3, 1, [0, 1, 2]),
        (1000, None, [-1] * 20),
    ],
)
def test_memory_that_does_not_divide(machine, mib, memory, places):
    machine(cores=20, mib=mib)
    slots = Slots(Hardware(memory=memory))
    with slots:
        assert slots.lack == ""
        assert slots.most == len(places)
        assert [share.memory for share in all_shares(slots)] == places


def test_gpus_that_are_large_enough(machine):
    machine(cores=8, gpus=GPUS)
    slots = Slots(Hardware(device="cuda", gpus=1, gpu_memory=40 * 2**30))
    with slots:
        assert slots.most == 2
        first, second = all_shares(slots)
        assert (first.gpus, second.gpus) == ((GPUS[1],), (GPUS[2],))
        slots.give_back(first)
        assert slots.take().gpus == (GPUS[1],)
    slots = Slots(Hardware(device="cuda", gpus=3))
    with slots:
        assert slots.most == 1
        assert [share.gpus for share in all_shares(slots)] == [tuple(GPUS[:3])]


def test_run_on_cores_takes_no_gpu(machine):
    machine(cores=6, gpus=GPUS[:1])
    slots = Slots(Hardware())
    with slots:
        assert [share.gpus for share in all_shares(slots)] == [()] * 6


def test_share_that_lacks_one_thing_takes_nothing(machine):
    machine(cores=4, mib=250, gpus=GPUS)
    slots = Slots(Hardware(device="cuda", cpus=1, gpus=1, memory=100 * MIB))
    with slots:
        assert len(all_shares(slots)) == slots.most == 2
        assert {name: sum(n == name for n, _ in slots._taken) for name in ("cpu", "memory", "gpu")} == {
            "cpu": 2, "memory": 2, "gpu": 2,
        }  # fmt: skip


LACKS = {
    "cores": (Hardware(cpus=5), "a run needs 5 cores, and this machine has 4"),
    "memory": (Hardware(memory=1001 * MIB), "a run needs 1001 MiB of memory, and this machine has 1000 MiB"),
    "more than one": (Hardware(cpus=5, memory=2**40), "a run needs 5 cores, and this machine has 4"),
    "gpus": (Hardware(device="cuda", gpus=5), "a run needs 5 GPUs, and this machine has 4"),
    "gpu memory": (
        Hardware(device="cuda", gpus=3, gpu_memory=40 * 2**30),
        "a run needs 3 GPUs of 40 GiB, and this machine has 2",
    ),
    "nothing": (Hardware(device="cuda", cpus=4, memory=1000 * MIB, gpus=4), ""),
}


@pytest.mark.parametrize("kind", LACKS)
def test_lack_is_told(machine, kind):
    machine(gpus=GPUS)
    hardware, lack = LACKS[kind]
    slots = Slots(hardware)
    assert slots.lack == lack
    assert (slots.most == 0) == bool(lack)
    if lack:
        with slots:
            assert slots.take() is None


def test_lack_of_cuda_is_told_by_its_cause(machine, monkeypatch):
    slots = Slots(Hardware(device="cuda", gpus=1))
    assert slots.lack == "device 'cuda' is not available on this machine: no NVIDIA GPU was found"
    machine(gpus=GPUS)
    monkeypatch.setattr(provenance, "_torch_has_cuda", lambda: False)
    slots = Slots(Hardware(device="cuda", gpus=1))
    assert slots.lack == "device 'cuda' is not available on this machine: the installed torch is built without CUDA"


def test_leaving_gives_all_back_and_entering_again_works(machine):
    slots = Slots(Hardware())
    for _ in range(2):
        with slots:
            assert len(all_shares(slots)) == 4


def test_locks_lie_in_a_folder_of_the_users_own(machine, monkeypatch, tmp_path):
    monkeypatch.delenv("BENCH_LOCKS")
    monkeypatch.setattr(slots_module.tempfile, "gettempdir", lambda: str(tmp_path))
    with Slots(Hardware()):
        folder = tmp_path / f"bench-locks-{os.getuid()}"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert sorted(path.name for path in folder.iterdir()) == ["cpu", "gpu", "memory", "queue"]


def test_locks_that_cannot_be_made(machine, monkeypatch, tmp_path):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("BENCH_LOCKS", str(tmp_path / "taken"))
    with pytest.raises(DeviceError, match=r"^cannot lock cores and memory: .*; set BENCH_LOCKS to another folder$"):
        Slots(Hardware()).__enter__()


PROGRAM = """
import os, random, signal, sys, time
from pathlib import Path
from harness import provenance
from harness.executors.slots import MIB, Slots
from harness.provenance import Gpu
from harness.suite import Hardware

cores, mib, gpus = 6, 100, 4
provenance.cores = lambda: list(range(cores))
provenance.memory = lambda: mib * MIB
provenance.gpus = lambda: [Gpu(number, f"GPU-{number}", "A GPU", 2**30) for number in range(gpus)]
cpus, memory, wanted, seconds, seed = *map(int, sys.argv[1:4]), float(sys.argv[4]), sys.argv[5]
slots = Slots(Hardware(device="cuda", cpus=cpus, memory=memory * MIB, gpus=wanted))
drawn, me = random.Random(seed), os.getpid().to_bytes(4, "big")
board = os.open(sys.argv[6], os.O_RDWR)

def parts(share):
    return [*share.cores, *(cores + gpu.index for gpu in share.gpus), *range(cores + gpus + share.memory,
            cores + gpus + share.memory + memory)]

def lives(pid):
    try:
        return not int(Path(f"/proc/{pid}/stat").read_text().split()[8]) & 4  # it exits: its locks go before it does
    except OSError:
        return False

def sign(share):
    for part in parts(share):
        holder = int.from_bytes(os.pread(board, 4, 4 * part), "big")
        if holder and lives(holder):
            print("twice", part, flush=True)
        os.pwrite(board, me, 4 * part)

def clear(share):
    for part in parts(share):
        if os.pread(board, 4, 4 * part) != me:
            print("stolen", part, flush=True)
        os.pwrite(board, bytes(4), 4 * part)

with slots:
    print("ready", flush=True)
    held, taken, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end or taken < 30:  # on a busy machine, too
        share = slots.take()
        if share:
            taken += 1
            sign(share)
            held.append(share)
        if held and (share is None or drawn.random() < 0.3):
            share = held.pop(drawn.randrange(len(held)))
            clear(share)
            slots.give_back(share)
        if drawn.random() < 0.05:
            time.sleep(0.001)
    for share in held:
        clear(share)
print("took", taken, flush=True)
"""


@contextlib.contextmanager
def session(board, cpus, memory, gpus, seconds, seed):
    arguments = map(str, (cpus, memory, gpus, seconds, seed, board))
    with subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def board(tmp_path, machine):
    """A file in which each holder of a core, a GPU or a MiB signs its name."""
    path = tmp_path / "board"
    path.write_bytes(bytes(4 * (6 + 4 + 100)))
    return path


@pytest.mark.slow
def test_nothing_is_handed_out_twice_among_sessions_that_want_differently(board):
    wanted = [(1, 7, 1), (2, 30, 1), (3, 50, 2), (1, 1, 0)]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(session(board, cpus, memory, gpus, 2, seed))
            for seed, (cpus, memory, gpus) in enumerate(wanted)
        ]
        said = [process.communicate(timeout=600)[0].split("\n") for process in processes]
    assert [lines[0] for lines in said] == ["ready"] * 4
    assert all(lines[1].startswith("took ") for lines in said), said
    assert sum(int(lines[1].split()[1]) for lines in said) > 100


@pytest.mark.slow
def test_share_of_a_session_that_is_killed_comes_back(board):
    drawn = random.Random(0)
    for seed in range(8):
        with session(board, 1, 10, 1, 60, seed) as victim, session(board, 2, 25, 1, 60, -seed) as other:
            assert victim.stdout.readline() == other.stdout.readline() == "ready\n"
            time.sleep(drawn.uniform(0.05, 0.3))
            victim.kill()
            assert victim.stdout.read() == ""
            time.sleep(0.05)
            other.kill()
            assert other.stdout.read() == ""
    with session(board, 6, 100, 4, 0.2, 99) as whole:  # all that there is: nothing is lost
        assert int(whole.communicate(timeout=600)[0].split()[-1]) > 0


def test_two_sessions_get_what_the_other_one_leaves(machine):
    holder = """
import sys
from harness import provenance
from harness.executors.slots import MIB, Slots
from harness.suite import Hardware
provenance.cores, provenance.memory = (lambda: list(range(10, 14))), (lambda: 1000 * MIB)
slots = Slots(Hardware(cpus=1, memory=300 * MIB))
with slots:
    slots.give_back(slots.take())
    first, second = slots.take(), slots.take()
    slots.give_back(first)
    print(second.cores, second.memory, flush=True)
    sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "(11,) 300\n"
        mine = Slots(Hardware(cpus=1, memory=200 * MIB))  # of another size: its places lie across the other's
        with mine:
            assert [(share.cores, share.memory) for share in all_shares(mine)] == [
                ((10,), 0),
                ((12,), 600),
                ((13,), 800),
            ]
            process.kill()
            process.wait()
            assert [(share.cores, share.memory) for share in all_shares(mine)] == [((11,), 200)]


def test_alone_in_a_session(machine):
    slots = Slots(Hardware(cpus=2, memory=300 * MIB))
    with slots:
        first = slots.take()
        assert slots.take_alone() is None
        slots.give_back(first)
        alone = slots.take_alone()
        assert alone == Share((10, 11), (), 0, alone=True)
        assert slots.take() is slots.take_alone() is None
        slots.give_back(alone)
        assert [share.alone for share in all_shares(slots)] == [False, False]
    with slots:
        assert slots.take_alone() == alone


def test_alone_among_sessions(machine):
    """What waits for the machine gets it when the others are done with what they have: they get nothing new."""
    other = """
import sys
from harness import provenance
from harness.executors.slots import Slots
from harness.suite import Hardware
provenance.cores, provenance.memory = (lambda: list(range(10, 14))), (lambda: 2**30)
slots, held = Slots(Hardware(cpus=1)), []
with slots:
    for line in sys.stdin:
        if line == "give back\\n":
            slots.give_back(held.pop())
        elif share := slots.take() if line == "take\\n" else slots.take_alone():
            held.append(share)
        print(len(held), flush=True)
"""
    command = [sys.executable, "-c", other]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

        def ask(what):
            process.stdin.write(what + "\n")
            return int(process.stdout.readline())

        mine = Slots(Hardware(cpus=1))
        with mine:
            assert [ask("take"), ask("take")] == [1, 2]
            share = mine.take()
            assert share is not None
            assert mine.take_alone() is None  # with a share of its own it does not hold up the others
            assert ask("take") == 3
            mine.give_back(share)
            assert mine.take_alone() is None
            assert [ask("take"), ask("give back"), ask("take"), ask("give back")] == [3, 2, 2, 1]
            assert mine.take_alone() is None
            assert ask("give back") == 0
            alone = mine.take_alone()
            assert alone is not None
            assert [ask("take"), ask("take alone")] == [0, 0]
            mine.give_back(alone)
            assert mine.take() is None  # the other has waited for it since
            assert ask("take alone") == 1
            assert mine.take() is None
            process.kill()
            process.wait()
            assert mine.take() is not None


def test_a_session_waits_for_cores_that_another_one_has_and_says_so(toy, suite, monkeypatch):
    monkeypatch.setenv("BENCH_LOCKS", str(toy.folder / "locks"))
    other = Slots(Hardware(cpus=1))
    with other:
        assert all_shares(other)
        session = toy.start("run", suite)
        assert session.stdout.readline() == "[0/9] waiting for cores, memory or GPUs that other sessions have\n"
    output, _ = session.communicate(timeout=600)
    assert session.returncode == 0
    assert "waiting" not in output
    assert "[9/9] done" in output


def test_a_server_is_given_up_only_when_it_has_been_asked_for_a_process(monkeypatch):
    monkeypatch.setattr(forkserver, "PATIENCE", 0.2)
    server = forkserver.ForkServer((), dict(os.environ))
    try:
        time.sleep(0.4)
        server.give_up_starting()
        number, connection = server.fork()
        assert [message.number for message in server.messages()] == [number]
        connection.close()
    finally:
        server.close()


def test_a_server_that_does_not_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(forkserver, "PATIENCE", 0.2)
    server = forkserver.ForkServer((), dict(os.environ))
    try:
        os.kill(server._process.pid, signal.SIGSTOP)
        server.fork()
        time.sleep(0.4)
        server.give_up_starting()
        assert server.messages() == []
        assert server.is_lost
    finally:
        server.close()
