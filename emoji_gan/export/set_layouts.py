"""Writes a labelled set of pictures as a folder that the Hub's `datasets` reads, and as TFDS."""

import contextlib
import dataclasses
import io
import json
import pathlib
import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from emoji_gan import images
from emoji_gan.errors import UserError
from emoji_gan.export import checksums
from emoji_gan.runtime import workdir
from eval.extractors.nearest_emoji import Neighbour
from input_pipeline.unicode import emoji_names

SPLIT = "train"
_VERSION = "1.0.0"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")  # as TFDS names a set


@dataclasses.dataclass(frozen=True)
class Row:
    """Holds one picture and what is seen in it.

    Attributes:
      meta: of the emoji that was asked for.
      style: that was asked for.
      seed: of the picture.
      picture: uint8 [h w 4], straight alpha.
      seen: code points that the recogniser is surest of, best first.
      seen_group: of Unicode, that the recogniser is surest of.
      near: the training emoji that it is nearest to.
      refused: why it is left out; '': it is kept.
    """

    meta: emoji_names.Meta
    style: str
    seed: int
    picture: np.ndarray
    seen: list[str]
    seen_group: str
    near: Neighbour
    refused: str

    @property
    def file(self) -> str:
        """Returns the name of its PNG."""
        return f"{self.meta.codepoints.lower()}_seed{self.seed:010d}.png"

    def columns(self) -> dict[str, Any]:
        """Returns its labels and what was measured, as the layouts have them."""
        return {
            "codepoints": self.meta.codepoints,
            "name_en": self.meta.name_en or self.meta.name,
            "name_fr": self.meta.name_fr,
            "group": self.meta.group,
            "subgroup": self.meta.subgroup,
            "style": self.style,
            "seed": self.seed,
            "recognised": self.seen,
            "recognised_group": self.seen_group,
            "nearest_real": self.near.codepoints,
            "nearest_similarity": round(self.near.similarity, 4),
            "nearest_percentile": round(self.near.percentile, 2),
        }


@dataclasses.dataclass(frozen=True)
class About:
    """Says what a set is.

    Attributes:
      name: of the set.
      label: 'group' or 'emoji', which the gate looked at.
      licence: SPDX identifier of the pictures.
      credits: whom to name.
      drawn: number of pictures before the gates.
      refused: number by reason.
      made_by: the model and how it drew.
    """

    name: str
    label: str
    licence: str
    credits: tuple[str, ...]
    drawn: int
    refused: Mapping[str, int]
    made_by: Mapping[str, str]


def check_name(name: str) -> None:
    """Checks that TFDS takes a name.

    Raises:
      UserError: it does not.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"--dataset={name}: expected lower-case letters, digits and _, such as mine"
        )


def files(about: About, kept: Sequence[Row], refused: Sequence[Row]) -> dict[str, bytes]:
    """Returns the files of the folder by name, TFDS's and the checksums aside."""
    made = {f"{SPLIT}/{row.file}": images.png_bytes(row.picture, {}) for row in kept}
    made[f"{SPLIT}/metadata.jsonl"] = _lines(
        {"file_name": row.file} | row.columns() for row in kept
    )
    made["refused.jsonl"] = _lines([{"why": row.refused} | row.columns() for row in refused])
    made["provenance.json"] = (json.dumps(dataclasses.asdict(about), indent=1) + "\n").encode()
    made["README.md"] = _card(about, len(kept), kept[0].picture.shape[0]).encode()
    return made


