"""Reads every source of a config into memory once, filtered, labelled and split.

`input_pipeline.pipeline` streams batches from what `load` returns.
"""

import collections
import dataclasses
import difflib
import hashlib
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import ml_collections
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf import json_format

from input_pipeline import DataError, openmoji
from input_pipeline.art import array_cache, common_box, sources, style_pairs
from input_pipeline.art.array_cache import Columns
from input_pipeline.splits import SPLITS
from input_pipeline.unicode import captions as captions_lib
from input_pipeline.unicode import emoji_names
from input_pipeline.unicode import phrases as phrases_lib

SPLIT_RULES = ("auto", "all")  # by clusters of near-duplicates; everything is trained on
# What a picture may be conditioned on: the emoji's class in one of these respects, or a phrase.
CLASSES = ("group", "subgroup", "codepoint", "style", "tone")
CONDITIONS = (*CLASSES, "text")

# Field of data_config -> the column that it filters.
_FILTERS = {
    "domains": "domain",
    "styles": "style",
    "groups": "group",
    "subgroups": "subgroup",
    "codepoints": "codepoints",
}
_MAX_LISTED = 40  # values in an error message


@dataclasses.dataclass(frozen=True)
class EmojiData:
    """Holds the emoji that a config selects, sorted by (style, domain, codepoints).

    Attributes:
      images: n h w 4 uint8, straight alpha, RGB = 0 where alpha = 0.
      classes: condition -> n int32, indices into its `class_names`; -1: not trained on.
      class_names: condition -> the names of its classes, sorted.
      phrases: None without the condition 'text'.
      columns: n values each: codepoints, name, group, subgroup, domain, style, cluster, tones, ...
      content_hash: SHA-256 of images, classes and code points.
      pairs: of pictures of one emoji in two styles; None without `config.data.pairs`.
      captions: None where `captions.attached` did not add them.
    """

    images: np.ndarray
    classes: dict[str, np.ndarray]
    class_names: dict[str, tuple[str, ...]]
    phrases: phrases_lib.Phrases | None
    columns: Columns
    content_hash: str
    pairs: style_pairs.Pairs | None = None
    captions: captions_lib.Captions | None = None


def load(
    data_config: ml_collections.ConfigDict,
    split: str = "train",
    embed: phrases_lib.Embed | None = None,
) -> EmojiData:
    """Loads the emoji of all sources, filtered and labelled.

    An emoji is in the same split in every style: the split of its cluster of near-duplicates in
    OpenMoji.

    Args:
      data_config: `config.data` of configs/default.py.
      split: 'train', 'validation' or 'test'.
      embed: makes vectors of phrases; without it the condition 'text' is left out.

    Returns:
      The emoji of this split. The class numbers are the same in all splits; they are those of
      training.

    Raises:
      DataError: a source, value or filter that is wrong, a filter that leaves nothing, damaged
        files.
    """
    if split not in SPLITS:
        raise DataError(f"split {split!r}: valid are {', '.join(SPLITS)}")
    conditions = _values(data_config, "conditions")
    if unknown := [name for name in conditions if name not in CONDITIONS]:
        raise DataError(f"data.conditions: no {unknown[0]!r}; valid are {', '.join(CONDITIONS)}")
    images, columns = _read_sources(data_config)
    # Configs of older runs lack this field.
    if (rule := data_config.get("split", "auto")) not in SPLIT_RULES:
        raise DataError(f"data.split={rule!r}: valid are {', '.join(SPLIT_RULES)}")
    if rule == "all":
        columns = columns | {"split": np.full(len(images), "train")}
    selected = _filter(data_config, columns)
    trained_on = selected & (columns["split"] == "train")
    class_names = {
        name: tuple(sorted(set(_class_of(name, columns)[trained_on].tolist())))
        for name in conditions
        if name in CLASSES
    }
    in_split = selected & (columns["split"] == split)
    if not in_split.any():
        numbers = collections.Counter(columns["split"][selected].tolist())
        counts = ", ".join(f"{n} in {name}" for name, n in numbers.most_common())
        raise DataError(
            f"data: no emoji of the {split} split passes the filters, which leave {counts}; widen "
            "them, or train on every emoji by --config.data.split=all"
        )
    rows = np.flatnonzero(in_split)
    rows = rows[np.lexsort([columns[c][rows] for c in ("codepoints", "domain", "style")])]
    images = np.ascontiguousarray(images[rows])
    columns = {name: values[rows] for name, values in columns.items()}
    classes = {
        name: _numbers(_class_of(name, columns), names) for name, names in class_names.items()
    }
    phrases = phrases_lib.embedded(columns, embed) if embed and "text" in conditions else None
    content_hash = _content_hash(images, classes, columns["codepoints"])
    pairs = _pairs(data_config, columns, split)
    return EmojiData(images, classes, class_names, phrases, columns, content_hash, pairs)


