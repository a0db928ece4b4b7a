"""Trains the official PyTorch code for `benchmarks.methods.comparison`; draws at fixed times.

Needs torch, scipy and a checkout of stylegan2-ada-pytorch; started by
`benchmarks.methods.comparison`, not by hand. The phases, their order and optimisers, the moving
average and the control of augmentation follow the checkout's training loop, which itself runs on
CUDA only; networks, losses and augmentation are imported from it. The data stay in memory,
activations are channels-last, and nothing else is written while it trains. The clock starts after
the imports and stands still while images are drawn and the state is saved.
"""

import argparse
import copy
import importlib
import json
import os
import pathlib
import shutil
import sys
import time
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# Of configs/stylegan.py:cpu; the official ones are 16384 and 512.
WIDTH = {
    "channel_base": 2048,
    "channel_max": 64,
}
BATCH_DRAWN = 50
_AUGMENTATIONS = (
    "xflip rotate90 xint scale rotate aniso xfrac brightness contrast lumaflip hue saturation"
)


def recipe(name: str, resolution: int) -> dict[str, Any]:
    """Returns what the checkout's train.py sets for --cfg=NAME at a resolution, on one device."""
    if name == "auto":
        batch = max(min(4096 // resolution, 32), 1)
        return {
            "batch": batch,
            "mbstd": min(batch, 4),
            "gamma": 0.0002 * resolution**2 / batch,
            "ema_kimg": batch * 10 / 32,
            "loss": {},
            "d": {},
        }
    return {
        "batch": 64,
        "mbstd": 32,
        "gamma": 0.01,
        "ema_kimg": 500,
        "loss": {"pl_weight": 0, "style_mixing_prob": 0},
        "d": {"architecture": "orig"},
    }


class Clock:
    """Counts minutes of training, wall and CPU, without what happens inside `with clock:`."""

    def __init__(self, minutes: float, cpu_minutes: float) -> None:
        wall, cpu = self._now()
        self._start = (wall - minutes, cpu - cpu_minutes)

    def minutes(self) -> tuple[float, float]:
        """Returns the minutes so far: wall, CPU."""
        return tuple(now - start for now, start in zip(self._now(), self._start, strict=True))

    def _now(self) -> tuple[float, float]:
        return time.perf_counter() / 60, time.process_time() / 60

    def __enter__(self) -> None:
        self._stopped = self._now()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        gone = [now - stopped for now, stopped in zip(self._now(), self._stopped, strict=True)]
        self._start = tuple(start + g for start, g in zip(self._start, gone, strict=True))


def write(path: pathlib.Path, data: bytes) -> None:
    """Writes a file at once: a reader sees the old one or the new one."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def import_official(checkout: str) -> None:
    """Imports the checkout's modules and their needs, before the clock starts."""
    sys.path.insert(0, checkout)
    for name in (
        "numpy",
        "PIL.Image",
        "torch",
        "torch_utils.misc",
        "torch_utils.training_stats",
        "training.augment",
        "training.dataset",
        "training.loss",
        "training.networks",
    ):
        importlib.import_module(name)


def shuffled(count: int) -> Iterator[int]:
    """Yields the numbers below `count` in random order, again and again.

    The checkout's own sampler does not work with today's torch.
    """
    import numpy as np

    while True:
        yield from np.random.permutation(count)


class Training:
    """Trains StyleGAN2-ADA as the checkout's training loop does, on one core.

    Args:
      folder: of RGB PNGs, the data.
      recipe_name: auto or cifar.
      seed: of torch's and numpy's global random numbers.

    Attributes:
      step: iterations so far.
      batch: images of an iteration.
      pipe: the augmentation; `pipe.p` is its probability.
    """

    def __init__(self, folder: str, recipe_name: str, seed: int) -> None:
        import numpy as np
        import torch
        from torch_utils import training_stats
        from training.dataset import ImageFolderDataset

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        np.random.seed(seed)
        data = ImageFolderDataset(path=folder)
        self._images = torch.from_numpy(np.stack([data[i][0] for i in range(len(data))]))
        self._order = shuffled(len(data))
        self._recipe = recipe(recipe_name, data.resolution)
        self.step, self.batch = 0, self._recipe["batch"]
        self._build(data.resolution)
        self._signs = training_stats.Collector(regex="Loss/signs/real")
        self._no_class = torch.zeros(self.batch, 0)

    def _build(self, resolution: int) -> None:
        """Makes the networks, the loss, and the phases of an iteration with their optimisers."""
        import torch
        from training.augment import AugmentPipe
        from training.loss import StyleGAN2Loss
        from training.networks import Discriminator, Generator

        r = self._recipe
        g = Generator(
            512, 0, 512, resolution, 3, mapping_kwargs={"num_layers": 2}, synthesis_kwargs=WIDTH
        )
        d = Discriminator(
            0, resolution, 3, epilogue_kwargs={"mbstd_group_size": r["mbstd"]}, **r["d"], **WIDTH
        )
        self.g, self.d = (
            m.train().requires_grad_(False).to(memory_format=torch.channels_last) for m in (g, d)
        )
        self.g_ema = copy.deepcopy(self.g).eval()
        augmentations = dict.fromkeys(_AUGMENTATIONS.split(), 1)
        self.pipe = AugmentPipe(**augmentations).train().requires_grad_(False)
        self.pipe.p.zero_()
        self._loss = StyleGAN2Loss(
            "cpu",
            self.g.mapping,
            self.g.synthesis,
            self.d,
            self.pipe,
            r1_gamma=r["gamma"],
            **r["loss"],
        )
        self._phases, optimizers = [], {}
        for name, module, every in (("G", self.g, 4), ("D", self.d, 16)):
            c = every / (every + 1)
            opt = torch.optim.Adam(
                module.parameters(), lr=0.0025 * c, betas=(0.0, 0.99**c), eps=1e-8
            )
            self._phases += [(name + "main", module, opt, 1), (name + "reg", module, opt, every)]
            optimizers[name] = opt
        networks = {"g": self.g, "d": self.d, "g_ema": self.g_ema, "pipe": self.pipe}
        self._kept = networks | optimizers

    def iteration(self) -> None:
        """Runs every phase that is due on one batch, and updates the moving average."""
        import torch
        from torch_utils import misc

        batch = self.batch
        real = self._images[[next(self._order) for _ in range(batch)]]
        real = real.to(torch.float32) / 127.5 - 1
        real = real.to(memory_format=torch.channels_last)
        c = self._no_class
        for name, module, opt, every in self._phases:
            if self.step % every:
                continue
            opt.zero_grad(set_to_none=True)
            module.requires_grad_(True)
            z = torch.randn(batch, 512)
            self._loss.accumulate_gradients(name, real, c, z, c, sync=True, gain=every)
            module.requires_grad_(False)
            for parameter in module.parameters():
                if parameter.grad is not None:
                    misc.nan_to_num(
                        parameter.grad, nan=0, posinf=1e5, neginf=-1e5, out=parameter.grad
                    )
            opt.step()
        self._average()
        self.step += 1
        if self.step % 4 == 0:
            self._update_p()

    def _average(self) -> None:
        import torch

        with torch.no_grad():
            half_life = min(self._recipe["ema_kimg"] * 1000, 0.05 * self.step * self.batch)
            beta = 0.5 ** (self.batch / max(half_life, 1e-8))
            for old, new in zip(self.g_ema.parameters(), self.g.parameters(), strict=True):
                old.copy_(new.lerp(old, beta))
            for old, new in zip(self.g_ema.buffers(), self.g.buffers(), strict=True):
                old.copy_(new)

    def _update_p(self) -> None:
        """Moves the probability of augmentation towards its target, by four iterations' images."""
        import numpy as np

        self._signs.update()
        direction = np.sign(self._signs["Loss/signs/real"] - 0.6)
        p = self.pipe.p
        p.copy_((p + direction * self.batch * 4 / 500_000).clamp(min=0))

    def parameters(self) -> dict[str, int]:
        """Counts the parameters of the network that draws and of all that train."""
        counts = {
            k: sum(x.numel() for x in m.parameters()) for k, m in (("g", self.g), ("d", self.d))
        }
        return {"drawn": counts["g"], "trained": sum(counts.values())}

    def state_dict(self) -> dict[str, Any]:
        """Returns all that a resumption needs, apart from the random numbers."""
        arrays = {name: value.state_dict() for name, value in self._kept.items()}
        return arrays | {"pl_mean": self._loss.pl_mean, "step": self.step}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        for name, value in self._kept.items():
            value.load_state_dict(saved[name])
        self._loss.pl_mean.copy_(saved["pl_mean"])
        self.step = saved["step"]


def draw(g_ema: "torch.nn.Module", folder: pathlib.Path, n: int) -> float:
    """Writes `n` PNGs of the moving average; returns images/s, of drawing alone."""
    import PIL.Image
    import torch

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    seconds = 0.0
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        g_ema(torch.randn(BATCH_DRAWN, 512), None)  # the first call is slower
        for first in range(0, n, BATCH_DRAWN):
            start = time.perf_counter()
            x = g_ema(torch.randn(BATCH_DRAWN, 512), None)
            x = (x.permute(0, 2, 3, 1) * 127.5 + 128).clamp(0, 255).to(torch.uint8).numpy()
            seconds += time.perf_counter() - start
            for i, image in enumerate(x[: n - first], first):
                PIL.Image.fromarray(image).save(folder / f"{i:06d}.png")
    return -(-n // BATCH_DRAWN) * BATCH_DRAWN / seconds


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--checkout", required=True)
    p.add_argument("--data", required=True, help="folder of RGB PNGs")
    p.add_argument("--out", required=True, help="folder of points.json, samples-1, samples-2, ...")
    p.add_argument("--recipe", choices=("auto", "cifar"), required=True)
    p.add_argument("--seed", type=int, required=True)
    p.add_argument("--minutes", type=float, required=True)
    p.add_argument("--points", type=int, required=True)
    p.add_argument("--n", type=int, required=True, help="images drawn at each point")
    return p


def main() -> None:
    """Runs the command line: trains to each fixed time, draws and saves there."""
    a = _parser().parse_args()
    import_official(a.checkout)
    import torch

    out = pathlib.Path(a.out)
    state = out / "state.pt"
    saved = torch.load(state, weights_only=False) if state.exists() else None
    points = saved["points"] if saved else []
    clock = Clock(a.minutes * len(points) / a.points, points[-1]["cpu_minutes"] if points else 0.0)
    # A resumption draws other noise and another order of the data.
    training = Training(a.data, a.recipe, a.seed * 1000 + len(points))
    if saved:
        training.load_state_dict(saved)
    while len(points) < a.points:
        training.iteration()
        if clock.minutes()[0] < a.minutes * (len(points) + 1) / a.points:
            continue
        minutes, cpu_minutes = clock.minutes()
        with clock:
            rate = draw(training.g_ema, out / f"samples-{len(points) + 1}", a.n)
            point = {
                "minutes": minutes,
                "cpu_minutes": cpu_minutes,
                "kimg": training.step * training.batch / 1000,
                "step": training.step,
                "sampled_per_s": rate,
                "parameters": training.parameters(),
                "augment_p": float(training.pipe.p),
            }
            points.append(point)
            torch.save(training.state_dict() | {"points": points}, state.with_name(".state.pt"))
            os.replace(state.with_name(".state.pt"), state)
            write(out / "points.json", json.dumps({"points": points}, indent=1).encode())
            print(json.dumps(point), flush=True)
    write(out / "points.json", json.dumps({"points": points}, indent=1).encode())


if __name__ == "__main__":
    main()
