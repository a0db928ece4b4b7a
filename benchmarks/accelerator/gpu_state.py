"""Keeps the whole state of a training in one npz, which is written at once or not at all."""

import dataclasses
import hashlib
import io
import json
import os
import pathlib
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from emoji_gan.conditions import Spec
from emoji_gan.errors import UserError
from emoji_gan.methods.experiment import Experiment
from emoji_gan.runtime import config as config_lib
from emoji_gan.runtime import paths, workdir

NAME = "state.npz"  # in a folder of results
_FORMAT = 1  # to be raised when the meaning of a name below changes
_META = "meta"
# Sections and fields of a config that change no step.
_FREE = ("total_kimg", "log.", "eval.", "checkpoint.", "sample.", "init_from", "data.dir")


@dataclasses.dataclass(frozen=True)
class Stored:
    """Holds a stored state.

    Attributes:
      path: of the file.
      config: the resolved config, as a dict.
      spec: of the conditions.
      data_hash: of the data set.
      step: training steps done.
      kimg_before: thousands of images that the networks had seen before the first of these.
      arrays: of the state, by path.
      digest: SHA-256 of the file.
    """

    path: str
    config: dict[str, Any]
    spec: Spec
    data_hash: str
    step: int
    kimg_before: float
    arrays: dict[str, np.ndarray]
    digest: str

    def tree(self, shapes: Any) -> Any:
        """Returns the arrays in the structure of `shapes`, on the host.

        Raises:
          UserError: an array is absent or has another shape.
        """
        leaves, structure = jax.tree_util.tree_flatten_with_path(shapes)
        values = []
        for keys, shape in leaves:
            name = _name(keys)
            value = self.arrays.get(name)
            if value is None or value.shape != shape.shape:
                was = "absent" if value is None else f"{value.shape}"
                raise UserError(
                    f"{self.path}: {name} is {was}, needed {shape.shape}: it is of another version "
                    "of the method; go on with the version that wrote it"
                )
            values.append(value.astype(shape.dtype))
        return jax.tree_util.tree_unflatten(structure, values)


def save(
    path: str | os.PathLike,
    state: Any,
    experiment: Experiment,
    *,
    data_hash: str,
    kimg_before: float,
    half: bool,
) -> int:
    """Writes a state and returns the file's size in bytes.

    Args:
      path: an .npz.
      state: of `experiment`.
      experiment: what is trained.
      data_hash: of the data set.
      kimg_before: thousands of images that the networks had seen before the first step.
      half: round float32 to 16 bits: networks and averages to float16, all else, which may be as
        small as squares of gradients, to bfloat16. The file is half as large; what goes on from it
        differs by less than one step of the optimiser does.

    Raises:
      UserError: the path is not writable.
    """
    host = jax.device_get(state)
    arrays = {_name(k): np.asarray(v) for k, v in jax.tree_util.tree_flatten_with_path(host)[0]}
    bfloat16: list[str] = []  # names of arrays in bfloat16, which numpy stores as plain integers
    if half:
        networks = experiment.method.NETWORKS
        for name, value in arrays.items():
            if value.dtype != np.float32:
                continue
            field = name.partition("/")[0]
            rounded = value.astype(np.float16)
            if field.removesuffix("_ema") in networks and np.isfinite(rounded).all():
                arrays[name] = rounded
            else:
                arrays[name] = value.astype(jnp.bfloat16).view(np.uint16)
                bfloat16.append(name)
    meta = {
        "format": _FORMAT,
        "config": experiment.config.to_dict(),
        "spec": experiment.spec.to_json(),
        "data_hash": data_hash,
        "step": int(host.counters.step),
        "kimg_before": kimg_before,
        "bfloat16": bfloat16,
    }
    file = io.BytesIO()
    np.savez(file, **{_META: np.array(json.dumps(meta))}, **arrays)
    workdir.write_atomic(path, file.getvalue())
    return file.tell()


def load(path: str | os.PathLike) -> Stored:
    """Reads a state that `save` wrote: a file, or the one in a folder.

    Raises:
      UserError: the file is missing or damaged, or is another one.
    """
    path = file_of(path)
    try:
        raw = path.read_bytes()
        with np.load(io.BytesIO(raw), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop(_META)))
        if meta["format"] != _FORMAT:
            raise ValueError(f"its format is {meta['format']}, this program reads {_FORMAT}")
        for name in meta["bfloat16"]:
            arrays[name] = arrays[name].view(jnp.bfloat16).astype(np.float32)
        return Stored(
            path=str(path),
            config=meta["config"],
            spec=Spec.from_json(meta["spec"]),
            data_hash=meta["data_hash"],
            step=meta["step"],
            kimg_before=meta["kimg_before"],
            arrays=arrays,
            digest=hashlib.sha256(raw).hexdigest(),
        )
    except FileNotFoundError:
        raise UserError(f"no state at {path}: give the folder that a training wrote") from None
    except KeyError as e:
        raise UserError(f"{path} lacks {e}: it is no state of a training") from e
    except (
        AttributeError,
        EOFError,
        OSError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as e:
        why = " ".join(str(e).split())[:200]
        raise UserError(f"{path} is damaged ({why}); take an older copy") from e


def file_of(path: str | os.PathLike) -> pathlib.Path:
    """Returns the path of a state, which may be given by its folder."""
    path = pathlib.Path(paths.local(path))
    return path / NAME if path.is_dir() else path


def check(
    stored: Stored, config: Mapping[str, Any], spec: Spec, *, data_hash: str, data_px: int
) -> None:
    """Checks that a training goes on from a state of its own.

    Args:
      stored: the state.
      config: resolved, of the training.
      spec: of its conditions.
      data_hash: of its data set.
      data_px: resolution of its data set.

    Raises:
      UserError: what differs: the method, the resolution, the data set, fields of the config.
    """
    where = f"--resume={stored.path}"
    if stored.config["method"] != config["method"]:
        raise UserError(
            f"{where}: it is of method {stored.config['method']!r}; give "
            f"--method={stored.config['method']}"
        )
    if (px := stored.config["data"]["resolution"]) != data_px:
        raise UserError(f"{where}: it is of {px} px, --data of {data_px} px; give its own file")
    if stored.data_hash != data_hash or stored.spec != spec:
        raise UserError(
            f"{where}: it was trained on another data set ({stored.data_hash[:12]}, --data has "
            f"{data_hash[:12]}); give its own file, or start anew by --init_from"
        )
    changed = {
        field: values
        for field, values in config_lib.diff(stored.config, config).items()
        if not field.startswith(_FREE)
    }
    if changed:
        listed = "; ".join(f"{k} {a!r}, here {b!r}" for k, (a, b) in list(changed.items())[:4])
        raise UserError(f"{where} has another config: {listed}; give the flags that it began with")


def _name(keys: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(keys, simple=True, separator="/")
