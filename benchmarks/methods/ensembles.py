"""Compares ensembles with their members at equal calls of the networks, in one table.

    python -m benchmarks.methods.ensembles --out=FOLDER --n=500 --fit=300

The members are the shipped models of 32 px: the one-step generator in its two calls, which it
cannot exceed, and its flow in as many calls an image as the best of several one-step pictures
takes. Weights and choices are fitted on other seeds, against validation emoji, by the second
encoder; the table is against training emoji, and fd_emoji is the first encoder's. An average needs
two flows of one resolution, of which one is shipped. FOLDER keeps the drawings, so that the same
command goes on from there, and gets ensembles.md and ensembles.json.
"""

import argparse
import dataclasses
import io
import json
import pathlib
from collections.abc import Callable

import numpy as np

from emoji_gan import errors
from emoji_gan.conditions import Condition
from emoji_gan.runtime import host, paths, workdir
from emoji_gan.trained.ensemble import Ensemble, Member, Recipe
from emoji_gan.trained.sampler import SHIPPED_FLOW, SHIPPED_MODEL
from eval import generate
from eval.extractors import real_cache
from eval.extractors.features import Extractor
from eval.metrics import evaluate
from eval.metrics.sets import Estimate, SampleSet
from eval.report import ensemble_fit, metric_names

_REPORTER = "emoji-encoder"
_FIGURES = ("fd", "precision", "recall", "coverage")
_METRICS = {
    name: evaluate.METRICS[name] for name in ("frechet", "precision_recall", "density_coverage")
}
_ONE, _FLOW = Member(str(SHIPPED_MODEL), {"steps": 2}), Member(str(SHIPPED_FLOW), {"steps": 4})
# Heun's four steps, the last one Euler's, each evaluation with and without the condition.
_CALLS = {"one": 2, "flow": 2 * (2 * 4 - 1)}
_CANDIDATES = _CALLS["flow"] // _CALLS["one"]


