"""Measures whether drawn emoji help to train another network: accuracies by real and drawn ones.

    python -m benchmarks.tasks.augmentation_study --out=FOLDER --source=noto=PATH

Small classifiers learn the Unicode group of a picture from a part of OpenMoji's training emoji in
colour, from drawn ones, or from both (classification accuracy scores, 1905.10887). All train for
the same number of steps and with the same augmentation, so that drawn emoji add variety and no
training time. They are drawn by a model that has seen the training split alone, but all of it, and
are kept where the gates of `python -m emoji_gan.export --dataset` pass: what a small part of the
real emoji gains it may owe to the others. A row is a part of the real emoji and how many drawn ones
were added to each; a cell is the mean accuracy in % over the seeds, each with its own part and
initial weights, on

  openmoji  held-out emoji of OpenMoji
  rare      those of its groups with the fewest emoji to train on, a tenth of all or more
  STYLE     the same held-out emoji in the style of each --source, which nobody was trained on

and in brackets the difference to the same parts and seeds without drawn emoji, with its 95 %
interval by Student's t over the seeds. FOLDER keeps the drawings and every run, so that the same
command goes on from there, and gets augmentation_study.md and augmentation_study.json.
"""

import argparse
import collections
import dataclasses
import io
import json
import pathlib
from collections.abc import Iterator, Sequence

import ml_collections
import numpy as np
from scipy import stats

from benchmarks.tasks import group_classifier
from benchmarks.tasks.group_classifier import Labelled
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.export import synthetic_set
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained.sampler import SHIPPED_FLOW, Sampler
from input_pipeline import dataset

SIZES = (0.1, 0.25, 0.5, 1.0)  # fractions of the real emoji
RATIOS = (0.0, 1.0, 4.0)  # drawn emoji to a real one
_ONLY_DRAWN = 0.0  # the size of the row without real emoji
_RARE = 0.1  # of the training emoji, at least, are in the rare groups


@dataclasses.dataclass(frozen=True)
class Study:
    """Holds all pictures of a study.

    Attributes:
      groups: names of the classes.
      real: OpenMoji's training emoji in colour.
      drawn: what the model drew and the gates left.
      tests: what classifiers are measured on, by the names of the columns.
    """

    groups: tuple[str, ...]
    real: Labelled
    drawn: Labelled
    tests: dict[str, Labelled]

    def training_pictures(self, size: float, ratio: float, seed: int) -> Labelled:
        """Chooses the pictures of a run; those of a smaller ratio are among those of a larger."""
        rng = np.random.default_rng(seed)
        of_real, of_drawn = (rng.permutation(len(x.labels)) for x in (self.real, self.drawn))
        if size == _ONLY_DRAWN:
            return self.drawn.rows(of_drawn)
        count = round(size * len(of_real))
        return self.real.rows(of_real[:count]) + self.drawn.rows(of_drawn[: round(ratio * count)])


# ---- pictures ------------------------------------------------------------------------------------


def data_config(
    model: ml_collections.FrozenConfigDict, groups: Sequence[str]
) -> ml_collections.ConfigDict:
    """Returns the data of a model, in colour and of one style, of some groups or all."""
    config = ml_collections.ConfigDict(model.data.to_dict())
    config.sources, config.domains, config.conditions = ("openmoji",), ("full",), ()
    config.groups = tuple(groups) or config.groups
    return config


def held_out(config: ml_collections.ConfigDict, sources: Sequence[str]) -> dict[str, Labelled]:
    """Loads held-out emoji of OpenMoji and of other styles; labels are groups, yet unnumbered."""
    config = config.copy_and_resolve_references()
    config.sources = ("openmoji", *sources)
    parts = [dataset.load(config, split) for split in ("validation", "test")]
    images = np.concatenate([part.images for part in parts])
    groups, styles = (
        np.concatenate([part.columns[name] for part in parts]) for name in ("group", "style")
    )
    names = [source.partition("=")[0] for source in sources]
    return {
        name: Labelled(images[styles == name], groups[styles == name])
        for name in ("openmoji", *names)
    }


def rare_groups(labels: Sequence[str]) -> tuple[str, ...]:
    """Returns the groups with the fewest emoji, so many that they have `_RARE` of all."""
    least_first = sorted(collections.Counter(labels).items(), key=lambda pair: (pair[1], pair[0]))
    names, total = [], 0
    for name, count in least_first:
        if total >= _RARE * len(labels):
            break
        names.append(name)
        total += count
    return tuple(names)


