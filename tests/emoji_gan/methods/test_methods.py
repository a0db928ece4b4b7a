"""Every method through the same functions: steps, samples, devices; and parts of its networks."""

import functools

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from configs import consistency, dcgan, flow, masked, onestep, r3gan, stylegan, wgan_gp
from emoji_gan import conditions, images, methods
from emoji_gan.errors import UserError
from emoji_gan.methods import base
from emoji_gan.methods import step as step_lib
from emoji_gan.ops import convolution
from emoji_gan.runtime import mesh as mesh_lib
from emoji_gan.trained.sampler import Sampler
from tests.parity import networks_parity
from tests.support import runs as runs_lib
from tests.support import tiny

METHODS = ("stylegan2", *(m for m in methods.METHODS if m != "stylegan2"))
_CONFIGS = {
    "stylegan2": stylegan,
    "dcgan": dcgan,
    "wgan_gp": wgan_gp,
    "r3gan": r3gan,
    "flow": flow,
    "onestep": onestep,
    "consistency": consistency,
    "masked": masked,
}


def tiny_config(method: str, **changes) -> ml_collections.ConfigDict:
    """16 px, few channels."""
    c = tiny.get_config() if method == "stylegan2" else _CONFIGS[method].get_config("cpu")
    c.batch_size, c.data.resolution = 16, 16
    for key, value in {
        "dcgan": {"model.width": 4, "model.z_dim": 8},
        "wgan_gp": {"model.width": 4, "model.z_dim": 8},
        "r3gan": {"model.width": 8, "model.groups": 2, "model.z_dim": 8},
        "flow": {
            "optim.warmup_kimg": 0.0,
            "model.width": 16,
            "model.multipliers": (1, 2),
            "model.heads": 2,
            "sample.steps": 3,
        },
        "onestep": {
            "optim.g_lr": 0.003,
            "optim.d_lr": 0.0004,
            "optim.eps": 1e-4,  # else Adam makes whole steps of gradients that are only rounding
            "optim.warmup_kimg": 0.0,
            "ema.half_life_kimg": 0.02,
            "model.width": 16,
            "model.multipliers": (1, 2),
            "model.heads": 2,
        },
        "consistency": {
            "optim.lr": 0.003,
            "ema.half_life_kimg": 0.02,
            "optim.warmup_kimg": 0.0,
            "model.width": 16,
            "model.multipliers": (1, 2),
            "model.heads": 2,
        },
        "masked": {
            "optim.lr": 0.03,  # else noise decides every pixel
            "optim.warmup_kimg": 0.0,
            "model.width": 16,
            "model.depth": 2,
            "model.heads": 2,
            "model.palette": ("00000000", "000000ff", "ffffffff", "fcea2bff", "d22f2780"),
            "sample.steps": 3,
        },
    }.get(method, {}).items():
        c.update_from_flattened_dict({key: value})
    c.update_from_flattened_dict(changes)
    return c


# Of most tests below, so that they share compiled programs: told of its condition from the second
# step on.
CONDITIONED = {"condition.blend_kimg": (0.0, 0.017)}
SPEC = conditions.Spec((("group", ("a", "b", "c")), ("style", ("x", "y"))), 5, "hash")


def condition_of(spec, rng, count):
    labels = {
        name: rng.integers(0, len(classes), count).astype(np.int32)
        for name, classes in spec.classes
    }
    points = rng.normal(size=(count, spec.text_dim)).astype(np.float32)
    return labels | (
        {"text": points / np.linalg.norm(points, axis=1)[:, None]} if spec.text_dim else {}
    )


def batch_of(mesh, config, step, spec):
    rng = np.random.default_rng(step)
    b, res = config.batch_size, config.data.resolution
    pixels = np.zeros((b, res, res, 4), np.uint8)
    for x, colour, corner in zip(
        pixels, rng.integers(0, 256, (b, 3)), rng.integers(2, 6, b), strict=True
    ):
        x[corner:-corner, corner:-corner] = [*colour, 255]
    batch = {
        "image": pixels,
        "condition": condition_of(spec, rng, b),
        "sample": np.arange(step * b, (step + 1) * b, dtype=np.uint32),
    }
    return mesh_lib.global_batch(mesh, batch)


