"""Learning rates of a run: their warm-up, their decays, and what does not fit into a run."""

import json

import jax.numpy as jnp
import pytest

from configs import dcgan, flow, onestep, r3gan, restore
from emoji_gan import methods
from emoji_gan.errors import UserError
from emoji_gan.methods import r3gan as r3gan_method
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import learning_rate
from tests.support import runs as runs_lib
from tests.support import saved_states as states

SMALL = ["--config=configs/dcgan.py:cpu", "--config.data.resolution=16", "--config.batch_size=32"]
SMALL += ["--config.model.width=4", "--config.model.z_dim=8", "--config.log.scalars_kimg=0.032"]


def resolved(config, **changes):
    config.update_from_flattened_dict({"total_kimg": 100.0} | changes)
    return methods.resolve(config, 1)


def factors(config, kimg):
    return [float(learning_rate.factor(config, jnp.float32(1000 * k))) for k in kimg]


def test_a_run_without_a_schedule_has_a_constant_rate():
    config = resolved(dcgan.get_config())
    assert learning_rate.factor(config, jnp.float32(5.0)) == 1.0
    assert isinstance(learning_rate.factor(config, jnp.float32(5.0)), float)  # and no program of it


@pytest.mark.parametrize(
    ("decay", "auto", "at_half"),
    [("cosine", 100.0, 0.5), ("linear", 20.0, 0.5), ("sqrt", 20.0, 1 - 0.5**0.5)],
)
def test_a_decay_ends_with_the_run(decay, auto, at_half):
    config = resolved(flow.get_config(), **{"optim.warmup_kimg": 10.0, "optim.decay": decay})
    assert config.optim.decay_kimg == auto
    last = 100 - auto / 2
    assert factors(config, [last, 100.0, 200.0]) == pytest.approx([at_half, 0, 0], abs=1e-6)
    config = resolved(
        flow.get_config(),
        **{"optim.decay": decay, "optim.decay_kimg": 40.0, "optim.decay_floor": 0.1},
    )
    assert factors(config, [0.0, 5.0, 50.0, 60.0]) == pytest.approx([1e-4, 0.5, 1, 1], abs=1e-3)
    assert factors(config, [80.0, 100.0]) == pytest.approx([0.1 + 0.9 * at_half, 0.1], abs=1e-6)


def test_the_critic_of_a_one_step_generator_has_no_warm_up():
    config = resolved(onestep.get_config("shipped"), **{"optim.decay": "linear"})
    seen = jnp.float32(999.0)
    assert float(learning_rate.factor(config, seen)) == pytest.approx(0.5)
    assert float(learning_rate.decay(config, seen)) == 1.0


def test_r3gan_multiplies_its_own_schedule():
    config = resolved(r3gan.get_config(), **{"optim.decay": "linear", "optim.decay_kimg": 50.0})
    plain = resolved(r3gan.get_config())
    now, before = (r3gan_method.schedules(c, jnp.float32(75_000.0)) for c in (config, plain))
    assert float(now["lr"]) == pytest.approx(float(before["lr"]) / 2)
    assert float(now["gamma"]) == float(before["gamma"])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"optim.decay": "step"}, "optim.decay='step': must be one of 'constant', 'cosine'"),
        ({"optim.decay_kimg": 20.0}, "optim.decay_kimg=20: with optim.decay='constant' nothing"),
        ({"optim.decay_floor": 0.2}, "optim.decay_floor=0.2: with optim.decay='constant'"),
        (
            {"optim.decay": "linear", "optim.decay_kimg": 200.0},
            "optim.decay_kimg=200 is longer than the run, total_kimg=100",
        ),
        ({"optim.decay": "sqrt", "optim.decay_floor": 1.5}, "optim.decay_floor=1.5: must be in"),
        (
            {"optim.decay": "sqrt", "optim.decay_kimg": 0.0},
            "optim.decay_kimg=0: optim.decay='sqrt'",
        ),
        (
            {"optim.decay": "sqrt", "optim.decay_kimg": 60.0, "optim.warmup_kimg": 50.0},
            "optim.warmup_kimg=50 and optim.decay_kimg=60 overlap",
        ),
        ({"optim.warmup_kimg": -1.0}, "optim.warmup_kimg=-1.0: must be at least 0"),
    ],
)
def test_what_does_not_fit_is_one_line(changes, line):
    with pytest.raises(UserError) as e:
        resolved(flow.get_config(), **changes)
    assert line in str(e.value) and "\n" not in str(e.value)


def test_an_older_config_trains_as_it_did():
    for config, decay in ((restore.get_config(), "cosine"), (dcgan.get_config(), "constant")):
        today = resolved(config)
        older = config.copy_and_resolve_references()
        for name in ("decay", "decay_kimg", "decay_floor"):
            del older.optim[name]
        assert today.optim.decay == decay
        assert methods.resolve(older, 1).optim == today.optim


def test_a_run_with_a_decay_keeps_its_length(tmp_path):
    """Where a run ends is free to change, unless the rates depend on it."""
    config = {**states.CONFIG, "optim": {"decay": "constant"}, "total_kimg": 10.0}
    c = states.open_checkpointer(tmp_path, config=config)
    c.save(1, states.make_state(1), wait=True)
    c.close()
    c = states.open_checkpointer(tmp_path, config=config | {"total_kimg": 20.0})
    assert c.restore(states.abstract_state())[1] == 1
    c.close()
    config["optim"] = {"decay": "linear"}
    c = states.open_checkpointer(tmp_path / "b", config=config)
    c.save(1, states.make_state(1), wait=True)
    c.close()
    c = states.open_checkpointer(tmp_path / "b", config=config | {"total_kimg": 20.0})
    with pytest.raises(UserError, match=r"total_kimg was 10\.0, is 20\.0"):
        c.restore(states.abstract_state())
    c.close()


def test_both_networks_follow_and_the_curve_is_written(tmp_path):
    more = ["--config.total_kimg=0.32", "--config.optim.warmup_kimg=0.064"]
    more += ["--config.optim.decay=linear", "--config.optim.decay_kimg=0.16"]
    code, _, err = runs_lib.in_process(*SMALL, *more, f"--workdir={tmp_path}")
    assert code == 0, err
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    for network in ("g", "d"):
        name = f"learning_rate/{network}"
        rates = {line["step"]: line[name] for line in lines if name in line}
        expected = {1: 1 / 64, 2: 33 / 64, 3: 1, 6: 1, 8: 0.6, 10: 0.2}
        assert {k: rates[k] / 0.0002 for k in expected} == pytest.approx(expected, rel=1e-4)


def test_the_older_field_is_not_lost(tmp_path):
    stored = {"method": "flow", "optim": {"lr": 0.1, "warmup_kimg": 10.0}}
    learning_rate.add_fields(stored)
    assert stored["optim"]["warmup_kimg"] == 10.0 and stored["optim"]["decay"] == "constant"
    assert config_lib.diff(stored, stored) == {}