def drawn_pictures(
    sampler: Sampler, path: pathlib.Path, request: synthetic_set.Request
) -> Labelled:
    """Draws emoji of the training split; reads those that an earlier call kept in `path`."""
    if not path.exists():
        rows = [row for row in synthetic_set.drawn(sampler, request) if not row.refused]
        buffer = io.BytesIO()
        np.savez(
            buffer,
            images=np.stack([row.picture for row in rows]),
            groups=np.array([row.meta.group for row in rows]),
        )
        workdir.write_atomic(path, buffer.getvalue())
    with np.load(path, allow_pickle=False) as file:
        return Labelled(file["images"], file["groups"])


def gathered(a: argparse.Namespace, out: pathlib.Path) -> Study:
    """Loads and draws all pictures of a study.

    Raises:
      UserError: the model has seen the held-out emoji, there are fewer pictures than groups, or
        fewer drawn ones than the ratios ask for.
    """
    sampler = Sampler(a.model, changes={"steps": a.steps_to_draw} if a.steps_to_draw else None)
    if sampler.config.data.get("split", "auto") == "all":
        raise UserError(f"{a.model}: it was trained on the held-out emoji; give another --model")
    config = data_config(sampler.config, a.groups)
    tests = held_out(config, a.source)
    train = dataset.load(config)
    listed = train.columns["group"]
    groups = tuple(sorted(set(listed.tolist())))
    if min(a.sizes) * len(listed) < len(groups):
        raise UserError(
            f"--sizes={min(a.sizes):g}: {min(a.sizes) * len(listed):.0f} emoji are fewer than the "
            f"{len(groups)} groups; give larger sizes"
        )
    tests["rare"] = tests["openmoji"].rows(
        np.isin(tests["openmoji"].labels, rare_groups(listed.tolist()))
    )
    request = synthetic_set.Request("group", a.per_emoji, 0, a.truncation, a.groups, "")
    drawn = drawn_pictures(sampler, out / "drawn.npz", request)
    wanted = round(max(a.ratios) * max(a.sizes) * len(listed))
    if len(drawn.labels) < wanted:
        raise UserError(
            f"--ratios={max(a.ratios):g}: {wanted} drawn emoji are needed and {len(drawn.labels)} "
            "passed the gates; give smaller ratios, or more --per_emoji with a new --out"
        )

    def numbered(data: Labelled) -> Labelled:
        of_groups = data.rows(np.isin(data.labels, groups))
        return Labelled(of_groups.images, np.searchsorted(groups, of_groups.labels))

    order = ("openmoji", "rare", *(name for name in tests if name not in ("openmoji", "rare")))
    return Study(
        groups,
        numbered(Labelled(train.images, listed)),
        numbered(drawn),
        {name: numbered(tests[name]) for name in order},
    )


# ---- runs ----------------------------------------------------------------------------------------


