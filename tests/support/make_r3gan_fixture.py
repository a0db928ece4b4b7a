"""Makes a fixture of the class-conditional R3GAN from the official code.

    PYTHON -m tests.support.make_r3gan_fixture --reference=CHECKOUT
    --out=tests/fixtures/r3gan_16_cond.npz

PYTHON is an interpreter with torch, numpy and scipy, CHECKOUT a copy of R3GAN. Three classes, 16
px, each stage of another width, so that nothing fits by chance; the embeddings have the sizes that
the checkout's train.py gives them. All parameters are random, also those that start at 0: else most
gradients would vanish. One step of each network is taken, with the same latents and images.
`tests.parity.networks_parity` reads the file.
"""

import argparse

import numpy as np
import torch

from benchmarks.speed import official_r3gan

WIDTHS, GROUPS, BLOCKS, EXPANSION = [24, 16, 8], [4, 2, 1], [1, 1, 1], 2  # 4, 8, 16 px
BATCH, CLASSES, Z_DIM, GAMMA = 4, 3, 12, 0.5


def main() -> None:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--reference", required=True, help="checkout of R3GAN")
    p.add_argument("--out", required=True)
    args = p.parse_args()
    networks, trainer = official_r3gan.load(args.reference)
    torch.manual_seed(0)
    g = networks.Generator(Z_DIM, WIDTHS, GROUPS, BLOCKS, EXPANSION, CLASSES, Z_DIM)
    d = networks.Discriminator(
        WIDTHS[::-1], GROUPS[::-1], BLOCKS[::-1], EXPANSION, CLASSES, WIDTHS[0]
    )
    with torch.no_grad():
        for m in (g, d):
            for name, v in m.named_parameters():
                if name.endswith("Bias"):
                    v.normal_(0, 0.1)
                elif "LinearLayer3" in name:
                    v.normal_(0, 0.5 / v.shape[1] ** 0.5)
    z = torch.randn(BATCH, Z_DIM)
    real = torch.rand(BATCH, 3, 4 * 2 ** (len(WIDTHS) - 1), 4 * 2 ** (len(WIDTHS) - 1)) * 2 - 1
    c = torch.nn.functional.one_hot(torch.arange(BATCH) % CLASSES, CLASSES).float()
    with torch.no_grad():
        fake = g(z, c)
        out = {"img": fake, "D_real": d(real, c), "D_fake": d(fake, c)}
    trainer, grads = trainer.AdversarialTraining(g, d), {}
    for name, network, m, step in (
        ("d", "D", d, lambda: trainer.AccumulateDiscriminatorGradients(z, real, c, GAMMA)),
        ("g", "G", g, lambda: trainer.AccumulateGeneratorGradients(z, real, c)),
    ):
        for other in (g, d):
            other.requires_grad_(other is m)
        out |= {f"{name}_step_return_{i}": v for i, v in enumerate(step())}
        grads |= {f"grad.{name}.{network}.{k}": v.grad for k, v in m.named_parameters()}
    tensors = {f"{n}.{k}": v for n, m in (("G", g), ("D", d)) for k, v in m.state_dict().items()}
    tensors |= (
        {"in.z": z, "in.real": real, "in.c": c} | {f"out.{k}": v for k, v in out.items()} | grads
    )
    np.savez_compressed(args.out, **{k: v.detach().numpy() for k, v in tensors.items()})


if __name__ == "__main__":
    main()
