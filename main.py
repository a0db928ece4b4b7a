"""Trains a generator of emoji.

    python main.py --config=configs/stylegan.py --workdir=runs/stylegan

The same command goes on from the newest checkpoint in the workdir.
"""

import math
import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from absl import app, flags, logging
from ml_collections import config_flags

from emoji_gan import errors
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import host, paths, processes

if TYPE_CHECKING:
    from emoji_gan.encoder import encoder

_CONFIG = config_flags.DEFINE_config_file(
    "config", "configs/stylegan.py", "Experiment, FILE.py or FILE.py:VARIANT."
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where the run lives; default: runs/ and the config's name."
)
_INIT_FROM = flags.DEFINE_string(
    "init_from",
    None,
    "Workdir or model file whose networks a new run starts from; sets config.init_from.",
)
_STOP_AFTER_MINUTES = flags.DEFINE_float(
    "stop_after_minutes", None, "Save and end after so long; the same command goes on from there."
)
_ALLOW_CONFIG_CHANGE = flags.DEFINE_bool(
    "allow_config_change", False, "Go on from a checkpoint of another config or data set."
)
_DRY_RUN = flags.DEFINE_bool(
    "dry_run", False, "Print config, parameters, FLOPs and memory of the compiled step, and end."
)
_PROFILE = flags.DEFINE_bool("profile", False, "Record a profile of a few steps into the workdir.")
# Several processes (docs/cluster.md); under srun, mpirun, in a TPU pod and in an indexed Kubernetes
# Job no flag is needed.
_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of process 0; it has no authentication."
)
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "Processes of the job.")
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "Of this process, from 0.")
_COORDINATOR_BIND = flags.DEFINE_string(
    "coordinator_bind_address",
    None,
    "ADDRESS:PORT where process 0 listens; default: every interface.",
)
_HEARTBEAT_SECONDS = flags.DEFINE_integer(
    "heartbeat_seconds", processes.HEARTBEAT_S, "When a process was silent so long, the others end."
)


def main(argv: list[str]) -> None:
    """Reads the flags, sets the devices up, trains."""
    del argv
    errors.run(_run)


def _run() -> int:
    config = _CONFIG.value
    workdir = paths.local(_WORKDIR.value or _default_workdir())
    if _INIT_FROM.value is not None:
        config.init_from = _INIT_FROM.value
    _set_up_devices(config.batch_size)
    from emoji_gan import train  # after the devices are set up: imports may touch the backend

    stop_after_minutes = _STOP_AFTER_MINUTES.value
    options = train.Options(
        stop_after_minutes=math.inf if stop_after_minutes is None else stop_after_minutes,
        allow_config_change=_ALLOW_CONFIG_CHANGE.value,
        dry_run=_DRY_RUN.value,
        profile=_PROFILE.value,
        make_judge=_judge_maker() if config.eval.every_kimg else None,
        embed=_phrase_encoder() if "text" in config.data.conditions else None,
        caption=_caption_adder() if "captions" in config.data else None,
    )
    return train.train(config, workdir, options)


def _set_up_devices(batch_size: int | None) -> None:
    """Sets up memory, devices, the compilation cache and the other processes of the job."""
    host.setup_host_memory()
    job = processes.find(
        os.environ,
        coordinator=_COORDINATOR.value,
        num_processes=_NUM_PROCESSES.value,
        process_id=_PROCESS_ID.value,
        on_tpu=processes.on_tpu_vm(),
    )
    host.setup_host_devices(batch_size, job.num_processes or 1 if job else 1)
    host.setup_compilation_cache()
    processes.start(job, bind=_COORDINATOR_BIND.value, heartbeat_s=_HEARTBEAT_SECONDS.value)


def _judge_maker() -> Callable[..., Callable[..., dict[str, float]]]:
    from eval import in_training  # a run that is not judged does without

    return in_training.make


def _phrase_encoder() -> "encoder.PhraseEncoder":
    from emoji_gan.encoder import encoder  # a run without phrases does without

    return encoder.PhraseEncoder()


def _caption_adder() -> Callable[..., tuple]:
    from emoji_gan.encoder import picture_features  # a run without captions does without

    return picture_features.with_captions


def _default_workdir() -> str:
    """Returns runs/NAME of configs/NAME.py, runs/NAME-VARIANT of configs/NAME.py:VARIANT."""
    path, _, variant = str(flags.FLAGS["config"].config_filename).partition(":")
    return str(pathlib.Path("runs", pathlib.Path(path).stem + (f"-{variant}" if variant else "")))


if __name__ == "__main__":
    logging.set_verbosity(logging.INFO)
    try:
        errors.run(lambda: app.run(main, flags_parser=config_lib.parse_flags))
    except SystemExit as end:
        processes.leave(end.code)
