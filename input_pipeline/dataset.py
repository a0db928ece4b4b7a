"""Reads every source of a config into memory once: filtered, labelled, split.

`input_pipeline.pipeline` streams batches from what `load` returns.
"""

import collections
import dataclasses
import difflib
import hashlib
import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf import json_format

from input_pipeline import DataError, openmoji
from input_pipeline.art import array_cache, common_box, sources, vendors
from input_pipeline.unicode import emoji_names

SPLITS = ("train", "validation", "test")
SPLIT_RULES = ("auto", "all")  # by clusters of near-duplicates; everything is trained on


# What an emoji may be asked for by: its class in one of these respects, or a phrase.
CLASSES = ("group", "subgroup", "codepoint", "style", "tone")


CONDITIONS = (*CLASSES, "text")


Columns = dict[str, np.ndarray]  # of n rows each


Embed = Callable[[list[str]], np.ndarray]  # m phrases to f32 m d


@dataclasses.dataclass(frozen=True)
class Phrases:
    """What English and French call each emoji, as vectors. Half of an emoji's rows are of its names."""

    vectors: np.ndarray  # f32 [phrases d]
    rows: np.ndarray  # int32, those of each emoji's phrases, emoji after emoji
    first: np.ndarray  # int64 [n + 1], where an emoji's begin in `rows`


@dataclasses.dataclass(frozen=True)
class EmojiData:
    """The emoji that a config selects, sorted by (style, domain, codepoints)."""

    images: np.ndarray  # n h w 4 uint8, straight alpha, RGB = 0 where alpha = 0
    classes: dict[
        str, np.ndarray
    ]  # condition -> n int32, numbers in `class_names`; -1: not trained on
    class_names: dict[str, tuple[str, ...]]  # condition -> what its numbers mean
    phrases: Phrases | None  # with the condition 'text'
    columns: dict[
        str, np.ndarray
    ]  # n: codepoints, name, group, subgroup, domain, style, cluster, tones, ...
    content_hash: str  # SHA-256 of images, classes and code points


