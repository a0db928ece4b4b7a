"""Runs several processes as one job: finds the job, joins it, and lets the processes agree.

The flags describe the job, or else what the launcher has put into the environment:

    any        JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES, and JAX_PROCESS_ID or, in a Kubernetes
               Job, JOB_COMPLETION_INDEX
    srun       SLURM_STEP_NODELIST, SLURM_PROCID, ...
    mpirun     OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_SIZE, OMPI_MCA_orte_hnp_uri
    TPU pod    jax asks the machine's metadata

The coordinator, in process 0, has no authentication: whoever reaches its port can join or end the
job.
"""

import contextlib
import dataclasses
import importlib.util
import os
import pathlib
import re
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from jax.experimental import multihost_utils

from emoji_gan.errors import EXIT_INTERRUPTED, EXIT_NOT_SAVED, EXIT_OK, UserError
from emoji_gan.runtime import mesh as mesh_lib

HEARTBEAT_S = 30  # a process that has been silent for so long is dead, and the others end
_START_S = 300  # how long to wait for the other processes at the start
# The number of a Slurm job chooses one of them, so that jobs on one machine do not meet.
_PORTS = range(61440, 65536)


@dataclasses.dataclass(frozen=True)
class Job:
    """Describes which of how many processes this is; where a field is None, jax asks the cluster.

    Attributes:
      by: what describes the job, in words for a message.
      coordinator: HOST:PORT of process 0.
      num_processes: of the job.
      process_id: of this process, from 0.
      local_device_ids: of the visible GPUs; None: all of them.
    """

    by: str
    coordinator: str | None = None
    num_processes: int | None = None
    process_id: int | None = None
    local_device_ids: tuple[int, ...] | None = None


def find(
    env: Mapping[str, str],
    *,
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    on_tpu: bool = False,
) -> Job | None:
    """Returns the job that flags or else the environment describe; None: this process is alone.

    Args:
      env: environment variables.
      coordinator: HOST:PORT of process 0; each of the three flags goes before its variable of the
        environment.
      num_processes: of the job.
      process_id: of this process, from 0.
      on_tpu: whether this is a TPU VM, which may be one of a pod.

    Raises:
      UserError: a job that is only half described, or numbers that cannot be.
    """
    coordinator = coordinator or env.get("JAX_COORDINATOR_ADDRESS") or None
    index = next((env[k] for k in ("JAX_PROCESS_ID", "JOB_COMPLETION_INDEX") if env.get(k)), None)
    count = _number("--num_processes", num_processes, env.get("JAX_NUM_PROCESSES") or None)
    if coordinator is None and count is None and process_id is None:
        if "SLURM_PROCID" in env and "SLURM_STEP_NODELIST" in env:
            return _slurm(env)
        if "OMPI_COMM_WORLD_RANK" in env:
            return _open_mpi(env)
        return Job("TPU metadata") if on_tpu else None
    index = _number("--process_id", process_id, index)
    if count == 1 and coordinator is None and not index:
        return None
    for flag, value, variable in (
        ("--coordinator=HOST:PORT", coordinator, "JAX_COORDINATOR_ADDRESS"),
        ("--num_processes", count, "JAX_NUM_PROCESSES"),
        ("--process_id", index, "JAX_PROCESS_ID or JOB_COMPLETION_INDEX"),
    ):
        if value is None:
            raise UserError(f"a job of several processes needs {flag} too (or {variable})")
    if not re.fullmatch(r"\S+:\d+", coordinator):
        raise UserError(f"--coordinator={coordinator}: expected HOST:PORT of process 0")
    if not 0 <= index < count:
        raise UserError(f"--process_id={index} is not below --num_processes={count}")
    return Job("flags or environment", coordinator, count, index)


