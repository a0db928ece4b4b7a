"""Draws emoji from a trained model.

    python -m emoji_gan.sample --text="chat souriant" --style=line
    python -m emoji_gan.sample --workdir=runs/demo --seeds=0-63 --truncation=0.7
    python -m emoji_gan.sample --model=a.safetensors,b.safetensors --ensemble=best_of

The first command draws from the shipped model. Each command writes one straight-alpha RGBA PNG per
seed, whose text chunks say how it was made, and a contact sheet of all of them.
"""

import argparse
import math
import pathlib
import shlex

from emoji_gan import conditions, errors
from emoji_gan.conditions import CLASSES
from emoji_gan.encoder import understanding
from emoji_gan.errors import UserError
from emoji_gan.runtime import host, paths
from emoji_gan.trained import drawn_folder, ensemble, finishing
from emoji_gan.trained.sampler import SHIPPED_MODEL, Sampler, ask
from emoji_gan.trained.source import is_model_file, parse_step
from input_pipeline.unicode import icon_names

_TEXT_HELP = "ask for this, in English or French: a name, keywords, or a phrase like them"
_ANY = "any"
_CLASS_HELP = {
    "style": f"ask for this style, or {_ANY}; default: colour, of a model that has its line art too"
}


def _parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m emoji_gan.sample", description=__doc__.partition("\n")[0]
    )
    source = p.add_mutually_exclusive_group()
    source.add_argument("--workdir", type=paths.local, help="of a run, or a model file")
    source.add_argument(
        "--model",
        type=paths.local,
        help="the same; default: the shipped model of 32 px; several with commas, or the JSON file "
        "of `python -m eval --fit_ensemble`, make an ensemble",
    )
    p.add_argument("--ensemble", help=f"{', '.join(ensemble.KINDS)}; default: mixture")
    p.add_argument("--candidates", type=int, help="that best_of chooses from; default: 4")
    p.add_argument("--seeds", default="0-63", help="e.g. 0-63 or 1,5,10-20")
    p.add_argument(
        "--truncation", type=float, default=0.7, help="psi: 0 the mean emoji, 1 the full variety"
    )
    p.add_argument(
        "--step", type=parse_step, help="checkpoint, or best; default: the newest good one"
    )
    p.add_argument(
        "--out", type=paths.local, help="folder; default: WORKDIR/generated, or generated"
    )
    for name in CLASSES:
        p.add_argument(f"--{name}", help=_CLASS_HELP.get(name, f"ask for this {name}"))
    p.add_argument(f"--{conditions.TEXT}", help=_TEXT_HELP)
    p.add_argument("--lang", help="of the text, fr or en; default: the one that knows its words")
    p.add_argument(
        "--guidance", type=float, help="how strictly to follow the condition; 1: as trained"
    )
    finishing.add_arguments(p)
    p.add_argument("--steps", type=int, help="of the solver, where the method has one")
    p.add_argument("--solver", help="euler or heun, where the method has one")
    return p


def _open(
    a: argparse.Namespace, source: str, changes: dict[str, object]
) -> Sampler | ensemble.Ensemble:
    """Opens the model or the ensemble of a command line."""
    if not ensemble.is_ensemble(source, a.ensemble):
        if a.candidates is not None:
            raise UserError("--candidates: of an ensemble; give --ensemble=best_of as well")
        return Sampler(source, a.step, changes)
    if a.step is not None:
        raise UserError(f"--step={a.step}: of one run; put it into a model file, and leave it out")
    return ensemble.Ensemble(ensemble.recipe_of(source, a.ensemble, a.candidates), changes)


def _with_style(request: dict[str, str], spec: conditions.Spec) -> dict[str, str]:
    """Adds the style that is drawn where none is asked for: colour, if its line art is the other.

    Left open, half of the emoji would be line art, and a phrase of few pictures all of it.
    """
    if request.get("style") == _ANY:
        return {name: value for name, value in request.items() if name != "style"}
    if "style" in request:  # a mistake is said with all that the flag takes
        spec.number("style", request["style"], also=(_ANY,))
    styles = dict(spec.classes).get("style", ())
    in_colour = [style for style in styles if f"{style} line" in styles]
    if "style" in request or len(styles) != 2 or not in_colour:
        return request
    return request | {"style": in_colour[0]}


def main() -> int:
    """Runs the command line."""
    a = _parser().parse_args()
    host.setup_host_memory()
    host.setup_compilation_cache()
    seeds = drawn_folder.parse_seeds(a.seeds)
    if not math.isfinite(a.truncation) or not 0 <= a.truncation <= 2:
        raise UserError(f"--truncation={a.truncation}: expected 0 to 2")
    changes = {k: v for k in ("guidance", "steps", "solver") if (v := getattr(a, k)) is not None}
    request = {k: v for k in (*CLASSES, conditions.TEXT) if (v := getattr(a, k)) is not None}
    source = a.workdir or a.model or str(SHIPPED_MODEL)
    sampler = _open(a, source, changes)
    data = sampler.config.data
    style = finishing.traced_style(data.sources)
    finisher = finishing.Finisher(data.resolution, a.size, a.format, a.finish, style)
    request = _with_style(request, sampler.spec)
    condition = ask(sampler.spec, request, len(seeds), language=a.lang)
    provenance = sampler.provenance(seeds[0], a.truncation, request)
    if conditions.TEXT in request:
        understood = understanding.understand(request[conditions.TEXT], a.lang)
        print(f"{request[conditions.TEXT]!r} {understood}", flush=True)
        provenance["understood text"] = understood.phrase
    one = isinstance(sampler, Sampler)
    in_workdir = one and (a.workdir or a.model) and not is_model_file(source)
    out = pathlib.Path(a.out or (pathlib.Path(source, "generated") if in_workdir else "generated"))
    removed = finisher.write(
        out,
        sampler(seeds, condition, a.truncation),
        seeds,
        provenance=provenance,
        seeds_text=a.seeds,
    )
    if removed:
        print(f"replaced {removed} emoji of an earlier request in {out}")
    print(f"{len(seeds)} emoji in {out}, all of them in {out / drawn_folder.SHEET}")
    if source == str(SHIPPED_MODEL) and icon_names.lookup(request.get(conditions.TEXT, "")):
        named = shlex.quote(request[conditions.TEXT])
        print(f"nearer to the emoji itself: python -m emoji_gan.edit vary --emoji={named}")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
