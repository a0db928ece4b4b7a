"""Opens what a trained model is stored in: the workdir of a run, or a model file."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from emoji_gan.conditions import Spec
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths
from emoji_gan.trained import model_file, stored_names


@dataclasses.dataclass(frozen=True)
class Trained:
    """A stored model, its arrays not yet read.

    Attributes:
      path: workdir or model file.
      config: resolved, as a dict.
      spec: of its conditions.
      step: training steps that it has seen in its last run.
      kimg: thousands of images that its networks have seen, those of earlier runs included.
      data_hash: of the emoji it was trained on; '' where that is not stored.
      digest: SHA-256 of what it was read from.
      config_hash: SHA-256 of config and spec.
      is_file: whether it is a model file, which holds what drawing needs and no more.
    """

    path: str
    config: dict[str, Any]
    spec: Spec
    step: int
    kimg: float
    data_hash: str
    digest: str
    config_hash: str
    is_file: bool
    _read: Callable[[Sequence[str]], dict[str, Any]]

    def fields(self, names: Sequence[str]) -> dict[str, Any]:
        """Reads fields of the state by today's names: numpy arrays or nested dicts of them.

        A model file returns those of them that it has.

        Raises:
          UserError: a checkpoint lacks one, or its files are damaged.
        """
        return self._read(names)


def open_trained(path: str, step: int | None = None) -> Trained:
    """Opens a workdir or a model file.

    Args:
      path: a file that ends in .safetensors, else a workdir.
      step: which checkpoint; None: the newest good one.

    Raises:
      UserError: there is nothing good there, or a step of a model file is asked for.
    """
    path = paths.local(path)
    return _open_file(path, step) if is_model_file(path) else _open_workdir(path, step)


def is_model_file(path: str) -> bool:
    """Returns whether a path is taken for a model file rather than a workdir."""
    return pathlib.Path(path).suffix == ".safetensors"


def _open_file(path: str, step: int | None) -> Trained:
    if step is not None:
        raise UserError(f"--step={step}: {path} holds one step only; leave it out")
    meta, arrays = model_file.load(path)
    fields = stored_names.renamed(arrays)
    before = meta.get("kimg_before", stored_names.KIMG_BEFORE.get(meta["content_sha256"], 0.0))
    return Trained(
        path=path,
        config=meta["config"],
        spec=Spec.from_json(meta["spec"]),
        step=meta["step"],
        kimg=before + meta["step"] * meta["config"]["batch_size"] / 1000,
        data_hash="",
        digest=meta["content_sha256"],
        config_hash=_config_hash(meta["config"], meta["spec"]),
        is_file=True,
        _read=lambda names: {name: fields[name] for name in names if name in fields},
    )


def _open_workdir(path: str, step: int | None) -> Trained:
    from emoji_gan.runtime import checkpoint  # brings orbax, which a model file does without

    stored = checkpoint.load_for_inference(path, step, ())
    config = dict(stored.config)
    spec = config.pop("spec")

    def read(names: Sequence[str]) -> dict[str, Any]:
        return checkpoint.load_for_inference(
            path, stored.step, names, renamed=stored_names.RENAMED
        ).state

    return Trained(
        path=path,
        config=config,
        spec=Spec.from_json(spec),
        step=stored.step,
        kimg=stored.kimg_before + stored.step * config["batch_size"] / 1000,
        data_hash=stored.data_hash,
        digest=stored.digest,
        config_hash=_config_hash(config, spec),
        is_file=False,
        _read=read,
    )


def _config_hash(config: dict[str, Any], spec: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([config, spec], sort_keys=True).encode()).hexdigest()
