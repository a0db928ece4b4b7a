"""The official PyTorch code as a row of `benchmarks.methods.comparison`: trains, and draws at fixed times.

Needs torch, scipy and a checkout of stylegan2-ada-pytorch; started by
`benchmarks.methods.comparison`, not by hand. The phases, their order and optimisers, the moving
average and the control of augmentation follow the checkout's training loop, which itself runs on
CUDA only; networks, losses and augmentation are imported from it. The data stay in memory,
activations lie channels last, and nothing else is written while it trains. The clock starts after
the imports and stands still while images are drawn and the state is saved.
"""

import argparse
import copy
import json
import os
import pathlib
import shutil
import sys
import time

WIDTH = {
    "channel_base": 2048,
    "channel_max": 64,
}  # of configs/stylegan.py:cpu; the official ones: 16384, 512
BATCH_DRAWN = 50


def recipe(name: str, resolution: int) -> dict:
    """What the checkout's train.py sets for --cfg=NAME at a resolution and on one device."""
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
    """Minutes of training, by the wall and of CPU, without what happens inside `with clock:`."""

    def __init__(self, minutes: float, cpu_minutes: float):
        wall, cpu = self._now()
        self._start = (wall - minutes, cpu - cpu_minutes)

    def minutes(self) -> tuple[float, float]:
        """So far: by the wall, of CPU."""
        return tuple(now - start for now, start in zip(self._now(), self._start, strict=True))

    def _now(self) -> tuple[float, float]:
        return time.perf_counter() / 60, time.process_time() / 60

    def __enter__(self):
        self._stopped = self._now()

    def __exit__(self, *_):
        gone = [now - stopped for now, stopped in zip(self._now(), self._stopped, strict=True)]
        self._start = tuple(start + g for start, g in zip(self._start, gone, strict=True))