@functools.cache
def step_of(config, spec, mesh):
    """Makes a training step once for all tests of its config: to trace it takes long."""
    return methods.load(config.method).train_step(config, spec, mesh)


def trained(method, devices=1, spec=conditions.NONE, count=3, **changes):
    """State, metrics of each step, config after some steps."""
    mesh = mesh_lib.make_mesh(jax.devices()[:devices])
    config = methods.resolve(tiny_config(method, **changes), devices)
    module = methods.load(method)
    state = jax.device_put(module.init(config, spec, 0), mesh_lib.replicated(mesh))
    step_fn, history = step_of(config, spec, mesh), []
    for step in range(count):
        state, metrics = step_fn(state, batch_of(mesh, config, step, spec), step)
        history.append(jax.device_get(metrics))
    return state, history, config


def sampler(method, state, config, spec=conditions.NONE):
    module = methods.load(method)
    generator = module.generator(config, spec)
    params, draw = generator.params_of(state), jax.jit(generator.draw)

    def sample(seeds, condition=None, truncation=1.0, t=None):
        """Of each seed, or at t of the walk to a second latent of its own."""
        seeds, condition = jnp.asarray(seeds, jnp.uint32), condition or spec.none(len(seeds))
        latents = generator.latents(seeds, jnp.float32(truncation))
        if t is not None:
            kind = list(generator.shapes)[-1]
            ends = (latents, generator.latents(seeds, jnp.float32(truncation), stream=1))
            first, second = (generator.convert(params, end, condition, kind) for end in ends)
            latents = base.interpolate(first, second, jnp.float32(t))
        return np.asarray(draw(params, latents, condition))

    return sample


@pytest.mark.parametrize("method", METHODS)
def test_steps_samples_and_summaries(method):
    state, history, config = trained(method, spec=SPEC, **CONDITIONED)
    assert int(state.counters.step) == 3 and int(state.counters.bad_total) == 0
    assert all(np.isfinite(v) for metrics in history for v in metrics.values())
    sample = sampler(method, state, config, SPEC)
    condition = condition_of(SPEC, np.random.default_rng(0), 8)
    x = sample(range(8), condition)
    assert x.shape == (8, 16, 16, 4) and x.dtype == np.float32 and np.isfinite(x).all()
    order = [5, 0, 3, 3, 7, 1, 2, 6]
    mixed = {name: values[order] for name, values in condition.items()}
    np.testing.assert_allclose(sample(order, mixed), x[order], atol=2e-5)
    near, far = sample(range(8), condition, t=0.05), sample(range(8), condition, t=1.0)
    np.testing.assert_allclose(sample(range(8), condition, t=0.0), x, atol=2e-5)
    assert 0 < np.abs(near - x).mean() < np.abs(far - x).mean()
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    for name in SPEC.names:  # each part of a condition says something
        without = condition | {name: SPEC.none(8)[name]}
        assert np.abs(sample(range(8), without) - x).max() > 1e-6, name
    summary = methods.load(method).summaries(config, SPEC)(state, batch_of(mesh, config, 9, SPEC))
    assert summary["scalars"] and all(np.isfinite(v) for v in summary["scalars"].values())
    assert all(v.shape == (16, 16, 16, 4) for v in summary["images"].values())


