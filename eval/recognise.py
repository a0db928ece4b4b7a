"""Says which emoji the pictures of a folder show, as the encoder sees them.

    python -m eval.recognise DIR [--json]

DIR has PNGs of any size. Those named by code points, as any emoji set names them (1F600.png,
emoji_u1f600.png), are scored against their name; all others are only recognised.
"""

import argparse
import json
import sys

import numpy as np

from emoji_gan import errors
from emoji_gan.encoder import encoder, recogniser
from emoji_gan.runtime import host, paths
from input_pipeline.unicode import emoji_names


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m eval.recognise", description=__doc__.partition("\n")[0]
    )
    p.add_argument("directory", type=paths.local, metavar="DIR", help="of PNGs")
    p.add_argument("--json", action="store_true", help="print only JSON")
    p.add_argument(
        "--weights", type=paths.local, default=str(encoder.WEIGHTS), help="of the encoder"
    )
    a = p.parse_args()
    host.setup_compilation_cache()
    params, meta = encoder.load(a.weights)
    pictures = recogniser.read(a.directory, meta["codepoints"])
    for file, why in pictures.skipped:
        print(f"skipped {file}: {why}", file=sys.stderr)
    _, logits = recogniser.extract(params, pictures.images)
    named = pictures.labels >= 0
    scores = {"n": 0}
    if named.any():
        scores = recogniser.scores(logits[named], pictures.labels[named], meta["groups"])
    guesses = recogniser.guesses(logits[~named], meta["codepoints"])
    unnamed = [pictures.files[i] for i in np.flatnonzero(~named)]
    if a.json:
        print(json.dumps(scores | {"recognised": dict(zip(unnamed, guesses, strict=True))}))
    else:
        _print(scores, dict(zip(unnamed, guesses, strict=True)), len(pictures.skipped))
    return errors.EXIT_OK


def _print(
    scores: dict[str, float], recognised: dict[str, list[tuple[str, float]]], skipped: int
) -> None:
    for file, best in recognised.items():
        names = (f"{emoji_names.lookup(c).name} ({p:.0%})" for c, p in best)
        print(f"{file}: {', '.join(names)}")
    if scores["n"]:
        print(
            f"{scores['n']} pictures named by emoji, {skipped} files skipped\n"
            f"right emoji first {scores['top1']:.1%}, among the first five {scores['top5']:.1%}, "
            f"right group {scores['group']:.1%}"
        )


if __name__ == "__main__":
    errors.run(main)
