"""Opens a stored model: the workdir of a run, a model file, or a published one."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from emoji_gan.conditions import Spec
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths
from emoji_gan.trained import hub_source, model_file, stored_names


@dataclasses.dataclass(frozen=True)
class Trained:
    """Holds a stored model, whose arrays are not read yet.

    Attributes:
      path: of the workdir or model file.
      config: the resolved config, as a dict.
      spec: of the model's conditions.
      step: training steps of the model's last run.
      kimg: thousands of images that the networks have seen, those of earlier runs included.
      data_hash: of the emoji that the model was trained on; '' where it is not stored.
      digest: SHA-256 of the checkpoint or of the file's arrays.
      config_hash: SHA-256 of config and spec.
      is_file: whether it is a model file, which holds only what drawing needs.
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

        Of a model file, fields that it lacks are left out.

        Raises:
          UserError: a checkpoint lacks a field, or its files are damaged.
        """
        return self._read(names)


def parse_step(text: str) -> int | str:
    """Reads the flag --step: a number of training steps, or 'best'.

    Raises:
      ValueError: it is neither.
    """
    return text if text == "best" else int(text)


def open_trained(path: str, step: int | str | None = None) -> Trained:
    """Opens a workdir, a model file or a published model.

    Args:
      path: of a model file, if it ends in .safetensors, or hub:OWNER/NAME@COMMIT, which is fetched
        unless it was before; else of a workdir.
      step: the step of the checkpoint; None: the newest good one; 'best': that of the best
        evaluation.

    Raises:
      UserError: there is no good checkpoint or model file, or `step` is given for a model file.
    """
    path = hub_source.from_hub(path) if hub_source.is_address(path) else paths.local(path)
    return _open_file(path, step) if is_model_file(path) else _open_workdir(path, step)


def is_model_file(path: str) -> bool:
    """Returns whether a path names a model file, published or not, rather than a workdir."""
    return hub_source.is_address(path) or pathlib.Path(path).suffix == ".safetensors"


def _open_file(path: str, step: int | str | None) -> Trained:
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


def _open_workdir(path: str, step: int | str | None) -> Trained:
    from emoji_gan.runtime import checkpoint  # imports orbax, which a model file does not need

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