def _lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def write_tfds(about: About, rows: Sequence[Row], folder: pathlib.Path) -> None:
    """Writes the pictures as a prepared set: `tfds.builder_from_directory` reads its folder.

    Args:
      about: the set.
      rows: kept ones.
      folder: holds NAME/VERSION afterwards.
    """
    import tensorflow as tf  # here, as all else does without them
    import tensorflow_datasets as tfds

    side, text = rows[0].picture.shape[0], tfds.features.Text
    columns = [{"image": row.picture} | row.columns() for row in rows]
    features = {
        "image": tfds.features.Image(shape=(side, side, 4), encoding_format="png"),
        "seed": np.int64,
        "recognised": tfds.features.Sequence(text()),
        "nearest_similarity": np.float32,
        "nearest_percentile": np.float32,
    }
    features |= {name: text() for name in columns[0] if name not in features}
    features = tfds.features.FeaturesDict(features)
    stream = tf.data.Dataset.from_generator(
        lambda: iter(columns),
        output_signature=tf.nest.map_structure(
            lambda x: tf.TensorSpec(x.shape, x.dtype), features.get_tensor_spec()
        ),
    )
    tfds.disable_progress_bar()
    # It speaks of a download, and warns that the folder of what it is to write is not there.
    with contextlib.redirect_stdout(io.StringIO()), _silent_log():
        tfds.dataset_builders.store_as_tfds_dataset(
            name=about.name,
            version=_VERSION,
            features=features,
            split_datasets={SPLIT: stream},
            data_dir=str(folder),
            description=_summary(about, len(rows)),
            disable_shuffling=True,
        )
    shutil.rmtree(folder / "downloads", ignore_errors=True)  # empty


@contextlib.contextmanager
def _silent_log() -> Iterator[None]:
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def seal(folder: pathlib.Path) -> None:
    """Writes the SHA-256 of every file of a folder."""
    written = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    sums = checksums.with_sums(written)[checksums.FILE]
    workdir.write_atomic(folder / checksums.FILE, sums)


def _summary(about: About, count: int) -> str:
    return (
        f"{count:,} emoji drawn by a generative model, labelled by what was asked for; of "
        f"{about.drawn:,} drawn, those are kept that show something, are no copies of real emoji, "
        f"and whose {about.label} another network recognises."
    )


def _card(about: About, count: int, side: int) -> str:
    """Returns README.md, whose front matter the Hub reads."""
    front = {
        "license": about.licence.lower(),
        "task_categories": ["image-classification"],
        "language": ["en", "fr"],
        "tags": ["emoji", "synthetic", "rgba"],
        "pretty_name": about.name,
        "size_categories": [_size(count)],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": SPLIT, "path": f"{SPLIT}/**"}],
            }
        ],
    }
    text = (
        f"{_summary(about, count)} Each is {side} x {side} px, RGBA with straight alpha. No person "
        "drew or checked them: a label says what was asked for, and `recognised` what a network "
        "sees."
    )
    refused = "\n".join(f"| {why} | {n:,} |" for why, n in about.refused.items())
    made_by = "\n".join(f"| {key} | {value} |" for key, value in about.made_by.items())
    credits = "\n".join(f"- {credit}" for credit in about.credits)
    return f"""---
{chr(10).join(f"{key}: {json.dumps(value)}" for key, value in front.items())}
---

# {about.name}

{textwrap.fill(text, 100)}

    datasets.load_dataset("imagefolder", data_dir="FOLDER")  # Hugging Face
    tfds.builder_from_directory("FOLDER/tfds/{about.name}/{_VERSION}").as_dataset("{SPLIT}")

`{SPLIT}/metadata.jsonl` has a line a picture: the emoji asked for (`codepoints`, `name_en`,
`name_fr`, `group`, `subgroup`, `style`), its `seed`, the five emoji and the group that the network
is surest of, and the real emoji that it is nearest to. `nearest_percentile` says how many per cent
of real emoji are nearer to another one; below 1 it counts as a copy.

| left out, see `refused.jsonl` | pictures |
|---|---:|
{refused}

| made by | |
|---|---|
{made_by}

## Licence

{about.licence}. The model has learned from

{credits}

so name them, say that the pictures were changed, and keep to their licences.
"""


def _size(count: int) -> str:
    for below, name in ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if count < below:
            return name
    return "100K<n<1M"
