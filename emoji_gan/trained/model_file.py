"""Writes and reads one file with all that a trained model needs to draw.

    python -m emoji_gan.model_file --workdir=runs/flow --out=flow.safetensors

The file holds float16 arrays, those of whole numbers as they are, the config, the conditions and
the source of the model. The sampler and the eval program take such a file where they take a
workdir.
"""

import argparse
import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import ml_collections
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from emoji_gan import errors, methods
from emoji_gan.conditions import Spec
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths, workdir

_FORMAT = 1  # to be raised when the meaning of a key below changes
_KEYS = ("format", "config", "spec", "step", "licence", "checkpoint_sha256", "content_sha256")


def save(
    path: str | os.PathLike, from_workdir: str, step: int | str | None = None, licence: str = ""
) -> dict[str, Any]:
    """Writes the part of a run's checkpoint that `sample` reads, as float16.

    Args:
      path: the .safetensors file to write.
      from_workdir: the run's workdir.
      step: of the checkpoint; None: the newest good one; 'best': of the best evaluation.
      licence: of the model, and whom to attribute.

    Returns:
      The file's metadata.

    Raises:
      UserError: there is no good checkpoint, float16 cannot hold a value, or the path is not
        writable.
    """
    from emoji_gan.trained import source  # it imports this module

    trained = source.open_trained(str(from_workdir), step)
    generator = methods.load(trained.config["method"]).generator(
        ml_collections.FrozenConfigDict(trained.config), trained.spec
    )
    return write(
        path,
        trained.fields(generator.fields),
        config=trained.config,
        spec=trained.spec,
        step=trained.step,
        kimg_before=trained.kimg - trained.step * trained.config["batch_size"] / 1000,
        digest=trained.digest,
        licence=licence,
    )


def write(
    path: str | os.PathLike,
    fields: Mapping[str, Any],
    *,
    config: Mapping[str, Any],
    spec: Spec,
    step: int,
    kimg_before: float,
    digest: str,
    licence: str,
) -> dict[str, Any]:
    """Writes the fields of a state that a generator reads, as float16.

    Args:
      path: the .safetensors file to write.
      fields: trees of arrays by the names of `Generator.fields`.
      config: resolved.
      spec: of the model's conditions.
      step: training steps of the model's last run.
      kimg_before: thousands of images that the networks had seen before that run.
      digest: SHA-256 of what the state was stored in.
      licence: of the model, and whom to attribute.

    Returns:
      The file's metadata.

    Raises:
      UserError: float16 cannot hold a value, or the path is not writable.
    """
    path = paths.local(path)
    arrays = {}
    for keys, value in jax.tree_util.tree_flatten_with_path(dict(fields))[0]:
        name = "/".join(str(k.key) for k in keys)
        # safetensors writes the buffer as it lies, whatever the strides say.
        array = np.asarray(value)
        whole = np.issubdtype(array.dtype, np.integer)
        arrays[name] = array.astype(array.dtype if whole else np.float16, order="C")
        if not np.isfinite(arrays[name]).all():
            raise UserError(
                f"{name} at step {step} has values that float16 cannot hold: choose another step"
            )
    meta = {
        "format": _FORMAT,
        "config": without_folders(config),
        "spec": spec.to_json(),
        "step": step,
        "kimg_before": kimg_before,
        "licence": licence,
        "checkpoint_sha256": digest,
        "content_sha256": _digest(arrays),
    }
    workdir.write_atomic(
        path, to_bytes(arrays, {"emoji_gan": json.dumps(meta, ensure_ascii=False)})
    )
    return meta


def without_folders(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a config whose paths are names of files: a model is passed on, its folders are not.

    The sources of the data and the model that it began from are all the paths that a config has;
    a model of the Hub keeps its whole name.
    """
    sources = [
        f"{name}={pathlib.PurePath(path).name}" if path else name
        for name, _, path in (text.partition("=") for text in config["data"]["sources"])
    ]
    begun_from = config["init_from"]
    if not begun_from.startswith("hub:"):
        begun_from = pathlib.PurePath(begun_from).name
    data = {**config["data"], "sources": tuple(sources)}
    return {**config, "data": data, "init_from": begun_from}


def load(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads a file that `save` wrote.

    Returns:
      The file's metadata, and the fields that the method's `sample` reads, float32 or integers.

    Raises:
      UserError: the file is missing or damaged, or is not a model file.
    """
    path = pathlib.Path(paths.local(path))
    try:
        with safe_open(path, "np") as file:
            meta = json.loads((file.metadata() or {})["emoji_gan"])
            arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
        if missing := [key for key in _KEYS if key not in meta]:
            raise ValueError(f"it lacks {missing[0]}")
        if meta["format"] != _FORMAT:
            raise ValueError(f"its format is {meta['format']}, this program reads {_FORMAT}")
        if _digest(arrays) != meta["content_sha256"]:
            raise ValueError("its hash is wrong")
    except FileNotFoundError:
        raise UserError(f"no model at {path}") from None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as e:
        raise UserError(f"{path} is damaged or no model of emoji_gan ({e}); fetch it anew") from e
    fields: dict[str, Any] = {}
    for name, array in arrays.items():
        *sections, last = (int(k) if k.isdecimal() else k for k in name.split("/"))
        parent = fields
        for section in sections:
            parent = parent.setdefault(section, {})
        whole = np.issubdtype(array.dtype, np.integer)
        parent[last] = array if whole else array.astype(np.float32)
    return meta, fields


def _digest(arrays: dict[str, np.ndarray]) -> str:
    """Returns the SHA-256 of the arrays with their names, dtypes and shapes."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def main() -> int:
    """Runs the command line."""
    from emoji_gan.trained import source

    p = argparse.ArgumentParser(
        prog="python -m emoji_gan.model_file", description=__doc__.partition("\n")[0]
    )
    p.add_argument("--workdir", required=True, type=paths.local, help="of the run")
    p.add_argument("--out", required=True, type=paths.local, help="a .safetensors file")
    p.add_argument(
        "--step", type=source.parse_step, help="checkpoint, or best; default: the newest good one"
    )
    p.add_argument("--licence", default="", help="of the model, and whom to name")
    a = p.parse_args()
    if pathlib.Path(a.out).suffix != ".safetensors":
        raise UserError(f"--out={a.out}: must end in .safetensors")
    meta = save(a.out, a.workdir, a.step, a.licence)
    size = pathlib.Path(a.out).stat().st_size / 1e6
    kimg = meta["kimg_before"] + meta["step"] * meta["config"]["batch_size"] / 1000
    print(f"{a.out}: {meta['config']['method']} at {kimg:.1f} kimg, {size:.1f} MB")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
