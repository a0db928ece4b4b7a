"""Packs the emoji of a campaign, or of a folder, for where they are used."""

import argparse
import hashlib
import importlib
import pathlib
import shlex
import sys
from collections.abc import Sequence

from campaign import folder as folder_lib
from campaign import manifest
from campaign.animate import flash_rate
from campaign.brief import brief_file, channel_names
from campaign.language import Language
from campaign.pack import enclosed, naming, origin, restoring
from campaign.pack.artwork import Artwork
from campaign.pack.delivery import About, Built
from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir

TARGETS = {
    "slack": "slack",
    "discord": "discord",
    "telegram": "telegram",
    "whatsapp": "whatsapp",
    "twitch": "twitch",
    "mastodon": "mastodon",
    "misskey": "misskey",
    "matrix": "matrix",
    "mattermost": "mattermost",
    "signal": "signal_stickers",
    "email": "mail_snippet",
    "web": "picture_elements",
    "font": "colour_font",
}
_SUMS = "SHA256SUMS"  # of a pack's files: what a later run may replace


def add_arguments(p: argparse.ArgumentParser, language: Language) -> None:
    """Adds the flags of `campaign pack`."""
    pick = language.pick
    p.add_argument(
        "--for",
        dest="targets",
        default=",".join(TARGETS),
        metavar="a,b",
        help=pick("targets; by default all: ", "destinations ; par défaut toutes : ")
        + ", ".join(TARGETS),
    )
    p.add_argument(
        "--from",
        dest="source",
        type=pathlib.Path,
        metavar=pick("FOLDER", "DOSSIER"),
        help=pick(
            "pack this folder of PNGs (docs/packs.md) instead of the campaign's emoji",
            "empaqueter ce dossier de PNG (docs/packs.fr.md) au lieu de la campagne",
        ),
    )
    p.add_argument(
        "--title",
        metavar=pick("TEXT", "TEXTE"),
        help=pick("of the packs", "titre des packs"),
    )
    p.add_argument(
        "--interactive",
        action="store_true",
        help=pick(
            "web: also emoji that are drawn in the page (7 MB)",
            "web : aussi des émojis dessinés dans la page (7 Mo)",
        ),
    )
    p.add_argument(
        "--author",
        default="emoji_gan",
        metavar=pick("NAME", "NOM"),
        help=pick("of the packs", "auteur des packs"),
    )


def run(a: argparse.Namespace, language: Language) -> int:
    """Writes a pack for each target; 2 where something could not be packed."""
    targets = _targets(a.targets, language)
    if a.interactive and "web" not in targets:
        raise UserError(
            language.pick(
                "--interactive is for a page: add web to --for",
                "--interactive est pour une page : ajoutez web à --for",
            )
        )
    if a.source:
        source = origin.of_folder(a.source, language)
    else:
        source = origin.of_campaign(a.dir, language)
    source.report_left_out(language)
    artworks, flashing = _calm(source.artworks, language)
    if not artworks:
        command = language.command("check", a.dir)
        raise UserError(
            language.pick(
                f"there is no emoji to pack: pick some and run `{command}`, or give --from",
                f"aucun émoji à empaqueter : retenez-en, lancez `{command}`, ou donnez --from",
            )
        )
    about = _about(a, language)
    artworks = [a.well_started() for a in artworks]
    artworks = restoring.restored(artworks, max(m.LARGEST_PX for m in targets.values()))
    complete = not flashing
    for name, module in targets.items():
        built = module.build(artworks, about)
        folder = a.dir / folder_lib.PACKS / name
        _write(folder, name, built, about=about, steps=module.STEPS, artworks=artworks)
        complete &= not built.refused
        _report(folder, built, language)
    if not a.source:
        flags = language.pick("--baseline=RATE --start=DAY", "--baseline=TAUX --start=JOUR")
        print(language.next_line(f"plan {flags} --name={shlex.quote(about.title)}", a.dir))
    return errors.EXIT_OK if complete else errors.EXIT_USER_ERROR


