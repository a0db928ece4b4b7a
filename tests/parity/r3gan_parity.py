"""How far R3GAN here is from the official code on a fixture of `tests.parity_networks`."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan import losses
from emoji_gan.errors import UserError
from emoji_gan.networks import r3gan_networks
from emoji_gan.trained import official_weights

_GAMMA = 0.5  # of the fixtures


def is_fixture(t: dict[str, np.ndarray]) -> bool:
    """Whether these are R3GAN's tensors."""
    return any(k.startswith("G.MainLayers.") for k in t)


def _sizes(t):
    stages = 1 + max(int(m[1]) for k in t if (m := re.match(r"G\.MainLayers\.(\d+)\.", k)))
    count = len([k for k in t if re.match(r"G\.MainLayers\.0\.Layers\.\d+\.LinearLayer1", k)])
    block = [f"G.MainLayers.{i}.Layers.1" for i in range(stages)]
    widths = [t[f"{b}.LinearLayer1.Layer.weight"].shape[1] for b in block]
    inner = [t[f"{b}.LinearLayer2.Layer.weight"].shape[:2] for b in block]
    c_dim = t["G.EmbeddingLayer.weight"].shape[1] if "G.EmbeddingLayer.weight" in t else 0
    common = dict(
        c_dim=c_dim,
        widths=widths,
        groups=[n // per_group for n, per_group in inner],
        count=count,
        expansion=inner[0][0] // widths[0],
        image_channels=t["in.real"].shape[1],
    )
    return common, t["in.z"].shape[1]


def deviations(t: dict[str, np.ndarray]) -> dict[str, float]:
    """Computes the deviations of an R3GAN fixture: outputs, losses, penalties, gradients."""
    common, z_dim = _sizes(t)
    rng = np.random.default_rng(0)
    embeds = {n: t[f"{n}.EmbeddingLayer.weight"].shape[0] for n in "GD"} if common["c_dim"] else {}
    modules = {
        "G": r3gan_networks.Generator(rng, z_dim=z_dim, embed_dim=embeds.get("G"), **common),
        "D": r3gan_networks.Discriminator(rng, embed_dim=embeds.get("D"), **common),
    }
    graphs, params, names = {}, {}, {}
    for network, module in modules.items():
        names[network] = functools.partial(
            r3gan_networks.official_name, network=network, blocks_per_stage=common["count"]
        )
        graphs[network] = nnx.graphdef(module)
        pure = nnx.to_pure_dict(nnx.state(module))
        params[network] = official_weights.load_into(pure, t, f"{network}.", names[network])
    z, real = jnp.asarray(t["in.z"]), jnp.asarray(t["in.real"].transpose(0, 2, 3, 1))
    c = jnp.asarray(t["in.c"]) if common["c_dim"] else None

    def g(p):
        return nnx.merge(graphs["G"], p)(z, c)

    def d(p, x):
        return nnx.merge(graphs["D"], p)(x, c)

    fake = jax.jit(g)(params["G"])

    def d_step(p):
        reals, fakes = d(p, real), d(p, fake)
        r1, r2 = (losses.r1(lambda x: d(p, x), x) for x in (real, fake))
        adversarial = losses.d_relativistic(reals, fakes)
        return jnp.mean(adversarial + _GAMMA / 2 * (r1 + r2)), (adversarial, reals - fakes, r1, r2)

    def g_step(p):
        fakes, reals = d(params["D"], g(p)), d(params["D"], real)
        adversarial = losses.g_relativistic(reals, fakes)
        return jnp.mean(adversarial), (adversarial, fakes - reals)

    (_, of_d), d_grads = jax.jit(jax.value_and_grad(d_step, has_aux=True))(params["D"])
    (_, of_g), g_grads = jax.jit(jax.value_and_grad(g_step, has_aux=True))(params["G"])
    ours = {
        "out.img": fake.transpose(0, 3, 1, 2),
        "out.D_real": d(params["D"], real),
        "out.D_fake": d(params["D"], fake),
    }
    ours |= {f"out.d_step_return_{i}": v for i, v in enumerate(of_d)}
    ours |= {f"out.g_step_return_{i}": v for i, v in enumerate(of_g)}
    found = {k: _relative(np.asarray(v), t[k]) for k, v in ours.items() if k in t}
    for group, network, grads in (("grad.d.", "D", d_grads), ("grad.g.", "G", g_grads)):
        mine = official_weights.to_tensors(grads, f"{group}{network}.", names[network])
        theirs = {k: v for k, v in t.items() if k.startswith(group)}
        if not theirs:
            continue
        if missing := theirs.keys() - mine.keys():
            raise UserError(f"the networks have no parameter for {min(missing)}")
        floor = 1e-3 * max(float(np.abs(v).max()) for v in theirs.values())
        found[group[:-1]] = max(
            _relative(mine[k], np.broadcast_to(v, mine[k].shape), floor) for k, v in theirs.items()
        )
    return found


def _relative(a, b, floor=0.0):
    if a.shape != b.shape:
        raise UserError(f"shape {a.shape} where the fixture has {b.shape}")
    return float(np.abs(a - b).max() / max(float(np.abs(b).max()), floor, 1e-12))
