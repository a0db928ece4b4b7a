"""Describes proposals, and reads and writes their record and pictures."""

import dataclasses
import hashlib
import pathlib
import re
from typing import Any

import numpy as np

from campaign import folder as folder_lib
from campaign.language import LANGUAGES, Language, unreadable
from emoji_gan.encoder import text_features
from emoji_gan.errors import UserError
from input_pipeline.art import rasterise
from input_pipeline.unicode import emoji_names

_LONGEST_STEM = 22  # characters: importers take 32, with "_01_bounce" behind
_ELISION = re.compile(r"\b([dl])[’']")  # d’anniversaire
_SMALL_WORDS = re.compile(
    r"a|and|au|d|de|des|du|en|et|from|in|l|la|le|les|of|on|sur|the|to|with|avec"
)


@dataclasses.dataclass(frozen=True)
class Proposal:
    """Describes one proposal.

    Attributes:
      name: short code, unique in the record.
      file: PNG beside the record.
      parents: code points of the emoji that it was made from; of a drawing from words the one that
        it is taken for.
      theme: of the brief.
      segment: of the brief, or "".
      recipe: vary, mix, restyle or draw.
      seed: of the drawing.
      style: of the model.
      names: of the parents, by language.
      score: of the judge, in [0, 1].
      licence: SPDX expression.
      attribution: text to publish with it.
      strength: how far it leaves its parents; 0 where it has none.
      palette: colours that it was given, '#RRGGBB'.
    """

    name: str
    file: str
    parents: tuple[str, ...]
    theme: str
    segment: str
    recipe: str
    seed: int
    style: str
    names: dict[str, str]
    score: float
    licence: str
    attribution: str
    strength: float = 0.0
    palette: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[Any, ...]:
        """Returns what it was drawn by: the same key is the same picture."""
        return (
            *(self.parents, self.theme, self.segment, self.recipe, self.seed),
            *(self.style, self.strength, self.palette),
        )


def read_all(folder: pathlib.Path, language: Language) -> list[Proposal]:
    """Reads the proposals of a campaign's folder.

    Raises:
      UserError: missing, or not as `campaign propose` writes it.
    """
    content = folder_lib.read_record(folder, folder_lib.PROPOSALS, language)
    try:
        fields = [field.name for field in dataclasses.fields(Proposal)]
        return [
            Proposal(**{k: _hashable(entry[k]) for k in fields if k in entry})
            for entry in content["proposals"]
        ]
    except (KeyError, TypeError):
        path = folder / folder_lib.PROPOSALS
        raise UserError(
            language.pick(
                f"{path} is not as `campaign propose` writes it: run that command again",
                f"{path} n'est pas comme `campaign propose` l'écrit : relancez cette commande",
            )
        ) from None


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def write_all(folder: pathlib.Path, proposals: list[Proposal]) -> pathlib.Path:
    """Writes the record of proposals."""
    entries = [dataclasses.asdict(proposal) for proposal in proposals]
    return folder_lib.write_record(folder, folder_lib.PROPOSALS, {"proposals": entries})


def picture(folder: pathlib.Path, proposal: Proposal, language: Language) -> np.ndarray:
    """Reads the picture of a proposal: uint8 [h w 4], straight alpha.

    Raises:
      UserError: it is missing or damaged.
    """
    path = (folder / folder_lib.PROPOSALS).with_name(proposal.file)
    try:
        return rasterise.read_png(path.read_bytes())
    except (OSError, rasterise.BadImage) as e:
        why = unreadable(e, language) if isinstance(e, OSError) else e
        command = language.command("propose", folder)
        raise UserError(
            language.pick(
                f"{path}: {why}; run `{command}` again", f"{path} : {why} ; relancez `{command}`"
            )
        ) from e


def digest(folder: pathlib.Path, proposal: Proposal) -> str:
    """Returns what tells the picture of a proposal from another; "" where there is none."""
    try:
        path = (folder / folder_lib.PROPOSALS).with_name(proposal.file)
        image = rasterise.read_png(path.read_bytes())
    except (OSError, rasterise.BadImage):
        return ""
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()[:16]


def names_of(codepoints: tuple[str, ...]) -> dict[str, str]:
    """Returns the names of emoji by language, joined."""
    metas = [emoji_names.lookup(c) for c in codepoints]
    return {
        "en": " and ".join(meta.name_en or meta.name for meta in metas),
        "fr": " et ".join(meta.name_fr or meta.name_en or meta.name for meta in metas),
    }


def stem_of(name: str) -> str:
    """Returns the beginning of a proposal's name: 'birthday_cake' of 'birthday cake'.

    What is too long for a short code ends with a whole word, and not with one such as "of".
    """
    plain = text_features.fold(_ELISION.sub(r"\1 ", name.lower())).replace("’", "")
    words = [w for w in re.split(r"[^a-z0-9]+", plain) if w]
    while len("_".join(words)) > _LONGEST_STEM and len(words) > 1:
        words.pop()
        while len(words) > 1 and _SMALL_WORDS.fullmatch(words[-1]):
            words.pop()
    return "_".join(words)[:_LONGEST_STEM] or "emoji"


def _stem(p: Proposal, code: str) -> str:
    """Returns the beginning of a proposal's name; of a cross the first word of each parent."""
    if len(p.parents) < 2:
        return stem_of(p.names[code])
    return stem_of(" ".join(names_of((c,))[code].split()[0] for c in p.parents))


def language_of(p: Proposal) -> str:
    """Returns the language that a proposal's name is in; English where it is neither."""
    stem = re.sub(r"_\d+$", "", p.name)
    return next((code for code in reversed(LANGUAGES) if stem == _stem(p, code)), "en")


def named(proposals: list[Proposal], kept: list[Proposal], code: str) -> list[Proposal]:
    """Numbers proposals by their stems; those that are `kept` already have their names.

    Args:
      proposals: to be named.
      kept: earlier ones.
      code: language of the names, "en" or "fr".

    Returns:
      The proposals in their order with names and files, then those kept that are not among them.
    """
    name_of = {old.key: old.name for old in kept}
    used, counts, result = set(name_of.values()), {}, []
    for new in proposals:
        name = name_of.pop(new.key, "")
        stem = _stem(new, code)
        while not name:
            counts[stem] = counts.get(stem, 0) + 1
            numbered = f"{stem}_{counts[stem]:02d}"
            name = "" if numbered in used else numbered
        used.add(name)
        result.append(dataclasses.replace(new, name=name, file=f"{name}.png"))
    return result + [old for old in kept if old.key in name_of]
