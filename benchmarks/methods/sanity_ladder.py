"""Do the metrics move the right way? Real emoji made worse in known ways, in rising steps.

    python -m benchmarks.methods.sanity_ladder --out=docs/sanity_ladder

The training emoji are cut in two, near-duplicates together: one half is what is compared with and
what may have been memorised, the same number of emoji from the other half is judged as it is and
after each damage. A line above shows the held-out emoji against all of the training ones. Writes a
table, a plot and whether each figure that must move did: in the same direction at every step, and
beyond the undamaged interval at the last.
"""

import argparse
import dataclasses
import io
import itertools
import json
import math
import pathlib
from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.ImageFilter

from configs import stylegan
from emoji_gan import errors
from emoji_gan.runtime import host, workdir
from eval.extractors import features, real_cache
from eval.metrics import evaluate
from eval.metrics.sets import Estimate, SampleSet
from eval.report import metric_names, plots
from input_pipeline import dataset

SHOWN = (
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

# What is done, in which steps, and what must follow from it.
Damage = Callable[["Ladder", SampleSet, float], SampleSet]


@dataclasses.dataclass(frozen=True)
class Rung:
    """A kind of damage."""

    steps: tuple[float, ...]
    unit: str
    damage: Damage
    expected: dict[str, int]


class Ladder:
    """The two halves, and the damages.

    Args:
      data: the training split.
      extractor: see `eval.extractors.features`.
      n: emoji to judge.
    """

    def __init__(self, data: dataset.EmojiData, extractor: features.Extractor, n: int):
        self.extractor, self.n, self.rng = extractor, n, np.random.default_rng(0)
        whole = side(data, extractor)
        clusters = np.unique(whole.clusters)
        first = np.isin(whole.clusters, self.rng.permutation(clusters)[: len(clusters) // 2])
        self.real, self.rest = (
            take(whole, np.flatnonzero(first)),
            take(whole, np.flatnonzero(~first)),
        )
        if len(self.rest.images) < 3 * n:
            raise errors.UserError(
                f"--n={n}: at most {len(self.rest.images) // 3}, so that three quarters of the classes can go"
            )
        self.start = take(self.rest, self.rng.permutation(len(self.rest.images))[:n])

    def redrawn(self, images: np.ndarray, like: SampleSet) -> SampleSet:
        """Other pictures of the same emoji."""
        found = self.extractor(images)
        return dataclasses.replace(
            like, images=images, features=found.features, logits=found.logits
        )

    def each(
        self, change: Callable[[PIL.Image.Image], PIL.Image.Image], like: SampleSet
    ) -> SampleSet:
        """Every picture changed in premultiplied colour."""
        out = [
            np.asarray(change(PIL.Image.fromarray(x).convert("RGBa")).convert("RGBA"))
            for x in like.images
        ]
        return self.redrawn(clean(np.stack(out)), like)

    def blur(self, s: SampleSet, sigma_px: float) -> SampleSet:
        """Normal blur of colour and alpha."""
        return self.each(lambda p: p.filter(PIL.ImageFilter.GaussianBlur(sigma_px)), s)

    def jpeg(self, s: SampleSet, loss: float) -> SampleSet:
        """Colours at quality 100 - loss, over white where there is nothing; the alpha stays."""

        def compress(image: np.ndarray) -> np.ndarray:
            rgb = np.where(image[..., 3:] == 0, np.uint8(255), image[..., :3])
            file = io.BytesIO()
            PIL.Image.fromarray(rgb).save(file, "JPEG", quality=round(100 - loss))
            return np.concatenate([np.asarray(PIL.Image.open(file)), image[..., 3:]], -1)

        return self.redrawn(clean(np.stack([compress(x) for x in s.images])), s)

    def hue(self, s: SampleSet, degrees: float) -> SampleSet:
        """Every colour turned around the grey axis."""
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
        """Normal noise on the alpha of every pixel; what it uncovers is grey."""
        noise = 255 * deviation * np.random.default_rng(1).standard_normal(s.images.shape[:3])
        alpha = np.rint(s.images[..., 3] + noise).clip(0, 255).astype(np.uint8)
        rgb = np.where(s.images[..., 3:] == 0, np.uint8(128), s.images[..., :3])
        return self.redrawn(clean(np.concatenate([rgb, alpha[..., None]], -1)), s)

    def drop_classes(self, s: SampleSet, percent: float) -> SampleSet:
        """As many emoji, of the classes that remain when so much of the half is gone."""
        del s
        order = np.random.default_rng(2).permutation(np.unique(self.rest.labels))
        share = np.cumsum([np.mean(self.rest.labels == c) for c in order])
        # The first classes that hold the rest, the last of them in part if need be.
        kept = order[: np.searchsorted(share, 1 - percent / 100) + 1]
        rows = np.flatnonzero(np.isin(self.rest.labels, kept))
        return take(self.rest, np.random.default_rng(3).permutation(rows)[: self.n])

    def repeat(self, s: SampleSet, percent: float) -> SampleSet:
        """So many are repeats of the others."""
        distinct = self.n - round(self.n * percent / 100)
        return take(s, np.arange(self.n) % distinct)

    def copy(self, s: SampleSet, percent: float) -> SampleSet:
        """So many are replaced by images of the other half."""
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
        """So many carry the class of another."""
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


def side(data: dataset.EmojiData, extractor: features.Extractor) -> SampleSet:
    """A split as one side."""
    found = real_cache.features_of(data.images, data.content_hash, extractor)
    return SampleSet(
        data.images,
        found.features,
        found.logits,
        data.classes["group"],
        np.asarray(data.columns["cluster"]),
        None,
        extractor,
        tuple(data.columns["codepoints"].tolist()),
    )


def take(s: SampleSet, rows: np.ndarray) -> SampleSet:
    """Some rows of a side."""
    arrays = {
        k: v[rows]
        for k in ("images", "features", "logits", "labels", "clusters")
        if (v := getattr(s, k)) is not None
    }
    return dataclasses.replace(s, **arrays, names=tuple(s.names[i] for i in rows))


def clean(images: np.ndarray) -> np.ndarray:
    """No colour where there is no alpha, as the data set has it."""
    images[images[..., 3] == 0] = 0
    return images


def judged(real: SampleSet, fake: SampleSet) -> dict[str, Estimate]:
    found, _, _, _ = evaluate.evaluate(real, fake, real, 0)
    return found


def verdicts(
    start: dict[str, Estimate], steps: list[dict[str, Estimate]], rung: Rung
) -> dict[str, str]:
    """'yes', or what is wrong, for each figure that must move."""
    found = {}
    for name, sign in rung.expected.items():
        values = [e[name].value for e in (start, *steps)]
        e, last = start[name], values[-1]
        beyond = last > e.high if sign > 0 else last < e.low
        rising = all(sign * (b - a) >= 0 for a, b in itertools.pairwise(values))
        found[name] = "yes" if beyond and rising else "not at every step" if beyond else "NO"
    return found


def main() -> int:
    """The command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--n", type=int, default=300, help="emoji that are judged at every step")
    p.add_argument("--resolution", type=int, default=32, help="px, of a data set that is built")
    p.add_argument("--extractor", default="emoji-encoder", help="emoji-encoder or inception-2015")
    p.add_argument("--out", default="sanity_ladder", help="PREFIX of PREFIX.md, .png and .json")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_host_devices(None)
    host.setup_compilation_cache()
    extractor = features.Extractor(a.extractor)
    config = stylegan.get_config()
    config.data.resolution, config.data.conditions = a.resolution, ("group",)
    data, held_out = (dataset.load(config.data, split) for split in ("train", "validation"))
    ladder = Ladder(data, extractor, a.n)
    rows = {"validation against train": judged(side(data, extractor), side(held_out, extractor))}
    rows["undamaged"] = start = judged(ladder.real, ladder.start)
    moved = {}
    for kind, rung in RUNGS.items():
        steps = []
        for amount in rung.steps:
            steps.append(judged(ladder.real, rung.damage(ladder, ladder.start, amount)))
            rows[f"{kind} {amount:g} {rung.unit}"] = steps[-1]
        moved[kind] = verdicts(start, steps, rung)
        print(kind, moved[kind], flush=True)
    shown = [m for m in SHOWN if m in start]
    command = f"python -m benchmarks.methods.sanity_ladder --out={a.out}"
    text = f"# Real emoji under rising damage\n\nWritten by `{command}`.\n\n"
    text += table(rows, shown, a.extractor) + "\n" + verdict_table(moved, a.extractor)
    print(text)
    out = pathlib.Path(a.out)
    workdir.write_atomic(out.with_suffix(".md"), text.encode())
    workdir.write_atomic(out.with_suffix(".png"), plot(rows, shown, a.extractor))
    values = {row: {m: e.value for m, e in found.items()} for row, found in rows.items()}
    workdir.write_atomic(
        out.with_suffix(".json"), json.dumps({"values": values, "moved": moved}, indent=1).encode()
    )
    return errors.EXIT_OK


def table(rows: dict[str, dict[str, Estimate]], shown: list[str], extractor: str) -> str:
    """Every figure at every step."""
    head = [metric_names.display_name(m, extractor) for m in shown]
    lines = [f"| | {' | '.join(head)} |", "|---|" + "---:|" * len(shown)]
    for row, found in rows.items():
        cells = [metric_names.value_text(found[m]) if m in found else "" for m in shown]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def verdict_table(moved: dict[str, dict[str, str]], extractor: str) -> str:
    """What must have moved, and whether it did."""
    lines = ["| damage | must move | moved |", "|---|---|---|"]
    for kind, found in moved.items():
        for name, verdict in found.items():
            way = "up" if RUNGS[kind].expected[name] > 0 else "down"
            lines.append(
                f"| {kind} | {metric_names.display_name(name, extractor)} {way} | {verdict} |"
            )
    return "\n".join(lines) + "\n"


def plot(rows: dict[str, dict[str, Estimate]], shown: list[str], extractor: str) -> bytes:
    """A panel for each figure, a line for each damage, from none to the last step; filled: it must move."""
    figure, axes = plots.panels(len(shown), 4)
    for axis, metric in zip(axes, shown, strict=True):
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
