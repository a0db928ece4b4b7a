"""Writes what lies in every pack: steps in both languages, attribution, manifest, a preview."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from campaign.manifest import Entry
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Text
from campaign.pack.delivery import About, Built
from emoji_gan import images

README, LISEZMOI = "README.txt", "LISEZMOI.txt"
ATTRIBUTION, PREVIEW = "ATTRIBUTION.txt", "preview.png"
_PREVIEW_PX = 64
_COLUMNS = 8
_CREDITS = (
    "Where to put its lines: in the mail's footer, in the description of the Slack channel or\n"
    "server, or on a page of credits that the mail or site links to.",
    "Où mettre ses lignes : au pied du courriel, dans la description du canal ou du serveur\n"
    "Slack, ou sur une page de crédits vers laquelle le courriel ou le site renvoie.",
)
_UNKNOWN = ("unknown: ask who made it before you publish it", "inconnue : demandez à l'auteur")


def texts(target: str, built: Built, about: About, *, steps: Text) -> dict[str, bytes]:
    """Returns README.txt, LISEZMOI.txt and ATTRIBUTION.txt of a pack.

    Args:
      target: its name.
      built: the pack.
      about: whose it is.
      steps: how a person brings it there, in both languages.
    """
    written = {}
    for number, name in enumerate((README, LISEZMOI)):
        written[name] = _readme(target, built, about, steps[number], number).encode()
    written[ATTRIBUTION] = attribution(built).encode()
    return written


def _readme(target: str, built: Built, about: About, steps: str, number: int) -> str:
    heads = (
        (f"{about.title}, for {target}", f"{about.title}, pour {target}"),
        ("How to bring it there", "Comment le mettre en place"),
        ("What was given up to fit", "Ce qui a été sacrifié pour tenir dans les limites"),
        ("Not in this pack", "Absents de ce pack"),
        ("Licences and authors: ATTRIBUTION.txt", "Licences et auteurs : ATTRIBUTION.txt"),
    )
    title, how, given_up, absent, rights = (head[number] for head in heads)
    lines = [title, "", how, "", steps, ""]
    if sacrificed := [
        f"  {i.file}: {', '.join(text[number] for text in i.fitted.given_up)}"
        for i in built.items
        if i.fitted.given_up
    ]:
        lines += [given_up, "", *sacrificed, ""]
    if built.refused:
        refused = [f"  {name}: {reason[number]}" for name, reason in built.refused.items()]
        lines += [absent, "", *refused, ""]
    return "\n".join([*lines, rights, _CREDITS[number], ""])


def attribution(built: Built) -> str:
    """Writes whom to name for each emoji of a pack, and under which licence it stands."""
    lines = ["Attribution / Attribution", ""]
    of_name = {i.artwork.entry.name: i.artwork.entry for i in built.items}
    for e in [*of_name.values(), *built.further]:
        lines += [
            e.name,
            f"  licence: {e.licence or ' / '.join(_UNKNOWN)}",
            f"  author / auteur: {e.author or '?'}",
        ]
        lines += [f"  {e.attribution}"] if e.attribution else []
    return "\n".join([*lines, ""])


def entries(built: Built) -> list[Entry]:
    """Returns the manifest of a pack: of each emoji its first file."""
    first: dict[str, Entry] = {}
    for item in built.items:
        entry = item.artwork.entry
        first.setdefault(entry.name, dataclasses.replace(entry, file=item.file))
    return list(first.values())


def preview(artworks: Sequence[Artwork]) -> bytes:
    """Draws the emoji of a pack, of loops the first frame, on white and on dark, as PNG."""
    small = np.stack([a.frames(_PREVIEW_PX)[0] for a in artworks])
    rows = -(-len(small) // _COLUMNS)
    columns = min(len(small), _COLUMNS)
    cells = np.zeros((rows * columns, *small.shape[1:]), np.uint8)
    cells[: len(small)] = small
    board = cells.reshape(rows, columns, *small.shape[1:]).transpose(0, 2, 1, 3, 4)
    board = board.reshape(rows * _PREVIEW_PX, columns * _PREVIEW_PX, 4)
    alpha = board[..., 3:].astype(np.float64) / 255
    grounds = [
        np.round(board[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
        for ground in (255, 30)
    ]
    return images.png_bytes(np.concatenate(grounds, 0))
