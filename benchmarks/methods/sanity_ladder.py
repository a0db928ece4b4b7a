"""Checks that the metrics move the right way when real emoji are made worse in rising steps.

    python -m benchmarks.methods.sanity_ladder --out=docs/sanity_ladder

The training emoji are divided in two halves, near-duplicates together. One half is the real side
and what may have been memorised. From the other half a fixed number of emoji is judged, as they are
and after each damage. One more row judges the held-out emoji against all training emoji. The
program writes a table, a plot and whether each figure that must move did so: in the same direction
at every step, and beyond the interval of the undamaged emoji at the last.
"""

import argparse
import dataclasses
import io
import itertools
import json
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import PIL.Image
import PIL.ImageFilter

from configs import stylegan
from emoji_gan import errors
from emoji_gan.runtime import host, paths, workdir
from eval.extractors import features, real_cache
from eval.metrics import evaluate
from eval.metrics.sets import Estimate, SampleSet
from eval.report import metric_names, plots
from input_pipeline import dataset

FIGURES = (
    "fd",
    "kid",
    "inception_score",
    "precision",
    "recall",
    "density",
    "coverage",
    "intra_class_fd",
    "agreement_top1",
    "legibility_16",
    "alpha_binary_distance",
    "alpha_edge_px_distance",
    "alpha_stray_distance",
    "palette",
    "memorisation_rate",
    "memorisation_percentile",
)
UP, DOWN = 1, -1

Damage = Callable[["Ladder", SampleSet, float], SampleSet]  # the number: how strong


@dataclasses.dataclass(frozen=True)
class Rung:
    """Describes a kind of damage.

    Attributes:
      steps: rising strengths.
      unit: of the strengths.
      damage: applies it.
      expected: figures that must move, UP or DOWN.
    """

    steps: tuple[float, ...]
    unit: str
    damage: Damage
    expected: dict[str, int]


