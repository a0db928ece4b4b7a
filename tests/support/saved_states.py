"""Makes, saves and compares the small states that tests of checkpoints share."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from emoji_gan.runtime import checkpoint as checkpoint_lib

CONFIG = {
    "model": {"z_dim": 8},
    "data": {"groups": ["a"], "dir": ""},
    "log": {"grid": 8},
    "total_kimg": 10.0,
}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    step: jax.Array
    g: dict
    g_ema: dict
    g_opt: optax.OptState
    w_avg: jax.Array
    key: jax.Array


def init(key):
    """Draws uniformly: exact on every compiler, unlike normal, which rounds an error function."""
    g = {
        "blocks": {
            i: {"w": jax.random.uniform(jax.random.fold_in(key, i), (16, 64))} for i in range(2)
        },
        "half": jnp.arange(5, dtype=jnp.bfloat16),
    }
    return State(
        step=jnp.int32(0),
        g=g,
        g_ema=jax.tree.map(jnp.copy, g),
        g_opt=optax.adam(1e-3).init(g),
        w_avg=jnp.arange(7, dtype=jnp.float32) / 8,
        key=key,
    )


def shardings(num_devices):
    mesh = jax.make_mesh(
        (num_devices,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:num_devices]
    )
    return NamedSharding(mesh, PartitionSpec())


def make_state(seed, num_devices=1):
    return jax.jit(init, out_shardings=shardings(num_devices))(jax.random.key(seed))


def abstract_state(num_devices=1):
    return jax.eval_shape(jax.jit(init, out_shardings=shardings(num_devices)), jax.random.key(0))


def numpy_of(state):
    state = dataclasses.replace(state, key=jax.random.key_data(state.key))
    return jax.tree.map(np.array, state)


def assert_same(a, b):
    a, b = numpy_of(a), numpy_of(b)
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype and x.tobytes() == y.tobytes()


def open_checkpointer(workdir, config=CONFIG, data_hash="d" * 64, keep=3, **kw):
    return checkpoint_lib.Checkpointer(workdir, config=config, data_hash=data_hash, keep=keep, **kw)


def save_steps(workdir, steps, **kw):
    c = open_checkpointer(workdir, **kw)
    for step in steps:
        c.save(step, make_state(step), wait=True)
    c.close()


def step_names(workdir):
    return sorted(p.name for p in (workdir / "checkpoints").iterdir() if p.name != "pins")


def files_of(path):
    return sorted(p for p in path.rglob("*") if p.is_file())
