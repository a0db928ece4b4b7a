"""Runs iterations of PyTorch training, as a peer of `benchmarks.speed.step_times`.

Needs torch; started by `benchmarks.speed.step_times`, not by hand, with its settings as one JSON
argument. It runs a cycle of iterations for every line on stdin. StyleGAN2 and R3GAN are the
official code, imported from a checkout: the phases, their order and their optimisers follow its
training loop. DCGAN and WGAN-GP are in torch_dcgan.py, the masked transformer in torch_masked.py.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch

from benchmarks.speed import official_r3gan, torch_dcgan, torch_masked
from benchmarks.speed.turns import serve


def stylegan2(settings: Mapping[str, Any]) -> Callable[[int], None]:
    """Returns an iteration of stylegan2-ada-pytorch as a function of its number."""
    sys.path.insert(0, settings["checkout"])
    from training.augment import AugmentPipe
    from training.loss import StyleGAN2Loss
    from training.networks import Discriminator, Generator

    resolution, batch, model = settings["resolution"], settings["batch"], settings["model"]
    memory_format = settings["memory_format"]
    channels = 3 if settings["ada"] else 4  # its colour transforms take 1 or 3 channels only
    g = Generator(
        512, 0, 512, resolution, channels, mapping_kwargs=dict(num_layers=2), synthesis_kwargs=model
    ).train()
    d = Discriminator(
        0, resolution, channels, epilogue_kwargs=dict(mbstd_group_size=4), **model
    ).train()
    g, d = (m.requires_grad_(False).to(memory_format=memory_format) for m in (g, d))
    pipe = None
    if settings["ada"]:
        # What this project's configs switch on: no flips, quarter turns, luma flips or hue.
        names = "xint scale rotate aniso xfrac brightness contrast saturation"
        pipe = AugmentPipe(**{k: 1 for k in names.split()}).train().requires_grad_(False)
        pipe.p.copy_(torch.as_tensor(0.3))
    loss = StyleGAN2Loss(
        "cpu",
        g.mapping,
        g.synthesis,
        d,
        pipe,
        style_mixing_prob=0.9,
        r1_gamma=0.0002 * resolution**2 / batch,
    )
    phases = []
    for name, module, every in (("G", g, 4), ("D", d, 16)):
        c = every / (every + 1)
        opt = torch.optim.Adam(module.parameters(), lr=0.0025 * c, betas=(0.0, 0.99**c), eps=1e-8)
        phases += [(name + "main", module, opt, 1), (name + "reg", module, opt, every)]
    ema = {k: v.detach().clone() for k, v in g.named_parameters()}
    real = torch.rand(batch, channels, resolution, resolution) * 2 - 1
    real = real.to(memory_format=memory_format)
    c = torch.zeros(batch, 0)

    def iteration(i: int) -> None:
        for name, module, opt, every in phases:
            if i % every:
                continue
            z = torch.randn(batch, 512)
            opt.zero_grad(set_to_none=True)
            module.requires_grad_(True)
            loss.accumulate_gradients(name, real, c, z, c, sync=True, gain=every)
            module.requires_grad_(False)
            for p in module.parameters():
                if p.grad is not None:
                    torch.nan_to_num(p.grad, nan=0, posinf=1e5, neginf=-1e5, out=p.grad)
            opt.step()
        with torch.no_grad():
            for k, v in g.named_parameters():
                ema[k].lerp_(v, 0.001)

    return iteration


def r3gan(settings: Mapping[str, Any]) -> Callable[[int], None]:
    """Returns an iteration of the official R3GAN as a function of its number."""
    networks, trainer = official_r3gan.load(settings["checkout"])
    resolution, batch, model = settings["resolution"], settings["batch"], settings["model"]
    memory_format = settings["memory_format"]
    stages = resolution.bit_length() - 2
    common = ([model["width"]] * stages, [model["groups"]] * stages, [model["blocks"]] * stages, 2)
    g, d = networks.Generator(model["z_dim"], *common), networks.Discriminator(*common)
    # For RGBA: its own first and last layers take RGB only.
    g.AggregationLayer = networks.Convolution(model["width"], 4, KernelSize=1)
    d.ExtractionLayer = networks.Convolution(4, model["width"], KernelSize=1)
    g, d = (m.train().requires_grad_(False).to(memory_format=memory_format) for m in (g, d))
    trainer = trainer.AdversarialTraining(g, d)
    real = torch.rand(batch, 4, resolution, resolution) * 2 - 1
    real = real.to(memory_format=memory_format)
    opts = {
        m: torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.0, 0.9), eps=1e-8) for m in (d, g)
    }
    ema = {k: v.detach().clone() for k, v in g.named_parameters()}

    def iteration(i: int) -> None:
        for module, opt in opts.items():
            z = torch.randn(batch, model["z_dim"])
            opt.zero_grad(set_to_none=True)
            module.requires_grad_(True)
            if module is d:
                trainer.AccumulateDiscriminatorGradients(z, real, None, 0.5)
            else:
                trainer.AccumulateGeneratorGradients(z, real, None)
            module.requires_grad_(False)
            opt.step()
        with torch.no_grad():
            for k, v in g.named_parameters():
                ema[k].lerp_(v, 0.001)

    return iteration


def main() -> None:
    """Reads the settings from the command line and serves until stdin ends."""
    settings = json.loads(sys.argv[1])
    torch.manual_seed(0)
    settings["memory_format"] = (
        torch.channels_last if settings["layout"] == "channels_last" else torch.contiguous_format
    )
    methods = {
        "stylegan2": stylegan2,
        "r3gan": r3gan,
        "dcgan": torch_dcgan.dcgan,
        "wgan_gp": torch_dcgan.wgan_gp,
        "masked": torch_masked.masked,
    }
    iteration = methods[settings["method"]](settings)

    def cycle() -> None:
        for i in range(settings["cycle"]):
            iteration(i)

    serve(cycle, settings["cycle"])


if __name__ == "__main__":
    main()
