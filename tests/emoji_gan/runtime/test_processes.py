"""Which job a process belongs to."""

import signal
import subprocess
import sys
import time

import pytest

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import processes
from emoji_gan.runtime.processes import Job, find
from tests.support import runs

SRUN = {
    "SLURM_JOB_ID": "4097",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_NTASKS": "16",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2)",
    "SLURM_STEP_NODELIST": "gpu[007-008]",
}
MPIRUN = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}
POD = {
    "JAX_COORDINATOR_ADDRESS": "job-0-0.net:8476",
    "JAX_NUM_PROCESSES": "4",
    "JOB_COMPLETION_INDEX": "3",
}


@pytest.mark.parametrize(
    ("env", "flags", "job"),
    [
        ({}, {}, None),
        ({}, {"num_processes": 1}, None),
        (
            {},
            {"coordinator": "a:1", "num_processes": 1, "process_id": 0},
            Job("flags or environment", "a:1", 1, 0),
        ),
        (
            {"JOB_COMPLETION_INDEX": "3"},
            {},
            None,
        ),  # an indexed Job whose pods are jobs of their own
        (
            {},
            {"coordinator": "a:1", "num_processes": 2, "process_id": 0},
            Job("flags or environment", "a:1", 2, 0),
        ),
        (POD, {}, Job("flags or environment", "job-0-0.net:8476", 4, 3)),
        (POD | {"JAX_PROCESS_ID": "2"}, {}, Job("flags or environment", "job-0-0.net:8476", 4, 2)),
        (POD | SRUN, {"process_id": 0}, Job("flags or environment", "job-0-0.net:8476", 4, 0)),
        (SRUN, {}, Job("Slurm", "gpu007:61441", 8, 5)),
        (SRUN | {"SLURM_STEP_NUM_TASKS": "1"}, {}, None),
        (
            {k: v for k, v in SRUN.items() if k != "SLURM_STEP_NODELIST"},
            {},
            None,
        ),  # sbatch without srun
        (SRUN, {"num_processes": 1}, None),
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"}, {}, None),
        (MPIRUN | {"OMPI_MCA_orte_hnp_uri": "1.0;tcp://10.0.0.1:5"}, {}, Job("Open MPI")),
        ({}, {"on_tpu": True}, Job("TPU metadata")),
        (POD, {"on_tpu": True}, Job("flags or environment", "job-0-0.net:8476", 4, 3)),
    ],
)
def test_the_job_of_flags_and_environment(env, flags, job):
    assert find(env, **flags) == job


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node7", "node7"),
        ("node7,other", "node7"),
        ("a-b[007-015,20],x", "a-b007"),
        ("n[3,5]", "n3"),
        ("rack[2-3]-gpu,z", "rack2-gpu"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_the_first_node_of_slurm_leads(nodes, first):
    assert find(SRUN | {"SLURM_STEP_NODELIST": nodes}).coordinator == f"{first}:61441"


@pytest.mark.parametrize(
    ("tasks", "node", "gpus", "local"),
    [
        (
            "4(x2)",
            "1",
            "0,1,2,3",
            (1,),
        ),  # every task sees all GPUs of the node: takes the one of its number
        ("4(x2)", "1", "2", None),  # Slurm shows each task its own
        ("1(x2)", "1", "0,1,2,3", None),  # a task a node takes all
        ("4,1", "1", "0,1,2,3", None),
        ("4(x2)", "1", "", None),  # no GPUs
    ],
)
def test_gpus_of_a_slurm_task(tasks, node, gpus, local):
    env = {"SLURM_STEP_TASKS_PER_NODE": tasks, "SLURM_NODEID": node, "CUDA_VISIBLE_DEVICES": gpus}
    assert find(SRUN | env).local_device_ids == local


@pytest.mark.parametrize(
    ("env", "flags", "line"),
    [
        (
            {},
            {"num_processes": 2},
            "needs --coordinator=HOST:PORT too (or JAX_COORDINATOR_ADDRESS)",
        ),
        ({}, {"coordinator": "a:1"}, "needs --num_processes too"),
        (
            {},
            {"coordinator": "a:1", "num_processes": 2},
            "needs --process_id too (or JAX_PROCESS_ID or JOB_COM",
        ),
        (
            {},
            {"coordinator": "a", "num_processes": 2, "process_id": 0},
            "--coordinator=a: expected HOST:PORT",
        ),
        (
            {},
            {"coordinator": "a:1", "num_processes": 2, "process_id": 2},
            "--process_id=2 is not below",
        ),
        (
            {},
            {"coordinator": "a:1", "num_processes": 2, "process_id": -1},
            "--process_id=-1 is not below",
        ),
        (POD | {"JAX_NUM_PROCESSES": "four"}, {}, "--num_processes: the environment says 'four'"),
        (MPIRUN, {}, "give --coordinator=HOST:PORT of rank 0"),
    ],
)
def test_half_a_job_is_refused(env, flags, line):
    with pytest.raises(UserError) as e:
        find(env, **flags)
    assert line in str(e.value)


def test_alone_nothing_is_asked():
    assert processes.from_first(3, 4) == (3, 4)
    assert processes.by_the_clock(False, True, False) == (True, False)
    assert processes.Stop().at(5) is False
    with pytest.raises(UserError, match=r"^no$"):
        processes.on_first(lambda: (_ for _ in ()).throw(UserError("no")))


_BUSY = """
import hashlib
from emoji_gan.runtime import processes
from tests.support import runs
with processes.stop_on_signals():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # as a compilation: long, without the GIL
"""


def test_a_second_interrupt_ends_a_busy_process_at_once():
    process = subprocess.Popen(
        [sys.executable, "-c", _BUSY],
        cwd=runs.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None  # the first only asks
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == errors.EXIT_INTERRUPTED
    *_, last = err.splitlines()
    assert last.startswith("interrupted again: ") and "Traceback" not in err


_LINGERS = """
import sys, threading
from emoji_gan.runtime import processes

threading.Thread(target=threading.Event().wait).start()
print("written", end="")
print("error: no room", end="", file=sys.stderr)
processes.leave(74)
"""


def test_a_save_that_failed_ends_whatever_other_threads_wait_for():
    done = subprocess.run(
        [sys.executable, "-c", _LINGERS],
        cwd=runs.ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (74, "written", "error: no room")


def test_any_other_end_is_an_ordinary_one():
    for code in (0, 2, 75):
        with pytest.raises(SystemExit) as end:
            processes.leave(code)
        assert end.value.code == code