def rows_of(sizes: Sequence[float], ratios: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Yields the sizes and ratios of the table; the last row has no real emoji."""
    yield from ((size, ratio) for size in sizes for ratio in ratios)
    yield _ONLY_DRAWN, 1.0


def measured(study: Study, a: argparse.Namespace, path: pathlib.Path) -> list[dict[str, float]]:
    """Returns the accuracies of the classifiers of `a`; trains those that `path` has no line of."""
    runs = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(run["size"], run["ratio"], run["seed"]) for run in runs}
    for seed in range(a.seeds):
        for size, ratio in rows_of(a.sizes, a.ratios):
            if (size, ratio, seed) in done:
                continue
            pictures = study.training_pictures(size, ratio, seed)
            params = group_classifier.trained(pictures, len(study.groups), steps=a.steps, seed=seed)
            run = {"size": size, "ratio": ratio, "seed": seed, "pictures": len(pictures.labels)}
            for name, data in study.tests.items():
                run[name] = float(group_classifier.right(params, data).mean())
            runs.append(run)
            print(run, flush=True)
            text = "".join(json.dumps(run) + "\n" for run in runs)
            workdir.write_atomic(path, text.encode())
    asked_for = set(rows_of(a.sizes, a.ratios))
    return [r for r in runs if r["seed"] < a.seeds and (r["size"], r["ratio"]) in asked_for]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Returns the mean of values, and half of its 95 % interval by Student's t."""
    n = len(values)
    if n < 2:
        return float(np.mean(values)), float("nan")
    half = stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return float(np.mean(values)), float(half)


def table(runs: Sequence[dict[str, float]], tests: Sequence[str]) -> str:
    """Formats the accuracies of runs, and their differences to those without drawn emoji, in %."""
    by_key = {(run["size"], run["ratio"], run["seed"]): run for run in runs}
    lines = ["| real emoji | drawn to a real one | pictures | " + " | ".join(tests) + " |"]
    lines.append("|---|---|---:" + "|---:" * len(tests) + "|")
    for size, ratio in dict.fromkeys((run["size"], run["ratio"]) for run in runs):
        of_row = [run for run in runs if (run["size"], run["ratio"]) == (size, ratio)]
        base = 1.0 if size == _ONLY_DRAWN else size  # what a row is compared with
        cells = [f"{size:.0%}" if size else "none", f"{ratio:g}" if size else "all"]
        cells.append(str(round(np.mean([run["pictures"] for run in of_row]))))
        for name in tests:
            mean, _ = interval([run[name] for run in of_row])
            text = f"{100 * mean:.1f}"
            if ratio:
                plus, half = interval(
                    [run[name] - by_key[base, 0.0, run["seed"]][name] for run in of_row]
                )
                text += f" ({100 * plus:+.1f} ± {100 * half:.1f})"
            cells.append(text)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    def numbers(text: str) -> tuple[float, ...]:
        return tuple(float(part) for part in text.split(","))

    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", type=paths.local, default=str(SHIPPED_FLOW))
    p.add_argument("--source", action="append", default=[], help="STYLE=PATH, may be repeated")
    p.add_argument(
        "--groups",
        type=lambda text: tuple(text.split(",")),
        default=(),
        help="of Unicode, with commas; default: all that the model knows",
    )
    p.add_argument("--sizes", type=numbers, default=SIZES, help="parts of the real emoji")
    p.add_argument("--ratios", type=numbers, default=RATIOS, help="the first must be 0")
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--steps", type=int, default=500, help="of training a classifier")
    p.add_argument("--per_emoji", type=int, default=6, help="pictures drawn of each emoji")
    p.add_argument("--truncation", type=float, default=1.0, help="psi")
    p.add_argument("--steps_to_draw", type=int, help="default: the model's")
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    return p


def _keep_to(path: pathlib.Path, a: argparse.Namespace) -> None:
    """Keeps what the pictures and runs of a folder depend on; refuses what differs from it."""
    names = ("model", "source", "groups", "steps", "per_emoji", "truncation", "steps_to_draw")
    settings = json.loads(json.dumps({name: getattr(a, name) for name in names}))
    if not path.exists():
        workdir.write_atomic(path, json.dumps(settings, indent=1).encode())
    for name, value in json.loads(path.read_text()).items():
        if value != settings[name]:
            raise UserError(f"{path.parent} is of --{name}={value}: give a new --out")


def main() -> int:
    """Runs the command line."""
    a = _parser().parse_args()
    if a.ratios[0] != 0 or 1.0 not in a.sizes or not all(0 < size <= 1 for size in a.sizes):
        raise UserError("--sizes are in (0, 1], 1 among them; --ratios begin with 0")
    if a.seeds < 1 or a.steps < 1:
        raise UserError("--seeds and --steps: 1 or more")
    host.setup_host_memory()
    host.setup_compilation_cache()
    out = pathlib.Path(a.out)
    workdir.make_folder(out)
    _keep_to(out / "settings.json", a)
    study = gathered(a, out)
    sizes = {name: len(data.labels) for name, data in study.tests.items()}
    print(f"{len(study.real.labels)} real, {len(study.drawn.labels)} drawn, tests {sizes}")
    runs = measured(study, a, out / "runs.jsonl")
    text = table(runs, list(study.tests))
    print(text)
    workdir.write_atomic(out / "augmentation_study.md", text.encode())
    whole = {
        "real": len(study.real.labels),
        "drawn": len(study.drawn.labels),
        "tests": sizes,
        "steps": a.steps,
        "runs": runs,
    }
    workdir.write_atomic(out / "augmentation_study.json", json.dumps(whole, indent=1).encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
