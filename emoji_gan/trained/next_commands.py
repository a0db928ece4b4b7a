"""Prints how far a run is, and the commands that look at it."""

import pathlib
import shlex

from emoji_gan import methods
from emoji_gan.methods.experiment import Experiment
from emoji_gan.runtime import early_stop, processes


def print_nothing_to_do(directory: str, kimg: float, *, early: bool) -> None:
    """Prints that a run is at its end, or has ended early."""
    why = " and ended early" if early else ""
    print(f"{directory} is already trained to {kimg:.1f} kimg{why}: nothing to do")


def print_them(
    directory: str, experiment: Experiment, done: int, *, evaluated: early_stop.Record
) -> None:
    """Prints them on the first process.

    Args:
      directory: the workdir, as the user typed it.
      experiment: what was trained.
      done: training steps.
      evaluated: which step was the best.
    """
    if not processes.is_first():
        return
    kimg, total_kimg = experiment.kimg(done), experiment.kimg(experiment.total_steps)
    path, root = shlex.quote(directory), pathlib.Path(directory).expanduser().absolute()
    early = evaluated.is_over(experiment.config.eval.patience) and done < experiment.total_steps
    print(f"trained to {kimg:.1f} of {total_kimg:.1f} kimg{', ended early' if early else ''}")
    if evaluated.step is not None:
        best = experiment.kimg(evaluated.step)
        print(f"best    {best:.1f} kimg, {evaluated.metric} {evaluated.value:.4g}: --step=best")
    print(f"open    {shlex.quote(str(root / 'samples.png'))}")
    print(f"curves  tensorboard --logdir={path}")
    method = experiment.config.method
    if method in methods.FROM_PICTURES:
        print(f"{method} python -m {methods.FROM_PICTURES[method]} --model={path}")
    else:
        print(f"sample  python -m emoji_gan.sample --workdir={path} --seeds=0-63")