def _pairs(
    data_config: ml_collections.ConfigDict, columns: Columns, split: str
) -> style_pairs.Pairs | None:
    if "pairs" not in data_config:
        return None
    styles, least = _class_of("style", columns), style_pairs.LEAST if split == "train" else 1
    return style_pairs.of_styles(columns["codepoints"], styles, data_config.pairs, least=least)


def _content_hash(
    images: np.ndarray, classes: dict[str, np.ndarray], codepoints: np.ndarray
) -> str:
    content = hashlib.sha256(images.data)
    for name in sorted(classes):
        content.update(classes[name].data)
    content.update(" ".join(codepoints).encode())
    return content.hexdigest()


def _read_sources(data_config: ml_collections.ConfigDict) -> tuple[np.ndarray, Columns]:
    """Returns all emoji of all sources and splits, in the domains that the config selects."""
    paths = _source_paths(data_config)
    domains = _values(data_config, "domains") or openmoji.DOMAINS
    if unknown := set(domains) - set(openmoji.DOMAINS):
        raise DataError(
            f"data.domains: no {sorted(unknown)[0]!r}; valid are {', '.join(openmoji.DOMAINS)}"
        )
    parts: list[tuple[np.ndarray, Columns]] = []
    if "openmoji" in paths and not paths["openmoji"]:
        parts.append(_openmoji(data_config, data_config.resolution, domains))
    if any(paths.values()):
        # OpenMoji draws every emoji: its clusters are those of all styles.
        _, reference = _openmoji(data_config, openmoji.RESOLUTIONS_PX[0], ("full",))
        parts += [
            _with_clusters(data_config, style, _other_set(data_config, style, path), reference)
            for style, path in paths.items()
            if path
        ]
    return (
        np.concatenate([images for images, _ in parts]),
        {
            name: np.concatenate([columns[name] for _, columns in parts])
            for name in sorted(parts[0][1])
        },
    )


def _source_paths(data_config: ml_collections.ConfigDict) -> dict[str, str]:
    """Returns style -> path of each source; '' for OpenMoji, which is built."""
    if isinstance(data_config.sources, str) or not data_config.sources:
        raise DataError(
            f"data.sources={data_config.sources!r}: takes a tuple of 'openmoji' or STYLE=PATH"
        )
    paths: dict[str, str] = {}
    for source in data_config.sources:
        style, _, path = source.partition("=")
        if not style or (not path and source != "openmoji"):
            raise DataError(f"data.sources: {source!r} is neither 'openmoji' nor STYLE=PATH")
        if style in paths:
            raise DataError(f"data.sources: two sources are called {style!r}")
        paths[style] = path
    return paths


