"""Measures how far `python -m emoji_gan.edit vary` keeps an emoji and how far it leaves it.

    python -m benchmarks.tasks.variations --out=FOLDER --n=64

--n coloured emoji each of those that the model was trained on and of those held out, chosen by a
fixed seed, are varied by --seeds seeds at every strength. Beside these stand the emoji themselves
(strength 0), fresh images of their names (strength 1, which is noise alone), the shipped one-step
model's second call at the emoji with noise in it, enlarged by the restorer (it has seen the
held-out emoji too), and all coloured validation emoji.

By each emoji encoder, against the coloured training emoji: `theme` is how often the emoji is among
the recogniser's first five; `left` how often an image is further from its emoji than 1 % of the
training emoji are from their nearest, the threshold of memorisation_rate; `variety` the mean
distance of two variations of one emoji over that of two emoji's. Images/s are those of the machine
as it is. The command is run as a user types it, the first time to fill a cache of programs. FOLDER
gets variations.md, variations.json and variations.png: an emoji and its variations, held out on the
left, trained on on the right, at the default strength.
"""

import argparse
import dataclasses
import functools
import itertools
import json
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import ml_collections
import numpy as np

from benchmarks.methods import few_calls
from benchmarks.speed import start_up
from benchmarks.tasks import second_call
from emoji_gan import errors, images
from emoji_gan.conditions import Condition
from emoji_gan.edit import parents as parents_lib
from emoji_gan.edit import vary
from emoji_gan.edit.parents import Parent
from emoji_gan.encoder import encoder
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained.sampler import SHIPPED_LARGE_FLOW, SHIPPED_MODEL, Sampler
from eval.extractors import features, real_cache
from eval.metrics import alpha, evaluate, memorisation, resample
from eval.metrics.sets import Estimate, SampleSet
from eval.report import condition_agreement, metric_names
from input_pipeline import dataset

JUDGES = ("emoji-encoder", "emoji-encoder-2")
ORIGINS = {"held out": ("validation", "test"), "trained on": ("train",)}
TARGETS = {"codepoint_top5": 0.75, "left": 0.8}
_HEADS = {"codepoint_top5": "theme", "group_top5": "group", "left": "left", "variety": "variety"}
_ESTIMATES = ("memorisation_rate", "fd")
_ALPHA = ("alpha_binary", "alpha_edge_px")  # the same by both judges
_METRICS = {
    "frechet": evaluate.METRICS["frechet"],
    "memorisation": memorisation.evaluate,
    "alpha": alpha.evaluate,
}
_THEMSELVES, _SECOND = "the emoji themselves", "one-step, second call"
_VALIDATION = "validation emoji"
_SEED = 20261129
_BATCH = 16
_PICTURED = 16  # emoji of each origin
_TURNS = 3
_COMMAND = ("-m", "emoji_gan.edit", "vary", "--emoji=1F355", "--size=128", "--out={out}")
_MOST_S, _MOST_MIB = 10, 1.2 * 1024  # targets of the command

