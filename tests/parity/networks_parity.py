"""Measures how far the networks here are from the official ones on a fixture.

    python -m tests.parity_networks FILE.npz

A fixture holds an official state dict (`G.*`, `D.*`), inputs (`in.*`), outputs (`out.*`) and
gradients (`grad.*`). Sizes and architecture are read from its tensors. Prints the largest deviation
of each group relative to the group's largest value; exits 1 beyond 1e-4 for an output or 1e-3 for a
gradient.
"""

import dataclasses
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan import losses
from emoji_gan.errors import UserError
from emoji_gan.networks import stylegan2_networks
from emoji_gan.trained import official_weights
from tests.parity import fixture_deviation, r3gan_parity

OUTPUT_LIMIT = 1e-4
GRADIENT_LIMIT = 1e-3


def _sizes(t):
    """Reads the arguments of Generator and Discriminator from the shapes of their tensors."""
    blocks = sorted({int(m[1]) for k in t if (m := re.match(r"G\.synthesis\.b(\d+)\.", k))})
    if not blocks:
        raise UserError("there is no G.synthesis in it")
    widths = {r: t[f"G.synthesis.b{r}.conv1.weight"].shape[0] for r in blocks}
    resolution, channel_max = blocks[-1], max(widths.values())
    # Any base that gives these widths is right; the widths below the maximum determine it.
    base = max(r * n for r, n in widths.items() if n < channel_max or r == blocks[-1])
    c_dim = t["G.mapping.embed.weight"].shape[1] if "G.mapping.embed.weight" in t else 0
    if f"D.b{resolution}.skip.weight" in t:
        architecture = "resnet"
    else:
        architecture = "skip" if "D.b4.fromrgb.weight" in t else "orig"
    mbstd = t["D.b4.conv.weight"].shape[1] > t["D.b4.conv.weight"].shape[0]
    common = dict(
        c_dim=c_dim,
        resolution=resolution,
        image_channels=t["in.real"].shape[1],
        channel_base=base,
        channel_max=channel_max,
    )
    g = common | dict(
        z_dim=t["in.z"].shape[1],
        w_dim=t["G.synthesis.b4.torgb.affine.weight"].shape[1],
        mapping_layers=sum(bool(re.match(r"G\.mapping\.fc\d+\.weight", k)) for k in t),
        noise="G.synthesis.b4.conv1.noise_const" in t,
    )
    return g, common | dict(architecture=architecture, mbstd_group=None if mbstd else 0)


def _build(cls, tensors, prefix, **kwargs):
    """Returns graphdef, parameters and buffers of a network with the fixture's weights."""
    module = cls(np.random.default_rng(0), **kwargs)
    pure = nnx.to_pure_dict(nnx.state(module))
    nnx.update(module, official_weights.load_into(pure, tensors, prefix))
    return nnx.split(module, nnx.Param, ...)


def _nhwc(x):
    return jnp.asarray(x.transpose(0, 2, 3, 1))


def _group_orders(batch):
    """Yields candidates (group, order), the likeliest first.

    Official groups are strided (the code of 1912.04958), ours are consecutive.
    """
    divisors = [g for g in range(1, batch + 1) if batch % g == 0]
    for group in sorted(divisors, key=lambda g: abs(g - 4)):
        yield group, np.arange(batch).reshape(group, -1).T.reshape(-1)


def _mbstd_group(t, sizes, real, c):
    """Finds the group size with which D reproduces the fixture's logits: no tensor records it."""
    best = None
    for group, order in _group_orders(len(real)):
        d = _build(stylegan2_networks.Discriminator, t, "D.", **(sizes | dict(mbstd_group=group)))
        logits = jax.jit(lambda p, b, x, c, gd=d[0]: nnx.merge(gd, p, b)(x, c))(
            d[1], d[2], real[order], None if c is None else c[order]
        )
        error = float(jnp.max(jnp.abs(logits - t["out.D_real"][order, 0])))
        if best is None or error < best[0]:
            best = (error, group, order)
        if error <= 1e-2 * OUTPUT_LIMIT * float(np.abs(t["out.D_real"]).max()):
            break
    return best[1], best[2]


@dataclasses.dataclass(frozen=True)
class _Models:
    """Holds the networks of a fixture and their inputs.

    Attributes:
      tensors: the fixture's arrays by name.
      generator, discriminator: graphdef, parameters and buffers.
      z: f32 [n z_dim].
      real: f32 [n h w channels].
      c: f32 [n c_dim], or None.
      order: int [n], which puts the official groups of the minibatch standard deviation in a row.
    """

    tensors: dict[str, np.ndarray]
    generator: tuple
    discriminator: tuple
    z: jax.Array
    real: jax.Array
    c: jax.Array | None
    order: np.ndarray

    def draw(self, p, z, c):
        graph, _, buffers = self.generator
        return nnx.merge(graph, p, buffers)(z, c)

    def draw_without_noise(self, p, buffers):
        return nnx.merge(self.generator[0], p, buffers)(self.z, self.c)

    def judge(self, p, x):
        graph, _, buffers = self.discriminator
        c = None if self.c is None else self.c[self.order]
        return nnx.merge(graph, p, buffers)(x[self.order], c)[np.argsort(self.order)]

    def loss_g(self, p):
        fake = self.draw(p, self.z, self.c)
        return losses.g_nonsaturating(self.judge(self.discriminator[1], fake)).mean()

    def loss_d(self, p, fake):
        return losses.d_logistic(self.judge(p, self.real), self.judge(p, fake)).mean()

    def r1(self, p):
        return losses.r1(lambda x: self.judge(p, x), self.real)

    def path_lengths(self, p):
        graph, _, buffers = self.generator
        module = nnx.merge(graph, p, buffers)
        ws = module.broadcast(module.mapping(self.z, self.c))
        noise = _nhwc(self.tensors["in.pl_noise"])
        return losses.path_lengths(lambda ws: module.synthesis(ws), ws, noise)

    def latents(self, truncation):
        module = nnx.merge(*self.generator)
        return module.broadcast(module.mapping(self.z, self.c), truncation)


