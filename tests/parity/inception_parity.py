"""Measures how far the Inception network here is from the reference programs on a fixture.

    python -m tests.parity.inception_parity FILE.npz --seed=N

A fixture holds `images` (uint8 n h w 3) and what pytorch-fid's, torch-fidelity's and clean-fid's
code make of them with the stand-in weights of the seed (tests/support/inception_stand_in.py): any
of the names in COMPARED. Prints the largest deviation of each over the reference's standard
deviation; exits 1 beyond 1e-4.
"""

import argparse
import functools
import sys

import jax
import numpy as np

from emoji_gan.errors import UserError
from emoji_gan.trained import official_weights
from eval.extractors import inception
from tests.support import inception_stand_in

LIMIT = 1e-4
_OUTPUTS = ("block64_mean", "block192_mean", "block768_mean", "pool3", "logits", "logits_nobias")
_PREFIXES = {"": "pytorch-fid", "tf1_": "tf1", "clean_": "clean-fid"}
# Name in the fixture: pipeline, and our output's name.
COMPARED = {
    f"{prefix}{output}{precision}": (pipeline, output)
    for prefix, pipeline in _PREFIXES.items()
    for output in _OUTPUTS
    for precision in ("", "_float64")
}
# Probes of the resized images, every 23rd row and column, in 0..255, channels first.
RESIZED = {
    "resize_probe_bilinear_half_pixel": "pytorch-fid",
    "resize_probe_tf1_bilinear": "tf1",
    "resize_probe_pil_bicubic_float": "clean-fid",
}


def deviations(
    fixture: dict[str, np.ndarray], seed: int, form: str | None = None
) -> dict[str, float]:
    """Computes max |ours - reference| / standard deviation of the reference, by name.

    Args:
      fixture: the arrays of a fixture.
      seed: of the stand-in weights it was made with.
      form: of `inception.prepare`.

    Raises:
      UserError: no images, or nothing to compare with.
    """
    if "images" not in fixture:
        raise UserError("there are no images in it")
    params = inception.prepare(inception_stand_in.make_weights(seed), form)
    images, result = fixture["images"], {}
    network = jax.jit(inception.apply)

    @functools.cache
    def ours(pipeline):
        return network(params, inception.preprocess(images, pipeline))

    for name, pipeline in RESIZED.items():
        if name in fixture:
            resized = np.asarray(inception.resize(images, pipeline)).transpose(0, 3, 1, 2)
            result[name] = _over_deviation(resized[:, :, ::23, ::23], fixture[name])
    for name, (pipeline, output) in COMPARED.items():
        if name in fixture:
            result[name] = _over_deviation(np.asarray(ours(pipeline)[output]), fixture[name])
    if not result:
        raise UserError("there is nothing in it to compare with")
    return result


def _over_deviation(ours, reference):
    if ours.shape != reference.shape:
        raise UserError(f"shape {ours.shape} where the fixture has {reference.shape}")
    reference = reference.astype(np.float64)
    return float(np.abs(ours - reference).max() / reference.std())


def main(argv: list[str]) -> int:
    """Prints the deviations of a fixture; returns 1 if any is beyond the limit, 2 on a mistake."""
    p = argparse.ArgumentParser(prog="python -m tests.parity.inception_parity")
    p.add_argument("fixture", metavar="FILE.npz")
    p.add_argument("--seed", type=int, required=True)
    a = p.parse_args(argv)
    try:
        result = deviations(official_weights.read(a.fixture), a.seed)
    except UserError as e:
        print(f"error: {a.fixture}: {e}", file=sys.stderr)
        return 2
    for name, value in result.items():
        mark = "" if value <= LIMIT else f"  BEYOND {LIMIT:.0e}"
        print(f"{name:34s} {value:.2e}{mark}")
    return int(any(not v <= LIMIT for v in result.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
