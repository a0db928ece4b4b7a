"""Says which emoji the pictures of a folder show, as the encoder sees them.

    python -m eval.recognise DIR [--json]

DIR has PNGs of any size, named by code points as any emoji set names them: 1F600.png,
emoji_u1f600.png.
"""

import argparse
import json
import sys

from emoji_gan import errors
from emoji_gan.encoder import encoder, recogniser
from emoji_gan.runtime import host, paths


def main() -> int:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m eval.recognise", description=__doc__.partition("\n")[0]
    )
    p.add_argument(
        "directory", type=paths.local, metavar="DIR", help="of PNGs named by code points"
    )
    p.add_argument("--json", action="store_true", help="print only the figures, as JSON")
    p.add_argument(
        "--weights", type=paths.local, default=str(encoder.WEIGHTS), help="of the encoder"
    )
    a = p.parse_args()
    host.setup_compilation_cache()
    params, meta = encoder.load(a.weights)
    images, labels, skipped = recogniser.read(a.directory, meta["codepoints"])
    for file, why in skipped:
        print(f"skipped {file}: {why}", file=sys.stderr)
    _, logits = recogniser.extract(params, images)
    result = recogniser.scores(logits, labels, meta["groups"])
    if a.json:
        print(json.dumps(result))
    else:
        print(
            f"{result['n']} pictures of known emoji, {len(skipped)} files skipped\n"
            f"right emoji first {result['top1']:.1%}, among the first five {result['top5']:.1%}, "
            f"right group {result['group']:.1%}"
        )
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
