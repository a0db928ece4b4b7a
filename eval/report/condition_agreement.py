"""Judges whether a model draws what its conditions say.

    python -m eval.conditions --workdir=runs/flow
    python -m eval.conditions --model=models/openmoji_32.safetensors --guidance=2

The model draws by each condition alone, by all of them together, and emoji that it never saw,
unless it was trained on every one. The emoji encoder recognises what was drawn. The same figures of
the real emoji say how well it can. Writes conditions.json and conditions.md.
"""

import argparse
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import ml_collections
import numpy as np

from emoji_gan import conditions as conditions_lib
from emoji_gan import errors, images
from emoji_gan.encoder import encoder, recogniser
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler
from emoji_gan.trained.source import is_model_file
from eval.extractors.features import Extractor, Features
from eval.metrics import intra_class, precision_recall, resample
from eval.metrics.sets import SampleSet
from input_pipeline import dataset

Figures = dict[str, list[float | None]]  # value and the ends of its interval, by name

_LEAST = 50  # images; a fraction of fewer is not reported
_THUMBNAIL_PX = 16  # the size at which styles are compared
_COLUMNS = (
    "codepoint_top1",
    "codepoint_top5",
    "group_top1",
    "group_top5",
    "style",
    "intra_class_fd",
    "recall",
)


def recognised(logits: np.ndarray, codepoints: Sequence[str], meta: dict[str, Any]) -> Figures:
    """Measures how often the recogniser sees the emoji, and the group, of the condition.

    Args:
      logits: f32 [n k], scores of `meta['codepoints']`.
      codepoints: n, of the emoji that the condition describes, without skin tone.
      meta: of the encoder's weights.

    Returns:
      name: [fraction, low, high], with Wilson's interval. Emoji that are not among
        `meta['codepoints']` are left out; where fewer than 50 remain, it is {}.
    """
    number = {c: i for i, c in enumerate(meta["codepoints"])}
    in_vocabulary = np.array([c in number for c in codepoints])
    if in_vocabulary.sum() < _LEAST:
        return {}
    logits = logits[in_vocabulary]
    labels = np.array([number[c] for c in codepoints if c in number])
    groups = sorted(set(meta["groups"]))
    group = np.array([groups.index(g) for g in meta["groups"]])
    figures = {}
    for name, scores, truth in (
        ("codepoint", logits, labels),
        ("group", recogniser.group_probabilities(logits, group), group[labels]),
    ):
        rank = (scores > np.take_along_axis(scores, truth[:, None], 1)).sum(1)
        for k in (1, 5):
            hits = int((rank < k).sum())
            figures[f"{name}_top{k}"] = [hits / len(rank), *resample.wilson(hits, len(rank))]
    return figures


def nearest_style(pictures: np.ndarray, real: np.ndarray, styles: np.ndarray) -> np.ndarray:
    """Returns the style of the real picture that has the nearest pixels: i32 [n].

    Args:
      pictures: uint8 `n h w 4`.
      real: uint8 `m h w 4`.
      styles: i32 [m], of the real ones.
    """
    x, y = _thumbnails(pictures), _thumbnails(real)
    squares = (x**2).sum(1)[:, None] - 2 * x @ y.T + (y**2).sum(1)
    return styles[squares.argmin(1)]


def _thumbnails(pictures: np.ndarray) -> np.ndarray:
    x = np.asarray(images.to_model(pictures))
    step = x.shape[1] // _THUMBNAIL_PX
    x = x.reshape(len(x), _THUMBNAIL_PX, step, _THUMBNAIL_PX, step, 4).mean((2, 4))
    return x.reshape(len(x), -1)


def judge(
    sampler: Sampler,
    data: dataset.EmojiData,
    held_out: dataset.EmojiData | None,
    *,
    n: int,
    truncation: float,
) -> dict[str, Figures]:
    """Computes the figures of each condition, of no condition, and of the real emoji.

    Args:
      sampler: of a model with conditions.
      data: the training emoji of its config, with phrases if it has a text condition.
      held_out: the validation emoji, likewise; None: the model has seen every emoji.
      n: images of each row.
      truncation: see the sampler.

    Returns:
      {row: {figure: [value, low, high]}}.
    """
    extractor, (_, meta) = Extractor("emoji-encoder"), encoder.load()
    of_real = extractor(data.images)
    rows, condition = conditions_lib.rows_like(data, n, seed=1)
    parts = {"nothing asked": {}}
    parts |= {name: {name: condition[name]} for name in sampler.spec.names}
    if len(sampler.spec.names) > 1:
        parts["all together"] = condition
    figures = {"real emoji": recognised(of_real.logits, data.columns["base"].tolist(), meta)}
    for name, part in parts.items():
        pictures = sampler(list(range(n)), part, truncation)
        drawn = extractor(pictures)
        row = recognised(drawn.logits, data.columns["base"][rows].tolist(), meta)
        row |= _style(pictures, rows, data)
        class_name = next((k for k in part if k in data.classes), next(iter(data.classes), None))
        real = _real_set(data, of_real, class_name)
        fake = _fake_set(pictures, drawn, None if real.labels is None else real.labels[rows])
        figures[name] = row | _set_figures(real, fake)
    if held_out is not None and conditions_lib.TEXT in sampler.spec.names:
        rows, condition = conditions_lib.rows_like(held_out, n, seed=2)
        codepoints = held_out.columns["base"]
        of_real = extractor(held_out.images)
        phrases = {conditions_lib.TEXT: condition[conditions_lib.TEXT]}
        drawn = extractor(sampler(list(range(n)), phrases, truncation))
        figures |= {
            "held-out emoji, real": recognised(of_real.logits, codepoints.tolist(), meta),
            "held-out emoji, by text": recognised(drawn.logits, codepoints[rows].tolist(), meta),
        }
    return figures


