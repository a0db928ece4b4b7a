"""The official PyTorch side of `benchmarks.step_time`: runs a cycle of 16 iterations for every line on stdin.

Needs torch and a checkout of stylegan2-ada-pytorch; started by `benchmarks.step_time`, not by hand. The
phases, their order and their optimisers follow the checkout's training loop; networks and losses are
imported from it.
"""

import sys
import time

CYCLE = 16


def main() -> None:
    checkout, layout, resolution, batch, base, top, ada = sys.argv[1:8]
    resolution, batch, base, top, ada = (int(v) for v in (resolution, batch, base, top, ada))
    sys.path.insert(0, checkout)
    import torch
    from training.augment import AugmentPipe
    from training.loss import StyleGAN2Loss
    from training.networks import Discriminator, Generator

    torch.manual_seed(0)
    image_channels = 3 if ada else 4  # its colour transforms know 1 or 3 channels only
    widths = dict(channel_base=base, channel_max=top)
    g = Generator(
        512, 0, 512, resolution, image_channels, mapping_kwargs=dict(num_layers=2), synthesis_kwargs=widths
    ).train()
    d = Discriminator(
        0, resolution, image_channels, epilogue_kwargs=dict(mbstd_group_size=4), **widths
    ).train()
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    g, d = (m.requires_grad_(False).to(memory_format=memory_format) for m in (g, d))
    pipe = None
    if ada:
        # What this project's configs switch on: no flips, quarter turns, luma flips or hue.
        names = "xint scale rotate aniso xfrac brightness contrast saturation"
        pipe = AugmentPipe(**{k: 1 for k in names.split()}).train().requires_grad_(False)
        pipe.p.copy_(torch.as_tensor(0.3))
    loss = StyleGAN2Loss(
        "cpu", g.mapping, g.synthesis, d, pipe, style_mixing_prob=0.9, r1_gamma=0.0002 * resolution**2 / batch
    )
    phases = []
    for name, module, every in (("G", g, 4), ("D", d, 16)):
        c = every / (every + 1)
        opt = torch.optim.Adam(module.parameters(), lr=0.0025 * c, betas=(0.0, 0.99**c), eps=1e-8)
        phases += [(name + "main", module, opt, 1), (name + "reg", module, opt, every)]
    ema = {k: v.detach().clone() for k, v in g.named_parameters()}
    real = torch.rand(batch, image_channels, resolution, resolution) * 2 - 1
    real = real.to(memory_format=memory_format)
    c = torch.zeros(batch, 0)

    def cycle():
        for i in range(CYCLE):
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

    cycle()
    print("ms 0", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        cycle()
        print(f"ms {(time.perf_counter() - start) / CYCLE * 1e3:.1f}", flush=True)


if __name__ == "__main__":
    main()
