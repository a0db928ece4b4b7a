"""Draws what a shipped model makes of some phrases: a labelled row each, nothing chosen.

python -m benchmarks.methods.shipped_samples --out=docs/shipped_64.png
python -m benchmarks.methods.shipped_samples --model=models/openmoji_32.safetensors --out=x.png
"""

import argparse

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emoji_gan import errors, images
from emoji_gan.runtime import host, paths
from emoji_gan.trained import sampler as sampler_lib

PHRASES = ("chat souriant", "red apple", "heart", "horloge", "smiling face", "drapeau")
_STYLES = ("openmoji", "openmoji line")
_EACH = 4  # samples of a phrase and style
_CELL_PX = 84
_LABEL_PX = 150


def rows(model: str, truncation: float) -> tuple[np.ndarray, sampler_lib.Sampler]:
    """Draws a row a phrase: uint8 [phrases, samples, h, w, 4], straight alpha; seeds from 0."""
    sampler = sampler_lib.Sampler(model)
    seeds = list(range(_EACH))
    drawn = [
        np.concatenate(
            [
                sampler(
                    seeds,
                    sampler_lib.ask(sampler.spec, {"text": phrase, "style": style}, _EACH),
                    truncation,
                )
                for style in _STYLES
            ]
        )
        for phrase in PHRASES
    ]
    return np.stack(drawn), sampler


def labelled(drawn: np.ndarray) -> np.ndarray:
    """Lays the rows out on white with their phrases: uint8 [h w 3]."""
    count, columns = drawn.shape[:2]
    board = Image.new("RGB", (_LABEL_PX + columns * _CELL_PX, count * _CELL_PX), "white")
    pen, font = ImageDraw.Draw(board), ImageFont.load_default(17)
    for i, (phrase, row) in enumerate(zip(PHRASES, drawn, strict=True)):
        middle = i * _CELL_PX + _CELL_PX // 2
        pen.text((8, middle), phrase, fill="black", font=font, anchor="lm")
        for j, picture in enumerate(row):
            emoji = Image.fromarray(picture).resize((_CELL_PX - 8,) * 2, Image.Resampling.LANCZOS)
            corner = (_LABEL_PX + j * _CELL_PX + 4, i * _CELL_PX + 4)
            board.paste(emoji, corner, emoji)
    return np.asarray(board)


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.methods.shipped_samples", description=__doc__.partition("\n")[0]
    )
    default = sampler_lib.SHIPPED_MODEL.with_name("openmoji_64.safetensors")
    p.add_argument("--model", type=paths.local, default=str(default), help="a model file or a run")
    p.add_argument("--truncation", type=float, default=0.7)
    p.add_argument("--out", type=paths.local, required=True, help="a PNG")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    drawn, sampler = rows(a.model, a.truncation)
    provenance = sampler.provenance(0, a.truncation) | {"seed": f"0-{_EACH - 1}"}
    images.save_png(a.out, labelled(drawn), provenance)
    print(f"{', '.join(PHRASES)}: {a.out}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