def _targets(text: str, language: Language) -> dict[str, object]:
    """Imports the modules of the targets asked for, by name."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in TARGETS]
    if unknown or not names:
        wrong = unknown[0] if unknown else ""
        near = channel_names.nearest(wrong, list(TARGETS)) if wrong else ""
        hint = language.pick(f" (do you mean {near}?)", f" (est-ce {near} ?)") if near else ""
        raise UserError(
            language.pick(
                f"--for={text}: no target {wrong!r}{hint}; choose from {', '.join(TARGETS)}",
                f"--for={text} : pas de destination {wrong!r}{hint} ; choix : {', '.join(TARGETS)}",
            )
        )
    return {n: importlib.import_module(f"campaign.pack.targets.{TARGETS[n]}") for n in names}


def _about(a: argparse.Namespace, language: Language) -> About:
    title = a.title or (a.source or a.dir).resolve().name or "emoji"
    if any(ord(c) < 32 for c in title + a.author) or len(title) > 60:
        raise UserError(
            language.pick(
                f"--title={title!r}: give one line of at most 60 characters",
                f"--title={title!r} : donnez une ligne d'au plus 60 caractères",
            )
        )
    return About(title, naming.short_code(title), a.author, a.interactive, _spoken(a, language))


def _spoken(a: argparse.Namespace, language: Language) -> str:
    """Returns the language of the brief, or the user's where there is none."""
    if a.source:
        return language.code
    try:
        return brief_file.read(a.dir, language).language
    except UserError:
        return language.code


def _calm(artworks: Sequence[Artwork], language: Language) -> tuple[list[Artwork], bool]:
    """Returns the artworks that do not flash too often, and whether there are others."""
    calm = []
    for artwork in artworks:
        if not artwork.moves:
            calm.append(artwork)
            continue
        rates = flash_rate.flashes(artwork.frames(64), artwork.frame_ms)
        if rates.worst <= flash_rate.MOST:
            calm.append(artwork)
            continue
        name = artwork.entry.name
        reason = flash_rate.reason(rates)
        start = language.pick(f"refused {name}:", f"refusé {name} :")
        print(start, language.pick(*reason), file=sys.stderr)
    return calm, len(calm) < len(artworks)


def _write(
    folder: pathlib.Path,
    name: str,
    built: Built,
    *,
    about: About,
    steps: tuple[str, str],
    artworks: Sequence[Artwork],
) -> None:
    """Writes a pack in place of an earlier one; files that are not an earlier pack's stay."""
    earlier = _listed(folder)
    files = built.files | enclosed.texts(name, built, about, steps=steps)
    packed = [a for a in artworks if a.entry.name in built.names()] or list(artworks)
    files[enclosed.PREVIEW] = enclosed.preview(packed)
    workdir.make_folder(folder)
    for path, data in files.items():
        workdir.make_folder((folder / path).parent)
        workdir.write_atomic(folder / path, data)
    manifest.write(folder, enclosed.entries(built))
    sums = [f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(files.items())]
    workdir.write_atomic(folder / _SUMS, "".join(sums).encode())
    for path in earlier - files.keys():
        (folder / path).unlink(missing_ok=True)


def _listed(folder: pathlib.Path) -> set[str]:
    """Returns the files of an earlier pack, by its list."""
    try:
        lines = (folder / _SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return set()
    paths = {line.partition("  ")[2] for line in lines}
    inside = folder.resolve()
    return {p for p in paths if p and (folder / p).resolve().is_relative_to(inside)}


def _report(folder: pathlib.Path, built: Built, language: Language) -> None:
    """Prints what is in a pack, and on the error stream what is not."""
    count = len(built.names())
    reduced = len({i.artwork.entry.name for i in built.items if i.fitted.given_up})
    size = sum(map(len, built.files.values())) / 1024
    fewer = language.counted(
        reduced, ", {n} reduced to fit", ", dont {n} [réduit|réduits] pour tenir"
    )
    print(
        language.counted(
            count,
            f"{folder}: {{n}} emoji{fewer if reduced else ''}, {size:.0f} KiB",
            f"{folder} : {{n}} [émoji|émojis]{fewer if reduced else ''}, {size:.0f} Kio",
        ),
        flush=True,
    )
    for name, reason in built.refused.items():
        what = f"{folder.name}/{name}"
        start = language.pick(f"refused {what}:", f"refusé {what} :")
        print(start, language.pick(*reason), file=sys.stderr)