def kept(path: pathlib.Path, draw: Callable[[], np.ndarray]) -> np.ndarray:
    """Returns what was drawn, uint8 [n h w 4]; reads it where an earlier call kept it."""
    if not path.exists():
        print(f"drawing {path.stem}", flush=True)
        buffer = io.BytesIO()
        np.save(buffer, draw())
        workdir.write_atomic(path, buffer.getvalue())
    return np.load(path, allow_pickle=False)


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Holds one row: what an ensemble or a member drew.

    Attributes:
      pictures: uint8 [n h w 4].
      calls: of the networks an image, on average.
      what: the weights or choices.
    """

    pictures: np.ndarray
    calls: float
    what: str = ""


def rows(
    out: pathlib.Path, both: Ensemble, condition: Condition, *, n: int, fit: int, psi: float
) -> dict[str, Drawn]:
    """Draws the members, fits the ensembles on the last `fit` pictures, draws them for the first n.

    Args:
      out: folder that keeps what was drawn.
      both: the members.
      condition: of n + fit pictures.
      n: pictures of every row.
      fit: pictures that are fitted on.
      psi: truncation.
    """
    seeds = range(n + fit)
    drawn = [
        kept(
            out / f"{name}-{_CALLS[name]}-{n + fit}-{psi:g}.npy",
            lambda m=m: m(seeds, condition, psi),
        )
        for name, m in zip(_CALLS, both.members, strict=True)
    ]
    first = {name: values[:n] for name, values in condition.items()}
    of_one = Recipe("best_of", (_ONE,), (1.0,), candidates=_CANDIDATES)
    best = kept(
        out / f"best_of-{_CANDIDATES}-{n}-{psi:g}.npy",
        lambda: Ensemble(of_one)(range(n), first, psi),
    )
    judge = Extractor(ensemble_fit.JUDGE)
    emoji, _ = ensemble_fit.load_data(both, "validation")
    real = real_cache.features_of(emoji.images, emoji.content_hash, judge).features
    features = [judge(pictures[n:]).features for pictures in drawn]
    weights, _ = ensemble_fit.fit_mixture(real, features)
    classes = np.asarray(condition["group"])
    choices, _ = ensemble_fit.fit_choice(real, features, classes[n:])
    names = dict(both.spec.classes)["group"]
    named = {names[c]: i for c, i in choices.items() if c >= 0}
    calls, by_member = np.array(list(_CALLS.values())), np.stack([d[:n] for d in drawn])
    result = {
        "one-step generator": Drawn(drawn[0][:n], _CALLS["one"]),
        "flow": Drawn(drawn[1][:n], _CALLS["flow"]),
        f"best of {_CANDIDATES} one-step": Drawn(best, _CANDIDATES * _CALLS["one"]),
    }
    for recipe, what in (
        (Recipe("mixture", both.recipe.members, tuple(weights)), str(weights)),
        (Recipe("choice", both.recipe.members, (1.0, 0.0), choices=named), json.dumps(named)),
    ):
        both.recipe = recipe
        whose = both.whose(range(n), first)
        pictures = by_member[whose, np.arange(n)]  # as the ensemble draws them
        result[recipe.kind] = Drawn(pictures, float(calls[whose].mean()), what)
    return result


def judged(drawn: dict[str, Drawn], both: Ensemble, name: str) -> dict[str, dict[str, Estimate]]:
    """Judges every row by one encoder, against the training emoji."""
    extractor = Extractor(name)
    train, _ = ensemble_fit.load_data(both, "train")
    of_reals = real_cache.features_of(train.images, train.content_hash, extractor)
    clusters = np.asarray(train.columns["cluster"])
    names = tuple(train.columns["codepoints"].tolist())
    real = SampleSet(
        train.images, of_reals.features, of_reals.logits, clusters=clusters, names=names
    )
    figures = {}
    for row, of in drawn.items():
        seen = extractor(of.pictures)
        seeds = tuple(f"seed {i}" for i in range(len(of.pictures)))
        fake = SampleSet(of.pictures, seen.features, seen.logits, names=seeds)
        figures[row] = evaluate.evaluate(real, fake, None, 0, _METRICS).estimates
    return figures


def table(
    drawn: dict[str, Drawn],
    first: dict[str, dict[str, Estimate]],
    second: dict[str, dict[str, Estimate]],
) -> str:
    """Formats the rows, with the change of fd_emoji to the best member."""
    best = min(first[name]["fd"].value for name in list(drawn)[:2])
    heads = [metric_names.display_name(f, _REPORTER) for f in _FIGURES]
    lines = [f"| who draws | calls | {' | '.join(heads)} | to the best member | fd_emoji_2 |"]
    lines += ["|---|---:|" + "---:|" * (len(heads) + 2)]
    for name, of in drawn.items():
        cells = [metric_names.value_text(first[name][f]) for f in _FIGURES]
        cells[0] += f" ({metric_names.interval_text(first[name]['fd'])})"
        change = f"{first[name]['fd'].value / best - 1:+.0%}"
        other = metric_names.value_text(second[name]["fd"])
        lines.append(f"| {name} | {of.calls:.1f} | {' | '.join(cells)} | {change} | {other} |")
    whats = [f"{name}: {of.what}" for name, of in drawn.items() if of.what]
    return "\n".join([*lines, "", *whats]) + "\n"


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--n", type=int, default=500, help="pictures of every row")
    p.add_argument("--fit", type=int, default=300, help="pictures that are fitted on")
    p.add_argument("--truncation", type=float, default=0.7)
    p.add_argument("--out", type=paths.local, required=True, help="folder")
    a = p.parse_args()
    host.setup_host_memory()
    host.setup_host_devices(None)
    host.setup_compilation_cache()
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    both = Ensemble(Recipe("mixture", (_ONE, _FLOW), (0.5, 0.5)))
    _, train = ensemble_fit.load_data(both, "train")
    _, condition = generate.conditions_like(train, a.n + a.fit)
    drawn = rows(out, both, condition, n=a.n, fit=a.fit, psi=a.truncation)
    first, second = (judged(drawn, both, name) for name in (_REPORTER, ensemble_fit.JUDGE))
    text = table(drawn, first, second)
    print(text)
    values = {
        row: {f: dataclasses.asdict(first[row][f]) for f in _FIGURES}
        | {"fd_emoji_2": second[row]["fd"].value, "calls": of.calls, "what": of.what}
        for row, of in drawn.items()
    }
    workdir.write_atomic(out / "ensembles.md", text.encode())
    workdir.write_atomic(out / "ensembles.json", json.dumps(values, indent=1).encode())
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
