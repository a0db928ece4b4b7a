"""Draws variations of one emoji."""

import argparse
import pathlib
from collections.abc import Mapping

import numpy as np

from emoji_gan import conditions, errors
from emoji_gan.conditions import Condition
from emoji_gan.edit import parents
from emoji_gan.edit.parents import Parent
from emoji_gan.encoder import understanding
from emoji_gan.errors import UserError
from emoji_gan.runtime import paths
from emoji_gan.trained import drawn_folder, finishing
from emoji_gan.trained.sampler import SHIPPED_LARGE_FLOW, Sampler, ask, embed_phrase

_STYLE = "openmoji"  # what a variation is drawn in where nothing else is wanted
_LINE = "line"  # what a style of line art has in its name


def add_arguments(p: argparse.ArgumentParser) -> None:
    """Adds the flags of this verb."""
    p.add_argument("--emoji", required=True, help="code points, character, name, PNG or SVG")
    p.add_argument(
        "--strength",
        type=float,
        default=0.6,
        help="above 0: as it is, to 1: not like it at all; default: 0.6",
    )
    p.add_argument("--text", help="guide by these words, English or French, not by its name")
    p.add_argument("--mask", type=paths.local, help="a PNG: it may change where this is white")
    add_common_arguments(p, out="varied")


def add_common_arguments(p: argparse.ArgumentParser, *, out: str) -> None:
    """Adds the flags that verbs which draw share."""
    p.add_argument("--seeds", default="0-15", help="e.g. 0-15 or 1,5,10-20")
    p.add_argument("--style", help="of the model's styles, e.g. line; default: its coloured one")
    p.add_argument("--lang", help="of words, fr or en; default: the one that knows them")
    p.add_argument("--model", type=paths.local, help="a flow; default: the shipped one of 64 px")
    p.add_argument("--guidance", type=float, help="how strictly to follow words; 1: as trained")
    p.add_argument("--steps", type=int, help="of the solver")
    finishing.add_arguments(p)
    p.add_argument("--out", type=paths.local, default=out, help=f"folder; default: {out}")


def open_sampler(a: argparse.Namespace) -> Sampler:
    """Opens the model of the flags, changed as they say."""
    changes = {k: v for k in ("guidance", "steps") if (v := getattr(a, k)) is not None}
    return Sampler(a.model or str(SHIPPED_LARGE_FLOW), changes=changes)


def run(a: argparse.Namespace) -> int:
    """Runs the verb by its flags."""
    seeds = drawn_folder.parse_seeds(a.seeds)
    if not 0 < a.strength <= 1:
        raise UserError(f"--strength={a.strength:g}: expected above 0, at most 1")
    sampler = open_sampler(a)
    px = sampler.config.data.resolution
    style = finishing.traced_style(sampler.config.data.sources)
    finisher = finishing.Finisher(px, a.size, a.format, a.finish, style)
    parent = parents.open_parent(a.emoji, px, line=_LINE in (a.style or ""))
    if parent.recognised and a.text is None:
        print(f"{parent.source}: taken for {parent.meta.name} ({parent.codepoints})", flush=True)
    mask = read_mask(pathlib.Path(a.mask), parent, px) if a.mask else None
    request = {"style": a.style} if a.style else {}
    if a.text is not None:
        request["text"] = a.text
        print(f"{a.text!r} {understanding.understand(a.text, a.lang)}", flush=True)
    pictures = vary(
        sampler,
        parent,
        seeds,
        strength=a.strength,
        request=request,
        mask=mask,
        language=a.lang,
    )
    provenance = provenance_of(sampler, [parent], a.strength, request) | {"seed": str(seeds[0])}
    if a.mask:
        provenance["mask"] = pathlib.Path(a.mask).name
    out = pathlib.Path(a.out)
    beside = parent.image[None]
    finisher.write(out, pictures, seeds, provenance=provenance, seeds_text=a.seeds, beside=beside)
    print(
        f"{len(seeds)} variations of {parent.meta.name} ({parent.codepoints}) in {out}, "
        f"beside it in {out / drawn_folder.SHEET}"
    )
    return errors.EXIT_OK


def vary(
    sampler: Sampler,
    parent: Parent,
    seeds: list[int],
    *,
    strength: float,
    request: Mapping[str, str] | None = None,
    mask: np.ndarray | None = None,
    language: str | None = None,
) -> np.ndarray:
    """Draws variations of one emoji, a seed each.

    Args:
      sampler: of a flow.
      parent: at the model's resolution.
      seeds: n integers in [0, 2^32).
      strength: in (0, 1], as `Sampler.vary` has it.
      request: class name or phrase by condition; without a phrase the emoji's name guides.
      mask: uint8 [h w], 255 where it may change; None: anywhere.
      language: of the phrase, 'fr' or 'en'; None: either.

    Returns:
      uint8 [n h w 4], straight alpha.

    Raises:
      UserError: the model cannot vary, or has no such condition or class.
    """
    condition = condition_of(sampler, parent, len(seeds), request or {}, language)
    images = np.broadcast_to(parent.image, (len(seeds), *parent.image.shape))
    return sampler.vary(images, seeds, condition, strength=strength, changeable=mask)


def condition_of(
    sampler: Sampler,
    parent: Parent,
    count: int,
    request: Mapping[str, str],
    language: str | None = None,
) -> Condition:
    """Returns the condition of `count` variations: what is asked for, and else the parent's own.

    Words of one's own can mean another group of emoji, so that the parent's is then left open.
    """
    names = sampler.spec.names
    wanted = dict(request)
    if "group" in names and conditions.TEXT not in wanted:
        groups = dict(sampler.spec.classes)["group"]
        if parent.meta.group in groups:
            wanted.setdefault("group", parent.meta.group)
    if "style" in names and _STYLE in dict(sampler.spec.classes)["style"]:
        wanted.setdefault("style", _STYLE)
    condition = ask(sampler.spec, wanted, count, language=language)
    if conditions.TEXT in names and conditions.TEXT not in wanted:
        name = parent.meta.name_en or parent.meta.name
        condition[conditions.TEXT][:] = embed_phrase(sampler.spec, name)
    return condition


def read_mask(path: pathlib.Path, parent: Parent, size_px: int) -> np.ndarray:
    """Reads where a picture may change: uint8 [size_px size_px], 255 where it may.

    White is 255, black and transparent are 0.

    Raises:
      UserError: it cannot be read, is not as large as the parent's picture, or leaves nothing to
        change.
    """
    image, own_px = parents.read_picture(path, size_px)
    if parent.original_px and own_px and own_px != parent.original_px:
        (h, w), (parent_h, parent_w) = own_px, parent.original_px
        raise UserError(
            f"--mask={path}: it has {w} x {h} px and {parent.source} {parent_w} x {parent_h}; "
            "give one of its size"
        )
    mask = image[..., :3].mean(-1) * (image[..., 3] / 255)
    if not (mask >= 0.5).any():
        raise UserError(f"--mask={path}: nothing in it is white, so nothing may change")
    return np.round(mask).astype(np.uint8)


def provenance_of(
    sampler: Sampler,
    of: list[Parent],
    strength: float,
    request: Mapping[str, str],
) -> dict[str, str]:
    """Returns the text chunks of a PNG that was made from others."""
    texts = sampler.provenance(0, 1.0, request)
    del texts["truncation"]
    licences = [texts["Copyright"], *(f"parent {p.source}: {p.licence}" for p in of)]
    return texts | {
        "parent": ", ".join(p.source for p in of),
        "strength": f"{strength:g}",
        "Copyright": "; ".join(licences),
    }