def _models(t):
    g_sizes, d_sizes = _sizes(t)
    z, real = jnp.asarray(t["in.z"]), _nhwc(t["in.real"])
    c = jnp.asarray(t["in.c"]) if g_sizes["c_dim"] else None
    order = np.arange(len(z))
    if d_sizes["mbstd_group"] is None:
        d_sizes["mbstd_group"], order = _mbstd_group(t, d_sizes, real, c)
    generator = _build(stylegan2_networks.Generator, t, "G.", **g_sizes)
    discriminator = _build(stylegan2_networks.Discriminator, t, "D.", **d_sizes)
    return _Models(t, generator, discriminator, z, real, c, order)


def _outputs(models, fake):
    """Computes every output that a fixture may hold, by its name there."""
    _, g_params, g_buffers = models.generator
    _, d_params, _ = models.discriminator
    judge = jax.jit(models.judge)
    silent = jax.tree_util.tree_map_with_path(
        lambda path, x: jnp.zeros_like(x) if "noise_const" in str(path) else x, g_buffers
    )
    fake_without_noise = jax.jit(models.draw_without_noise)(g_params, silent)
    return {
        "out.w": models.latents(1.0),
        "out.w_trunc0.7": models.latents(0.7),
        "out.img_noise_const": fake.transpose(0, 3, 1, 2),
        "out.D_real": judge(d_params, models.real)[:, None],
        "out.D_fake": judge(d_params, fake)[:, None],
        "out.r1_per_image": jax.jit(models.r1)(d_params),
        "out.loss_g": models.loss_g(g_params),
        "out.loss_d": models.loss_d(d_params, fake),
        "out.pl_lengths": jax.jit(models.path_lengths)(g_params),
        "out.img_noise_none": fake_without_noise.transpose(0, 3, 1, 2),
    }


def _gradients(models, fake):
    """Computes the gradients that a fixture may hold: group -> (network, tree)."""
    g_params, d_params = models.generator[1], models.discriminator[1]
    return {
        "grad.loss_g.": ("G.", jax.jit(jax.grad(models.loss_g))(g_params)),
        "grad.loss_d.": ("D.", jax.jit(jax.grad(lambda p: models.loss_d(p, fake)))(d_params)),
        "grad.r1.": ("D.", jax.jit(jax.grad(lambda p: models.r1(p).mean()))(d_params)),
    }


def deviations(t: dict[str, np.ndarray]) -> dict[str, float]:
    """Measures the largest relative deviation of each group of a StyleGAN2 fixture.

    Args:
      t: the fixture's arrays by name.

    Returns:
      Group name (`out.*`, `grad.*`) to max |ours - official| / max |official|, over a whole tensor
      for outputs and over each parameter for gradients (against at least 1e-3 of the group's
      largest gradient).

    Raises:
      UserError: weights that do not fit the networks.
    """
    models = _models(t)
    fake = jax.jit(models.draw)(models.generator[1], models.z, models.c)
    result = {
        name: fixture_deviation.relative(np.asarray(value), t[name])
        for name, value in _outputs(models, fake).items()
        if name in t
    }
    for group, (network, tree) in _gradients(models, fake).items():
        ours = official_weights.to_tensors(nnx.to_pure_dict(tree), group + network)
        theirs = {k: v for k, v in t.items() if k.startswith(group)}
        if theirs:
            result[group[:-1]] = fixture_deviation.of_gradients(ours, theirs)
    return result


def limit(group: str) -> float:
    """Returns the largest deviation that is accepted for a group."""
    return GRADIENT_LIMIT if group.startswith("grad.") else OUTPUT_LIMIT


def main(argv: list[str]) -> int:
    """Prints the deviations of a fixture; returns 1 if any is beyond its limit, 2 on a mistake."""
    if len(argv) != 2:
        print("usage: python -m tests.parity_networks FILE.npz", file=sys.stderr)
        return 2
    try:
        tensors = official_weights.read(argv[1])
        measure = r3gan_parity.deviations if r3gan_parity.is_fixture(tensors) else deviations
        result = measure(tensors)
    except (UserError, KeyError) as e:
        print(f"error: {argv[1]}: {e} (is it a fixture of StyleGAN2 or R3GAN?)", file=sys.stderr)
        return 2
    for group, value in result.items():
        mark = "" if value <= limit(group) else f"  BEYOND {limit(group):.0e}"
        print(f"{group:24s} {value:.2e}{mark}")
    return int(not result or any(not v <= limit(k) for k, v in result.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
