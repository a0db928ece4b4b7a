"""Makes a model file of a training's state, draws with it and judges what it drew.

    python -m benchmarks.gpu finish --data=training.npz --state=FOLDER --out=FOLDER

A training does this at its end; the command does it where there was no time, or no safetensors and
Pillow, which these files need.
"""

import argparse
import importlib.util
import json
import math
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from benchmarks.accelerator import gpu_state, training_file
from emoji_gan import conditions, errors, images, methods
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths, workdir
from eval.metrics import frechet

MODEL = "model.safetensors"
_GRID = 64  # samples in grid.png
_TRUNCATION = 1.0  # of all samples
_ROUND = 64  # samples drawn between two looks at the clock
# A Frechet distance of fewer images than the features have dimensions says little.
_LEAST_FOR_FD = 192
_SEED = 0x5EED  # of the conditions, as those of `python -m eval`


def missing_packages() -> list[str]:
    """Lists the packages that the results need and this machine lacks."""
    names = {"safetensors": "safetensors", "PIL": "pillow"}
    return [package for module, package in names.items() if not importlib.util.find_spec(module)]


def check_encoder(data: training_file.TrainingData) -> None:
    """Checks that the real images' statistics are of the encoder that judges here.

    Raises:
      UserError: they are not, or a package or the encoder's weights are missing.
    """
    if missing := missing_packages():
        raise UserError(f"the model file and the pictures need {' and '.join(missing)}")
    from emoji_gan.encoder import encoder

    weights_hash = encoder.load(prefix="log_scale")[1]["weights_sha256"]
    if weights_hash != data.encoder_hash:
        raise UserError(
            "the statistics in --data are of other weights of the emoji encoder "
            f"({data.encoder_hash[:12]}, here {weights_hash[:12]}): make the file anew"
        )


def finish(
    data: training_file.TrainingData,
    stored: gpu_state.Stored,
    out: pathlib.Path,
    *,
    samples: int,
    deadline: float,
) -> dict[str, Any]:
    """Writes model.safetensors and grid.png, and computes fd_emoji.

    Args:
      data: that the state was trained on.
      stored: the state.
      out: folder for the files.
      samples: images that fd_emoji is computed from, or as many as there is time for.
      deadline: when to end drawing, time.monotonic seconds; the grid is drawn in any case.

    Returns:
      What the last line says of the model: parameters, fd_emoji, of how many images.

    Raises:
      UserError: a package is missing, the data are of another encoder, or a file cannot be written.
    """
    check_encoder(data)
    from emoji_gan.trained import sampler  # brings safetensors

    parameters = _write_model(data, stored, out / MODEL)
    draw = sampler.Sampler(str(out / MODEL))
    count = max(samples, _GRID)
    condition = conditions.rows_like(data, count, _SEED)[1]
    drawn: list[np.ndarray] = []
    for first in range(0, count, _ROUND):
        rows = np.arange(first, min(first + _ROUND, count))
        of_rows = {name: values[rows] for name, values in condition.items()}
        drawn.append(draw(rows.tolist(), of_rows, _TRUNCATION))
        if first == 0:
            side = math.isqrt(_GRID)
            images.save_png(out / "grid.png", images.grid(drawn[0][:_GRID], side, side))
        if time.monotonic() > deadline:
            break
    pictures = np.concatenate(drawn)[:samples]
    return {"parameters": parameters} | _frechet(data, pictures)


def _write_model(
    data: training_file.TrainingData, stored: gpu_state.Stored, path: pathlib.Path
) -> int:
    """Writes the model file and returns how many parameters it holds."""
    from emoji_gan.trained import model_file

    method = methods.load(stored.config["method"])
    config = ml_collections.FrozenConfigDict(stored.config)
    shapes = jax.eval_shape(lambda: method.init(config, stored.spec, config.seed))
    generator = method.generator(config, stored.spec)
    fields = generator.params_of(stored.tree(shapes))
    model_file.write(
        path,
        fields,
        config=stored.config,
        spec=stored.spec,
        step=stored.step,
        kimg_before=stored.kimg_before,
        digest=stored.digest,
        licence=data.licence,
    )
    return sum(leaf.size for leaf in jax.tree.leaves(fields))


def _frechet(data: training_file.TrainingData, pictures: np.ndarray) -> dict[str, Any]:
    """Computes the Frechet distance of pictures u8 [n h w 4] to the images trained on."""
    from eval.extractors.features import Extractor

    counts = {"fd_images": len(pictures), "real_images": len(data.images)}
    if len(pictures) < _LEAST_FOR_FD:
        return {"fd_emoji": None, **counts}
    extractor = Extractor("emoji-encoder", batch_size=128)
    value = frechet.distance(data.real, frechet.fit(extractor(pictures).features))
    return {"fd_emoji": round(value, 4), **counts}


def main(arguments: Sequence[str]) -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu finish", description=__doc__.partition("\n")[0]
    )
    p.add_argument(
        "--data", type=paths.local, required=True, help="npz of benchmarks.gpu_data --train"
    )
    p.add_argument("--state", type=paths.local, required=True, help="folder of a training, or file")
    p.add_argument("--out", type=paths.local, required=True, help="folder for the results")
    p.add_argument("--samples", type=int, default=1000, help="images that fd_emoji is computed of")
    p.add_argument("--minutes", type=float, default=math.inf, help="for the drawing")
    a = p.parse_args(arguments)
    deadline = time.monotonic() + 60 * a.minutes
    if a.samples < 1:
        raise UserError(f"--samples={a.samples}: at least 1")
    data, stored = training_file.read(a.data), gpu_state.load(a.state)
    gpu_state.check(
        stored,
        stored.config,
        data.spec,
        data_hash=data.content_hash,
        data_px=data.config["resolution"],
    )
    out = make_folder(a.out)
    kimg = stored.kimg_before + stored.step * stored.config["batch_size"] / 1000
    result = {"step": stored.step, "kimg": round(kimg, 3)}
    result |= finish(data, stored, out, samples=a.samples, deadline=deadline)
    workdir.write_atomic(out / "finish.json", (json.dumps(result) + "\n").encode())
    print(json.dumps(result))
    return errors.EXIT_OK


def make_folder(path: str) -> pathlib.Path:
    """Makes a folder for results, with those that it lies in.

    Raises:
      UserError: it cannot be made.
    """
    folder = pathlib.Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"cannot write --out={path}: {e.strerror}") from e
    return folder