def start(job: Job | None, *, bind: str | None = None, heartbeat_s: int = HEARTBEAT_S) -> None:
    """Joins the job; call it before any use of jax's backends.

    From here on a process that dies ends the others within about `heartbeat_s`: XLA aborts them,
    and no `finally` runs. One that fails on its own waits no longer than that for them.

    Args:
      job: as `find` returns it.
      bind: ADDRESS:PORT where process 0 listens; None: on every interface, or on the loopback
        interface alone where the coordinator's address is on it.
      heartbeat_s: see HEARTBEAT_S.

    Raises:
      UserError: the other processes are not there, or the cluster cannot be asked.
    """
    if job is None:
        return
    if heartbeat_s < 1:
        raise UserError(f"--heartbeat_seconds={heartbeat_s}: expected at least 1")
    if (
        bind is None
        and job.coordinator
        and job.coordinator.startswith(("127.0.0.1:", "localhost:"))
    ):
        bind = job.coordinator
    try:
        jax.distributed.initialize(
            job.coordinator,
            job.num_processes,
            job.process_id,
            job.local_device_ids,
            cluster_detection_method="deactivate" if job.coordinator else None,
            initialization_timeout=_START_S,
            heartbeat_timeout_seconds=heartbeat_s,
            shutdown_timeout_seconds=heartbeat_s,
            coordinator_bind_address=bind,
        )
    except (ValueError, RuntimeError) as e:
        line = str(e).strip().splitlines()[0]
        raise UserError(
            f"cannot join the job that {job.by} describes ({job.coordinator}): {line}"
        ) from e
    _meet()
    logging.info("process %d of %d, by %s", jax.process_index(), jax.process_count(), job.by)
    if jax.process_index():
        logging.set_verbosity(logging.WARNING)  # the rest is the same in all processes


def _meet() -> None:
    """Lets all devices reduce something once, while the processes are still in step.

    On CPUs, devices that reduce together for the first time wait 30 s for one another and then fail
    ("Gloo context initialization failed"); later they wait as long as it takes. The first training
    step comes after a compilation, in which processes can drift apart by more: one that finds the
    program in its cache and one that does not.
    """
    from_first(0)
    mesh = mesh_lib.make_mesh()
    ones = mesh_lib.global_batch(mesh, {"x": np.ones(jax.local_device_count(), np.float32)})["x"]
    mesh_lib.readable(jnp.sum, mesh)(ones).block_until_ready()


def on_tpu_vm() -> bool:
    """Returns whether this machine has TPU chips that jax can use; touches no backend."""
    platforms = os.environ.get("JAX_PLATFORMS", "tpu").split(",")
    chips = any(pathlib.Path(p).exists() for p in ("/dev/accel0", "/dev/vfio/0"))
    return chips and "tpu" in platforms and importlib.util.find_spec("libtpu") is not None


# ---- what the processes agree on -----------------------------------------------------------------


def is_first() -> bool:
    """Returns whether this process writes for the job."""
    return jax.process_index() == 0


def from_first(*answers: int) -> tuple[int, ...]:
    """Returns process 0's answers; a collective, which every process must call.

    A process that is alone gets its own answers at no cost.
    """
    if jax.process_count() == 1:
        return answers
    return tuple(int(x) for x in multihost_utils.broadcast_one_to_all(np.array(answers, np.int32)))


def by_the_clock(now: bool, *answers: bool) -> tuple[bool, ...]:
    """Returns process 0's answers to what depends on the clock, which differs between processes.

    Args:
      now: whether to agree; all answers are False otherwise. Agreeing is a collective, so `now` is
        where the processes wait for the devices anyway.
      *answers: of this process; where it is alone, they are returned always.
    """
    if jax.process_count() == 1:
        return answers
    return tuple(map(bool, from_first(*answers))) if now else (False,) * len(answers)


def on_first(f: Callable[[], object]) -> None:
    """Calls `f` on process 0 only.

    Raises:
      UserError: of `f`, on process 0; the other processes exit with its code and print nothing.
    """
    error = None
    if is_first():
        try:
            f()
        except UserError as e:
            error = e
    (code,) = from_first(error.exit_code if error else EXIT_OK)
    if error:
        raise error
    if code:
        sys.exit(code)


