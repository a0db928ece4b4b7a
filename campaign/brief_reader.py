"""Reads what a campaign's brief says to whoever draws for it."""

import dataclasses
import pathlib
from typing import Any

import yaml

from campaign import folder as folder_lib
from campaign.language import LANGUAGES, Language
from emoji_gan.errors import UserError


@dataclasses.dataclass(frozen=True)
class Segment:
    """Describes for whom a part of the proposals is drawn.

    Attributes:
      name: of the segment.
      palette: colours, '#RRGGBB', the most important first; () leaves an emoji's own.
      style: '' or 'openmoji' in colours, one with 'line' in it as line art.
      words: that drawings from words follow besides the theme.
    """

    name: str = ""
    palette: tuple[str, ...] = ()
    style: str = ""
    words: str = ""


@dataclasses.dataclass(frozen=True)
class Brief:
    """Holds what a brief says of its drawings.

    Attributes:
      language: "en" or "fr".
      themes: of the campaign.
      segments: at least one; that of everybody has no name.
      avoid: words of what must not be shown.
    """

    language: str
    themes: tuple[str, ...]
    segments: tuple[Segment, ...]
    avoid: tuple[str, ...]


def read(folder: pathlib.Path, language: Language) -> Brief:
    """Reads brief.yaml of a campaign's folder.

    Raises:
      UserError: missing, no YAML, or without themes.
    """
    path = folder / folder_lib.BRIEF
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            language.pick(
                f"{path} is missing: run `python -m campaign brief` first",
                f"{path} manque : lancez d'abord `python -m campaign brief`",
            )
        ) from None
    except (OSError, ValueError, yaml.YAMLError) as e:
        content = type(e).__name__
    if not isinstance(content, dict) or not (themes := _texts(content.get("themes"))):
        raise UserError(
            language.pick(
                f"{path}: no list of themes in it; run `python -m campaign brief` again",
                f"{path} : aucune liste de thèmes ; relancez `python -m campaign brief`",
            )
        )
    entries = content.get("segments") or [{}]
    segments = tuple(_segment(entry) for entry in entries if isinstance(entry, dict))
    code = content.get("language")
    return Brief(
        language=code if code in LANGUAGES else language.code,
        themes=themes,
        segments=segments or (Segment(),),
        avoid=_texts(content.get("avoid")),
    )


def _segment(entry: dict[str, Any]) -> Segment:
    return Segment(
        name=_text(entry.get("name")),
        palette=_texts(entry.get("palette")),
        style=_text(entry.get("style")),
        words=_text(entry.get("words")),
    )


def _text(value: Any) -> str:
    return " ".join(_texts(value)) if isinstance(value, list) else str(value or "").strip()


def _texts(value: Any) -> tuple[str, ...]:
    """Returns a list's texts, or the parts of one text with commas in it."""
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return tuple(text for part in parts if (text := str(part).strip()))
