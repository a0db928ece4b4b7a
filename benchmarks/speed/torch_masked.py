"""Trains a masked transformer (2202.04200) in plain PyTorch, to compare step times.

The network, loss and optimiser are those of `emoji_gan.methods.masked`, unconditional. `masked`
takes the settings of `step_time_reference` and returns an iteration as a function of its number.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

_PIXEL_DIM = 16  # channels that a pixel's colour, or its mask, is read as


class Layer(nn.Module):
    """Computes attention and two dense layers, scaled, shifted and gated by an embedding."""

    def __init__(self, n: int, heads: int) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(n, 3 * n), nn.Linear(n, n)
        self.hidden, self.back = nn.Linear(n, 4 * n), nn.Linear(4 * n, n)
        self.condition, self.heads = nn.Linear(n, 6 * n), heads

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """Maps x [b s n], under the embedding [b n], to the same shape."""
        b, s, n = x.shape
        scale0, shift0, gate0, scale1, shift1, gate1 = self.condition(embedding)[:, None].chunk(
            6, -1
        )
        y = F.layer_norm(x, (n,)) * (1 + scale0) + shift0
        q, k, v = self.qkv(y).view(b, s, 3, self.heads, n // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, s, n)
        x = x + gate0 * self.out(y)
        y = F.layer_norm(x, (n,)) * (1 + scale1) + shift1
        return x + gate1 * self.back(F.gelu(self.hidden(y), approximate="tanh"))


class Transformer(nn.Module):
    """Maps numbers of colours [b h w], some of them masked, to logits [b h w colours]."""

    def __init__(self, model: Mapping[str, Any], px: int) -> None:
        super().__init__()
        width, patch, colours = model["width"], model["patch"], len(model["palette"])
        self.pixel = nn.Embedding(colours + 1, _PIXEL_DIM)  # the last: masked
        self.enter = nn.Linear(_PIXEL_DIM * patch**2, width)
        self.position = nn.Parameter(torch.randn((px // patch) ** 2, width) / 2)
        self.base = nn.Parameter(torch.randn(width))
        self.layers = nn.ModuleList([Layer(width, model["heads"]) for _ in range(model["depth"])])
        self.last, self.leave = nn.Linear(width, 2 * width), nn.Linear(width, colours * patch**2)
        self.patch = patch

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Maps i64 [b h w] to f32 [b h w colours]."""
        b, h, w = tokens.shape
        p, rows, columns = self.patch, h // self.patch, w // self.patch
        embedding = F.silu(self.base).expand(b, -1)
        x = self.pixel(tokens).view(b, rows, p, columns, p, -1).transpose(2, 3)
        x = self.enter(x.reshape(b, rows * columns, -1)) + self.position
        for layer in self.layers:
            x = layer(x, embedding)
        scale, shift = self.last(embedding)[:, None].chunk(2, -1)
        x = self.leave(F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift)
        return x.view(b, rows, columns, p, p, -1).transpose(2, 3).reshape(b, h, w, -1)


def masked(settings: Mapping[str, Any]) -> Callable[[int], None]:
    """Returns an iteration of the masked transformer."""
    model, batch, px = settings["model"], settings["batch"], settings["resolution"]
    network = Transformer(model, px)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.9, 0.99), eps=1e-8)
    average = [p.detach().clone() for p in network.parameters()]
    colours = torch.tensor([list(bytes.fromhex(c)) for c in model["palette"]]) / 255
    palette = torch.cat([colours[:, :3] * colours[:, 3:], colours[:, 3:]], 1) * 2 - 1
    real = torch.rand(batch, px, px, 4) * 2 - 1

    def iteration(i: int) -> None:
        del i  # all are alike
        squares = palette.square().sum(-1)
        tokens = (squares - 2 * real @ palette.T).argmin(-1)
        fraction = torch.cos(0.5 * math.pi * torch.rand(batch, 1, 1))
        is_masked = torch.rand(batch, px, px) < fraction
        logits = network(torch.where(is_masked, len(palette), tokens))
        nll = F.cross_entropy(logits.flatten(0, 2), tokens.flatten(), reduction="none")
        nll = torch.where(is_masked, nll.view(tokens.shape), 0.0).sum((1, 2))
        optimizer.zero_grad(set_to_none=True)
        (nll / is_masked.sum((1, 2)).clamp(min=1)).mean().backward()
        optimizer.step()
        with torch.no_grad():
            for old, new in zip(average, network.parameters(), strict=True):
                old.lerp_(new, 0.001)

    return iteration
