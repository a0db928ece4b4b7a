"""Trains StyleGAN2-ADA by the official PyTorch code, for `benchmarks.methods.compare_reference`.

The phases, their order and optimisers, the moving average and the control of augmentation follow
the checkout's training loop, which itself runs on CUDA only; networks, losses and augmentation are
imported from it. Activations are channels-last.
"""

import copy
from typing import Any

from benchmarks.methods import reference_data

MODULES = (
    "torch_utils.misc",
    "torch_utils.training_stats",
    "training.augment",
    "training.dataset",
    "training.loss",
    "training.networks",
)
Z_DIM = 512
# Of configs/stylegan.py:cpu; the official ones are 16384 and 512.
WIDTH = {
    "channel_base": 2048,
    "channel_max": 64,
}
_GEOMETRY = ("xflip", "rotate90", "xint", "scale", "rotate", "aniso", "xfrac")
_COLOUR = ("brightness", "contrast", "lumaflip", "hue", "saturation")


def recipe(name: str, resolution: int) -> dict[str, Any]:
    """Returns what the checkout's train.py sets for --cfg=NAME at a resolution, on one device.

    That of `helped` is not the checkout's but that of configs/stylegan.py:cpu.
    """
    common = {"augment": (*_GEOMETRY, *_COLOUR), "ada_kimg": 500, "loss": {}, "g": {}, "d": {}}
    plain = {"pl_weight": 0, "style_mixing_prob": 0}
    if name == "helped":
        return common | {
            "batch": 16,
            "mbstd": 4,
            "gamma": 1.0,
            "ema_kimg": 5,
            "augment": _GEOMETRY[2:],
            "ada_kimg": 100,
            "loss": plain,
            "g": {"use_noise": False},
        }
    if name == "auto":
        batch = max(min(4096 // resolution, 32), 1)
        return common | {
            "batch": batch,
            "mbstd": min(batch, 4),
            "gamma": 0.0002 * resolution**2 / batch,
            "ema_kimg": batch * 10 / 32,
        }
    return common | {
        "batch": 64,
        "mbstd": 32,
        "gamma": 0.01,
        "ema_kimg": 500,
        "loss": plain,
        "d": {"architecture": "orig"},
    }


class Training:
    """Trains StyleGAN2-ADA as the checkout's training loop does, on one core.

    Args:
      folder: of RGB PNGs, the data.
      recipe_name: auto, cifar or helped.
      seed: of torch's and numpy's global random numbers.

    Attributes:
      step: iterations so far.
      batch: images of an iteration.
      g_ema: the average that draws.
      pipe: the augmentation; `pipe.p` is its probability.
    """

    def __init__(self, folder: str, recipe_name: str, seed: int) -> None:
        import torch
        from torch_utils import training_stats

        self._data = reference_data.Images(folder, seed)
        self._recipe = recipe(recipe_name, self._data.resolution)
        self.step, self.batch = 0, self._recipe["batch"]
        self._build(self._data.resolution)
        self._signs = training_stats.Collector(regex="Loss/signs/real")
        self._no_class = torch.zeros(self.batch, 0)

    def _build(self, resolution: int) -> None:
        """Makes the networks, the loss, and the phases of an iteration with their optimisers."""
        import torch
        from training.augment import AugmentPipe
        from training.loss import StyleGAN2Loss
        from training.networks import Discriminator, Generator

        r = self._recipe
        of_g = {"mapping_kwargs": {"num_layers": 2}, "synthesis_kwargs": WIDTH | r["g"]}
        g = Generator(Z_DIM, 0, 512, resolution, 3, **of_g)
        d = Discriminator(
            0, resolution, 3, epilogue_kwargs={"mbstd_group_size": r["mbstd"]}, **r["d"], **WIDTH
        )
        self.g, self.d = (
            m.train().requires_grad_(False).to(memory_format=torch.channels_last) for m in (g, d)
        )
        self.g_ema = copy.deepcopy(self.g).eval()
        self.pipe = AugmentPipe(**dict.fromkeys(r["augment"], 1)).train().requires_grad_(False)
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
        real = self._data.batch(batch).to(memory_format=torch.channels_last)
        c = self._no_class
        for name, module, opt, every in self._phases:
            if self.step % every:
                continue
            opt.zero_grad(set_to_none=True)
            module.requires_grad_(True)
            z = torch.randn(batch, Z_DIM)
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
        p.copy_((p + direction * self.batch * 4 / (1000 * self._recipe["ada_kimg"])).clamp(min=0))

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