@pytest.mark.parametrize("method", METHODS[1:])  # test_stylegan2.py has the first
def test_devices_do_not_change_the_losses(method):
    losses = []
    for devices in (1, 2):
        _, history, _ = trained(method, devices, SPEC, **CONDITIONED)
        losses.append([v for m in history for k, v in sorted(m.items()) if k.startswith("loss/")])
    for other in losses[1:]:
        np.testing.assert_allclose(other, losses[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS[1:])  # tests/emoji_gan/test_train.py has the first
def test_a_step_that_is_not_finite_is_skipped(method):
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    config = methods.resolve(tiny_config(method, **CONDITIONED), 1)
    module = methods.load(method)
    state = module.init(config, SPEC, 0)
    poisoned = {
        f: jax.tree.map(lambda v: v * jnp.nan, getattr(state, f))
        for f in list(module.NETWORKS)[-1:]
    }
    bad = type(state)(**{**{k: getattr(state, k) for k in state.__dataclass_fields__}, **poisoned})
    average = module.generator(config, SPEC).fields[0]
    kept = jax.device_get(getattr(bad, average))
    after, _ = step_of(config, SPEC, mesh)(
        jax.device_put(bad, mesh_lib.replicated(mesh)), batch_of(mesh, config, 0, SPEC), 1
    )
    assert int(after.counters.step) == 1 and int(after.counters.bad_in_a_row) == 1
    jax.tree.map(np.testing.assert_array_equal, kept, jax.device_get(getattr(after, average)))


@pytest.mark.parametrize(
    ("predict", "solvers"), [("velocity", ("heun",)), ("image", ("heun", "euler"))]
)
def test_a_flow_learns_one_picture(predict, solvers):
    """Its samples come to be the only image it is shown."""
    mesh = mesh_lib.make_mesh(jax.devices()[:1])
    changes = {
        "optim.lr": 0.003,
        "optim.warmup_kimg": 0.0,
        "ema.half_life_kimg": 0.2,
        "sample.steps": 8,
        "model.predict": predict,
    }
    drawn_by = {
        solver: methods.resolve(tiny_config("flow", **changes, **{"sample.solver": solver}), 1)
        for solver in solvers
    }
    config = drawn_by[solvers[0]]
    module = methods.load("flow")
    state = jax.device_put(module.init(config, conditions.NONE, 0), mesh_lib.replicated(mesh))
    step_fn = step_of(config, conditions.NONE, mesh)
    one = np.zeros((16, 16, 4), np.uint8)
    one[4:12, 4:12] = (255, 128, 0, 255)
    for step in range(150):
        batch = {
            "image": np.tile(one, (16, 1, 1, 1)),
            "condition": {},
            "sample": np.arange(step * 16, (step + 1) * 16, dtype=np.uint32),
        }
        state, _ = step_fn(state, mesh_lib.global_batch(mesh, batch), step)
    real = np.asarray(images.to_model(jnp.asarray(one[None])))
    for solver, config in drawn_by.items():
        x = sampler("flow", state, config)(range(4))
        assert np.abs(x - real).mean() < 0.2, solver  # noise: 1.2


def test_r3gan_follows_its_schedules():
    module = methods.load("r3gan")
    config = methods.resolve(tiny_config("r3gan"), 1)
    first, half, last = (
        {k: float(v) for k, v in module.schedules(config, jnp.float32(n)).items()}
        for n in (0, 1e5, 3e5)
    )
    for name, (start, end) in [(k, v) for k, v in config.schedule.items() if k != "kimg"]:
        np.testing.assert_allclose([first[name], last[name]], [start, end], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(half[name], (start + end) / 2, rtol=1e-4, atol=1e-7)


def test_critic_steps():
    _, history, _ = trained("wgan_gp", count=4, **{"loss.critic_steps": 2})
    assert ["loss/g" in m for m in history] == [False, True, False, True]


@pytest.mark.slow
# tests/emoji_gan/test_train.py has stylegan2, test_consistency.py its own; wgan_gp is as dcgan.
@pytest.mark.parametrize("method", ["dcgan", "r3gan", "flow", "onestep"])
def test_the_real_programs(method, tmp_path):
    """Trains, goes on from where it stopped, draws."""
    small = tiny_config(method).model.items()
    flags = [
        f"--config=configs/{method}.py:cpu",
        "--config.batch_size=16",
        "--config.data.resolution=16",
    ]
    flags += [f"--config.model.{k}={v}" for k, v in small if k != "composite"]
    flags += [
        "--config.log.scalars_kimg=0.016",
        "--config.log.grid=2",
        "--config.checkpoint.every_kimg=0.032",
    ]
    flags += ["--config.sample.steps=2"] if method == "flow" else []
    for kimg in (0.032, 0.064):
        code, _, err = runs_lib.in_process(
            *flags, f"--workdir={tmp_path}", f"--config.total_kimg={kimg}"
        )
        assert code == 0, err
    steps_shown = [
        line["step"]
        for line in runs_lib.lines(tmp_path)
        if any(k.startswith("loss/") for k in line)
    ]
    assert steps_shown == [1, 2, 3, 4] and (tmp_path / "samples.png").exists()
    drawn = Sampler(str(tmp_path))([3, 4])
    assert drawn.shape == (2, 16, 16, 4) and drawn.dtype == np.uint8


@pytest.mark.parametrize("fixture", ["r3gan_32.npz", "r3gan_16_cond.npz"])
def test_parity_with_the_official_networks(fixture, capsys):
    assert networks_parity.main(["", f"tests/fixtures/{fixture}"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("out.img", "out.d_step_return_3", "grad.d", "grad.g"))


@pytest.mark.parametrize(
    ("method", "changes", "message"),
    [
        ("r3gan", {"model.groups": 3}, "model.groups=3 does not divide the 16 channels"),
        ("flow", {"sample.guidance": 2.0}, "nothing guides without data.conditions"),
        (
            "flow",
            {"sample.guidance": 2.0, "data.conditions": ("group",), "condition.drop_all": 0.0},
            "needs images without a condition",
        ),
        ("flow", {"model.patch": 3}, "too many for 16 px in patches of 3"),
        ("dcgan", {"condition.blend_kimg": (2.0, 1.0)}, "the second not below the first"),
        ("dcgan", {"data.conditions": ("colour",)}, "must be a tuple of names out of"),
        ("flow", {"model.multipliers": (1, 1, 1, 1, 1)}, "too many for 16 px"),
        ("flow", {"model.predict": "x"}, "model.predict='x': must be one of 'velocity', 'image'"),
        ("flow", {"sample.solver": "rk4"}, "sample.solver='rk4': must be one of 'euler', 'heun'"),
        ("r3gan", {"loss.penalty": "fd"}, "loss.penalty='fd': must be one of 'exact', 'finite'"),
        ("wgan_gp", {"loss.penalty": "20"}, "loss.penalty='20': must be one of 'exact', 'finite'"),
        ("wgan_gp", {"loss.critic_steps": 0}, "loss.critic_steps=0: must be at least 1"),
        ("dcgan", {"batch_size": 7}, "batch_size=7 does not divide over 2 devices; nearest: 8"),
    ],
)
def test_bad_fields_are_refused(method, changes, message):
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        methods.resolve(tiny_config(method, **changes), 2)


# ---- parts ---------------------------------------------------------------------------------------


def test_convolutions_of_four_taps_equal_plain_ones():
    rng = np.random.default_rng(0)
    x, w = (
        rng.normal(size=(2, 8, 6, 3)).astype(np.float32),
        rng.normal(size=(4, 4, 3, 5)).astype(np.float32),
    )
    for conv in (convolution.conv4_down, convolution.conv4_up):

        def scalar(x, w, conv=conv):
            return jnp.sum(jnp.sin(conv(x, w)))

        results = []
        for form in ("cpu", "plain"):
            with convolution.forms(form):
                results.append((conv(x, w), *jax.grad(scalar, (0, 1))(x, w)))
        for a, b in zip(*results, strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, atol=2e-5 * np.abs(b).max())
    # By hand: each input writes its 4x4 kernel, two apart.
    out = np.zeros((2, 18, 14, 5))
    for i in range(8):
        for j in range(6):
            out[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += np.einsum(
                "bc,klcd->bkld", x[:, i, j], w
            )
    np.testing.assert_allclose(convolution.conv4_up(x, w), out[:, 1:-1, 1:-1], atol=1e-4)


def test_grouped_convolutions_equal_plain_ones():
    rng = np.random.default_rng(0)
    x, w = (
        rng.normal(size=(2, 6, 6, 8)).astype(np.float32),
        rng.normal(size=(3, 3, 2, 12)).astype(np.float32),
    )
    results = []
    for form in ("cpu", "plain"):
        with convolution.forms(form):
            results.append(convolution.conv2d_grouped(x, w, 4))
    np.testing.assert_allclose(*results, atol=1e-4)
    one = convolution.conv2d(x[..., 2:4], w[..., 3:6])
    np.testing.assert_allclose(results[0][..., 3:6], one, atol=1e-4)


def test_latents_keep_their_length():
    seeds = jnp.arange(64, dtype=jnp.uint32)
    first, second = (
        step_lib.normal_latents(seeds, (256,), jnp.float32(1), stream, kind="z")
        for stream in (0, 1)
    )
    lengths = [
        float(jnp.linalg.norm(base.interpolate(first, second, t).values, axis=1).mean())
        for t in (0.0, 0.5, 1.0)
    ]
    np.testing.assert_allclose(lengths, 16.0, rtol=0.02)
