"""Draws what a shipped model makes of some phrases: a labelled row each, nothing chosen.

python -m benchmarks.methods.shipped_samples --size=128 --out=docs/shipped_64.png
python -m benchmarks.methods.shipped_samples --model=models/openmoji_32.safetensors --out=x.png
"""

import argparse

from emoji_gan import errors, images
from emoji_gan.export import sample_grid
from emoji_gan.runtime import host, paths
from emoji_gan.trained import sampler as sampler_lib


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.methods.shipped_samples", description=__doc__.partition("\n")[0]
    )
    default = sampler_lib.SHIPPED_LARGE_FLOW
    p.add_argument("--model", type=paths.local, default=str(default), help="a model file or a run")
    p.add_argument("--truncation", type=float, default=0.7)
    p.add_argument("--size", type=int, help="px, as of `sample`; default: the model's")
    p.add_argument("--out", type=paths.local, required=True, help="a PNG")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    grid = sample_grid.draw(sampler_lib.Sampler(a.model), a.truncation, a.size)
    images.save_png(a.out, grid.picture, grid.texts)
    print(f"{', '.join(sample_grid.PHRASES)}: {a.out}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
