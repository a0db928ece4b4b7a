"""Holds what a target is made of: its files, what was given up for them, and what was refused."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

from campaign.manifest import Entry
from campaign.pack import budget
from campaign.pack.artwork import Artwork
from campaign.pack.budget import Fitted, Limits, OverBudget, Text

_T = TypeVar("_T")
SUFFIXES = {
    "png": ".png",
    "apng": ".png",
    "gif": ".gif",
    "webp": ".webp",
    "avif": ".avif",
    "webm": ".webm",
}


@dataclasses.dataclass(frozen=True)
class About:
    """Says whose pack it is.

    Attributes:
      title: of the pack, as people see it.
      code: of the pack, as file names have it.
      author: of the pack.
      interactive: whether a page gets emoji that are drawn in it, too.
      language: that comes first, "en" or "fr": of the brief, or of who packs.
    """

    title: str
    code: str
    author: str
    interactive: bool = False
    language: str = "en"

    def part_title(self, number: int) -> str:
        """Returns the title of a part of the pack, counted from 1."""
        return self.title if number == 1 else f"{self.title} {number}"


@dataclasses.dataclass(frozen=True)
class Item:
    """Says what became of an artwork.

    Attributes:
      artwork: that was encoded.
      file: its path in the pack.
      fitted: its file and what was given up for it.
    """

    artwork: Artwork
    file: str
    fitted: Fitted


@dataclasses.dataclass
class Built:
    """Holds a pack.

    Attributes:
      files: path in the pack -> bytes.
      items: a file of an artwork each.
      refused: name of an artwork, or of the pack -> why it is not in it.
      further: files that are of no artwork and whose authors are to be named.
    """

    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    items: list[Item] = dataclasses.field(default_factory=list)
    refused: dict[str, Text] = dataclasses.field(default_factory=dict)
    further: list[Entry] = dataclasses.field(default_factory=list)

    def names(self) -> list[str]:
        """Returns the names of the artworks that are in it, in their order."""
        return list(dict.fromkeys(i.artwork.entry.name for i in self.items))


def encode(
    built: Built,
    artworks: Sequence[Artwork],
    limits: Callable[[Artwork], Limits],
    *,
    path: str = "emoji/{name}{suffix}",
) -> list[Item]:
    """Encodes artworks into a pack; what is too large in every form is refused with its size.

    Args:
      built: gets the files.
      artworks: to encode.
      limits: of each of them.
      path: of a file in the pack; {name} and {suffix} are filled in.

    Returns:
      What was encoded.
    """
    items = []
    for artwork in artworks:
        limit, name = limits(artwork), artwork.entry.name
        try:
            fitted = budget.fit(artwork, limit)
        except OverBudget as e:
            built.refused[name] = (
                f"{e.least_bytes:,} bytes at the least as {limit.form} of {limit.px} px, at most "
                f"{limit.max_bytes:,} are taken: fewer frames or a simpler drawing",
                f"{e.least_bytes} octets au moins en {limit.form} de {limit.px} px, "
                f"{limit.max_bytes} au plus sont acceptés : moins d'images ou un dessin "
                "plus simple",
            )
            continue
        item = Item(artwork, path.format(name=name, suffix=SUFFIXES[limit.form]), fitted)
        built.files[item.file] = fitted.data
        items.append(item)
    built.items += items
    return items


def stills_and_loops(artworks: Sequence[Artwork]) -> tuple[list[Artwork], list[Artwork]]:
    """Parts artworks into stills and loops."""
    return [a for a in artworks if not a.moves], [a for a in artworks if a.moves]


def parted(items: Sequence[_T], count: int) -> list[Sequence[_T]]:
    """Parts items, in their order, into a number of parts that differ by one at most."""
    bounds = [round(i * len(items) / count) for i in range(count + 1)] if count else [0]
    return [items[a:b] for a, b in itertools.pairwise(bounds)]


def part_suffix(number: int, count: int) -> str:
    """Returns what the name of a part ends with, counted from 1: nothing where it is the only."""
    return f"_{number}" if count > 1 else ""
