"""The picture of the model card: a row a phrase, coloured on the left, line art on the right; nothing chosen.

python -m benchmarks.methods.shipped_samples --out=docs/samples_box.png
"""

import argparse

import numpy as np

from emoji_gan import conditions, errors, images
from emoji_gan.encoder import encoder
from emoji_gan.runtime import host
from emoji_gan.trained import sampler as sampler_lib

PHRASES = (
    "smiling face",
    "red apple",
    "chat souriant",
    "house",
    "drapeau",
    "heart",
    "horloge",
    "woman",
)
_EACH = 4  # samples of a phrase and style
_MAGNIFY = 3


def main() -> int:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.methods.shipped_samples", description=__doc__.partition("\n")[0]
    )
    p.add_argument("--model", default=str(sampler_lib.SHIPPED_MODEL))
    p.add_argument("--truncation", type=float, default=0.7)
    p.add_argument("--out", required=True, help="a PNG")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    box = sampler_lib.Sampler(a.model)
    count = len(PHRASES) * _EACH
    points = np.repeat(encoder.PhraseEncoder()(list(PHRASES)), _EACH, 0)
    halves = []
    for style in ("openmoji", "openmoji line"):
        asked = sampler_lib.ask(box.spec, {"style": style}, count) | {conditions.TEXT: points}
        halves.append(
            images.grid(box(list(range(count)), asked, a.truncation), len(PHRASES), _EACH)
        )
    board = np.concatenate(halves, 1).repeat(_MAGNIFY, 0).repeat(_MAGNIFY, 1)
    images.save_png(a.out, board, box.provenance(0, a.truncation) | {"seed": f"0-{count - 1}"})
    print(f"{', '.join(PHRASES)}: {a.out}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
