"""How far the networks here are from the official ones on a fixture.

    python -m tests.parity_networks FILE.npz

A fixture holds an official state dict (`G.*`, `D.*`), inputs (`in.*`), outputs (`out.*`) and
gradients (`grad.*`). Sizes and architecture are read from its tensors. Prints the largest deviation
of each group relative to the group's largest value; exits 1 beyond 1e-4 for an output or 1e-3 for a
gradient.
"""

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
from tests.parity import r3gan_parity

OUTPUT_LIMIT, GRADIENT_LIMIT = 1e-4, 1e-3


def _sizes(t):
    """The arguments of Generator and Discriminator that these tensors belong to."""
    blocks = sorted({int(m[1]) for k in t if (m := re.match(r"G\.synthesis\.b(\d+)\.", k))})
    if not blocks:
        raise UserError("there is no G.synthesis in it")
    widths = {r: t[f"G.synthesis.b{r}.conv1.weight"].shape[0] for r in blocks}
    resolution, channel_max = blocks[-1], max(widths.values())
    # Any base that gives these widths; widths below the maximum determine it.
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
    """graphdef, parameters and buffers with the fixture's weights."""
    module = cls(np.random.default_rng(0), **kwargs)
    pure = nnx.to_pure_dict(nnx.state(module))
    nnx.update(module, official_weights.load_into(pure, tensors, prefix))
    return nnx.split(module, nnx.Param, ...)


def _nhwc(x):
    return jnp.asarray(x.transpose(0, 2, 3, 1))


def _group_orders(batch):
    """Candidate (group, order): official groups are strided (1912.04958's code), ours consecutive runs."""
    for group in sorted(
        (g for g in range(1, batch + 1) if batch % g == 0), key=lambda g: abs(g - 4)
    ):
        yield group, np.arange(batch).reshape(group, -1).T.reshape(-1)


def _mbstd_group(t, sizes, real, c):
    """The group size with which D reproduces the fixture's logits: no tensor records it."""
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


def deviations(t: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest relative deviation of every group (`out.*`, `grad.*`) of a StyleGAN2 fixture.

    Args:
      t: the fixture's arrays by name.

    Returns:
      Group name to max |ours - official| / max |official|, over a whole tensor for outputs and over
      each parameter for gradients (against at least 1e-3 of the group's largest gradient).

    Raises:
      UserError: weights that do not fit the networks.
    """
    g_sizes, d_sizes = _sizes(t)
    z, real = jnp.asarray(t["in.z"]), _nhwc(t["in.real"])
    c = jnp.asarray(t["in.c"]) if g_sizes["c_dim"] else None
    order = np.arange(len(z))
    if d_sizes["mbstd_group"] is None:
        d_sizes["mbstd_group"], order = _mbstd_group(t, d_sizes, real, c)
    back = np.argsort(order)
    g_def, g_params, g_buffers = _build(stylegan2_networks.Generator, t, "G.", **g_sizes)
    d_def, d_params, d_buffers = _build(stylegan2_networks.Discriminator, t, "D.", **d_sizes)

    def g(p, z, c, **kw):
        return nnx.merge(g_def, p, g_buffers)(z, c, **kw)

    def d(p, x):
        return nnx.merge(d_def, p, d_buffers)(x[order], None if c is None else c[order])[back]

    def loss_g(p):
        return losses.g_nonsaturating(d(d_params, g(p, z, c))).mean()

    def loss_d(p):
        return losses.d_logistic(d(p, real), d(p, fake)).mean()

    def r1(p):
        return losses.r1(lambda x: d(p, x), real)

    def pl(p):
        module = nnx.merge(g_def, p, g_buffers)
        ws = module.broadcast(module.mapping(z, c))
        return losses.path_lengths(lambda ws: module.synthesis(ws), ws, _nhwc(t["in.pl_noise"]))

    def w(truncation):
        module = nnx.merge(g_def, g_params, g_buffers)
        return module.broadcast(module.mapping(z, c), truncation)

    fake = jax.jit(g)(g_params, z, c)
    ours = {
        "out.w": w(1.0),
        "out.w_trunc0.7": w(0.7),
        "out.img_noise_const": fake.transpose(0, 3, 1, 2),
        "out.D_real": jax.jit(d)(d_params, real)[:, None],
        "out.D_fake": jax.jit(d)(d_params, fake)[:, None],
        "out.r1_per_image": jax.jit(r1)(d_params),
        "out.loss_g": loss_g(g_params),
        "out.loss_d": loss_d(d_params),
        "out.pl_lengths": jax.jit(pl)(g_params),
    }
    silent = jax.tree_util.tree_map_with_path(
        lambda path, x: jnp.zeros_like(x) if "noise_const" in str(path) else x, g_buffers
    )
    quiet = jax.jit(lambda p, b: nnx.merge(g_def, p, b)(z, c))(g_params, silent)
    ours["out.img_noise_none"] = quiet.transpose(0, 3, 1, 2)
    gradients = {
        "grad.loss_g.": ("G.", jax.jit(jax.grad(loss_g))(g_params)),
        "grad.loss_d.": ("D.", jax.jit(jax.grad(loss_d))(d_params)),
        "grad.r1.": ("D.", jax.jit(jax.grad(lambda p: r1(p).mean()))(d_params)),
    }
    out = {}
    for name, value in ours.items():
        if name in t:
            out[name] = _relative(np.asarray(value), t[name])
    for group, (prefix, tree) in gradients.items():
        mine = official_weights.to_tensors(nnx.to_pure_dict(tree), group + prefix)
        theirs = {k: v for k, v in t.items() if k.startswith(group)}
        if not theirs:
            continue
        floor = 1e-3 * max(float(np.abs(v).max()) for v in theirs.values())
        if missing := theirs.keys() - mine.keys():
            raise UserError(f"the networks have no parameter for {min(missing)}")
        worst = 0.0
        for k, v in theirs.items():  # a parameter that the loss does not reach stands as one zero
            worst = max(worst, _relative(mine[k], np.broadcast_to(v, mine[k].shape), floor))
        out[group[:-1]] = worst
    return out


def _relative(a, b, floor=0.0):
    if a.shape != b.shape:
        raise UserError(f"shape {a.shape} where the fixture has {b.shape}")
    return float(np.abs(a - b).max() / max(float(np.abs(b).max()), floor, 1e-12))


def limit(group: str) -> float:
    """The largest deviation accepted for a group."""
    return GRADIENT_LIMIT if group.startswith("grad.") else OUTPUT_LIMIT


def main(argv: list[str]) -> int:
    if len(argv) != 2:
        print("usage: python -m tests.parity_networks FILE.npz", file=sys.stderr)
        return 2
    try:
        tensors = official_weights.read(argv[1])
        method = r3gan_parity if r3gan_parity.is_fixture(tensors) else sys.modules[__name__]
        found = method.deviations(tensors)
    except (UserError, KeyError) as e:
        print(f"error: {argv[1]}: {e} (is it a fixture of StyleGAN2 or R3GAN?)", file=sys.stderr)
        return 2
    for group, value in found.items():
        mark = "" if value <= limit(group) else f"  BEYOND {limit(group):.0e}"
        print(f"{group:24s} {value:.2e}{mark}")
    return int(not found or any(not v <= limit(k) for k, v in found.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
