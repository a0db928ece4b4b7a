"""The optimisers that methods share: what one update is."""

import jax.numpy as jnp
import numpy as np

from emoji_gan.methods import step

RATE = 0.01
OPTIONS = {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8}


def test_muon_moves_a_kernel_as_far_in_every_direction():
    rng = np.random.default_rng(0)
    strengths = np.geomspace(1, 1e-2, 8)  # of the gradient's directions
    left, _ = np.linalg.qr(rng.standard_normal((36, 8)))
    right, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    gradient = ((left * strengths) @ right.T).reshape(3, 3, 4, 8)
    params = {"kernel": jnp.zeros((3, 3, 4, 8)), "bias": jnp.zeros(8)}
    grads = {"kernel": jnp.asarray(gradient, jnp.float32), "bias": jnp.linspace(-1, 1, 8) ** 3}
    optimizer = step.muon(RATE, **OPTIONS)
    update = step.apply_gradients(params, optimizer, optimizer.init(params), grads)

    moved = np.asarray(update.params["kernel"]).reshape(36, 8)
    sizes = np.linalg.svd(moved, compute_uv=False)
    assert sizes.min() > 0.5 * sizes.max()  # of the gradient a hundredth
    np.testing.assert_allclose(np.sqrt(np.mean(moved**2)), 0.2 * RATE, rtol=0.2)
    assert np.sum(moved * gradient.reshape(36, 8)) < 0

    # The first update of Adam is of one size; with Nesterov's momentum it is somewhat larger.
    bias = np.asarray(update.params["bias"])
    assert (np.sign(bias) == -np.sign(grads["bias"])).all()
    assert ((np.abs(bias) >= RATE * 0.99) & (np.abs(bias) < 2 * RATE)).all()
