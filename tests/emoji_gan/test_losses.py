"""Penalties of slopes: both forms beside each other, on functions whose slopes are clear."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from emoji_gan import losses

PENALTIES = {"r1": losses.r1, "gradient_penalty": losses.gradient_penalty}


def _inputs(count=8):
    rng = np.random.default_rng(0)
    params = {
        "first": jnp.asarray(rng.normal(size=(64, 16)) / 8, jnp.float32),
        "bias": jnp.asarray(rng.normal(size=16), jnp.float32),
        "last": jnp.asarray(rng.normal(size=16), jnp.float32),
    }
    return params, jnp.asarray(rng.normal(size=(count, 4, 4, 4)), jnp.float32)


def _critic(params, x, activation=jnp.tanh, mix=0.0):
    """Scores images by two layers; a statistic of the batch is weighted by `mix`."""
    h = activation(x.reshape(len(x), -1) @ params["first"] + params["bias"][None])
    return 3 * h @ params["last"] + mix * jnp.sqrt(jnp.var(h, 0) + 1e-3).mean()


def _both_forms(name, **options):
    params, images = _inputs()

    def loss(params, form):
        return PENALTIES[name](lambda x: _critic(params, x, **options), images, form).mean()

    return [
        jax.jit(jax.value_and_grad(loss), static_argnums=1)(params, f) for f in ("exact", "finite")
    ]


def _relative_error(a, b):
    a, b = (np.concatenate([np.ravel(v) for v in jax.tree.leaves(tree)]) for tree in (a, b))
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("mix", [0.0, 20.0])
@pytest.mark.parametrize("name", PENALTIES)
def test_finite_form_equals_the_exact_one_of_a_smooth_critic(name, mix):
    (value, grads), (finite, finite_grads) = _both_forms(name, mix=mix)
    np.testing.assert_allclose(finite, value, rtol=1e-5)
    assert _relative_error(finite_grads, grads) < 0.01


def test_the_error_falls_with_the_square_of_the_distance():
    params, images = _inputs()

    def grads(distance):
        def loss(params):
            slopes = losses.finite_slopes(lambda x: _critic(params, x), images, distance=distance)
            return jnp.square(slopes).mean()

        return jax.grad(loss)(params)

    exact = jax.grad(lambda p: losses.r1(lambda x: _critic(p, x), images).mean())(params)
    far, near = (_relative_error(grads(distance), exact) for distance in (0.02, 0.005))
    assert far / near == pytest.approx(16, rel=0.2)


def test_only_the_finite_form_counts_kinks():
    """The bias of a leaky ReLU moves its kink, which a double backward pass does not see."""
    params, images = _inputs(1)
    params["bias"] = -(images.reshape(1, -1) @ params["first"])[0]  # the image is on every kink

    def grads(bias, form):
        def leaky_relu(h):
            return jax.nn.leaky_relu(h + bias[None], 0.2)

        return losses.r1(lambda x: _critic(params, x, leaky_relu), images, form).sum()

    exact, near, far = (
        jax.grad(grads)(jnp.full(16, bias, jnp.float32), form)
        for bias, form in ((0.0, "exact"), (0.0, "finite"), (0.5, "finite"))
    )
    assert not np.any(exact) and np.all(near)
    np.testing.assert_allclose(far, exact, atol=1e-2)


def test_logits_and_slopes_are_differentiated_together():
    params, images = _inputs()

    def loss(params, form):
        logits, penalties = losses.logits_and_r1(
            lambda x: _critic(params, x, mix=1.0), images, form
        )
        return (jax.nn.softplus(-logits) + 0.1 * penalties).mean()

    (value, grads), (finite, finite_grads) = (
        jax.value_and_grad(loss)(params, form) for form in losses.PENALTY_FORMS
    )
    np.testing.assert_allclose(finite, value, rtol=1e-5)
    assert _relative_error(finite_grads, grads) < 0.01


def test_random_directions_are_right_on_average():
    params, images = _inputs()
    noise = np.random.default_rng(0).standard_normal((2000, *images.shape), np.float32)

    def loss(params):
        here = _critic(params, images)
        near = jax.vmap(lambda n: _critic(params, images + losses.RANDOM_DISTANCE * n))(noise)
        return losses.random_r1(near, here[None]).mean()

    value, grads = jax.value_and_grad(loss)(params)
    exact, exact_grads = jax.value_and_grad(
        lambda p: losses.r1(lambda x: _critic(p, x), images).mean()
    )(params)
    np.testing.assert_allclose(value, exact, rtol=0.05)
    assert _relative_error(grads, exact_grads) < 0.1


def test_slopes_are_differentiated_by_images_too():
    params, images = _inputs()
    exact, finite = (
        jax.grad(lambda x, f=form: losses.r1(lambda y: _critic(params, y), x, f).sum())(images)
        for form in losses.PENALTY_FORMS
    )
    assert _relative_error(finite, exact) < 0.01


def test_no_slope_and_no_penalty_are_finite():
    params, images = _inputs()
    flat = params | {"last": jnp.zeros(16)}
    for weight in (0.0, 1.0):
        for p in (params, flat):
            grads = jax.grad(
                lambda p, w=weight: w * losses.r1(lambda x: _critic(p, x), images, "finite").sum()
            )(p)
            assert all(np.isfinite(v).all() for v in jax.tree.leaves(grads))
    unused = jax.grad(
        lambda p: losses.logits_and_r1(lambda x: _critic(p, x), images, "finite")[0].sum()
    )(params)
    expected = jax.grad(lambda p: _critic(p, images).sum())(params)
    assert _relative_error(unused, expected) < 1e-5


def test_nothing_is_differentiated_twice_in_the_finite_form():
    """A function whose backward pass cannot be differentiated again."""

    @jax.custom_vjp
    def square(x):
        return x * x

    def once(x, cotangent):
        return (jax.lax.while_loop(lambda y: jnp.all(y == 0), lambda y: y, 2 * x * cotangent),)

    square.defvjp(lambda x: (square(x), x), once)

    def grads(form):
        return jax.grad(lambda p: losses.r1(lambda x: _critic(p, x, square), images, form).mean())(
            params
        )

    params, images = _inputs()
    with pytest.raises(ValueError, match="while_loop"):
        grads("exact")
    exact = jax.grad(lambda p: losses.r1(lambda x: _critic(p, x, jnp.square), images).mean())(
        params
    )
    assert _relative_error(grads("finite"), exact) < 1e-3
