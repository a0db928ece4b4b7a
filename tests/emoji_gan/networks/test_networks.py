"""Parity with the official networks, and what must hold of any network here."""

import functools
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emoji_gan.networks import r3gan_networks, stylegan2_layers, stylegan2_networks
from emoji_gan.trained import official_weights
from tests.parity import networks_parity

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stylegan2_32_rgba_resnet", "stylegan2_16_rgb_orig_cond"])
def test_equal_to_the_official_networks(name):
    deviations = networks_parity.deviations(official_weights.read(str(FIXTURES / f"{name}.npz")))
    assert len(deviations) == 13  # every group of the fixture was compared
    for group, deviation in deviations.items():
        assert deviation <= networks_parity.limit(group), group


def test_parity_command_refuses_what_is_not_a_fixture(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    env = os.environ | {"JAX_NUM_CPU_DEVICES": "1"}
    command = [sys.executable, "-m", "tests.parity_networks", str(tmp_path / "x.npz")]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_minibatch_stddev_is_of_runs_of_consecutive_samples():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 2, 2, 3)), jnp.float32)
    y = stylegan2_layers.minibatch_stddev(x, 2)
    assert y.shape == (4, 2, 2, 4)
    for first in (0, 2):
        expected = np.sqrt(np.var(x[first : first + 2], 0) + 1e-8).mean()
        np.testing.assert_allclose(y[first : first + 2, ..., 3], expected, rtol=1e-5)


@pytest.mark.parametrize("architecture", ["orig", "skip", "resnet"])
def test_shapes_and_dtypes(architecture):
    resolution = 16
    common = dict(c_dim=3, resolution=resolution, channel_base=256, channel_max=8)
    g = stylegan2_networks.Generator(
        np.random.default_rng(0),
        z_dim=5,
        w_dim=6,
        image_channels=4,
        mapping_layers=2,
        noise=True,
        **common,
    )
    d = stylegan2_networks.Discriminator(
        np.random.default_rng(1),
        image_channels=4,
        architecture=architecture,
        mbstd_group=2,
        **common,
    )
    z, c = jax.random.normal(jax.random.key(2), (2, 5)), jnp.eye(3)[:2]
    keys = jax.random.split(jax.random.key(3), 2)

    @functools.partial(jax.jit, static_argnums=0)
    def both(dtype):
        image = g(z, c, keys, dtype=dtype)
        return image, d(image, c, dtype=dtype)

    outputs = [both(dtype) for dtype in (jnp.float32, jnp.bfloat16)]
    for image, logits in outputs:
        assert image.shape == (2, resolution, resolution, 4) and image.dtype == jnp.float32
        assert logits.shape == (2,) and logits.dtype == jnp.float32
    # bfloat16 has 8 bits of mantissa: near, and not equal.
    (exact, _), (rough, _) = outputs
    assert 0 < float(jnp.abs(exact - rough).max()) < 0.1 * float(jnp.abs(exact).max())


def test_noise_belongs_to_the_sample_not_to_its_position():
    g = stylegan2_networks.Generator(
        np.random.default_rng(0),
        z_dim=4,
        w_dim=4,
        c_dim=0,
        resolution=16,
        image_channels=4,
        channel_base=128,
        channel_max=8,
        mapping_layers=1,
        noise=True,
    )
    for r in (4, 8, 16):
        getattr(g.synthesis, f"b{r}").conv1.noise_strength[...] = jnp.ones(())
    z, keys = jax.random.normal(jax.random.key(2), (3, 4)), jax.random.split(jax.random.key(3), 3)
    order = jnp.array([2, 0, 1])
    noisy, constant = jax.jit(lambda z, keys: g(z, None, keys)), jax.jit(lambda z: g(z))
    np.testing.assert_allclose(noisy(z, keys)[order], noisy(z[order], keys[order]), atol=1e-4)
    assert float(jnp.abs(noisy(z, keys) - constant(z)).max()) > 1e-2


def test_r3gan_embeds_its_condition_in_the_requested_width():
    rng = np.random.default_rng(0)
    common = {"c_dim": 3, "widths": [8, 4], "groups": [2, 1], "count": 1, "image_channels": 4}
    g = r3gan_networks.Generator(rng, z_dim=6, embed_dim=5, **common)
    d = r3gan_networks.Discriminator(rng, embed_dim=7, **common)
    c = jnp.eye(3, dtype=jnp.float32)
    x = g(jnp.ones((3, 6)), c)
    assert x.shape == (3, 8, 8, 4) and d(x, c).shape == (3,)
    assert g.embed[...].shape == (3, 5) and d.embed[...].shape == (3, 7)
    assert float(jnp.abs(x[0] - x[1]).max()) > 0
