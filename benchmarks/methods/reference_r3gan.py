"""Trains R3GAN by the official PyTorch code, for `benchmarks.methods.compare_reference`.

The two phases, their optimisers, the schedules and the moving average follow the checkout's
training loop, which itself runs on CUDA only; networks, loss, augmentation and the schedules' curve
are imported from it, the schedules' values are those of its presets for the resolution.
"""

import copy
from typing import Any

from benchmarks.methods import reference_data

MODULES = (
    "torch_utils.training_stats",
    "training.augment",
    "training.dataset",
    "training.loss",
    "training.networks",
    "training.training_loop",
)
Z_DIM = 64
# Of configs/r3gan.py:cpu; the official ones are 768, 96, 2 and 512 images.
_WIDTH, _GROUPS, _BLOCKS, _BATCH = 48, 6, 1, 32
_PHASES = ("D", "G")
_AUGMENTATIONS = {
    **dict.fromkeys(("xflip", "rotate90", "xint", "scale", "rotate", "aniso", "xfrac"), 1),
    **dict.fromkeys(("brightness", "contrast", "lumaflip", "hue", "saturation"), 0.5),
    "cutout": 1,
}


def schedules(resolution: int) -> dict[str, tuple[float, float]]:
    """Returns the first and last values of CIFAR10's preset for 32 px, else of FFHQ-64's."""
    small = resolution <= 32
    return {
        "ema": (0.0, 5e6 if small else 5e5),  # images, half-life
        "p": (0.0, 0.55 if small else 0.3),
        "lr": (2e-4, 5e-5),
        "gamma": (0.05, 0.005) if small else (2.0, 0.2),
        "beta2": (0.9, 0.99),
    }


class Training:
    """Trains R3GAN as the checkout's training loop does, on one core.

    Args:
      folder: of RGB PNGs, the data.
      recipe_name: r3gan.
      seed: of torch's and numpy's global random numbers.

    Attributes:
      step: iterations so far.
      batch: images of an iteration, of each network.
      g_ema: the average that draws.
      pipe: the augmentation; `pipe.p` is its probability.
    """

    def __init__(self, folder: str, recipe_name: str, seed: int) -> None:
        import torch
        from training.augment import AugmentPipe
        from training.loss import R3GANLoss

        assert recipe_name == "r3gan"
        self._data = reference_data.Images(folder, seed)
        self.step, self.batch = 0, _BATCH
        self.g, self.d = self._networks(self._data.resolution)
        self.g_ema = copy.deepcopy(self.g).eval()
        self.pipe = AugmentPipe(**_AUGMENTATIONS).train().requires_grad_(False)
        self._loss = R3GANLoss(self.g, self.d, self.pipe)
        self._schedules = schedules(self._data.resolution)
        self._module = {"D": self.d, "G": self.g}
        self._opt = {
            name: torch.optim.Adam(self._module[name].parameters(), betas=(0.0, 0.0), eps=1e-8)
            for name in _PHASES
        }
        networks = {"g": self.g, "d": self.d, "g_ema": self.g_ema, "pipe": self.pipe}
        self._kept = networks | self._opt
        self._no_class = torch.zeros(self.batch, 0)

    def _networks(self, resolution: int) -> tuple[Any, Any]:
        from training.networks import Discriminator, Generator

        stages = resolution.bit_length() - 2  # from 4 px on
        common = {
            "WidthPerStage": [_WIDTH] * stages,
            "CardinalityPerStage": [_GROUPS] * stages,
            "BlocksPerStage": [_BLOCKS] * stages,
            "ExpansionFactor": 2,
            "FP16Stages": [],
            "c_dim": 0,
            "img_resolution": resolution,
        }
        g, d = Generator(NoiseDimension=Z_DIM, **common), Discriminator(**common)
        return g.train().requires_grad_(False), d.train().requires_grad_(False)

    def _now(self) -> dict[str, float]:
        """Returns the values of the schedules."""
        from training.training_loop import cosine_decay_with_warmup

        return {
            name: cosine_decay_with_warmup(
                self.step * self.batch, base_value=first, final_value=last, total_nimg=2e7
            )
            for name, (first, last) in self._schedules.items()
        }

    def iteration(self) -> None:
        """Runs both phases, each on a batch of its own, and updates the moving average."""
        import torch

        now, batch = self._now(), self.batch
        given = {name: (self._data.batch(batch), torch.randn(batch, Z_DIM)) for name in _PHASES}
        self.pipe.p.fill_(now["p"])
        for name in _PHASES:
            module, opt, (real, z) = self._module[name], self._opt[name], given[name]
            opt.zero_grad(set_to_none=True)
            module.requires_grad_(True)
            self._loss.accumulate_gradients(
                phase=name,
                real_img=real,
                real_c=self._no_class,
                gen_z=z,
                gamma=now["gamma"],
                gain=1,
            )
            module.requires_grad_(False)
            for group in opt.param_groups:
                group["lr"], group["betas"] = now["lr"], (0.0, now["beta2"])
            opt.step()
        with torch.no_grad():
            beta = 0.5 ** (batch / max(now["ema"], 1e-8))
            for old, new in zip(self.g_ema.parameters(), self.g.parameters(), strict=True):
                old.copy_(new.lerp(old, beta))
            for old, new in zip(self.g_ema.buffers(), self.g.buffers(), strict=True):
                old.copy_(new)
        self.step += 1

    def parameters(self) -> dict[str, int]:
        """Counts the parameters of the network that draws and of all that train."""
        counts = {
            k: sum(x.numel() for x in m.parameters()) for k, m in (("g", self.g), ("d", self.d))
        }
        return {"drawn": counts["g"], "trained": sum(counts.values())}

    def state_dict(self) -> dict[str, Any]:
        """Returns all that a resumption needs, apart from the random numbers."""
        return {name: value.state_dict() for name, value in self._kept.items()} | {
            "step": self.step
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        for name, value in self._kept.items():
            value.load_state_dict(saved[name])
        self.step = saved["step"]
