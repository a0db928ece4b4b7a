"""The PyTorch side of `benchmarks.speed.step_times`: runs a cycle of iterations for every line on stdin.

Needs torch; started by `benchmarks.speed.step_times`, not by hand, with its settings as one JSON
argument. StyleGAN2 and R3GAN are the official code, imported from a checkout: the phases, their
order and their optimisers follow its training loop. DCGAN and WGAN-GP are in torch_dcgan.py.
"""

import json
import sys
import time

import torch

from benchmarks.speed import official_r3gan, torch_dcgan


def stylegan2(s: dict):
    """An iteration of stylegan2-ada-pytorch, as a function of its number."""
    sys.path.insert(0, s["checkout"])
    from training.augment import AugmentPipe
    from training.loss import StyleGAN2Loss
    from training.networks import Discriminator, Generator

    resolution, batch, model = s["resolution"], s["batch"], s["model"]
    channels = 3 if s["ada"] else 4  # its colour transforms know 1 or 3 channels only
    g = Generator(
        512, 0, 512, resolution, channels, mapping_kwargs=dict(num_layers=2), synthesis_kwargs=model
    ).train()
    d = Discriminator(
        0, resolution, channels, epilogue_kwargs=dict(mbstd_group_size=4), **model
    ).train()
    g, d = (m.requires_grad_(False).to(memory_format=s["memory_format"]) for m in (g, d))
    pipe = None
    if s["ada"]:
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
    real = real.to(memory_format=s["memory_format"])
    c = torch.zeros(batch, 0)

    def iteration(i):
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


def r3gan(s: dict):
    """An iteration of the official R3GAN."""
    networks, trainer = official_r3gan.load(s["checkout"])
    resolution, batch, model = s["resolution"], s["batch"], s["model"]
    stages = resolution.bit_length() - 2
    common = ([model["width"]] * stages, [model["groups"]] * stages, [model["blocks"]] * stages, 2)
    g, d = networks.Generator(model["z_dim"], *common), networks.Discriminator(*common)
    # RGBA, where its first and last layer know RGB only.
    g.AggregationLayer = networks.Convolution(model["width"], 4, KernelSize=1)
    d.ExtractionLayer = networks.Convolution(4, model["width"], KernelSize=1)
    g, d = (m.train().requires_grad_(False).to(memory_format=s["memory_format"]) for m in (g, d))
    trainer = trainer.AdversarialTraining(g, d)
    real = (torch.rand(batch, 4, resolution, resolution) * 2 - 1).to(
        memory_format=s["memory_format"]
    )
    opts = {
        m: torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.0, 0.9), eps=1e-8) for m in (d, g)
    }
    ema = {k: v.detach().clone() for k, v in g.named_parameters()}

    def iteration(i):
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
    s = json.loads(sys.argv[1])
    torch.manual_seed(0)
    s["memory_format"] = (
        torch.channels_last if s["layout"] == "channels_last" else torch.contiguous_format
    )
    methods = {
        "stylegan2": stylegan2,
        "r3gan": r3gan,
        "dcgan": torch_dcgan.dcgan,
        "wgan_gp": torch_dcgan.wgan_gp,
    }
    iteration = methods[s["method"]](s)

    def cycle():
        for i in range(s["cycle"]):
            iteration(i)

    cycle()
    print("ms 0", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        cycle()
        print(f"ms {(time.perf_counter() - start) / s['cycle'] * 1e3:.1f}", flush=True)


if __name__ == "__main__":
    main()