def load(data_config, split: str = "train", embed: Embed | None = None) -> EmojiData:
    """Reads, filters and labels the emoji of all sources.

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
    wanted = _values(data_config, "conditions")
    if unknown := [name for name in wanted if name not in CONDITIONS]:
        raise DataError(f"data.conditions: no {unknown[0]!r}; valid are {', '.join(CONDITIONS)}")
    images, columns = _read_sources(data_config)
    # Configs of older runs lack this field.
    if (rule := data_config.get("split", "auto")) not in SPLIT_RULES:
        raise DataError(f"data.split={rule!r}: valid are {', '.join(SPLIT_RULES)}")
    if rule == "all":
        columns = columns | {"split": np.full(len(images), "train")}
    keep = _filter(data_config, columns)
    trained_on = keep & (columns["split"] == "train")
    class_names = {
        name: tuple(sorted(set(_class_of(name, columns)[trained_on].tolist())))
        for name in wanted
        if name in CLASSES
    }
    there = collections.Counter(columns["split"][keep].tolist())
    keep &= columns["split"] == split
    if not keep.any():
        counts = ", ".join(f"{n} in {name}" for name, n in there.most_common())
        raise DataError(
            f"data: no emoji of the {split} split passes the filters, which leave {counts}; widen "
            "them, or train on every emoji by --config.data.split=all"
        )
    rows = np.flatnonzero(keep)
    rows = rows[np.lexsort([columns[c][rows] for c in ("codepoints", "domain", "style")])]
    images = np.ascontiguousarray(images[rows])
    columns = {name: values[rows] for name, values in columns.items()}
    classes = {
        name: _numbers(_class_of(name, columns), known) for name, known in class_names.items()
    }
    content = hashlib.sha256(images.data)
    for name in sorted(classes):
        content.update(classes[name].data)
    content.update(" ".join(columns["codepoints"]).encode())
    phrases = _phrases(columns, embed) if embed and "text" in wanted else None
    return EmojiData(images, classes, class_names, phrases, columns, content.hexdigest())


def _read_sources(data_config) -> tuple[np.ndarray, Columns]:
    """All emoji of all sources and splits, in the domains asked for."""
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
    wanted = _values(data_config, "domains") or openmoji.DOMAINS
    if unknown := set(wanted) - set(openmoji.DOMAINS):
        raise DataError(
            f"data.domains: no {sorted(unknown)[0]!r}; valid are {', '.join(openmoji.DOMAINS)}"
        )
    has_openmoji, has_others = "openmoji" in paths and not paths["openmoji"], any(paths.values())
    parts = []
    if has_openmoji:
        parts.append(_openmoji(data_config, data_config.resolution, wanted))
    if has_others:
        # OpenMoji draws every emoji: its clusters are those of all styles.
        _, known = _openmoji(data_config, openmoji.RESOLUTIONS_PX[0], ("full",))
        place = {c: i for i, c in enumerate(known["codepoints"])}
    for style, path in paths.items():
        if not path:
            continue
        images, columns = _other(data_config, style, path)
        rows = [i for i, c in enumerate(columns["codepoints"]) if c in place]
        if len(rows) < len(images):
            print(
                f"{style}: {len(images) - len(rows)} emoji left out, as OpenMoji lacks them: "
                "their near-duplicates are not known; name them by an emoji that is like them",
                file=sys.stderr,
            )
        if data_config.get("split", "auto") == "auto":
            _say_splits(style, known["split"][[place[columns["codepoints"][i]] for i in rows]])
        at = np.array([place[columns["codepoints"][i]] for i in rows], int)
        columns = {name: values[rows] for name, values in columns.items()}
        parts.append(
            (images[rows], columns | {name: known[name][at] for name in ("cluster", "split")})
        )
    return (
        np.concatenate([images for images, _ in parts]),
        {
            name: np.concatenate([columns[name] for _, columns in parts])
            for name in sorted(parts[0][1])
        },
    )


def _openmoji(data_config, size_px: int, domains: Sequence[str]) -> tuple[np.ndarray, Columns]:
    """OpenMoji, of all splits."""
    # The common box enlarges; 16 px has no set of its own.
    least_px = (
        2 * size_px
        if data_config.common_box and size_px < max(openmoji.RESOLUTIONS_PX)
        else size_px
    )
    built_px = min((r for r in openmoji.RESOLUTIONS_PX if r >= least_px), default=size_px)
    try:
        builder = openmoji.build(data_config.dir, built_px, data_config.max_bad_share)
        directory = pathlib.Path(builder.data_dir)
        files = sorted(p for p in directory.iterdir() if p.is_file())
        content = hashlib.sha256()
        for file in files:
            content.update(f"{file.name}\n{sources.content_hash(file)}\n".encode())
        domains = sorted(domains)
        key = f"{content.hexdigest()} {domains} {size_px} {data_config.common_box}"
        return array_cache.cached(
            _data_dir(data_config) / "arrays",
            f"openmoji-{_size_name(data_config, size_px)}-{'-'.join(domains)}",
            key,
            lambda: _read_tfds(builder, size_px, domains, data_config.common_box),
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
    builder, size_px: int, domains: Sequence[str], common: bool
) -> tuple[np.ndarray, Columns]:
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
    place = common_box.fit if common else common_box.resize
    if common or images[0].shape[0] != size_px:
        images = [place(image, size_px) for image in images]
    return np.stack(images), {name: np.array(values) for name, values in columns.items()}


def _text(value):
    """Bytes and sequences of bytes to text, 'a|b' for a sequence; numbers stay."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.ndim:
        return "|".join(v.decode() for v in value)
    return value


def _other(data_config, style: str, path: str) -> tuple[np.ndarray, Columns]:
    """A source of the user's, of all splits, in all its domains."""
    size_px, common = data_config.resolution, data_config.common_box
    path = str(pathlib.Path(path).expanduser())
    vendors.refuse(pathlib.Path(path), style)

    def read() -> tuple[np.ndarray, Columns]:
        records = sources.read(
            path, style, size_px, common_box=common, max_bad_share=data_config.max_bad_share
        )
        print(
            f"{style}: {len(records.images):,} emoji from {path}; {len(records.skipped):,} files not read "
            f"(why: python -m input_pipeline.sources {shlex.quote(str(path))} --list)",
            file=sys.stderr,
        )
        return records.images, {k: v for k, v in records.columns.items() if k != "file"}

    key = f"{sources.content_hash(path)} {style} {size_px} {common} {data_config.max_bad_share}"
    name = re.sub(r"[^\w-]", "_", style)
    return array_cache.cached(
        _data_dir(data_config) / "arrays", f"{name}-{_size_name(data_config, size_px)}", key, read
    )


def _data_dir(data_config) -> pathlib.Path:
    return pathlib.Path(data_config.dir or tfds.core.constants.DATA_DIR).expanduser()