Figures = dict[str, dict[str, Any]]  # by row and figure: a number, an interval or an `Estimate`


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Holds the emoji of one origin and what was drawn of them.

    Attributes:
      parents: the emoji.
      sets: uint8 [n h w 4] by row; of each emoji so many in turn, or one.
      rates: images/s by row.
    """

    parents: list[Parent]
    sets: dict[str, np.ndarray]
    rates: dict[str, float]


def default_strength() -> float:
    """Returns the strength of `vary` where none is given."""
    p = argparse.ArgumentParser()
    vary.add_arguments(p)
    return p.get_default("strength")


def choose(columns: Sequence[dataset.Columns], n: int, px: int) -> list[Parent]:
    """Chooses coloured emoji that the recogniser can name, by a fixed seed, and opens them.

    Args:
      columns: of the splits to choose from.
      n: emoji, at most.
      px: side of their images.
    """
    _, meta = encoder.load()
    named = set(meta["codepoints"])
    codepoints = sorted(
        str(codepoint)
        for of_split in columns
        for codepoint, base, domain in zip(
            of_split["codepoints"], of_split["base"], of_split["domain"], strict=True
        )
        if domain == "full" and base in named
    )
    chosen = np.random.default_rng(_SEED).permutation(len(codepoints))[:n]
    return [parents_lib.open_parent(codepoints[i], px) for i in sorted(chosen)]


def condition_of(sampler: Sampler, of: Sequence[Parent], seeds: int) -> Condition:
    """Returns the condition of so many variations of each emoji in turn, as `vary` has it."""
    each = [vary.condition_of(sampler, parent, seeds, {}) for parent in of]
    return {name: np.concatenate([c[name] for c in each]) for name in each[0]}


def _timed(
    draw: second_call.Draw, of: np.ndarray, condition: Condition
) -> tuple[np.ndarray, float]:
    """Returns what is drawn, a seed each, and images/s without the time of compilation."""
    seeds = list(range(len(of)))
    draw(of[:_BATCH], seeds[:_BATCH], {k: v[:_BATCH] for k, v in condition.items()})
    start = time.perf_counter()
    drawn = draw(of, seeds, condition)
    return drawn, len(drawn) / (time.perf_counter() - start)


def parse_strengths(text: str) -> list[float]:
    """Reads strengths, and adds the default one; raises a UserError where one is out of range."""
    try:
        strengths = {float(part) for part in text.split(",")}
    except ValueError:
        strengths = {0.0}
    if not all(0 < strength < 1 for strength in strengths):
        raise UserError(f"--strengths={text}: expected numbers between 0 and 1, such as 0.2,0.6")
    return sorted(strengths | {default_strength()})


def row_of(strength: float) -> str:
    """Returns the name of a strength's row."""
    if strength == 1:
        return "strength 1: its name alone"
    return f"strength {strength:g}" + (" (default)" if strength == default_strength() else "")


def draw_all(
    sampler: Sampler,
    second: tuple[Sampler, second_call.Draw],
    of: list[Parent],
    *,
    seeds: int,
    strengths: Sequence[float],
) -> Drawn:
    """Draws every row's images of the emoji of one origin.

    Args:
      sampler: of the flow.
      second: as `second_call.load` returns it.
      of: the emoji.
      seeds: variations of each.
      strengths: of the flow's rows.
    """
    drawn = Drawn(of, {_THEMSELVES: np.stack([parent.image for parent in of])}, {})
    repeated = drawn.sets[_THEMSELVES].repeat(seeds, 0)
    condition = condition_of(sampler, of, seeds)
    for strength in (*strengths, 1.0):
        row, at_strength = row_of(strength), functools.partial(sampler.vary, strength=strength)
        drawn.sets[row], drawn.rates[row] = _timed(at_strength, repeated, condition)
        print(f"{row}: {drawn.rates[row]:.1f} images/s", flush=True)
    one_step, draw = second
    own_px = one_step.config.data.resolution
    small = [parents_lib.open_parent(parent.codepoints, own_px).image for parent in of]
    drawn.sets[_SECOND], drawn.rates[_SECOND] = _timed(
        draw, np.stack(small).repeat(seeds, 0), condition_of(one_step, of, seeds)
    )
    return drawn


def judge(
    judge_name: str,
    train: dataset.EmojiData,
    validation: dataset.EmojiData,
    by_origin: dict[str, Drawn],
) -> dict[str, Figures]:
    """Returns the figures of every row by one judge, by origin; validation emoji are one too."""
    extractor, (_, meta) = features.Extractor(judge_name), encoder.load()
    of_train = real_cache.features_of(train.images, train.content_hash, extractor)
    rows = np.flatnonzero(train.columns["domain"] == "full")
    clusters = np.asarray(train.columns["cluster"])[rows]
    names = tuple(train.columns["codepoints"][rows].tolist())
    real = SampleSet(train.images[rows], of_train.features[rows], clusters=clusters, names=names)
    figures: dict[str, Figures] = {}
    for origin, drawn in by_origin.items():
        codepoints = [parent.meta.base for parent in drawn.parents]
        of_parents = extractor(drawn.sets[_THEMSELVES]).features
        figures[origin] = {
            row: figures_of(real, _set(x, extractor), codepoints, meta, of_parents)
            for row, x in drawn.sets.items()
        }
    coloured = validation.columns["domain"] == "full"
    fake = _set(validation.images[coloured], extractor)
    codepoints = validation.columns["base"][coloured].tolist()
    figures[_VALIDATION] = {_VALIDATION: figures_of(real, fake, codepoints, meta)}
    return figures


