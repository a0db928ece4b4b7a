"""Makes the npz of emoji that `benchmarks.gpu` trains on.

    python -m benchmarks.gpu_data --out=emoji.npz

The file has a few MB and is read without TensorFlow.
"""

import argparse
import io

import numpy as np

from emoji_gan import errors
from emoji_gan.runtime import paths, workdir

_PX = 128
_LICENCE = "OpenMoji (openmoji.org), CC BY-SA 4.0; share alike, name OpenMoji"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    p.add_argument("--out", type=paths.local, required=True, help="an .npz")
    p.add_argument("--count", type=int, default=384, help="emoji, evenly over the list")
    a = p.parse_args()
    from input_pipeline import openmoji  # brings TensorFlow, which only lists the files here
    from input_pipeline.art import rasterise
    from input_pipeline.unicode import emoji_names

    files = [f for f in openmoji.svg_files() if emoji_names.normalise(f.stem)]
    files = [files[i] for i in np.linspace(0, len(files) - 1, a.count).astype(int)]
    with rasterise.Rasteriser(_PX) as rasteriser:
        drawn = [rasteriser.render(f.read_text(encoding="utf-8")) for f in files]
    codepoints = [emoji_names.normalise(f.stem) for f in files]
    groups = [emoji_names.lookup(c).group for c in codepoints]
    names = sorted(set(groups))
    out = io.BytesIO()
    np.savez_compressed(
        out,
        images=np.stack(drawn),
        codepoints=np.array(codepoints),
        group=np.array([names.index(g) for g in groups], np.int32),
        group_names=np.array(names),
        licence=np.array(_LICENCE),
    )
    workdir.write_atomic(a.out, out.getvalue())
    print(f"{a.out}: {len(drawn)} emoji of {_PX} px, {len(out.getvalue()) / 1e6:.1f} MB")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
