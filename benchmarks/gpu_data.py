"""Makes the files of emoji that `benchmarks.gpu` reads where there is no TensorFlow.

    python -m benchmarks.gpu_data --out=emoji.npz                   for its checks, 1 MB
    python -m benchmarks.gpu_data --train --out=training.npz        for its training, 10 MB

The second takes `config.data` of an experiment; `--config.data.split=all` trains on every emoji.
"""

import argparse
import io
import pathlib
from collections.abc import Sequence

import numpy as np

from emoji_gan import errors
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import paths, workdir

_PX = 128
_LICENCE = "OpenMoji (openmoji.org), CC BY-SA 4.0; share alike, name OpenMoji"
_EXPERIMENT = pathlib.Path(__file__).parents[1] / "configs" / "flow.py"


def write_training_file(out: str, experiment: str, overrides: Sequence[str]) -> str:
    """Writes the training split of an experiment, and returns a line that describes it.

    Args:
      out: an .npz.
      experiment: 'FILE.py:VARIANT'.
      overrides: '--config.data.split=all' and the like.

    Raises:
      UserError: the config or the path cannot be used.
      DataError: the data cannot be used.
    """
    from benchmarks.accelerator import training_file
    from emoji_gan import methods
    from emoji_gan.encoder import encoder
    from input_pipeline import dataset  # brings TensorFlow

    config = methods.resolve(config_lib.load(experiment, overrides), 1)
    embed = encoder.PhraseEncoder() if "text" in config.data.conditions else None
    emoji = dataset.load(config.data, "train", embed)
    openmoji_only = tuple(config.data.sources) == ("openmoji",)
    data = training_file.of_data(
        emoji,
        # Where the data set lies on this machine concerns no other.
        config.data.to_dict() | {"dir": ""},
        text_hash=embed.sha256 if embed else "",
        licence=_LICENCE if openmoji_only else f"see that of {', '.join(config.data.sources)}",
    )
    size = training_file.save(out, data)
    return f"{len(emoji.images)} images of {config.data.resolution} px, {size / 1e6:.1f} MB"


def write_check_file(out: str, count: int) -> str:
    """Draws emoji for the checks, evenly over the list, and returns a line that describes them."""
    from input_pipeline import openmoji  # brings TensorFlow, which only lists the files here
    from input_pipeline.art import rasterise
    from input_pipeline.unicode import emoji_names

    files = [f for f in openmoji.svg_files() if emoji_names.normalise(f.stem)]
    files = [files[i] for i in np.linspace(0, len(files) - 1, count).astype(int)]
    with rasterise.Rasteriser(_PX) as rasteriser:
        drawn = [rasteriser.render(f.read_text(encoding="utf-8")) for f in files]
    codepoints = [emoji_names.normalise(f.stem) for f in files]
    groups = [emoji_names.lookup(c).group for c in codepoints]
    names = sorted(set(groups))
    file = io.BytesIO()
    np.savez_compressed(
        file,
        images=np.stack(drawn),
        codepoints=np.array(codepoints),
        group=np.array([names.index(g) for g in groups], np.int32),
        group_names=np.array(names),
        licence=np.array(_LICENCE),
    )
    workdir.write_atomic(out, file.getvalue())
    return f"{len(drawn)} emoji of {_PX} px, {len(file.getvalue()) / 1e6:.1f} MB"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    p.add_argument("--out", type=paths.local, required=True, help="an .npz")
    p.add_argument("--count", type=int, default=384, help="emoji of the checks")
    p.add_argument("--train", action="store_true", help="write the file that trains")
    p.add_argument(
        "--config", default=f"{_EXPERIMENT}:gpu", help="experiment whose data are written"
    )
    a, overrides = p.parse_known_args()
    if overrides and not (a.train and all(o.startswith("--config.") for o in overrides)):
        raise errors.UserError(f"unexpected argument {overrides[0]!r}: see --help")
    if a.train:
        line = write_training_file(a.out, a.config, overrides)
    else:
        line = write_check_file(a.out, a.count)
    print(f"{a.out}: {line}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
