"""Measures how far R3GAN here is from the official code, for `tests.parity_networks`."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from emoji_gan import losses
from emoji_gan.networks import r3gan_networks
from emoji_gan.trained import official_weights
from tests.parity import fixture_deviation

_GAMMA = 0.5  # weight of the penalties in the fixtures


def is_fixture(t: dict[str, np.ndarray]) -> bool:
    """Returns whether these are R3GAN's tensors."""
    return any(k.startswith("G.MainLayers.") for k in t)


def _sizes(t):
    """Reads the arguments of both networks and z_dim from the shapes of the tensors."""
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


@dataclasses.dataclass(frozen=True)
class _Models:
    """Holds the networks of a fixture and their inputs; dicts are by network, G and D.

    Attributes:
      graphs: graphdefs.
      params: their parameters with the fixture's weights.
      names: from a parameter's path to its name in the fixture.
      z: f32 [n z_dim].
      real: f32 [n h w channels].
      c: f32 [n c_dim], or None.
    """

    graphs: dict
    params: dict
    names: dict
    z: jax.Array
    real: jax.Array
    c: jax.Array | None

    def draw(self, p):
        return nnx.merge(self.graphs["G"], p)(self.z, self.c)

    def judge(self, p, x):
        return nnx.merge(self.graphs["D"], p)(x, self.c)

    def d_step(self, p, fake):
        """Returns D's loss and (adversarial, logits real - fake, R1, R2), each per image."""
        reals, fakes = self.judge(p, self.real), self.judge(p, fake)
        r1, r2 = (losses.r1(lambda x: self.judge(p, x), x) for x in (self.real, fake))
        adversarial = losses.d_relativistic(reals, fakes)
        return jnp.mean(adversarial + _GAMMA / 2 * (r1 + r2)), (adversarial, reals - fakes, r1, r2)

    def g_step(self, p):
        """Returns G's loss and (adversarial, logits fake - real), each per image."""
        fakes = self.judge(self.params["D"], self.draw(p))
        reals = self.judge(self.params["D"], self.real)
        adversarial = losses.g_relativistic(reals, fakes)
        return jnp.mean(adversarial), (adversarial, fakes - reals)


def _models(t):
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
    return _Models(graphs, params, names, z, real, c)


def deviations(t: dict[str, np.ndarray]) -> dict[str, float]:
    """Measures the deviations of an R3GAN fixture: outputs, losses, penalties, gradients.

    As `tests.parity.networks_parity.deviations`.
    """
    models = _models(t)
    d_params, g_params = models.params["D"], models.params["G"]
    fake = jax.jit(models.draw)(g_params)
    d_step = jax.value_and_grad(lambda p: models.d_step(p, fake), has_aux=True)
    g_step = jax.value_and_grad(models.g_step, has_aux=True)
    (_, of_d), d_grads = jax.jit(d_step)(d_params)
    (_, of_g), g_grads = jax.jit(g_step)(g_params)
    ours = {
        "out.img": fake.transpose(0, 3, 1, 2),
        "out.D_real": models.judge(d_params, models.real),
        "out.D_fake": models.judge(d_params, fake),
    }
    ours |= {f"out.d_step_return_{i}": v for i, v in enumerate(of_d)}
    ours |= {f"out.g_step_return_{i}": v for i, v in enumerate(of_g)}
    result = {k: fixture_deviation.relative(np.asarray(v), t[k]) for k, v in ours.items() if k in t}
    for group, network, grads in (("grad.d.", "D", d_grads), ("grad.g.", "G", g_grads)):
        names = models.names[network]
        gradients = official_weights.to_tensors(grads, f"{group}{network}.", names)
        theirs = {k: v for k, v in t.items() if k.startswith(group)}
        if theirs:
            result[group[:-1]] = fixture_deviation.of_gradients(gradients, theirs)
    return result
