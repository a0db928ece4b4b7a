"""Trains a generator of emoji: `python main.py --config=configs/stylegan.py --workdir=runs/stylegan`."""

import os
import pathlib

from absl import app, flags, logging
from ml_collections import config_flags

from emoji_gan import errors
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import host, paths, processes

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
# Several processes (docs/cluster.md); srun, mpirun, a TPU pod and an indexed Kubernetes Job need no
# flag.
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

    def run() -> int:
        workdir = paths.local(_WORKDIR.value or _default_workdir())
        if _INIT_FROM.value is not None:
            _CONFIG.value.init_from = _INIT_FROM.value
        host.setup_host_memory()
        job = processes.find(
            os.environ,
            coordinator=_COORDINATOR.value,
            num_processes=_NUM_PROCESSES.value,
            process_id=_PROCESS_ID.value,
            on_tpu=processes.on_tpu_vm(),
        )
        host.setup_host_devices(_CONFIG.value.batch_size, job.num_processes or 1 if job else 1)
        host.setup_compilation_cache()
        processes.start(job, bind=_COORDINATOR_BIND.value, heartbeat_s=_HEARTBEAT_SECONDS.value)
        from emoji_gan import train  # after the devices are set up: imports may touch the backend

        make_judge = None
        if _CONFIG.value.eval.every_kimg:
            from eval import in_training

            make_judge = in_training.make
        embed = None
        if "text" in _CONFIG.value.data.conditions:
            from emoji_gan.encoder import encoder

            embed = encoder.PhraseEncoder()
        return train.train(
            _CONFIG.value,
            workdir,
            stop_after_minutes=_STOP_AFTER_MINUTES.value,
            allow_config_change=_ALLOW_CONFIG_CHANGE.value,
            dry_run=_DRY_RUN.value,
            profile=_PROFILE.value,
            make_judge=make_judge,
            embed=embed,
        )

    errors.run(run)


def _default_workdir() -> str:
    path, _, variant = str(flags.FLAGS["config"].config_filename).partition(":")
    return str(pathlib.Path("runs", pathlib.Path(path).stem + (f"-{variant}" if variant else "")))


if __name__ == "__main__":
    logging.set_verbosity(logging.INFO)
    errors.run(lambda: app.run(main, flags_parser=config_lib.parse_flags))
