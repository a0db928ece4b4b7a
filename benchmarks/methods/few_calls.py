"""Compares a flow at few calls with models that were trained for one or two, in one table.

    python -m benchmarks.methods.few_calls --out=FOLDER --n=3521 \
      --flow=models/openmoji_32.safetensors --onestep=models/onestep_32.safetensors

--onestep may be given more than once, also with a run of configs/consistency.py: each model is
judged at one call and, where it was trained for two, at two. All draw the same conditions from the
same seeds, and are judged by both emoji encoders against the training emoji; validation emoji are a
row beside them. The variety of a phrase is the mean distance of two images of one phrase, of
different seeds, over that of two phrases, in the first judge's features: 0 where all images of a
phrase are one. A model whose images are smaller than the flow's is judged and timed together with
the restorer that enlarges them. Images/s are those of the machine as it is, batches of 16, by
turns: the median of the ratio to the whole flow. FOLDER gets few_calls.md and few_calls.json.
"""

import argparse
import dataclasses
import json
import pathlib
import statistics
import time
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from emoji_gan import conditions, errors
from emoji_gan.conditions import Condition
from emoji_gan.encoder import encoder
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained import finishing, vectoriser
from emoji_gan.trained.restorer import Restorer
from emoji_gan.trained.sampler import Sampler
from emoji_gan.trained.source import open_trained
from eval import generate
from eval.extractors import features, real_cache
from eval.metrics import alpha, evaluate, memorisation
from eval.metrics.sets import Estimate, SampleSet
from eval.report import condition_agreement, metric_names
from input_pipeline import dataset

_JUDGES = ("emoji-encoder", "emoji-encoder-2")
_FIGURES = ("fd", "recall", "coverage", "memorisation_rate", "alpha_binary")
_AGREEMENT = ("group_top5", "codepoint_top5")
_VARIETY = "variety"  # of the images of one phrase
_METRICS = {name: evaluate.METRICS[name] for name in ("frechet", "precision_recall")} | {
    "density_coverage": evaluate.METRICS["density_coverage"],
    "memorisation": memorisation.evaluate,
    "alpha": alpha.evaluate,
}
_FEW = (1, 2, 4)  # calls, by Euler's method without guidance, which would double them
_TRAINED_FOR = {"onestep": lambda c: c.model.steps, "consistency": lambda _: 2}  # calls
_BATCH, _TURNS = 16, 5


@dataclasses.dataclass(frozen=True)
class Drawer:
    """Draws one row's images.

    Attributes:
      sampler: of the model, with the row's changes.
      calls: of the network an image.
      parameters: of the networks.
      restorer: what enlarges the images, where they are smaller than `px`; None: nothing.
      px: side of the images.
    """

    sampler: Sampler
    calls: int
    parameters: int
    restorer: Restorer | None
    px: int

    def __call__(
        self, seeds: Sequence[int], condition: Condition, truncation: float = 1.0
    ) -> np.ndarray:
        """Draws the images of seeds: uint8 [n px px 4]."""
        drawn = self.sampler(seeds, condition, truncation)
        return self.restorer.to_size(drawn, self.px) if self.restorer else drawn


def drawers(flow: str, onestep: list[str]) -> dict[str, Drawer]:
    """Returns the rows by name, the whole flow first.

    Raises:
      UserError: a model cannot be read, or the first is no flow.
    """
    whole = Sampler(flow)
    if whole.config.method != "flow":
        method = whole.config.method
        raise UserError(f"--flow={flow}: it is of method {method!r}; give a model of 'flow'")
    px = whole.config.data.resolution
    restorer = (
        finishing.restorer_of(vectoriser.STYLES[0])
        if any(_px(source) < px for source in onestep)
        else None
    )
    rows = {"flow": _drawer(whole, px)}
    for steps in _FEW:
        changes = {"steps": steps, "solver": "euler", "guidance": 1.0}
        rows[f"flow, {_calls(steps)}"] = _drawer(Sampler(flow, changes=changes), px)
    for source in onestep:
        name = pathlib.Path(source).name
        trained = Sampler(source).config
        if trained.method not in _TRAINED_FOR:
            raise UserError(
                f"--onestep={source}: it is of method {trained.method!r}; give a model of "
                + " or ".join(map(repr, _TRAINED_FOR))
            )
        for calls in range(1, _TRAINED_FOR[trained.method](trained) + 1):
            sampler = Sampler(source, changes={"steps": calls})
            label = f"{name} ({sampler.config.method}), {_calls(calls)}"
            rows[label] = _drawer(sampler, px, restorer)
    return rows


