"""DCGAN (1511.06434) and WGAN-GP (1704.00028) in plain PyTorch, the reference of step times.

The networks, losses, optimisers and passes of `emoji_gan.methods.dcgan` and `wgan_gp`,
unconditional, without augmentation and composite. Each function takes the settings of
`step_time_reference` and returns an iteration as a function of its number.
"""

import torch
from torch import nn
from torch.nn import functional as F


def _sizes(s):
    """Channels at 4, 8, ... px below the resolution."""
    stages = s["resolution"].bit_length() - 3
    return [s["model"]["width"] * 2**i for i in reversed(range(stages))]


class Generator(nn.Module):
    """z `b z_dim` to images `b 4 h w`."""

    def __init__(self, s):
        super().__init__()
        sizes = _sizes(s)
        self.project = nn.Linear(s["model"]["z_dim"], 16 * sizes[0], bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(n) for n in sizes])
        self.convs = nn.ModuleList(
            [
                nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=b == 4)
                for a, b in zip(sizes, [*sizes[1:], 4], strict=True)
            ]
        )

    def forward(self, z):
        """As the class says."""
        x = self.project(z).view(len(z), -1, 4, 4)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = conv(F.relu(norm(x), inplace=True))
        return torch.tanh(x)


class Discriminator(nn.Module):
    """Images `b 4 h w` to logits `b`."""

    def __init__(self, s, norm):
        super().__init__()
        sizes = _sizes(s)[::-1]
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(a, b, 4, stride=2, padding=1)
                for a, b in zip([4, *sizes[:-1]], sizes, strict=True)
            ]
        )
        norms = [
            nn.BatchNorm2d(n, track_running_stats=False) if norm else nn.Identity()
            for n in sizes[1:]
        ]
        self.norms = nn.ModuleList([nn.Identity(), *norms])
        self.out = nn.Linear(16 * sizes[-1], 1, bias=False)

    def forward(self, x):
        """As the class says."""
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.2)
        return self.out(x.flatten(1))[:, 0]


def _make(s, norm, lr, betas):
    """Networks, their optimisers and G's average."""
    networks = [
        m.train().to(memory_format=s["memory_format"])
        for m in (Generator(s), Discriminator(s, norm))
    ]
    for m in networks:
        for p in m.parameters():
            if p.ndim > 1:
                nn.init.normal_(p, 0.0, 0.02)
    opts = [torch.optim.Adam(m.parameters(), lr=lr, betas=betas, eps=1e-8) for m in networks]
    ema = [p.detach().clone() for p in networks[0].parameters()]
    real = torch.rand(s["batch"], 4, s["resolution"], s["resolution"]) * 2 - 1
    return *networks, *opts, ema, real.to(memory_format=s["memory_format"])


def _apply(module, opt, grads):
    for p, grad in zip(module.parameters(), grads, strict=True):
        p.grad = grad
    opt.step()


def _average(ema, g):
    with torch.no_grad():
        for e, p in zip(ema, g.parameters(), strict=True):
            e.lerp_(p, 0.001)


def dcgan(s: dict):
    """Both networks move at once, from one pass of each over the fakes."""
    g, d, g_opt, d_opt, ema, real = _make(s, True, 2e-4, (0.5, 0.999))

    def iteration(i):
        fake = g(torch.randn(s["batch"], s["model"]["z_dim"]))
        fakes = d(fake)
        g_grads = torch.autograd.grad(
            F.softplus(-fakes).mean(), list(g.parameters()), retain_graph=True
        )
        # Not back into G: only what D's parameters need of the graph is walked.
        loss = (F.softplus(-d(real)) + F.softplus(fakes)).mean()
        d_grads = torch.autograd.grad(loss, list(d.parameters()))
        _apply(g, g_opt, g_grads)
        _apply(d, d_opt, d_grads)
        _average(ema, g)

    return iteration


def wgan_gp(s: dict):
    """A step of the critic; at every `critic_steps`-th also one of G."""
    g, d, g_opt, d_opt, ema, real = _make(s, False, 1e-4, (0.0, 0.9))

    def iteration(i):
        with torch.no_grad():
            fake = g(torch.randn(s["batch"], s["model"]["z_dim"]))
            share = torch.rand(s["batch"], 1, 1, 1)
            between = share * real + (1 - share) * fake
        between.requires_grad_(True)
        slopes = torch.autograd.grad(d(between).sum(), between, create_graph=True)[0]
        penalty = (slopes.square().sum((1, 2, 3)).sqrt() - 1).square().mean()
        loss = (d(fake) - d(real)).mean() + 10.0 * penalty
        _apply(d, d_opt, torch.autograd.grad(loss, list(d.parameters())))
        if i % s["critic_steps"] == s["critic_steps"] - 1:
            loss = -d(g(torch.randn(s["batch"], s["model"]["z_dim"]))).mean()
            _apply(g, g_opt, torch.autograd.grad(loss, list(g.parameters())))
            _average(ema, g)

    return iteration