class Stop:
    """Tells whether the job is requested to save and end.

    Attributes:
      requested: whether it is, as far as this process knows.
    """

    def __init__(self) -> None:
        self.requested = False

    def at(self, step: int) -> bool:
        """Returns whether to end after this step, the same in every process of a job.

        Call it after every step. A signal to any process is enough: jax's preemption service agrees
        on the next step that no process has passed yet.
        """
        if jax.process_count() > 1 and not self.requested:
            self.requested = multihost_utils.reached_preemption_sync_point(step)
            if self.requested:
                logging.warning("a process was told to stop: saving after step %d", step)
        return self.requested


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Requests a stop on SIGTERM or Ctrl-C; ends the process on a second Ctrl-C.

    Handlers of Python wait for the main thread, which may be compiling for half a minute. The byte
    that the interpreter writes for each signal does not, so a thread that reads it ends the
    process, as kill -9 would: what is sealed stays good.
    """
    stop = Stop()
    several = jax.process_count() > 1  # there jax's preemption service takes SIGTERM

    def handle(signum: int, frame: types.FrameType | None) -> None:
        del frame
        logging.warning("%s: saving after this step", signal.Signals(signum).name)
        if several:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            stop.requested = True

    handled = (signal.SIGINT,) if several else (signal.SIGTERM, signal.SIGINT)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    previous_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    previous = {s: signal.signal(s, handle) for s in handled}
    thread = threading.Thread(target=_end_on_second, args=(reader,), name="Ctrl-C", daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        for s, handler in previous.items():
            signal.signal(s, handler)
        signal.set_wakeup_fd(previous_writer)
        os.close(writer)  # which ends the thread
        thread.join()
        os.close(reader)


def _end_on_second(reader: int) -> None:
    """Ends the process when the second SIGINT arrives; returns when the pipe is closed."""
    interrupts = 0
    while data := os.read(reader, 64):
        interrupts += data.count(signal.SIGINT)
        if interrupts > 1:
            line = b"interrupted again: ended without saving; the newest checkpoint is good\n"
            with contextlib.suppress(OSError):
                os.write(2, line)
            os._exit(EXIT_INTERRUPTED)


def leave(code: int | str | None) -> NoReturn:
    """Ends the process with an exit code; does not wait for threads after a save that failed.

    Such a save may leave threads of orbax that wait 300 s for a signal which never comes, and a
    process does not end before its threads. All of ours is closed by then.
    """
    if code == EXIT_NOT_SAVED:
        with contextlib.suppress(RuntimeError):  # the other processes may be gone
            if jax.distributed.is_initialized():
                jax.distributed.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(EXIT_NOT_SAVED)
    sys.exit(code)


# ---- what the launchers say ----------------------------------------------------------------------


def _slurm(env: Mapping[str, str]) -> Job | None:
    count = int(env.get("SLURM_STEP_NUM_TASKS") or env["SLURM_NTASKS"])
    if count == 1:
        return None
    # 'node7', 'node7,other' or 'node[007-015,20]-a,other': the first name.
    prefix, first, suffix = re.match(
        r"([^,\[]+)(?:\[(\w+)[^\]]*\]([^,\[]*))?", env["SLURM_STEP_NODELIST"]
    ).groups("")
    port = _PORTS[int(env["SLURM_JOB_ID"]) % len(_PORTS)]
    # Where Slurm lets each task of a node see all of its GPUs, each takes one of them.
    gpus = env.get("CUDA_VISIBLE_DEVICES", "").split(",")
    on_this_node = _tasks_on_node(env)
    sees_all = on_this_node > 1 and len(gpus) >= on_this_node
    local = (int(env["SLURM_LOCALID"]),) if sees_all else None
    return Job("Slurm", f"{prefix}{first}{suffix}:{port}", count, int(env["SLURM_PROCID"]), local)


def _tasks_on_node(env: Mapping[str, str]) -> int:
    """Returns the number of tasks on this node: of '4(x2),3' it is 4, 4 or 3."""
    tasks = []
    for n, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", env.get("SLURM_STEP_TASKS_PER_NODE", "1")):
        tasks += [int(n)] * int(times or 1)
    return tasks[min(int(env.get("SLURM_NODEID", 0)), len(tasks) - 1)]


def _open_mpi(env: Mapping[str, str]) -> Job | None:
    if int(env["OMPI_COMM_WORLD_SIZE"]) == 1:
        return None
    if "OMPI_MCA_orte_hnp_uri" not in env:  # not of Open MPI 5
        raise UserError(
            "this mpirun does not say where it runs: give --coordinator=HOST:PORT of rank 0"
        )
    return Job("Open MPI")


def _number(flag: str, value: int | None, text: str | None) -> int | None:
    """Returns the value of a flag, or else the number that the environment has for it."""
    if value is not None or text is None:
        return value
    if not text.isdecimal():
        raise UserError(f"{flag}: the environment says {text!r}, expected a number")
    return int(text)