def _calls(n: int) -> str:
    return "one call" if n == 1 else f"{n} calls"


def _px(source: str) -> int:
    return open_trained(source).config["data"]["resolution"]


def _drawer(sampler: Sampler, px: int, restorer: Restorer | None = None) -> Drawer:
    s = sampler.config.sample
    calls = s.steps
    if sampler.config.method == "flow":
        calls *= (2 if s.solver == "heun" else 1) * (1 if s.guidance == 1 else 2)
    leaves = jax.tree.leaves(sampler.params)
    if sampler.config.data.resolution == px:
        restorer = None
    elif restorer:
        leaves += jax.tree.leaves(restorer._params)
    return Drawer(sampler, calls, sum(x.size for x in leaves), restorer, px)


def speeds(rows: dict[str, Drawer], data: dataset.EmojiData) -> dict[str, float]:
    """Measures how many times as many images per second as the first row each row draws."""
    _, condition = generate.conditions_like(data, _BATCH * 16)
    rates: dict[str, list[float]] = {name: [] for name in rows}
    for turn in range(_TURNS + 1):
        for name, drawer in rows.items():
            count = _BATCH * max(1, 16 // drawer.calls)
            part = {key: values[:count] for key, values in condition.items()}
            start = time.perf_counter()
            drawer(range(count), part)
            if turn:  # the first compiles
                rates[name].append(count / (time.perf_counter() - start))
    first = next(iter(rates.values()))
    return {
        name: statistics.median(b / a for a, b in zip(first, values, strict=True))
        for name, values in rates.items()
    }


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Holds what is judged.

    Attributes:
      sets: uint8 [n h w 4] by row.
      by_text: uint8 [m h w 4] by row, asked by phrases alone.
      again: uint8 [m h w 4] by row, the same phrases from other seeds.
      rows: i64 [m] of the training data, whose phrases were asked.
    """

    sets: dict[str, np.ndarray]
    by_text: dict[str, np.ndarray]
    again: dict[str, np.ndarray]
    rows: np.ndarray


def draw(
    rows: dict[str, Drawer], data: dataset.EmojiData, n: int, truncation: float, by_text: int
) -> Drawn:
    """Draws every row's images, asked as often as in the data, and some by phrases alone."""
    _, condition = generate.conditions_like(data, n)
    chosen, text = conditions.rows_like(data, by_text, seed=1)
    text = {conditions.TEXT: text[conditions.TEXT]} if conditions.TEXT in text else None
    drawn = Drawn({}, {}, {}, chosen)
    seeds = list(range(2 * by_text))
    for name, drawer in rows.items():
        print(f"drawing {name}", flush=True)
        drawn.sets[name] = drawer(list(range(n)), condition, truncation)
        if text:
            drawn.by_text[name] = drawer(seeds[:by_text], text, truncation)
            drawn.again[name] = drawer(seeds[by_text:], text, truncation)
    return drawn


def judge(
    judge_name: str, data: dataset.EmojiData, held_out: dataset.EmojiData, drawn: Drawn
) -> dict[str, dict[str, Any]]:
    """Returns the figures of every row, and of the held-out emoji, by one judge.

    Returns:
      {row: {figure: `Estimate`, or [value, low, high] of what was asked by text}}.
    """
    extractor = features.Extractor(judge_name)
    real = _set(data.images, real_cache.features_of(data.images, data.content_hash, extractor))
    real = dataclasses.replace(
        real,
        clusters=np.asarray(data.columns["cluster"]),
        names=tuple(data.columns["codepoints"].tolist()),
    )
    _, meta = encoder.load()  # the classes of both judges are the same
    codepoints = data.columns["base"][drawn.rows].tolist()
    figures: dict[str, dict[str, Any]] = {}
    for name, images in (drawn.sets | {"validation emoji": held_out.images}).items():
        fake = _set(images, extractor(images))
        figures[name] = dict(evaluate.evaluate(real, fake, None, 0, _METRICS).estimates)
        if name in drawn.by_text:
            first, second = (extractor(of[name]) for of in (drawn.by_text, drawn.again))
            figures[name] |= condition_agreement.recognised(first.logits, codepoints, meta)
            figures[name][_VARIETY] = [variety(first.features, second.features, codepoints)]
    return figures


def variety(first: np.ndarray, second: np.ndarray, codepoints: list[str]) -> float:
    """Computes the mean distance of two images of one phrase over that of two phrases.

    Args:
      first, second: f32 [m d], features of two images of phrase i.
      codepoints: [m], what the phrases name.
    """
    distances = np.linalg.norm(first[:, None] - second[None], axis=-1)
    other = np.asarray(codepoints)[:, None] != np.asarray(codepoints)[None]
    return float(np.mean(np.diagonal(distances)) / np.mean(distances[other]))


def _set(images: np.ndarray, of: features.Features) -> SampleSet:
    names = tuple(f"seed {i}" for i in range(len(images)))
    return SampleSet(images, of.features, of.logits, names=names)


def table(
    rows: dict[str, Drawer], ratios: dict[str, float], by_judge: dict[str, dict[str, Any]]
) -> str:
    """Formats all rows."""
    heads = ["calls", "parameters, M", "images/s to the flow's"]
    heads += [metric_names.display_name(f, j) for f in _FIGURES[:-1] for j in by_judge]
    heads += [_FIGURES[-1], *(f"by text: {name}" for name in (*_AGREEMENT, _VARIETY))]
    lines = [f"| model | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    first, *_ = by_judge.values()
    for name in first:
        cells = ["", "", ""]
        if name in rows:
            r = rows[name]
            cells = [str(r.calls), f"{r.parameters / 1e6:.1f}", f"{ratios[name]:.1f}"]
        cells += [_text(f, of[name]) for f in _FIGURES[:-1] for of in by_judge.values()]
        cells.append(_text(_FIGURES[-1], first[name]))
        cells += [f"{first[name][f][0]:.0%}" if f in first[name] else "" for f in _AGREEMENT]
        cells.append(f"{first[name][_VARIETY][0]:.2f}" if _VARIETY in first[name] else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _text(figure: str, figures: dict[str, Any]) -> str:
    if figure not in figures:
        return ""
    e = figures[figure]
    interval = f" ({metric_names.interval_text(e)})" if figure == "fd" else ""
    return metric_names.value_text(e) + interval


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--flow", type=paths.local, required=True, help="a workdir or model file")
    p.add_argument("--onestep", type=paths.local, action="append", default=[], help="likewise")
    p.add_argument("--n", type=int, default=3521, help="images of each row")
    p.add_argument("--by_text", type=int, default=500, help="images asked by phrases alone")
    p.add_argument("--truncation", type=float, default=0.7)
    p.add_argument("--skip_flow", action="store_true", help="judge the others only, in minutes")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_host_devices(None)
    host.setup_compilation_cache()
    rows = drawers(a.flow, a.onestep)
    first = rows["flow"].sampler
    config = ml_collections.ConfigDict(first.config.to_dict())
    embed = encoder.PhraseEncoder() if conditions.TEXT in first.spec.names else None
    data, held_out = (dataset.load(config.data, split, embed) for split in ("train", "validation"))
    ratios = speeds(rows, data)
    judged = {k: r for k, r in rows.items() if not (a.skip_flow and k.startswith("flow"))}
    drawn = draw(judged, data, a.n, a.truncation, a.by_text)
    by_judge = {name: judge(name, data, held_out, drawn) for name in _JUDGES}
    text = table(rows, ratios, by_judge)
    print(text)
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    result = {
        "n": a.n,
        "truncation": a.truncation,
        "by_text": a.by_text,
        "checkpoints": {name: r.sampler.checkpoint_hash for name, r in rows.items()},
        "speed": ratios,
        "figures": {
            judge_name: {name: _plain(figures) for name, figures in of.items()}
            for judge_name, of in by_judge.items()
        },
    }
    workdir.write_atomic(out / "few_calls.md", text.encode())
    workdir.write_atomic(out / "few_calls.json", json.dumps(result, indent=1).encode())
    return errors.EXIT_OK


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        name: dataclasses.asdict(e) if isinstance(e, Estimate) else e for name, e in figures.items()
    }


if __name__ == "__main__":
    errors.run(main)