class Ladder:
    """Holds the two halves of the emoji, and damages one of them.

    Args:
      data: the training split.
      extractor: see `eval.extractors.features`.
      n: emoji to judge.

    Attributes:
      real: the half to compare with.
      rest: the other half.
      start: `n` emoji of the other half, undamaged.

    Raises:
      UserError: the other half has not three times `n` emoji.
    """

    def __init__(self, data: dataset.EmojiData, extractor: features.Extractor, n: int) -> None:
        self.extractor, self.n, self.rng = extractor, n, np.random.default_rng(0)
        whole = whole_split(data, extractor)
        clusters = np.unique(whole.clusters)
        first = np.isin(whole.clusters, self.rng.permutation(clusters)[: len(clusters) // 2])
        self.real, self.rest = (
            take(whole, np.flatnonzero(first)),
            take(whole, np.flatnonzero(~first)),
        )
        if len(self.rest.images) < 3 * n:
            raise errors.UserError(
                f"--n={n}: at most {len(self.rest.images) // 3}, so that three quarters of the "
                "classes can go"
            )
        self.start = take(self.rest, self.rng.permutation(len(self.rest.images))[:n])

    def redrawn(self, images: np.ndarray, like: SampleSet) -> SampleSet:
        """Replaces the pictures of a side by others of the same emoji, uint8 [n h w 4]."""
        extracted = self.extractor(images)
        return dataclasses.replace(
            like, images=images, features=extracted.features, logits=extracted.logits
        )

    def each(
        self, change: Callable[[PIL.Image.Image], PIL.Image.Image], like: SampleSet
    ) -> SampleSet:
        """Changes every picture in premultiplied colour."""
        out = [
            np.asarray(change(PIL.Image.fromarray(x).convert("RGBa")).convert("RGBA"))
            for x in like.images
        ]
        return self.redrawn(clean(np.stack(out)), like)

    def blur(self, s: SampleSet, sigma_px: float) -> SampleSet:
        """Blurs colour and alpha by a normal kernel."""
        return self.each(lambda p: p.filter(PIL.ImageFilter.GaussianBlur(sigma_px)), s)

    def jpeg(self, s: SampleSet, loss: float) -> SampleSet:
        """Compresses the colours, over white, at quality 100 - loss; the alpha stays."""

        def compress(image: np.ndarray) -> np.ndarray:
            rgb = np.where(image[..., 3:] == 0, np.uint8(255), image[..., :3])
            file = io.BytesIO()
            PIL.Image.fromarray(rgb).save(file, "JPEG", quality=round(100 - loss))
            return np.concatenate([np.asarray(PIL.Image.open(file)), image[..., 3:]], -1)

        return self.redrawn(clean(np.stack([compress(x) for x in s.images])), s)

    def hue(self, s: SampleSet, degrees: float) -> SampleSet:
        """Turns every colour around the grey axis."""
        angle, axis = math.radians(degrees), np.full(3, 3**-0.5)
        cross = np.cross(np.eye(3), axis)
        turn = (
            np.cos(angle) * np.eye(3)
            + np.sin(angle) * cross
            + (1 - np.cos(angle)) * np.outer(axis, axis)
        )
        rgb = np.rint(s.images[..., :3] @ turn.T).clip(0, 255).astype(np.uint8)
        return self.redrawn(clean(np.concatenate([rgb, s.images[..., 3:]], -1)), s)

    def alpha_noise(self, s: SampleSet, deviation: float) -> SampleSet:
        """Adds normal noise to the alpha of every pixel; what it uncovers is grey."""
        noise = 255 * deviation * np.random.default_rng(1).standard_normal(s.images.shape[:3])
        alpha = np.rint(s.images[..., 3] + noise).clip(0, 255).astype(np.uint8)
        rgb = np.where(s.images[..., 3:] == 0, np.uint8(128), s.images[..., :3])
        return self.redrawn(clean(np.concatenate([rgb, alpha[..., None]], -1)), s)

    def drop_classes(self, s: SampleSet, percent: float) -> SampleSet:
        """Draws as many emoji from fewer classes, which hold so much less of the half."""
        del s
        order = np.random.default_rng(2).permutation(np.unique(self.rest.labels))
        cumulative = np.cumsum([np.mean(self.rest.labels == c) for c in order])
        # The first classes that hold what remains; the last of them may hold more than that.
        kept = order[: np.searchsorted(cumulative, 1 - percent / 100) + 1]
        rows = np.flatnonzero(np.isin(self.rest.labels, kept))
        return take(self.rest, np.random.default_rng(3).permutation(rows)[: self.n])

    def repeat(self, s: SampleSet, percent: float) -> SampleSet:
        """Replaces a percentage of a side by repeats of the others."""
        distinct = self.n - round(self.n * percent / 100)
        return take(s, np.arange(self.n) % distinct)

    def copy(self, s: SampleSet, percent: float) -> SampleSet:
        """Replaces a percentage of a side by images of the real half."""
        count = round(self.n * percent / 100)
        copies = take(
            self.real, np.random.default_rng(4).permutation(len(self.real.images))[:count]
        )
        rest = take(s, np.arange(count, self.n))
        arrays = {
            k: np.concatenate([getattr(copies, k), getattr(rest, k)])
            for k in ("images", "features", "logits", "labels", "clusters")
            if getattr(s, k) is not None
        }
        return dataclasses.replace(s, **arrays, names=copies.names + rest.names)

    def mislabel(self, s: SampleSet, percent: float) -> SampleSet:
        """Gives a percentage of a side the classes of others."""
        count = round(self.n * percent / 100)
        labels = s.labels.copy()
        labels[:count] = np.roll(labels[:count], 1)
        return dataclasses.replace(s, labels=labels)


_WORSE = {"fd": UP, "kid": UP, "precision": DOWN, "density": DOWN, "coverage": DOWN}
RUNGS = {
    "blur": Rung(
        (0.5, 1, 2),
        "px",
        Ladder.blur,
        _WORSE | {"alpha_binary_distance": UP, "alpha_edge_px_distance": UP},
    ),
    "JPEG loss": Rung((50, 80, 95), "of 100", Ladder.jpeg, _WORSE),
    "hue": Rung((15, 45, 120), "degrees", Ladder.hue, _WORSE | {"palette": UP}),
    "alpha noise": Rung(
        (0.05, 0.15, 0.3),
        "of full",
        Ladder.alpha_noise,
        _WORSE | {"alpha_binary_distance": UP, "alpha_stray_distance": UP},
    ),
    "dropped classes": Rung(
        (25, 50, 75),
        "%",
        Ladder.drop_classes,
        {"fd": UP, "kid": UP, "recall": DOWN, "coverage": DOWN},
    ),
    "duplicates": Rung(
        (50, 75, 90), "%", Ladder.repeat, {"fd": UP, "recall": DOWN, "coverage": DOWN}
    ),
    # That the distance falls is the reason for measuring copies at all.
    "copies": Rung(
        (10, 50, 100),
        "%",
        Ladder.copy,
        {"memorisation_rate": UP, "memorisation_percentile": DOWN, "fd": DOWN},
    ),
    "wrong classes": Rung(
        (10, 30, 60), "%", Ladder.mislabel, {"agreement_top1": DOWN, "intra_class_fd": UP}
    ),
}


def whole_split(data: dataset.EmojiData, extractor: features.Extractor) -> SampleSet:
    """Returns a split as one side, with its features."""
    extracted = real_cache.features_of(data.images, data.content_hash, extractor)
    return SampleSet(
        data.images,
        extracted.features,
        extracted.logits,
        data.classes["group"],
        np.asarray(data.columns["cluster"]),
        None,
        extractor,
        tuple(data.columns["codepoints"].tolist()),
    )


def take(s: SampleSet, rows: np.ndarray) -> SampleSet:
    """Selects some rows of a side."""
    arrays = {
        k: v[rows]
        for k in ("images", "features", "logits", "labels", "clusters")
        if (v := getattr(s, k)) is not None
    }
    return dataclasses.replace(s, **arrays, names=tuple(s.names[i] for i in rows))


def clean(images: np.ndarray) -> np.ndarray:
    """Clears the colour where alpha is 0, in place, as the data set has it."""
    images[images[..., 3] == 0] = 0
    return images


def judged(real: SampleSet, fake: SampleSet) -> dict[str, Estimate]:
    """Computes every figure; the real side counts as the training set as well."""
    estimates, _, _, _ = evaluate.evaluate(real, fake, real, 0)
    return estimates


def verdicts(
    start: Mapping[str, Estimate], steps: Sequence[Mapping[str, Estimate]], rung: Rung
) -> dict[str, str]:
    """Tells for each figure that must move 'yes', or how it failed to."""
    outcomes = {}
    for name, sign in rung.expected.items():
        values = [e[name].value for e in (start, *steps)]
        e, last = start[name], values[-1]
        beyond = last > e.high if sign > 0 else last < e.low
        rising = all(sign * (b - a) >= 0 for a, b in itertools.pairwise(values))
        outcomes[name] = "yes" if beyond and rising else "not at every step" if beyond else "NO"
    return outcomes


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--n", type=int, default=300, help="emoji that are judged at every step")
    p.add_argument("--resolution", type=int, default=32, help="px, of a data set that is built")
    p.add_argument(
        "--extractor",
        default="emoji-encoder",
        help="emoji-encoder, emoji-encoder-2 or inception-2015",
    )
    p.add_argument(
        "--out",
        type=paths.local,
        default="sanity_ladder",
        help="PREFIX of PREFIX.md, .png and .json",
    )
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_host_devices(None)
    host.setup_compilation_cache()
    extractor = features.Extractor(a.extractor)
    config = stylegan.get_config()
    config.data.resolution, config.data.conditions = a.resolution, ("group",)
    data, held_out = (dataset.load(config.data, split) for split in ("train", "validation"))
    ladder = Ladder(data, extractor, a.n)
    rows = {
        "validation against train": judged(
            whole_split(data, extractor), whole_split(held_out, extractor)
        )
    }
    rows["undamaged"] = start = judged(ladder.real, ladder.start)
    moved = {}
    for kind, rung in RUNGS.items():
        steps = []
        for amount in rung.steps:
            steps.append(judged(ladder.real, rung.damage(ladder, ladder.start, amount)))
            rows[f"{kind} {amount:g} {rung.unit}"] = steps[-1]
        moved[kind] = verdicts(start, steps, rung)
        print(kind, moved[kind], flush=True)
    names = [m for m in FIGURES if m in start]
    command = f"python -m benchmarks.methods.sanity_ladder --out={a.out}"
    text = f"# Real emoji under rising damage\n\nWritten by `{command}`.\n\n"
    text += table(rows, names, a.extractor) + "\n" + verdict_table(moved, a.extractor)
    print(text)
    out = pathlib.Path(a.out)
    workdir.write_atomic(out.with_suffix(".md"), text.encode())
    workdir.write_atomic(out.with_suffix(".png"), plot(rows, names, a.extractor))
    values = {row: {m: e.value for m, e in figures.items()} for row, figures in rows.items()}
    workdir.write_atomic(
        out.with_suffix(".json"), json.dumps({"values": values, "moved": moved}, indent=1).encode()
    )
    return errors.EXIT_OK


def table(rows: Mapping[str, Mapping[str, Estimate]], names: Sequence[str], extractor: str) -> str:
    """Returns a table of figures, a row for every step of damage, a column for each name."""
    head = [metric_names.display_name(m, extractor) for m in names]
    lines = [f"| | {' | '.join(head)} |", "|---|" + "---:|" * len(names)]
    for row, figures in rows.items():
        cells = [metric_names.value_text(figures[m]) if m in figures else "" for m in names]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def verdict_table(moved: Mapping[str, Mapping[str, str]], extractor: str) -> str:
    """Returns a table of the figures that must move, and whether each did."""
    lines = ["| damage | must move | moved |", "|---|---|---|"]
    for kind, outcomes in moved.items():
        for name, outcome in outcomes.items():
            way = "up" if RUNGS[kind].expected[name] > 0 else "down"
            lines.append(
                f"| {kind} | {metric_names.display_name(name, extractor)} {way} | {outcome} |"
            )
    return "\n".join(lines) + "\n"


def plot(rows: Mapping[str, Mapping[str, Estimate]], names: Sequence[str], extractor: str) -> bytes:
    """Plots a panel for each figure, a line for each damage; filled markers: it must move.

    Lines go from no damage to its last step. Returns a PNG.
    """
    figure, axes = plots.panels(len(names), 4)
    for axis, metric in zip(axes, names, strict=True):
        start = rows["undamaged"][metric]
        if start.low is not None:
            axis.axhspan(start.low, start.high, color="#dddddd")
        for i, (kind, rung) in enumerate(RUNGS.items()):
            y = [start.value]
            y += [rows[f"{kind} {s:g} {rung.unit}"][metric].value for s in rung.steps]
            axis.plot(
                range(len(y)),
                y,
                color=plots.colour(i),
                marker=plots.marker(i),
                linestyle=plots.dashes(i),
                markersize=4,
                markerfacecolor=plots.colour(i) if metric in rung.expected else "white",
                alpha=1.0 if metric in rung.expected else 0.45,
            )
        plots.titles(axis, metric_names.display_name(metric, extractor), "step of damage", "")
    plots.legend(figure, dict(enumerate(RUNGS)))
    return plots.png(figure)


if __name__ == "__main__":
    errors.run(main)
