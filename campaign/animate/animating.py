"""Makes closed loops of emoji: of those of a campaign that passed, or of a folder."""

import argparse
import dataclasses
import pathlib
import sys
from typing import Any

import numpy as np

from campaign import folder as folder_lib
from campaign import manifest
from campaign.animate import flash_rate, moves
from campaign.brief import channel_names
from campaign.language import Language
from campaign.pack import naming, origin, restoring
from campaign.pack.artwork import Artwork
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.media import animation
from emoji_gan.runtime import workdir
from emoji_gan.trained import latent

LATENT = "latent"
_SMOOTH = 1.5  # times the largest step between frames, up to which the last one is no jump
_STEP_MS, _LEAST_MS = 10, 20  # GIF counts in 10 ms; browsers play less than 20 as 100
_FRAMES = (4, 240)
_FPS = (1, 50)
_SIZE = (32, 1024)  # px


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign animate`."""
    pick = language.pick
    own = (*moves.MOVES, LATENT)
    p.add_argument(
        "--from",
        dest="source",
        type=pathlib.Path,
        metavar=pick("FOLDER", "DOSSIER"),
        help=pick(
            "a folder of PNGs instead of the campaign's emoji",
            "un dossier de PNG au lieu des émojis de la campagne",
        ),
    )
    p.add_argument(
        "--name",
        action="append",
        default=[],
        metavar=pick("NAME", "NOM"),
        help=pick("this emoji alone; may be repeated", "cet émoji seul ; peut être répété"),
    )
    p.add_argument(
        "--move",
        default=",".join(moves.MOVES),
        metavar="a,b",
        help=pick("moves, commas between: ", "mouvements, séparés par des virgules : ")
        + ", ".join(own),
    )
    p.add_argument(
        "--frames",
        type=int,
        default=24,
        metavar="N",
        help=pick("of a loop; default 24", "nombre d'images d'une boucle ; par défaut 24"),
    )
    p.add_argument(
        "--fps",
        type=float,
        default=25.0,
        metavar="N",
        help=pick("frames a second; default 25", "images par seconde ; par défaut 25"),
    )
    p.add_argument(
        "--size",
        type=int,
        default=256,
        metavar="PX",
        help=pick("side of the masters; default 256", "côté des originaux ; par défaut 256"),
    )
    p.add_argument(
        "--model",
        action="append",
        default=[],
        metavar=pick("FILE", "FICHIER"),
        help=pick("for latent: another model file", "pour latent : un autre fichier de modèle"),
    )


def run(a: argparse.Namespace, language: Language) -> int:
    """Writes a lossless APNG of each loop and the record.

    Returns:
      0; 2 where a loop was refused, as `pack` does: the others are made.
    """
    kinds = _checked(a, language)
    artworks = _chosen(a, language)
    frame_ms = max(_LEAST_MS, _STEP_MS * round(1000 / a.fps / _STEP_MS))
    folder = (a.dir / folder_lib.ANIMATIONS).parent
    workdir.make_folder(folder)
    rows, entries, refused = [], [], 0
    walker = None
    if LATENT in kinds:
        from campaign.animate import latent_loops  # opens models

        walker = latent_loops.Walker(language, tuple(a.model))
    artworks = restoring.restored(artworks, a.size)
    names = naming.unique(f"{x.entry.name}_{kind}" for x in artworks for kind in kinds)
    pairs = [(x, kind) for x in artworks for kind in kinds]
    for name, (artwork, kind) in zip(names, pairs, strict=True):
        try:
            drawn = _drawn(artwork, kind, a, walker=walker)
            row = _row(name, artwork, kind, drawn=drawn, frame_ms=frame_ms)
            _calm_or_refused(row, language)
        except UserError as e:
            print(language.pick("refused: ", "refusée : ") + str(e), file=sys.stderr)
            refused += 1
            continue
        texts = artwork.texts() | {"move": kind}
        data = animation.encode("apng", drawn, frame_ms, texts)
        workdir.write_atomic(folder / row["file"], data)
        entries.append(_entry(artwork, row, texts))
        rows.append(row)
        print(_line(row, language), flush=True)
    _record(a, rows, entries)
    print(_summary(len(rows), refused, folder, language))
    if rows and not a.source:
        targets = channel_names.targets(a.dir, language)
        print(language.next_line(f"pack --for={targets}", a.dir))
    return errors.EXIT_USER_ERROR if refused else errors.EXIT_OK


def _checked(a: argparse.Namespace, language: Language) -> list[str]:
    """Returns the moves asked for."""
    kinds = list(dict.fromkeys(k.strip() for k in a.move.split(",") if k.strip()))
    unknown = [k for k in kinds if k not in (*moves.MOVES, LATENT)]
    if unknown or not kinds:
        choices = ", ".join((*moves.MOVES, LATENT))
        raise UserError(
            language.pick(
                f"--move={a.move}: choose from {choices}", f"--move={a.move} : choix : {choices}"
            )
        )
    for flag, value, (least, most) in (
        ("frames", a.frames, _FRAMES),
        ("fps", a.fps, _FPS),
        ("size", a.size, _SIZE),
    ):
        if not least <= value <= most:
            raise UserError(
                language.pick(
                    f"--{flag}={value:g}: expected {least} to {most}",
                    f"--{flag}={value:g} : de {least} à {most}",
                )
            )
    return kinds


def _chosen(a: argparse.Namespace, language: Language) -> list[Artwork]:
    """Returns the stills to move."""
    if a.source:
        source = origin.of_folder(a.source, language)
    else:
        source = origin.of_campaign(a.dir, language)
    stills = {x.entry.name: x for x in source.artworks if not x.moves}
    if not a.name:
        source.report_left_out(language)
    if missing := [n for n in a.name if n not in stills]:
        reason = source.left_out.get(missing[0])
        why = f" ({language.pick(*reason)})" if reason else ""
        there = ", ".join(stills) or "-"
        raise UserError(
            language.pick(
                f"--name={missing[0]}: no such still{why}; there are {there}",
                f"--name={missing[0]} : pas d'image fixe de ce nom{why} ; il y a {there}",
            )
        )
    if not stills:
        command = language.command("check", a.dir)
        raise UserError(
            language.pick(
                f"there is no emoji to move: pick some and run `{command}`, or give --from",
                f"aucun émoji à animer : retenez-en, lancez `{command}`, ou donnez --from",
            )
        )
    return [stills[n] for n in a.name] if a.name else list(stills.values())


def _drawn(artwork: Artwork, kind: str, a: argparse.Namespace, *, walker: Any) -> np.ndarray:
    picture = artwork.frames()[0]
    if kind == LATENT:
        texts = artwork.entry.provenance
        return walker.frames(artwork.entry.name, picture, texts, count=a.frames, px=a.size)
    return moves.frames(picture, moves.MOVES[kind], a.frames, px=a.size)


def _row(
    name: str, artwork: Artwork, kind: str, *, drawn: np.ndarray, frame_ms: int
) -> dict[str, Any]:
    """Returns the record of a loop."""
    figures = latent.loop_figures(drawn)
    rates = flash_rate.flashes(drawn, frame_ms)
    return {
        "name": name,
        "of": artwork.entry.name,
        "move": kind,
        "file": f"{name}.png",
        "frames": len(drawn),
        "duration_ms": frame_ms,
        "seam": round(figures["seam"], 3),
        "median_step": round(figures["median_step"], 3),
        "largest_step": round(figures["largest_step"], 3),
        "evenness": round(figures["evenness"], 3),
        "flashes_a_second": round(rates.general, 2),
        "red_flashes_a_second": round(rates.red, 2),
    }


def _rates(row: dict[str, Any]) -> flash_rate.Rates:
    return flash_rate.Rates(row["flashes_a_second"], row["red_flashes_a_second"])


def _calm_or_refused(row: dict[str, Any], language: Language) -> None:
    rates = _rates(row)
    if rates.worst > flash_rate.MOST:
        slower = language.pick("--frames=48 or --fps=12", "--frames=48 ou --fps=12")
        reason = f"{language.pick(*flash_rate.reason(rates))} ({slower})"
        raise UserError(language.pick(f"{row['name']}: {reason}", f"{row['name']} : {reason}"))


def _entry(artwork: Artwork, row: dict[str, Any], texts: dict[str, str]) -> manifest.Entry:
    return dataclasses.replace(artwork.entry, name=row["name"], file=row["file"], provenance=texts)


def _summary(made: int, refused: int, folder: pathlib.Path, language: Language) -> str:
    """Says how many loops were made, and how many of those asked for were not."""
    text = language.counted(
        made, f"{{n}} [loop|loops] in {folder}", f"{{n}} [boucle|boucles] dans {folder}"
    )
    if not refused:
        return text
    return text + language.counted(
        refused,
        "; {n} refused, for the [reason|reasons] above",
        " ; {n} [refusée, pour la raison|refusées, pour les raisons] ci-dessus",
    )


def _line(row: dict[str, Any], language: Language) -> str:
    """Says how long a loop is, whether its end leads to its beginning, and how often it flashes."""
    seam, largest = row["seam"], row["largest_step"]
    seconds = language.number(row["frames"] * row["duration_ms"] / 1000, 2)
    start = language.counted(
        row["frames"],
        f"{row['name']}: {{n}} [frame|frames] in {seconds} s, ",
        f"{row['name']} : {{n}} [image|images] en {seconds} s, ",
    )
    of_end, of_others = (language.number(x, 1) for x in (seam, largest))
    change = language.pick(
        f"change {of_end} of 255, between other frames {of_others} at most",
        f"écart {of_end} sur 255, entre les autres images {of_others} au plus",
    )
    if seam <= _SMOOTH * largest:
        end = language.pick(
            "begins again without a visible jump", "la boucle se referme sans saut visible"
        )
    else:
        end = language.pick("begins again with a jump", "la boucle se referme par un saut")
    return f"{start}{end} ({change}), " + language.pick(*_rates(row).texts())


def _record(a: argparse.Namespace, rows: list[dict], entries: list[manifest.Entry]) -> None:
    """Writes the record and a manifest; with --name, loops of other emoji stay in both."""
    folder = (a.dir / folder_lib.ANIMATIONS).parent
    earlier, described = [], []
    if (a.dir / folder_lib.ANIMATIONS).exists():
        language = Language("en")
        earlier = folder_lib.read_record(a.dir, folder_lib.ANIMATIONS, language)["animations"]
        described = manifest.read(folder, language)
    kept = [row for row in earlier if a.name and row["of"] not in a.name]
    names = {row["name"] for row in kept}
    kept_entries = [e for e in described if e.name in names]
    for row in earlier:
        if row not in kept and row["name"] not in {r["name"] for r in rows}:
            (folder / row["file"]).unlink(missing_ok=True)
    folder_lib.write_record(a.dir, folder_lib.ANIMATIONS, {"animations": kept + rows})
    manifest.write(folder, kept_entries + entries)
