"""Training steps lowered for TPUs and, where libtpu is installed, compiled for them."""

import contextlib
import importlib.util
import io
import re
import sys
from unittest import mock

import jax
import pytest

from benchmarks.scale import roofline, tpu_compile
from emoji_gan import conditions, errors, methods
from emoji_gan.methods import step as step_lib
from emoji_gan.runtime import mesh as mesh_lib
from tests.emoji_gan.methods import test_methods

_NEEDS_LIBTPU = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None,
    reason="libtpu is missing: pip install --no-deps -r requirements-tpu-check.txt",
)


def programs(method, mesh, per_device=4, **changes):
    """Traced programs of the tiny config on a mesh, and its state's shapes."""
    config = test_methods.tiny_config(method, batch_size=per_device * mesh.size, **changes)
    config = methods.resolve(config, mesh.size)
    state = jax.eval_shape(lambda: methods.load(method).init(config, conditions.NONE, 0))
    return tpu_compile.step_programs(config, conditions.NONE, mesh), state


def command(*arguments):
    """Exit code and output of the command line."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["aot", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as e,
    ):
        errors.run(tpu_compile.main)
    return e.value.code, out.getvalue(), err.getvalue()


# ---- without libtpu ------------------------------------------------------------------------------


@pytest.mark.slow
def test_accelerators_get_plain_convolutions_and_cpus_their_own():
    """On a host whose default backend is the CPU."""
    text = {}
    for platform, mesh in {
        "cpu": mesh_lib.make_mesh(jax.devices()[:2]),
        "tpu": tpu_compile.abstract_mesh("tpu", 2),
        "cuda": tpu_compile.abstract_mesh("gpu", 2),
    }.items():
        trace, _ = programs("stylegan2", mesh)[0]["path_length"]
        text[platform] = trace().lower(lowering_platforms=(platform,)).as_text()
    transposed = {platform for platform, t in text.items() if "lhs_dilate = [2, 2]" in t}
    convolutions = {platform: t.count("stablehlo.convolution") for platform, t in text.items()}
    assert transposed == {"tpu", "cuda"}
    assert convolutions["tpu"] == convolutions["cuda"] < convolutions["cpu"]


@pytest.mark.parametrize("method", test_methods.METHODS)
def test_programs_run_as_often_as_they_say(method, monkeypatch):
    class Program:
        runs = 0

        def __call__(self, state, batch):
            self.runs += 1
            return state, {}

    monkeypatch.setattr(step_lib, "compiled", lambda f, mesh: Program())
    changes = {"r3gan": {"loss.penalty_every": 4}, "wgan_gp": {"loss.critic_steps": 3}}.get(
        method, {}
    )
    if method == "stylegan2":
        changes = {"loss.r1_every": 8, "loss.pl_every": 4}
    config = methods.resolve(test_methods.tiny_config(method, **changes), 1)
    step_fn = methods.load(method).train_step(
        config, conditions.NONE, mesh_lib.make_mesh(jax.devices()[:1])
    )
    for step in range(24):
        step_fn(None, None, step)
    for name, program in step_fn.programs.items():
        assert program.run.runs == pytest.approx(24 * program.runs_per_step), name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--topology=v5e",), "e.g. v5e:4x4"),
        (("--topology=v9:4x4",), "v4, v5e, v5p, v6e, tpu7x"),
        (("--topology=v5e:4x4,v5p:4x4",), "e.g. v5p:4x4x4"),
        (("--topology=v5e:32x32",), "--num_slices"),
        (("--num_slices=0",), "at least 1"),
        (("--effort=2",), "from -1 to 1"),
        (("--bogus=1",), "'--bogus=1'"),
        (("--platform=cuda", "--config.model.nope=1"), "nope"),
        (("--platform=cuda", "--devices=16", "--config.batch_size=30"), "nearest: 64"),
        (("--platform=cuda", "--devices=16", "--batch_per_device=3"), "model.mbstd_group=4"),
    ],
)
def test_mistakes_take_one_line(arguments, says):
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert says in err and err.count("\n") == 1


def test_a_missing_compiler_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, err = command("--topology=v5e:4x4")
    assert code == 2 and "requirements-tpu-check.txt" in err and err.count("\n") == 1


def test_cuda_programs_are_lowered_and_no_more():
    code, out, _ = command(
        "--platform=cuda",
        "--devices=1024",
        "--batch_per_device=4",
        "--config=configs/dcgan.py:cpu",
        "--config.data.resolution=16",
        "--config.model.width=4",
    )
    assert code == 0 and "1024 GPUs, batch 4096" in out and "nothing is compiled" in out
    assert int(re.search(r"main +1 a step: (\d+) convolution", out)[1]) > 0


# ---- with libtpu ---------------------------------------------------------------------------------


@_NEEDS_LIBTPU
@pytest.mark.parametrize("topology", ["v4:2x2x1", "tpu7x:2x2x1"])
@pytest.mark.parametrize("num_slices", [1, 2])
def test_chips_of_two_devices_have_a_mesh(topology, num_slices):
    assert tpu_compile.parse_topology(topology)[1] == 4
    mesh = tpu_compile.tpu_mesh(topology, num_slices)
    assert mesh.size == 8 * num_slices


@pytest.fixture(scope="module")
def flow_costs():
    """The same step at 4 images a device on 16 chips, on 256, and on 1,024 in four slices."""
    meshes = (
        tpu_compile.tpu_mesh("v5e:4x4"),
        tpu_compile.tpu_mesh("v5e:16x16"),
        tpu_compile.tpu_mesh("v5e:16x16", 4),
    )
    assert [m.size for m in meshes] == [16, 256, 1024]
    return [tpu_compile.compile_cost(programs("flow", mesh)[0]["main"][0]()) for mesh in meshes]


@_NEEDS_LIBTPU
@pytest.mark.slow
def test_devices_do_the_same_on_16_and_1024_chips(flow_costs):
    small, large, slices = flow_costs
    assert 0 < small.peak_bytes < roofline.CHIPS["v5e"].hbm_gib * 2**30
    assert small.flops > 0
    assert (large.flops, slices.flops) == pytest.approx((small.flops, small.flops), rel=0.01)
    assert large.peak_bytes == pytest.approx(small.peak_bytes, rel=0.01)
    assert (
        slices.peak_bytes < small.peak_bytes + 32 * 2**20
    )  # buffers of what goes through the hosts


@_NEEDS_LIBTPU
@pytest.mark.slow
def test_only_gradients_and_one_loss_travel_in_float32(flow_costs):
    _, state = programs("flow", tpu_compile.abstract_mesh("tpu", 16))
    whole = 4 * (sum(x.size for x in jax.tree.leaves(state.v)) + 1)
    for cost, devices in zip(flow_costs, (16, 256), strict=False):
        (reduce,) = cost.collectives
        assert (reduce.kind, reduce.group, reduce.bytes.keys()) == ("all-reduce", devices, {"f32"})
        # Two biases that are added to one another have the same gradient; it travels once.
        assert 0.99 * whole < reduce.bytes["f32"] <= whole
    dtypes = {c.kind: set(c.bytes) for c in flow_costs[2].collectives}
    assert dtypes == {"all-reduce": {"f32"}, roofline.BETWEEN_SLICES: {"f32"}}


@_NEEDS_LIBTPU
@pytest.mark.slow
def test_activations_in_bfloat16_leave_gradients_in_float32():
    with jax.numpy_dtype_promotion("standard"):  # jax's own attention mixes the two
        traced = programs("flow", tpu_compile.tpu_mesh("v5e:2x2"), dtype="bfloat16")[0]["main"][0]()
        assert "bf16" in traced.lower().as_text()
        collectives = tpu_compile.compile_cost(traced).collectives
    assert {dtype for c in collectives for dtype in c.bytes} == {"f32"}


@_NEEDS_LIBTPU
def test_an_unknown_program_takes_one_line():
    code, out, err = command("--programs=r2")
    assert (code, out) == (2, "") and "main, path_length, r1" in err and err.count("\n") == 1


@_NEEDS_LIBTPU
def test_what_libtpu_refuses_takes_one_line():
    code, out, err = command("--topology=v5e:3x5")
    assert (code, out) == (2, "") and "v5e:3x5" in err and err.count("\n") == 1