def _style(pictures: np.ndarray, rows: np.ndarray, data: dataset.EmojiData) -> Figures:
    """Measures how often a picture has the style of its condition; {} for data of one style."""
    styles = data.classes.get("style")
    if styles is None or len(np.unique(styles)) < 2:
        return {}
    hits = int((nearest_style(pictures, data.images, styles) == styles[rows]).sum())
    return {"style": [hits / len(rows), *resample.wilson(hits, len(rows))]}


def _set_figures(real: SampleSet, fake: SampleSet) -> Figures:
    """Computes the figures of the two sets as wholes."""
    figures = {}
    for metric in (intra_class, precision_recall):
        try:
            estimates = metric.evaluate(real, fake, np.random.default_rng(0))
        except UserError:  # classes of too few images, as code points are
            continue
        figures |= {k: [e.value, e.low, e.high] for k, e in estimates.items() if k in _COLUMNS}
    return figures


def _real_set(data: dataset.EmojiData, of_real: Features, class_name: str | None) -> SampleSet:
    return SampleSet(
        images=data.images,
        features=of_real.features,
        logits=of_real.logits,
        labels=data.classes.get(class_name),
        clusters=np.asarray(data.columns["cluster"]),
        names=tuple(data.columns["codepoints"].tolist()),
    )


def _fake_set(pictures: np.ndarray, drawn: Features, labels: np.ndarray | None) -> SampleSet:
    return SampleSet(
        images=pictures,
        features=drawn.features,
        logits=drawn.logits,
        labels=labels,
        names=tuple(f"seed {i}" for i in range(len(pictures))),
    )


def markdown(rows: dict[str, Figures]) -> str:
    """Formats a table; fractions in %, with half the interval's width."""
    lines = [f"| asked by | {' | '.join(_COLUMNS)} |", f"|---|{'---|' * len(_COLUMNS)}"]
    for row, figures in rows.items():
        cells = []
        for column in _COLUMNS:
            if column not in figures:
                cells.append("")
            elif column == "intra_class_fd":
                cells.append(f"{figures[column][0]:.3f}")
            else:
                fraction, low, high = figures[column]
                cells.append(f"{100 * fraction:.1f} ± {50 * (high - low):.1f}")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        prog="python -m eval.conditions", description=__doc__.partition("\n")[0]
    )
    where = p.add_mutually_exclusive_group()
    where.add_argument("--workdir", type=paths.local, help="of a run, or a model file")
    where.add_argument(
        "--model", type=paths.local, help="the same; default: the shipped model of 32 px"
    )
    p.add_argument("--step", type=int, help="checkpoint; default: the newest good one")
    p.add_argument("--n", type=int, default=1000, help="images of each way to ask")
    p.add_argument("--truncation", type=float, default=1.0)
    p.add_argument("--guidance", type=float, help="as of the sampler")
    p.add_argument(
        "--out", type=paths.local, help="folder; default: WORKDIR/eval, or eval_conditions"
    )
    a = p.parse_args()
    if a.n < _LEAST:
        raise UserError(f"--n={a.n}: must be at least {_LEAST}")
    host.setup_host_memory()
    host.setup_compilation_cache()
    source = a.workdir or a.model or str(SHIPPED_MODEL)
    sampler = Sampler(source, a.step, {} if a.guidance is None else {"guidance": a.guidance})
    if not sampler.spec.dim:
        raise UserError(
            f"{source} is unconditional: train with data.conditions, e.g. \"('group','text')\""
        )
    config = ml_collections.ConfigDict(sampler.config.to_dict())
    embed = encoder.PhraseEncoder() if conditions_lib.TEXT in sampler.spec.names else None
    data = dataset.load(config.data, "train", embed)
    # A model of every emoji has none that it never saw.
    sees_all = config.data.get("split", "auto") == "all"
    held_out = None if sees_all else dataset.load(config.data, "validation", embed)
    rows = judge(sampler, data, held_out, n=a.n, truncation=a.truncation)
    out = pathlib.Path(
        a.out or ("eval_conditions" if is_model_file(source) else pathlib.Path(source, "eval"))
    )
    about = {
        "source": pathlib.Path(source).name,
        "step": sampler.step,
        "n": a.n,
        "truncation": a.truncation,
        "checkpoint_sha256": sampler.checkpoint_hash,
        "sample": dict(sampler.config.get("sample", {})),
        "figures": rows,
    }
    out.mkdir(parents=True, exist_ok=True)
    workdir.write_atomic(out / "conditions.json", json.dumps(about, indent=1).encode())
    workdir.write_atomic(out / "conditions.md", markdown(rows).encode())
    print(markdown(rows), end="")
    print(f"in {out}: conditions.json, conditions.md")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
