"""The gradient penalties of methods: their forms and how often they run."""

import jax
import ml_collections
import numpy as np
import pytest

from emoji_gan import losses, methods
from emoji_gan.errors import UserError
from tests.emoji_gan.methods.test_methods import tiny_config, trained


def test_r3gan_penalties_may_be_lazy():
    _, history, _ = trained("r3gan", count=4, **{"loss.penalty_every": 2})
    assert ["r1/penalty" in m for m in history] == [True, False, True, False]


@pytest.mark.parametrize("method", ["stylegan2", "r3gan", "wgan_gp"])
def test_finite_penalties_begin_as_the_exact_ones(method):
    """The first step's values are the same, the parameters after it nearly so."""
    results = []
    for form in losses.PENALTY_FORMS:
        state, (metrics,), _ = trained(method, count=1, **{"loss.penalty": form})
        assert all(np.isfinite(v) for v in metrics.values())
        results.append((metrics, jax.tree.leaves(jax.device_get(state.d))))
    (exact, exact_d), (finite, finite_d) = results
    penalties = [name for name in exact if name.endswith("/penalty") and "path" not in name]
    assert penalties
    for name in (*penalties, "loss/d"):
        np.testing.assert_allclose(finite[name], exact[name], rtol=1e-4, atol=1e-7, err_msg=name)
    assert any(not np.array_equal(a, b) for a, b in zip(exact_d, finite_d, strict=True))


def test_r3gan_penalises_along_random_directions():
    """Only the penalty differs in the first step, and D moves."""
    (exact, _), (rough, d) = (
        (history[0], state.d)
        for state, history, _ in (
            trained("r3gan", count=1, **{"loss.penalty": form}) for form in ("exact", "random")
        )
    )
    np.testing.assert_allclose(rough["loss/d"], exact["loss/d"], rtol=1e-4)
    assert rough["r1/penalty"] >= 0 and rough["r1/penalty"] != exact["r1/penalty"]
    assert all(np.isfinite(v).all() for v in jax.tree.leaves(jax.device_get(d)))
    with pytest.raises(UserError, match=r"loss\.penalty"):
        methods.resolve(tiny_config("wgan_gp", **{"loss.penalty": "random"}), 1)


def test_configs_from_before_the_form_of_the_penalty():
    config = tiny_config("r3gan")
    del config.loss.penalty
    assert methods.resolve(config, 1).loss.penalty == "exact"
    config = tiny_config("wgan_gp")
    config.loss = ml_collections.ConfigDict({"critic_steps": 2, "penalty": 5})
    resolved = methods.resolve(config, 1)
    assert resolved.loss.penalty == "exact" and resolved.loss.penalty_weight == 5.0
    assert config.loss.penalty == 5  # a copy was renamed
