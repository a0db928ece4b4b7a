"""Prints the host memory of a training process after each of its stages.

    python -m benchmarks.speed.training_memory [--config=configs/flow.py:demo] [--give_back]

`now` is what the process holds, `peak` the most it ever held, MiB. With `--give_back` glibc keeps
its own settings, so that freed memory goes back to the system (`host.setup_host_memory`).
"""

import argparse
import pathlib
import tempfile

from emoji_gan import errors
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import host

_STEPS = 25


def show(stage: str) -> None:
    """Prints a row: the stage that has ended, and the memory after it; Linux only."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kib = {line.split(":")[0]: line.split()[1] for line in status if line.startswith("Vm")}
    now, peak = (int(kib[name]) // 1024 for name in ("VmRSS", "VmHWM"))
    print(f"{stage:28} {now:6d} {peak:6d}", flush=True)


def run(path_with_variant: str) -> None:
    """Trains for some steps in a temporary folder, a row a stage."""
    import jax

    jax.devices()
    show("jax")
    from emoji_gan import conditions, methods, train
    from emoji_gan.methods.experiment import Experiment
    from emoji_gan.runtime import curves
    from emoji_gan.runtime import mesh as mesh_lib
    from input_pipeline import dataset

    show("imports, TensorFlow with them")
    mesh = mesh_lib.make_mesh()
    config = methods.resolve(config_lib.load(path_with_variant), mesh.size)
    data = dataset.load(config.data, "train", None)
    held_out = dataset.load(config.data, "validation", None)
    show("data")
    experiment = Experiment.make(config, conditions.of_data(data, ""), mesh)
    state = experiment.method.init(config, experiment.spec, config.seed)
    state = mesh_lib.replicate(mesh, state)
    show("state")
    batches = train._make_batches(experiment, data, 0)
    for i in range(_STEPS):
        state, _ = experiment.step(state, next(batches), i)
        jax.block_until_ready(state)
        if i in (0, _STEPS - 1):
            show(f"step {i + 1}")
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        writer = curves.Writer(root, config, step=_STEPS)
        previews = train._make_previews(experiment, data, held_out=held_out, root=root)
        previews.write(writer, _STEPS, state)
        show("pictures and summaries")
        checkpoints = train._open_checkpoints(experiment, root, data.content_hash, train.Options())
        checkpoints.save(_STEPS, state, wait=True)
        show("checkpoint")
        writer.close()
        checkpoints.close()


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.training_memory", description=__doc__.partition("\n")[0]
    )
    p.add_argument("--config", default="configs/flow.py:demo", help="FILE.py or FILE.py:VARIANT")
    p.add_argument("--give_back", action="store_true", help="give freed memory back")
    a = p.parse_args()
    print(f"{'after':28} {'now':>6} {'peak':>6}")
    if not a.give_back:
        host.setup_host_memory()
    host.setup_host_devices(None)
    host.setup_compilation_cache()
    run(a.config)
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