def _size_name(data_config, size_px: int) -> str:
    return f"{size_px}px" + ("-box" if data_config.common_box else "")


def _say_splits(style: str, splits: np.ndarray) -> None:
    """Prints where the emoji of a set of the user's went."""
    counts = collections.Counter(splits.tolist())
    listed = ", ".join(f"{counts[name]} in {name}" for name in SPLITS)
    print(
        f"{style}: {listed}; only train is trained on, all of them with --config.data.split=all",
        file=sys.stderr,
    )


def _values(data_config, field: str) -> tuple[str, ...]:
    value = getattr(data_config, field)
    return (value,) if isinstance(value, str) else tuple(value)


def _filter(data_config, columns: Columns) -> np.ndarray:
    """Which rows pass all filters, in bool."""
    tones = data_config.tones
    if tones not in ("none", "all", "only"):
        raise DataError(f"data.tones={tones!r}: valid are none, all, only")
    keep = np.ones(len(columns["codepoints"]), bool)
    has_tone = columns["tones"] != ""
    steps = [
        (f"data.tones={tones!r}", {"all": keep, "none": ~has_tone, "only": has_tone}[tones], None)
    ]
    for field, column in (
        ("domains", "domain"),
        ("styles", "style"),
        ("groups", "group"),
        ("subgroups", "subgroup"),
        ("codepoints", "codepoints"),
    ):
        values = _values(data_config, field)
        if not values:
            continue
        if field == "codepoints":
            values = tuple(emoji_names.canonical(v) or v for v in values)
        valid = sorted(set(columns[column].tolist()))
        for value in values:
            if field != "domains" and value not in valid:
                near = difflib.get_close_matches(value, valid, 5, 0.4)
                listed = (
                    ", ".join(valid)
                    if len(valid) <= 40
                    else f"{len(valid)} of them, e.g. {', '.join(valid[:5])}"
                )
                hint = f"; did you mean {' or '.join(near)}?" if near else ""
                raise DataError(
                    f"data.{field}: no emoji has {column} {value!r}{hint} Valid are: {listed}"
                )
        steps.append((f"data.{field}={values!r}", np.isin(columns[column], values), column))
    for what, passes, column in steps:
        if not (keep & passes).any():
            left = sorted(set(columns[column][keep].tolist())) if column else []
            valid = (
                f"; with the filters before it, valid are {', '.join(left[:40])}" if left else ""
            )
            raise DataError(
                f"{what} leaves no emoji of the {keep.sum()} that the filters before it leave{valid}"
            )
        keep &= passes
    return keep


def _class_of(condition: str, columns: Columns) -> np.ndarray:
    """The class of each emoji in one respect, str n."""
    if (
        condition == "style"
    ):  # a source's line art and colours are styles of their own: 'openmoji line'
        domain = np.where(columns["domain"] == "full", "", np.char.add(" ", columns["domain"]))
        return np.char.add(columns["style"], domain)
    return columns[{"codepoint": "codepoints", "tone": "tones"}.get(condition, condition)]


def _numbers(values: np.ndarray, known: tuple[str, ...]) -> np.ndarray:
    """The place of each value among the sorted known ones, int32 n; -1 for others."""
    place = np.minimum(np.searchsorted(np.array(known), values), len(known) - 1)
    return np.where(np.array(known)[place] == values, place, -1).astype(np.int32)


def phrases_of(columns: Columns) -> list[list[str]]:
    """What each emoji is called: its names as often as all its keywords, English and French."""
    split = [
        [[p for p in text.split("|") if p] for text in columns[name].tolist()]
        for name in ("name_en", "name_fr", "keywords_en", "keywords_fr")
    ]
    found = []
    for name, name_en, name_fr, more_en, more_fr in zip(
        columns["name"].tolist(), *split, strict=True
    ):
        called, more = (name_en + name_fr) or [name], more_en + more_fr
        found.append(called * max(1, len(more) // len(called)) + more)
    return found


def _phrases(columns: Columns, embed: Embed) -> Phrases:
    called = phrases_of(columns)
    place = {
        phrase: i for i, phrase in enumerate(dict.fromkeys(p for of_one in called for p in of_one))
    }
    first = np.cumsum([0, *map(len, called)], dtype=np.int64)
    rows = np.array([place[p] for of_one in called for p in of_one], np.int32)
    return Phrases(np.asarray(embed(list(place)), np.float32), rows, first)