def _with_clusters(
    data_config: ml_collections.ConfigDict,
    style: str,
    emoji: tuple[np.ndarray, Columns],
    reference: Columns,
) -> tuple[np.ndarray, Columns]:
    """Adds the columns cluster and split of OpenMoji, and drops the emoji that it lacks."""
    images, columns = emoji
    row_of = {c: i for i, c in enumerate(reference["codepoints"])}
    kept = [i for i, c in enumerate(columns["codepoints"]) if c in row_of]
    if len(kept) < len(images):
        print(
            f"{style}: {len(images) - len(kept)} emoji left out, as OpenMoji lacks them: "
            "their near-duplicates are not known; name them by an emoji that is like them",
            file=sys.stderr,
        )
    columns = {name: values[kept] for name, values in columns.items()}
    rows = np.array([row_of[c] for c in columns["codepoints"]], int)
    columns |= {name: reference[name][rows] for name in ("cluster", "split")}
    if data_config.get("split", "auto") == "auto":
        _print_splits(style, columns["split"])
    return images[kept], columns


def _openmoji(
    data_config: ml_collections.ConfigDict, size_px: int, domains: Sequence[str]
) -> tuple[np.ndarray, Columns]:
    """Returns OpenMoji, of all splits."""
    boxed = data_config.common_box
    # The common box enlarges; 16 px has no set of its own.
    enlarged = boxed and size_px < max(openmoji.RESOLUTIONS_PX)
    least_px = 2 * size_px if enlarged else size_px
    built_px = min((r for r in openmoji.RESOLUTIONS_PX if r >= least_px), default=size_px)
    try:
        builder = openmoji.build(data_config.dir, built_px, data_config.max_bad_share)
        directory = pathlib.Path(builder.data_dir)
        files = sorted(p for p in directory.iterdir() if p.is_file())
        content = hashlib.sha256()
        for file in files:
            content.update(f"{file.name}\n{sources.content_hash(file)}\n".encode())
        domains = sorted(domains)
        key = f"{content.hexdigest()} {domains} {size_px} {boxed}"
        return array_cache.cached(
            _cache_dir(data_config),
            f"openmoji-{array_cache.size_name(size_px, boxed)}-{'-'.join(domains)}",
            key,
            lambda: _read_tfds(builder, size_px, domains, boxed=boxed),
        )
    # TFRecords carry checksums; TFDS reads its own JSON by protobuf.
    except (
        tf.errors.OpError,
        json_format.ParseError,
        OSError,
        ValueError,
        KeyError,
        AssertionError,
    ) as e:
        why = str(e).strip().splitlines()[0][:200] if str(e).strip() else type(e).__name__
        directory = _data_dir(data_config) / "openmoji" / f"{built_px}px"
        raise DataError(
            f"{directory} is damaged ({why}); delete that folder, it is built anew"
        ) from e


