"""The kernels that XLA's CPU backend chooses for the convolutions of whole training steps."""

import argparse
import re

import jax
import numpy as np
import pytest

from benchmarks.speed import step_times
from emoji_gan import conditions, methods
from emoji_gan.methods import step
from emoji_gan.runtime import mesh as mesh_lib


def _convolution_gflop(hlo):
    """Counts the GFLOP of all convolutions, and of those outside the fast fusion of XLA's CPU."""
    fast = set(re.findall(r"calls=%([\w.\-]+),?[^\n]*__ynn_fusion", hlo))
    assert fast, "XLA no longer names its fast fusion __ynn_fusion: measure anew"
    shapes = {
        name: [int(n) for n in dims.split(",") if n]
        for name, dims in re.findall(r"%?([\w.\-]+)(?: =|:) \w+\[([\d,]*)\]", hlo)
    }
    computation, total, slow = "", 0.0, 0.0
    for line in hlo.splitlines():
        if m := re.match(r"(?:ENTRY )?%([\w.\-]+) \(", line):
            computation = m[1]
        if m := re.search(
            r"%([\w.\-]+) = .* convolution\(%([\w.\-]+), %([\w.\-]+)\).*_(\w+)->", line
        ):
            kernel = dict(zip(m[4], shapes[m[3]], strict=True))
            taps = np.prod([n for label, n in kernel.items() if label != "o"])
            gflop = 2e-9 * np.prod(shapes[m[1]]) * taps
            total += gflop
            slow += gflop * (computation not in fast)
    return total, slow


@pytest.mark.slow
@pytest.mark.parametrize("method", ["stylegan2", "dcgan", "wgan_gp"])
def test_no_convolution_leaves_the_fast_kernels(method):
    """XLA CPU runs a convolution well only inside its YNN fusion; those of 4x4 maps may stray."""
    args = argparse.Namespace(
        method=method, batch=16, resolution=32, width="tiny", ada=False, penalty="exact"
    )
    config = methods.resolve(step_times.make_config(args), 2)
    mesh = mesh_lib.make_mesh(jax.devices()[:2])
    module = methods.load(method)
    state = jax.eval_shape(lambda: module.init(config, conditions.NONE, 0))
    batch = step.batch_shapes(config, conditions.NONE, mesh)
    for name, program in module.train_step(config, conditions.NONE, mesh).programs.items():
        total, slow = _convolution_gflop(program.run.lower(state, batch).compile().as_text())
        assert total > 0.1 and slow < 0.01 * total, (name, total, slow)