def _set(x: np.ndarray, extractor: features.Extractor) -> SampleSet:
    of = extractor(x)
    return SampleSet(x, of.features, of.logits, names=tuple(f"image {i}" for i in range(len(x))))


def figures_of(
    real: SampleSet,
    fake: SampleSet,
    codepoints: list[str],
    meta: dict[str, Any],
    of_parents: np.ndarray | None = None,
) -> dict[str, Any]:
    """Returns the figures of one row; those that want more images are left out.

    Args:
      real: coloured training emoji, with clusters.
      fake: what was drawn, of each emoji so many in turn.
      codepoints: of the emoji, without skin tone.
      meta: of the encoder's weights.
      of_parents: f32 [n d], features of the emoji; None: nothing was varied.
    """
    seeds = len(fake.images) // len(codepoints)
    each = np.repeat(codepoints, seeds).tolist()
    figures = dict(evaluate.evaluate(real, fake, None, 0, _METRICS).estimates)
    figures |= condition_agreement.recognised(fake.logits, each, meta)
    if of_parents is None:
        return figures
    distance = np.linalg.norm(fake.features - of_parents.repeat(seeds, 0), axis=1)
    percentile = memorisation.percentiles(
        distance, memorisation.apart(real.features, real.clusters)
    )
    count = int((percentile >= memorisation.THRESHOLD).sum())
    figures["left"] = [count / len(each), *resample.wilson(count, len(each))]
    figures["percentile_of_distance"] = [float(np.median(percentile))]
    if seeds > 1:
        of_seed = fake.features.reshape(len(codepoints), seeds, -1).swapaxes(0, 1)
        pairs = itertools.combinations(of_seed, 2)
        variety = [few_calls.variety(a, b, codepoints) for a, b in pairs]
        figures["variety"] = [float(np.mean(variety))]
    return figures


def measure_command() -> dict[str, float]:
    """Runs the command of 16 variations at 128 px by turns, with a warm cache of programs."""
    with tempfile.TemporaryDirectory() as cache:
        costs = [
            start_up.run_once(start_up.ROOT, _COMMAND, pathlib.Path(cache))
            for _ in range(_TURNS + 1)
        ][1:]
    return {
        "wall_s": statistics.median(c.wall_s for c in costs),
        "cpu_s": statistics.median(c.cpu_s for c in costs),
        "peak_mib": max(c.peak_mib for c in costs),
        "load_average": os.getloadavg()[0],
    }


