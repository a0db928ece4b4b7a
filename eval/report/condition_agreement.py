"""Does a model draw what it is asked for? Each condition alone, all together, and emoji it never saw.

    python -m eval.conditions --workdir=runs/flow
    python -m eval.conditions --model=models/openmoji_32.safetensors --guidance=2

The emoji encoder recognises what was drawn; the same of the real emoji says how much it can. Writes
conditions.json and conditions.md.
"""

import argparse
import json
import pathlib
from collections.abc import Sequence

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

_LEAST = 50  # images that a share is worth saying of
_THUMBNAIL_PX = 16  # at which styles are told apart
_COLUMNS = (
    "codepoint_top1",
    "codepoint_top5",
    "group_top1",
    "group_top5",
    "style",
    "intra_class_fd",
    "recall",
)


def recognised(logits: np.ndarray, codepoints: Sequence[str], meta: dict) -> dict[str, list]:
    """How often the recogniser sees the emoji and the group asked for.

    Args:
      logits: f32 [n k], scores of `meta['codepoints']`.
      codepoints: n, of the emoji asked for, without skin tone.
      meta: of the encoder's weights.

    Returns:
      name: [share, low, high], with Wilson's interval; emoji that the recogniser does not know are
        left out.
    """
    number = {c: i for i, c in enumerate(meta["codepoints"])}
    known = np.array([c in number for c in codepoints])
    if known.sum() < _LEAST:
        return {}
    logits = logits[known]
    right = np.array([number[c] for c, k in zip(codepoints, known, strict=True) if k])
    kinds = sorted(set(meta["groups"]))
    kind = np.array([kinds.index(g) for g in meta["groups"]])
    found = {}
    for name, scores, truth in (
        ("codepoint", logits, right),
        ("group", recogniser.group_probabilities(logits, kind), kind[right]),
    ):
        rank = (scores > np.take_along_axis(scores, truth[:, None], 1)).sum(1)
        for k in (1, 5):
            hits = int((rank < k).sum())
            found[f"{name}_top{k}"] = [hits / len(rank), *resample.wilson(hits, len(rank))]
    return found


def nearest_style(pictures: np.ndarray, real: np.ndarray, styles: np.ndarray) -> np.ndarray:
    """The style of the real picture that has the nearest pixels: i32 [n].

    Args:
      pictures, real: uint8 `n h w 4`.
      styles: i32, of the real ones.
    """

    def thumbnails(u8):
        x = np.asarray(images.to_model(u8))
        step = x.shape[1] // _THUMBNAIL_PX
        x = x.reshape(len(x), _THUMBNAIL_PX, step, _THUMBNAIL_PX, step, 4).mean((2, 4))
        return x.reshape(len(x), -1)

    x, y = thumbnails(pictures), thumbnails(real)
    squares = (x**2).sum(1)[:, None] - 2 * x @ y.T + (y**2).sum(1)
    return styles[squares.argmin(1)]


def judge(
    sampler: Sampler,
    data: dataset.EmojiData,
    held_out: dataset.EmojiData,
    n: int,
    truncation: float,
):
    """The figures of each way to ask: {row: {figure: value or [value, low, high]}}.

    Args:
      sampler: of a model with conditions.
      data, held_out: the training and the validation emoji of its config, with phrases if it knows
      any.
      n: images of each row.
      truncation: see the sampler.
    """
    extractor, (_, meta) = Extractor("emoji-encoder"), encoder.load()
    of_real = extractor(data.images)
    rows, condition = conditions_lib.rows_like(data, n, seed=1)
    ways = {name: {name: condition[name]} for name in sampler.spec.names}
    if len(ways) > 1:
        ways["all together"] = condition
    found = {
        "real emoji": recognised(of_real.logits, data.columns["base"].tolist(), meta),
        "nothing asked": _figures(sampler, data, of_real, rows, {}, truncation, extractor, meta),
    }
    for name, asked in ways.items():
        found[name] = _figures(sampler, data, of_real, rows, asked, truncation, extractor, meta)
    if conditions_lib.TEXT in sampler.spec.names:
        others, asked = conditions_lib.rows_like(held_out, n, seed=2)
        codepoints = held_out.columns["base"]
        real = recognised(extractor(held_out.images).logits, codepoints.tolist(), meta)
        phrases = {conditions_lib.TEXT: asked[conditions_lib.TEXT]}
        drawn = extractor(sampler(list(range(n)), phrases, truncation))
        found["held-out emoji, real"] = real
        found["held-out emoji, by text"] = recognised(
            drawn.logits, codepoints[others].tolist(), meta
        )
    return found


def _figures(sampler, data, of_real: Features, rows, asked, truncation, extractor, meta) -> dict:
    pictures = sampler(list(range(len(rows))), asked, truncation)
    drawn = extractor(pictures)
    found = recognised(drawn.logits, data.columns["base"][rows].tolist(), meta)
    styles = data.classes.get("style")
    if styles is not None and len(np.unique(styles)) > 1:
        hits = int((nearest_style(pictures, data.images, styles) == styles[rows]).sum())
        found["style"] = [hits / len(rows), *resample.wilson(hits, len(rows))]
    name = next((k for k in asked if k in data.classes), next(iter(data.classes), None))
    labels = data.classes.get(name)
    real = SampleSet(
        data.images,
        of_real.features,
        of_real.logits,
        labels,
        np.asarray(data.columns["cluster"]),
        None,
        None,
        tuple(data.columns["codepoints"].tolist()),
    )
    fake = SampleSet(
        pictures,
        drawn.features,
        drawn.logits,
        None if labels is None else labels[rows],
        None,
        None,
        None,
        tuple(f"seed {i}" for i in range(len(rows))),
    )
    for metric in (intra_class, precision_recall):
        try:
            estimates = metric.evaluate(real, fake, np.random.default_rng(0))
        except UserError:  # classes of too few images, as code points are
            continue
        found |= {k: [e.value, e.low, e.high] for k, e in estimates.items() if k in _COLUMNS}
    return found


def markdown(found: dict[str, dict]) -> str:
    """A table; shares in %, with half the interval's width."""
    lines = [f"| asked by | {' | '.join(_COLUMNS)} |", f"|---|{'---|' * len(_COLUMNS)}"]
    for row, figures in found.items():
        cells = []
        for column in _COLUMNS:
            if column not in figures:
                cells.append("")
            elif column == "intra_class_fd":
                cells.append(f"{figures[column][0]:.3f}")
            else:
                share, low, high = figures[column]
                cells.append(f"{100 * share:.1f} ± {50 * (high - low):.1f}")
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """The command line."""
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
    data, held_out = (dataset.load(config.data, split, embed) for split in ("train", "validation"))
    found = judge(sampler, data, held_out, a.n, a.truncation)
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
        "figures": found,
    }
    out.mkdir(parents=True, exist_ok=True)
    workdir.write_atomic(out / "conditions.json", json.dumps(about, indent=1).encode())
    workdir.write_atomic(out / "conditions.md", markdown(found).encode())
    print(markdown(found), end="")
    print(f"in {out}: conditions.json, conditions.md")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
