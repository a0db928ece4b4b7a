"""Trains DCGAN (1511.06434) and WGAN-GP (1704.00028) in plain PyTorch, to compare step times.

The networks, losses, optimisers and passes are those of `emoji_gan.methods.dcgan` and `wgan_gp`,
unconditional, without augmentation and composite. `dcgan` and `wgan_gp` take the settings of
`step_time_reference` and return an iteration as a function of its number.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


def _channels(settings: Mapping[str, Any]) -> list[int]:
    """Returns the channels at 4, 8, ... px, below the resolution."""
    stages = settings["resolution"].bit_length() - 3
    return [settings["model"]["width"] * 2**i for i in reversed(range(stages))]


class Generator(nn.Module):
    """Maps z [b z_dim] to images [b 4 h w]."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        channels = _channels(settings)
        self.project = nn.Linear(settings["model"]["z_dim"], 16 * channels[0], bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(n) for n in channels])
        self.convs = nn.ModuleList(
            [
                nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=b == 4)
                for a, b in zip(channels, [*channels[1:], 4], strict=True)
            ]
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Maps z [b z_dim] to images [b 4 h w]."""
        x = self.project(z).view(len(z), -1, 4, 4)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = conv(F.relu(norm(x), inplace=True))
        return torch.tanh(x)


class Discriminator(nn.Module):
    """Maps images [b 4 h w] to logits [b]."""

    def __init__(self, settings: Mapping[str, Any], norm: bool) -> None:
        super().__init__()
        channels = _channels(settings)[::-1]
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(a, b, 4, stride=2, padding=1)
                for a, b in zip([4, *channels[:-1]], channels, strict=True)
            ]
        )
        norms = [
            nn.BatchNorm2d(n, track_running_stats=False) if norm else nn.Identity()
            for n in channels[1:]
        ]
        self.norms = nn.ModuleList([nn.Identity(), *norms])
        self.out = nn.Linear(16 * channels[-1], 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps images [b 4 h w] to logits [b]."""
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.2)
        return self.out(x.flatten(1))[:, 0]


@dataclasses.dataclass(frozen=True)
class _Training:
    """Holds networks, their optimisers, G's average and a batch of real images."""

    g: Generator
    d: Discriminator
    g_opt: torch.optim.Optimizer
    d_opt: torch.optim.Optimizer
    ema: list[torch.Tensor]
    real: torch.Tensor


def _make(
    settings: Mapping[str, Any], *, norm: bool, lr: float, betas: tuple[float, float]
) -> _Training:
    memory_format = settings["memory_format"]
    g, d = networks = [
        m.train().to(memory_format=memory_format)
        for m in (Generator(settings), Discriminator(settings, norm))
    ]
    for m in networks:
        for p in m.parameters():
            if p.ndim > 1:
                nn.init.normal_(p, 0.0, 0.02)
    g_opt, d_opt = (
        torch.optim.Adam(m.parameters(), lr=lr, betas=betas, eps=1e-8) for m in networks
    )
    ema = [p.detach().clone() for p in g.parameters()]
    real = torch.rand(settings["batch"], 4, settings["resolution"], settings["resolution"]) * 2 - 1
    return _Training(g, d, g_opt, d_opt, ema, real.to(memory_format=memory_format))


def _apply(module: nn.Module, opt: torch.optim.Optimizer, grads: Iterable[torch.Tensor]) -> None:
    for p, grad in zip(module.parameters(), grads, strict=True):
        p.grad = grad
    opt.step()


def _average(ema: Sequence[torch.Tensor], g: nn.Module) -> None:
    with torch.no_grad():
        for e, p in zip(ema, g.parameters(), strict=True):
            e.lerp_(p, 0.001)


def dcgan(settings: Mapping[str, Any]) -> Callable[[int], None]:
    """Returns an iteration of DCGAN: G and D move at once, each on one pass over the fakes."""
    t = _make(settings, norm=True, lr=2e-4, betas=(0.5, 0.999))
    batch, z_dim = settings["batch"], settings["model"]["z_dim"]

    def iteration(i: int) -> None:
        fake = t.g(torch.randn(batch, z_dim))
        fakes = t.d(fake)
        g_grads = torch.autograd.grad(
            F.softplus(-fakes).mean(), list(t.g.parameters()), retain_graph=True
        )
        # Not back into G: only the part of the graph that D's parameters need.
        loss = (F.softplus(-t.d(t.real)) + F.softplus(fakes)).mean()
        d_grads = torch.autograd.grad(loss, list(t.d.parameters()))
        _apply(t.g, t.g_opt, g_grads)
        _apply(t.d, t.d_opt, d_grads)
        _average(t.ema, t.g)

    return iteration


def wgan_gp(settings: Mapping[str, Any]) -> Callable[[int], None]:
    """Returns an iteration of WGAN-GP: a step of the critic, every `critic_steps` also one of G."""
    t = _make(settings, norm=False, lr=1e-4, betas=(0.0, 0.9))
    batch, z_dim = settings["batch"], settings["model"]["z_dim"]
    critic_steps = settings["critic_steps"]

    def iteration(i: int) -> None:
        with torch.no_grad():
            fake = t.g(torch.randn(batch, z_dim))
            weight = torch.rand(batch, 1, 1, 1)
            interpolation = weight * t.real + (1 - weight) * fake
        interpolation.requires_grad_(True)
        slopes = torch.autograd.grad(t.d(interpolation).sum(), interpolation, create_graph=True)[0]
        penalty = (slopes.square().sum((1, 2, 3)).sqrt() - 1).square().mean()
        loss = (t.d(fake) - t.d(t.real)).mean() + 10.0 * penalty
        _apply(t.d, t.d_opt, torch.autograd.grad(loss, list(t.d.parameters())))
        if i % critic_steps == critic_steps - 1:
            loss = -t.d(t.g(torch.randn(batch, z_dim))).mean()
            _apply(t.g, t.g_opt, torch.autograd.grad(loss, list(t.g.parameters())))
            _average(t.ema, t.g)

    return iteration