def _read_tfds(
    builder: tfds.core.DatasetBuilder, size_px: int, domains: Sequence[str], *, boxed: bool
) -> tuple[np.ndarray, Columns]:
    """Returns the records of a prepared builder, scaled to `size_px`."""
    images: list[np.ndarray] = []
    columns: dict[str, list] = collections.defaultdict(list)
    for split in builder.info.splits:
        records = builder.as_dataset(
            split=split,
            decoders={"image": tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(try_autocache=False),
        )
        records = records.filter(lambda r: tf.reduce_any(r["domain"] == tf.constant(domains)))
        records = records.map(
            lambda r: r | {"image": tf.io.decode_png(r["image"], 4)},
            num_parallel_calls=2,
            deterministic=True,
        )
        for record in records.as_numpy_iterator():
            images.append(record.pop("image"))
            for name, value in record.items():
                columns[name].append(_text(value))
            columns["split"].append(split)
    scale = common_box.fit if boxed else common_box.resize
    if boxed or images[0].shape[0] != size_px:
        images = [scale(image, size_px) for image in images]
    return np.stack(images), {name: np.array(values) for name, values in columns.items()}


def _text(value: Any) -> Any:
    """Turns bytes and arrays of bytes into text, 'a|b' for an array; numbers stay."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.ndim:
        return "|".join(v.decode() for v in value)
    return value


def _other_set(
    data_config: ml_collections.ConfigDict, style: str, path: str
) -> tuple[np.ndarray, Columns]:
    """Returns a source of the user's, of all splits, in all its domains."""
    return sources.read_cached(
        path,
        style,
        data_config.resolution,
        common_box=data_config.common_box,
        max_bad_share=data_config.max_bad_share,
        cache_dir=_cache_dir(data_config),
    )


def _data_dir(data_config: ml_collections.ConfigDict) -> pathlib.Path:
    return pathlib.Path(data_config.dir or tfds.core.constants.DATA_DIR).expanduser()


def _cache_dir(data_config: ml_collections.ConfigDict) -> pathlib.Path:
    return _data_dir(data_config) / "arrays"


def _print_splits(style: str, splits: np.ndarray) -> None:
    """Prints which splits the emoji of a set of the user's are in."""
    counts = collections.Counter(splits.tolist())
    listed = ", ".join(f"{counts[name]} in {name}" for name in SPLITS)
    print(
        f"{style}: {listed}; only train is trained on, all of them with --config.data.split=all",
        file=sys.stderr,
    )


def _values(data_config: ml_collections.ConfigDict, field: str) -> tuple[str, ...]:
    value = getattr(data_config, field)
    return (value,) if isinstance(value, str) else tuple(value)


def _filter(data_config: ml_collections.ConfigDict, columns: Columns) -> np.ndarray:
    """Returns which rows pass all filters, bool n."""
    tones = data_config.tones
    if tones not in ("none", "all", "only"):
        raise DataError(f"data.tones={tones!r}: valid are none, all, only")
    filters = {field: values for field in _FILTERS if (values := _values(data_config, field))}
    if "codepoints" in filters:
        filters["codepoints"] = tuple(emoji_names.canonical(v) or v for v in filters["codepoints"])
    for field, values in filters.items():
        if field != "domains":
            _check_values(field, values, columns)
    kept = np.ones(len(columns["codepoints"]), bool)
    has_tone = columns["tones"] != ""
    passes = {"all": kept, "none": ~has_tone, "only": has_tone}[tones]
    kept = _narrow(kept, passes, f"data.tones={tones!r}")
    for field, values in filters.items():
        column = columns[_FILTERS[field]]
        kept = _narrow(kept, np.isin(column, values), f"data.{field}={values!r}", column=column)
    return kept


def _check_values(field: str, values: Sequence[str], columns: Columns) -> None:
    """Raises DataError, with what is near, if no emoji has one of the values of a filter."""
    column = _FILTERS[field]
    valid = sorted(set(columns[column].tolist()))
    for value in values:
        if value in valid:
            continue
        near = difflib.get_close_matches(value, valid, 5, 0.4)
        listed = (
            ", ".join(valid)
            if len(valid) <= _MAX_LISTED
            else f"{len(valid)} of them, e.g. {', '.join(valid[:5])}"
        )
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise DataError(f"data.{field}: no emoji has {column} {value!r}{hint} Valid are: {listed}")


def _narrow(
    kept: np.ndarray, passes: np.ndarray, text: str, *, column: np.ndarray | None = None
) -> np.ndarray:
    """Returns the rows that pass one more filter; raises DataError if none does."""
    if (kept & passes).any():
        return kept & passes
    left = sorted(set(column[kept].tolist())) if column is not None else []
    valid = (
        f"; with the filters before it, valid are {', '.join(left[:_MAX_LISTED])}" if left else ""
    )
    raise DataError(
        f"{text} leaves no emoji of the {kept.sum()} that the filters before it leave{valid}"
    )


def _class_of(condition: str, columns: Columns) -> np.ndarray:
    """Returns the class of each emoji in one respect, str n."""
    if condition == "style":
        # A source's line art and colours are styles of their own: 'openmoji line'.
        domain = np.where(columns["domain"] == "full", "", np.char.add(" ", columns["domain"]))
        return np.char.add(columns["style"], domain)
    return columns[{"codepoint": "codepoints", "tone": "tones"}.get(condition, condition)]


def _numbers(values: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Returns the index of each value in the sorted `names`, int32 n; -1 where it is not there."""
    index = np.minimum(np.searchsorted(np.array(names), values), len(names) - 1)
    return np.where(np.array(names)[index] == values, index, -1).astype(np.int32)