def write(path: pathlib.Path, data: bytes) -> None:
    """A reader sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def main() -> None:
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
    a = p.parse_args()
    sys.path.insert(0, a.checkout)
    import numpy as np
    import PIL.Image
    import torch
    from torch_utils import misc, training_stats
    from training.augment import AugmentPipe
    from training.dataset import ImageFolderDataset
    from training.loss import StyleGAN2Loss
    from training.networks import Discriminator, Generator

    out = pathlib.Path(a.out)
    state = out / "state.pt"
    saved = torch.load(state, weights_only=False) if state.exists() else None
    points = saved["points"] if saved else []
    clock = Clock(a.minutes * len(points) / a.points, points[-1]["cpu_minutes"] if points else 0.0)
    torch.set_num_threads(1)
    # After a resumption another stream of noise and another order of the data.
    torch.manual_seed(a.seed * 1000 + len(points))
    np.random.seed(a.seed * 1000 + len(points))

    def shuffled(count: int):
        while True:  # the checkout's own sampler does not work with today's torch
            yield from np.random.permutation(count)

    data = ImageFolderDataset(path=a.data)
    images = torch.from_numpy(np.stack([data[i][0] for i in range(len(data))]))
    resolution = data.resolution
    order = shuffled(len(data))
    r = recipe(a.recipe, resolution)
    batch = r["batch"]

    g = Generator(
        512, 0, 512, resolution, 3, mapping_kwargs={"num_layers": 2}, synthesis_kwargs=WIDTH
    )
    d = Discriminator(
        0, resolution, 3, epilogue_kwargs={"mbstd_group_size": r["mbstd"]}, **r["d"], **WIDTH
    )
    g, d = (m.train().requires_grad_(False).to(memory_format=torch.channels_last) for m in (g, d))
    g_ema = copy.deepcopy(g).eval()
    names = (
        "xflip rotate90 xint scale rotate aniso xfrac brightness contrast lumaflip hue saturation"
    )
    pipe = AugmentPipe(**dict.fromkeys(names.split(), 1)).train().requires_grad_(False)
    pipe.p.zero_()
    signs = training_stats.Collector(regex="Loss/signs/real")
    loss = StyleGAN2Loss("cpu", g.mapping, g.synthesis, d, pipe, r1_gamma=r["gamma"], **r["loss"])
    phases, optimizers = [], {}
    for name, module, every in (("G", g, 4), ("D", d, 16)):
        c = every / (every + 1)
        opt = torch.optim.Adam(module.parameters(), lr=0.0025 * c, betas=(0.0, 0.99**c), eps=1e-8)
        phases += [(name + "main", module, opt, 1), (name + "reg", module, opt, every)]
        optimizers[name] = opt
    kept = {"g": g, "d": d, "g_ema": g_ema, "pipe": pipe} | optimizers
    step = 0
    if saved:
        for name, value in kept.items():
            value.load_state_dict(saved[name])
        loss.pl_mean.copy_(saved["pl_mean"])
        step = saved["step"]
    no_class = torch.zeros(batch, 0)

    def iteration() -> None:
        real = images[[next(order) for _ in range(batch)]].to(torch.float32) / 127.5 - 1
        real = real.to(memory_format=torch.channels_last)
        for name, module, opt, every in phases:
            if step % every:
                continue
            opt.zero_grad(set_to_none=True)
            module.requires_grad_(True)
            z = torch.randn(batch, 512)
            loss.accumulate_gradients(name, real, no_class, z, no_class, sync=True, gain=every)
            module.requires_grad_(False)
            for parameter in module.parameters():
                if parameter.grad is not None:
                    misc.nan_to_num(
                        parameter.grad, nan=0, posinf=1e5, neginf=-1e5, out=parameter.grad
                    )
            opt.step()
        with torch.no_grad():
            half_life = min(r["ema_kimg"] * 1000, 0.05 * step * batch)
            beta = 0.5 ** (batch / max(half_life, 1e-8))
            for old, new in zip(g_ema.parameters(), g.parameters(), strict=True):
                old.copy_(new.lerp(old, beta))
            for old, new in zip(g_ema.buffers(), g.buffers(), strict=True):
                old.copy_(new)

    def draw(folder: pathlib.Path) -> float:
        """Writes a.n PNGs of the moving average; returns images/s, of drawing alone."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        seconds = 0.0
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(0)
            g_ema(torch.randn(BATCH_DRAWN, 512), None)  # the first call is slower
            for first in range(0, a.n, BATCH_DRAWN):
                start = time.perf_counter()
                x = g_ema(torch.randn(BATCH_DRAWN, 512), None)
                x = (x.permute(0, 2, 3, 1) * 127.5 + 128).clamp(0, 255).to(torch.uint8).numpy()
                seconds += time.perf_counter() - start
                for i, image in enumerate(x[: a.n - first], first):
                    PIL.Image.fromarray(image).save(folder / f"{i:06d}.png")
        return -(-a.n // BATCH_DRAWN) * BATCH_DRAWN / seconds

    counts = {k: sum(x.numel() for x in m.parameters()) for k, m in (("g", g), ("d", d))}
    while len(points) < a.points:
        iteration()
        step += 1
        if step % 4 == 0:
            signs.update()
            way = np.sign(signs["Loss/signs/real"] - 0.6)
            pipe.p.copy_((pipe.p + way * batch * 4 / 500_000).clamp(min=0))
        if clock.minutes()[0] < a.minutes * (len(points) + 1) / a.points:
            continue
        minutes, cpu_minutes = clock.minutes()
        with clock:
            rate = draw(out / f"samples-{len(points) + 1}")
            point = {
                "minutes": minutes,
                "cpu_minutes": cpu_minutes,
                "kimg": step * batch / 1000,
                "step": step,
                "sampled_per_s": rate,
                "parameters": {"drawn": counts["g"], "trained": sum(counts.values())},
                "augment_p": float(pipe.p),
            }
            points.append(point)
            arrays = {name: value.state_dict() for name, value in kept.items()}
            torch.save(
                arrays | {"pl_mean": loss.pl_mean, "step": step, "points": points},
                state.with_name(".state.pt"),
            )
            os.replace(state.with_name(".state.pt"), state)
            write(out / "points.json", json.dumps({"points": points}, indent=1).encode())
            print(json.dumps(point), flush=True)
    write(out / "points.json", json.dumps({"points": points}, indent=1).encode())


if __name__ == "__main__":
    main()