def tables(by_judge: dict[str, dict[str, Figures]], by_origin: dict[str, Drawn]) -> str:
    """Formats a table for each origin, the second judge after the stroke."""
    first, second = by_judge.values()
    heads = [
        head + (f" (target {TARGETS[figure]:.0%})" if figure in TARGETS else "")
        for figure, head in _HEADS.items()
    ]
    heads += [*_ESTIMATES, *_ALPHA, "images/s"]
    parts = []
    for origin, drawn in by_origin.items():
        title = f"{len(drawn.parents)} emoji, {origin}"
        lines = [f"| {title} | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
        for row in (*drawn.sets, _VALIDATION):
            of = [by[origin].get(row) or by[_VALIDATION][row] for by in (first, second)]
            cells = [_both(figure, of) for figure in (*_HEADS, *_ESTIMATES)]
            cells += [_one(figure, of[0]) for figure in _ALPHA]
            cells += [f"{drawn.rates[row]:.1f}" if row in drawn.rates else ""]
            lines.append(f"| {row} | {' | '.join(cells)} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _both(figure: str, of: Sequence[dict[str, Any]]) -> str:
    return " / ".join(filter(None, (_one(figure, figures) for figures in of)))


def _one(figure: str, figures: dict[str, Any]) -> str:
    if figure not in figures:
        return ""
    value = figures[figure]
    if isinstance(value, Estimate):
        return metric_names.value_text(value)
    return f"{value[0]:.2f}" if figure == "variety" else f"{value[0]:.0%}"


def verdicts(
    by_judge: dict[str, dict[str, Figures]], strength: float, command: dict[str, float]
) -> str:
    """Says which targets are met: those of a strength's images, and of the command."""
    lines = []
    first, *_ = by_judge.values()
    for origin in ORIGINS:
        of = first[origin].get(row_of(strength), {})
        for figure, target in TARGETS.items():
            if figure in of:
                met = "met" if of[figure][0] >= target else "missed"
                lines.append(f"{origin}, {_one(figure, of)} {_HEADS[figure]}: {met}")
    if command:
        for name, most in (("wall_s", _MOST_S), ("peak_mib", _MOST_MIB)):
            met = "met" if command[name] < most else "missed"
            lines.append(f"the command, {command[name]:.1f} {name}, below {most:g}: {met}")
        load = f"{command['cpu_s']:.1f} cpu_s, at a load average of {command['load_average']:.1f}"
        lines.append(f"the command, {load}")
    return "".join(f"- {line}\n" for line in lines)


def sheet(by_origin: dict[str, Drawn], row: str) -> np.ndarray:
    """Lays emoji and their variations out, a line an emoji of each origin: uint8 [h w 3]."""
    blocks = []
    count = min(_PICTURED, *(len(drawn.parents) for drawn in by_origin.values()))
    for drawn in by_origin.values():
        own = drawn.sets[_THEMSELVES]
        x = drawn.sets[row].reshape(len(own), -1, *own.shape[1:])
        # Spread over all of them, which are sorted by code points.
        spread = np.linspace(0, len(own) - 1, count).round().astype(int)
        blocks.append(np.concatenate([own[:, None], x], 1)[spread])
    whole = np.concatenate(blocks, 1)
    return images.grid(np.concatenate(whole), count, whole.shape[1])


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", type=paths.local, default=str(SHIPPED_LARGE_FLOW), help="a flow")
    p.add_argument("--steps", type=int, help="of its solver; default: the model's")
    p.add_argument("--second", type=paths.local, default=str(SHIPPED_MODEL), help="one-step model")
    p.add_argument("--n", type=int, default=64, help="emoji of each origin, at most")
    p.add_argument("--seeds", type=int, default=4, help="variations of each")
    p.add_argument("--strengths", default="0.2,0.4,0.5,0.6,0.8")
    p.add_argument("--skip_command", action="store_true", help="do not time the command")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    if min(a.n, a.seeds) < 2:
        raise UserError(f"--n={a.n} --seeds={a.seeds}: expected at least 2 of each")
    strengths = parse_strengths(a.strengths)
    host.setup_host_memory()
    host.setup_compilation_cache()
    sampler = Sampler(a.model, changes={} if a.steps is None else {"steps": a.steps})
    second = second_call.load(a.second, sampler.config.data.resolution)
    command = {} if a.skip_command else measure_command()
    config = ml_collections.ConfigDict(sampler.config.to_dict()).data
    splits = {name: dataset.load(config, name) for name in sum(ORIGINS.values(), ())}
    by_origin = {}
    for origin, names in ORIGINS.items():
        of = choose([splits[name].columns for name in names], a.n, config.resolution)
        by_origin[origin] = draw_all(sampler, second, of, seeds=a.seeds, strengths=strengths)
    by_judge = {
        name: judge(name, splits["train"], splits["validation"], by_origin) for name in JUDGES
    }
    text = tables(by_judge, by_origin) + "\n" + verdicts(by_judge, default_strength(), command)
    print(text)
    result = {
        "n": a.n,
        "seeds": a.seeds,
        "checkpoints": [sampler.checkpoint_hash, second[0].checkpoint_hash],
        "emoji": {origin: [p.codepoints for p in d.parents] for origin, d in by_origin.items()},
        "images_per_s": {origin: d.rates for origin, d in by_origin.items()},
        "command": command,
        "figures": by_judge,
    }
    plain = json.dumps(result, indent=1, default=dataclasses.asdict)
    out = pathlib.Path(a.out)
    images.save_png(out / "variations.png", sheet(by_origin, row_of(default_strength())))
    workdir.write_atomic(out / "variations.md", text.encode())
    workdir.write_atomic(out / "variations.json", plain.encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
